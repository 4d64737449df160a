#!/bin/sh
# SPDX-License-Identifier: ISC
#
# crash dump "dir" in vm.conf: a guest that crashes leaves a core file there,
# the newest few are kept, and what cannot be is said.
. "$(dirname "$0")/lib.sh"
as --32 -o "$work/dump.o" "$(dirname "$0")/dump.S" &&
    ld -n -m elf_i386 -Ttext=0x100000 -e _start -o "$work/dump" \
    "$work/dump.o" || skip 'cannot assemble the guest'
theirs=65534
mkdir "$work/cores" "$work/other"
mkdir -m 700 "$work/mine"
chown $theirs "$work/mine"
chown 1 "$work/other"
cat >"$work/vm.conf" <<-CONF
	vm "web" {
		disable
		memory 64M
		cpus 2
		boot "$work/dump"
		crash dump "$work/cores" max 2
		owner $theirs
	}
	vm "own" {
		disable
		memory 64M
		boot "$work/dump"
		crash dump "$work/mine"
		owner $theirs
	}
	vm "wrong" {
		disable
		memory 64M
		boot "$work/dump"
		crash dump "$work/other"
		owner $theirs
	}
CONF
vmd_run

# The dumps of web, oldest first.
cores()
{
	find "$work/cores" -type f -printf '%f\n' |
	    grep -E '^web-202[0-9]{5}T[0-9]{6}(-[0-9])?\.core$' | sort -V
}

count()
{
	[ "$(cores | wc -l)" = "$1" ]
}

# crash NAME KEY: the guest does it, and is started again.
ups=0
crash()
{
	ups=$((ups + 1))
	type_keys "$1" "$2"
	console_within 20 "$1" '^up' $((ups + 1))
}

# Names of VMs that are not this one's, and files that are no dumps.
for name in web-1.core web-20000101T000000.core.old web2-20000101T000000.core \
    web-20000101T00000x.core; do
	echo other >"$work/cores/$name"
	chown $theirs "$work/cores/$name"
done
ln -s /etc/passwd "$work/cores/web-20000101T000001.core"
ls "$work/cores" >"$work/others"
expect 'a VM starts' ctl start web
console_open web
expect 'its guest is up' console_within 10 web '^up'
expect 'no file is there yet' [ "$(ls "$work/cores")" = "$(cat "$work/others")" ]
expect 'an instruction nobody can run: it is started again' crash web c
core=$work/cores/$(cores)
expect 'and has left a dump, named after the time' [ -s "$core" ]
expect 'is the owner'\''s alone' [ "$(stat -c '%u %a' "$core")" = "$theirs 600" ]
expect 'a core file of two vCPUs' sh -c \
    "readelf -n '$core' 2>/dev/null | grep -c NT_PRSTATUS | grep -qx 2"
if command -v gdb >/dev/null; then
	# shellcheck disable=SC2016  # gdb's register
	gdb -nx -batch -ex 'p/x $rbp' -ex 'x/4xb 0x100000' -c "$core" \
	    >"$work/gdb" 2>&1
	expect 'gdb: the register at the crash' grep -q '= 0x1badcafe' "$work/gdb"
	expect 'gdb: the memory' \
	    grep -q '0x100000:.*0x02.*0xb0.*0xad.*0x1b' "$work/gdb"
fi
expect 'the log says where it is' logged "web (vm .*) crashed: dump $core, "
expect 'a triple fault: it is started again' crash web x
expect 'and has left a dump, too' count 2
# More than three crashes in six seconds are too many.
sleep 7
expect 'a third crash' crash web x
expect 'the two newest dumps are kept' wait_for 20 count 2
expect 'the oldest is removed' [ ! -e "$core" ]
while read -r name; do
	expect "$name is not" [ -e "$work/cores/$name" ]
done <"$work/others"
sleep 7
vmm=$(role_pid vmm)
expect 'the VM holds no dump by a name' \
    [ -z "$(find "/proc/$(column web PID)/fd" -lname '*/cores/*.core')" ]

# The folder goes: the crash is an error in the log, the VM goes on.
mv "$work/cores" "$work/gone"
expect 'a folder that is gone: it is started again' crash web x
expect 'without a dump' logged "no dump in $work/cores"
expect 'the next is not expected either' logged 'no dump of its next crash'
mv "$work/gone" "$work/cores"
expect 'it ends' ctl stop -fw web

ln -s "$work/mine" "$work/link"
expect 'a folder of the owner'\''s' ctl start own
expect 'ends' ctl stop -fw own
expect 'a folder of somebody else'\''s is refused at the start' says \
    "crash dump folder belongs to neither root nor the owner of the VM: $work/other" ctl start wrong
expect 'a folder that is not there, too' sh -c "rmdir '$work/mine' &&
    ! '$VMCTL' start own 2>'$work/err' &&
    grep -q 'crash dump folder cannot be opened: .*mine: No such' '$work/err'"
mv "$work/link" "$work/mine"
expect 'and one that has become a link' sh -c "! '$VMCTL' start own \
    2>'$work/err' && grep -q 'Too many levels' '$work/err'"

# Full: the dump is lost, nothing is left, the VM starts again.
rm -r "$work/cores"
mkdir "$work/cores"
mount -t tmpfs -o size=16k cores "$work/cores"
expect 'a VM' ctl start web
ups=$((ups + 1))
console_open web
expect 'is up' console_within 10 web '^up' $((ups + 1))
expect 'no room for the dump: it is started again' crash web x
expect 'the log says so' logged 'no dump in .*cores: No space left on device'
expect 'nothing is left' [ -z "$(ls -A "$work/cores")" ]

expect 'it ends' ctl stop -fw web
umount "$work/cores"
expect 'vmm is the same' [ "$(role_pid vmm)" = "$vmm" ]
exit "$failed"
