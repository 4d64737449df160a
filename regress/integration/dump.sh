#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A dump of Debian's kernel while it runs: gdb sees it, the kernel's own note is
# in it, and the guest goes on.  One that resets itself by a triple fault leaves
# a dump, too.
. "$(dirname "$0")/lib.sh"
words='vmd.test=ticks'
mkdir "$work/tmpfs"
mount -t tmpfs dumps "$work/tmpfs" || skip 'cannot mount a tmpfs'
chmod 755 "$work/tmpfs"
mkdir "$work/tmpfs/crashes"
vmd_start <<-CONF
	vm "faulty" {
		disable
		memory 256M
		boot "$elf"
		initrd "$initrd"
		cmdline "$lean reboot=t vmd.test=reboot"
		crash dump "$work/tmpfs/crashes" max 1
	}
CONF
expect 'a VM starts' start ticker 2
expect 'the guest comes up' guest_up ticker
last_tick()
{
	console_text ticker '^guest: tick [0-9]+$' | cut -d' ' -f2
}
ticks_past()
{
	[ "$(last_tick)" -gt "$1" ]
}
expect 'it ticks' wait_for 10 ticks_past 3

# whole FILE: it is a dump of this guest.
whole()
{
	readelf -hlnW "$1" >"$work/elf" 2>&1
	grep -E 'Type:|LOAD|NT_|VMCOREINFO|QEMU' "$work/elf"
	grep -q 'CORE (Core file)' "$work/elf" &&
	    [ "$(grep -c NT_PRSTATUS "$work/elf")" = "$2" ] &&
	    grep -q 'VMCOREINFO' "$work/elf" &&
	    grep -aq "OSRELEASE=$(cat "$kernels/cloud/version")" "$1"
}

# On this file system and on one that may not have files without a name.
for dir in "$work/tmpfs" "$work"; do
	type=$(stat -f -c %T "$dir")
	before=$(last_tick)
	expect "$type: a dump" ctl dump ticker "$dir/guest.core"
	expect "$type: with its vCPUs, and the kernel's note" \
	    whole "$dir/guest.core" 2
	expect "$type: without the memory it never had" [ \
	    "$(($(stat -c %b "$dir/guest.core") * 512))" -lt 268435456 ]
	expect "$type: and nothing else" [ "$(find "$dir" -maxdepth 1 \
	    -name '*guest.core*' | wc -l)" = 1 ]
	expect "$type: the guest goes on" wait_for 10 ticks_past "$((before + 2))"
	expect "$type: a file that is there is refused" refuse ctl dump ticker \
	    "$dir/guest.core"
	expect "$type: or replaced" ctl dump -f ticker "$dir/guest.core"
	expect "$type: by a whole one" whole "$dir/guest.core" 2
done
if command -v gdb >/dev/null; then
	# shellcheck disable=SC2016  # gdb's registers
	gdb -nx -batch -ex 'info threads' -ex 'p/x $rip' -ex 'thread 2' \
	    -ex 'p/x $rip' -c "$work/guest.core" >"$work/gdb" 2>&1
	expect 'gdb: two threads' [ "$(grep -cE '^\*? +[12] ' "$work/gdb")" = 2 ]
	expect 'gdb: at least one in the kernel' \
	    grep -q '= 0xffffffff[89a-f]' "$work/gdb"
fi
rm "$work/guest.core" "$work/tmpfs/guest.core"

ctl pause ticker
before=$(last_tick)
expect 'a paused guest is dumped' ctl dump ticker "$work/tmpfs/guest.core"
expect 'as a whole' whole "$work/tmpfs/guest.core" 2
expect 'and stays paused' is_state ticker paused
sleep 2
expect 'and does not tick' [ "$(last_tick)" = "$before" ]
ctl unpause ticker
expect 'until it goes on' wait_for 10 ticks_past "$((before + 2))"
expect 'it is ended' ctl stop -fw ticker

dumped()
{
	[ "$(find "$work/tmpfs/crashes" -name 'faulty-*.core' | wc -l)" = 1 ]
}
expect 'a guest that resets itself by a triple fault' ctl start faulty
expect 'leaves a dump' wait_for "$boot_limit" dumped
ctl stop -fw faulty
expect 'which is whole' whole "$work/tmpfs/crashes/"faulty-*.core 1
umount "$work/tmpfs"
exit "$failed"
