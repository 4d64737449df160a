#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A wrong vm.conf: FILE:LINE and the reason, status 1 and nothing left behind
# at the start; at a reload nothing changes.
. "$(dirname "$0")/lib.sh"
cd "$work" || exit 1
truncate -s 4M one.img two.img

cat >bad.conf <<-END
	vm "a" { disable, disk "$work/one.img" }
	vm "b" { disable, memory many, disk "$work/two.img" }
	vm "c" { disable, disk "$work/gone.img" }
END
for mode in -n -d ''; do
	# shellcheck disable=SC2086  # the empty one is none
	"$VMD" $mode -S "$VMD_SOCKET" -f bad.conf >bad.out 2>&1
	status=$?
	expect "vmd $mode: status 1" [ $status -eq 1 ]
	expect "vmd $mode: names line 2" grep -q 'bad\.conf:2: ' bad.out
	expect "vmd $mode: names line 3, too" \
	    grep -q 'bad\.conf:3: .*gone.img.*No such file' bad.out
	expect "vmd $mode: no socket is left" refuse [ -e "$VMD_SOCKET" ]
done
expect 'no vm.conf where one is named' \
    says 'No such file' "$VMD" -d -S "$VMD_SOCKET" -f nothing.conf
expect 'no socket is left then' refuse [ -e "$VMD_SOCKET" ]

cat >vm.conf <<-END
	vm "one" { memory 32M, disk "$work/one.img" }
	vm "two" { disable, memory 32M, disk "$work/two.img" }
END
vmd_run
expect 'what vm.conf enables is started' wait_for 20 is_state one running
expect 'what it disables is not' is_state two stopped
pid=$(column one PID)
before=$(holdings)
untouched()
{
	[ "$(column one PID)" = "$pid" ] && is_state one running
}

cat bad.conf >vm.conf
expect 'a reload of a wrong file tells file and line' \
    says "vm.conf:2: " ctl reload
expect 'the log has every error' logged 'vm.conf:3: .*gone.img'
expect 'the running VM is untouched' untouched
expect 'the list is what it was' [ "$(ctl status | wc -l)" -eq 3 ]
: >vmd.log
kill -HUP "$vmd_pid"
expect 'SIGHUP with a wrong file: the log has it' \
    wait_for 20 logged 'vm.conf:2: '
expect 'SIGHUP: the running VM is untouched' untouched
printf 'vm "x" {\n' >vm.conf
expect 'a file that ends too early' says 'vm.conf:' ctl reload
head -c 4096 /dev/urandom >vm.conf
expect 'a file of noise' says 'vm.conf:' ctl reload
rm vm.conf
mkfifo vm.conf
expect 'a FIFO does not stop the daemon' \
    says 'is a pipe' timeout 10 "$VMCTL" reload
rm vm.conf
mkdir vm.conf
expect 'a folder' refuse timeout 10 "$VMCTL" reload
rmdir vm.conf
expect 'a file that is gone' says 'No such file' ctl reload
expect 'the running VM is untouched after all that' untouched
same_as_before 'nothing is left of those' "$before"

cat >vm.conf <<-END
	vm "two" { disable, memory 48M, disk "$work/two.img" }
	vm "three" { memory 32M, disk "$work/two.img" }
END
expect 'a good file again' ctl reload
expect 'a new VM is started' wait_for 20 is_state three running
expect 'a VM that is not in it goes on while it runs' untouched
expect 'a changed definition counts' [ "$(column two MAXMEM)" = 48.0M ]
expect 'it stops' ctl stop -fw one
expect 'and is forgotten' unknown one
: >vmd.log
kill -HUP "$vmd_pid"
expect 'SIGHUP reads it again' wait_for 20 logged 'configuration reloaded'
expect 'a running VM is not started twice' [ "$(ctl status | wc -l)" -eq 3 ]
exit "$failed"
