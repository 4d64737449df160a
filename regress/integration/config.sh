#!/bin/sh
# vmd -n, and what is wrong at start: an error that names the file and the
# reason, status 1, and nothing left behind.
. "$(dirname "$0")/lib.sh"
cat >"$work/good.conf" <<CONF
vm "one" {
	memory 256M
	boot "$elf"
	initrd "$initrd"
	cmdline "$lean"
}
CONF
expect 'vmd -n takes a good vm.conf' \
    sh -c "$VMD -n -f $work/good.conf 2>&1 | grep -q 'configuration OK'"
printf 'vm "one" {\n\tmemory lots\n}\nvm "two" {\n\tcpus 65\n}\n' \
    >"$work/bad.conf"
$VMD -n -f "$work/bad.conf" >"$work/bad.out" 2>&1
expect 'vmd -n ends with status 1 on a bad one' [ $? -eq 1 ]
expect 'it names the first line' grep -q 'bad.conf:2: ' "$work/bad.out"
expect 'and the second' grep -q 'bad.conf:5: ' "$work/bad.out"

vmd_start </dev/null
procs=$(descendants "$vmd_pid" | wc -l)
fails()
{
	what=$1 pattern=$2
	shift 2
	ctl start -m 256M "$@" broken >"$work/out" 2>&1
	status=$?
	expect "$what: status 1" [ $status -eq 1 ]
	expect "$what: the message says so" grep -qiE "$pattern" "$work/out" ||
	    sed 's/^/#   /' "$work/out"
	expect "$what: no VM is left" unknown broken
	same()
	{
		[ "$(descendants "$vmd_pid" | wc -l)" -eq "$procs" ]
	}
	expect "$what: no process is left" wait_for 20 same
	unknown broken || ctl stop -fw broken 2>/dev/null
}
fails 'a missing kernel' 'nosuch.*No such file' -b "$work/nosuch"
: >"$work/empty"
fails 'an empty kernel' 'empty' -b "$work/empty"
head -c 100000 "$bzimage" >"$work/cut"
fails 'a truncated bzImage' 'cut' -b "$work/cut"
head -c 100000 "$elf" >"$work/cutelf"
fails 'a truncated ELF' 'cutelf' -b "$work/cutelf"
head -c 300000 /dev/urandom >"$work/noise"
fails 'a kernel of noise' 'noise' -b "$work/noise"
fails 'a missing initrd' 'nosuch.*No such file' -b "$elf" -I "$work/nosuch"
fails 'a missing disk' 'nosuch.*No such file' -b "$elf" -d "$work/nosuch"
fails 'a folder as disk' "$(basename "$work")" -b "$elf" -d "$work"
expect 'the daemon still works' vmd_answers
exit "$failed"
