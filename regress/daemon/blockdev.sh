#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A VM whose disk is a block device that two hosts see, as an iSCSI or a Fibre
# Channel one: two loop devices of one file, each with a page cache of its own,
# and with locks that the other does not know.
. "$(dirname "$0")/libmove.sh"
command -v losetup >/dev/null || skip 'no losetup'
truncate -s 4M "$work/lun" "$work/other"
attached=
# attach FILE: a loop device of it, as $device.
attach()
{
	device=$(losetup -f --show "$1" 2>/dev/null) || return 1
	attached="$attached $device"
}
detach()
{
	for device in $attached; do
		losetup -d "$device"
	done
}
trap 'cleanup; detach' EXIT
{ attach "$work/lun" && on_A=$device && attach "$work/lun" && on_B=$device &&
	attach "$work/other" && other=$device; } || {
	detach
	skip 'no loop devices'
}
daemon B
daemon A

# Somebody looks at both devices now and then, and so their caches hold what is
# older than what the other host writes.
exec 4<"$on_A" 5<"$on_B"
looked_at()
{
	cat "$on_A" "$on_B" >/dev/null
}
moves_to()
{
	timeout -k 2 30 "$VMCTL" send web -- \
	    "$VMCTL" -S "$work/$1.sock" receive -d "$2" web
}
expect 'a guest on a block device' ctl start -m 32M -b "$ticks" -A '500 4' \
    -d "$on_A" web
expect 'it counts' grows "$on_A"
for round in 1 2 3; do
	expect "$round: somebody looks" looked_at
	expect "$round: its steps go on" grows "$on_A"
	expect "$round: to B" moves_to B "$on_B"
	expect "$round: it runs on B only" only_on B web
	at B
	expect "$round: its steps go on there" grows "$on_B"
	expect "$round: somebody looks" looked_at
	expect "$round: its steps go on" grows "$on_B"
	expect "$round: and back" moves_to A "$on_A"
	expect "$round: it runs on A only" only_on A web
	at A
	expect "$round: its steps go on there" grows "$on_A"
done
expect 'its timers tick' alive web

# With what it holds.
with_disk()
{
	timeout -k 2 30 "$VMCTL" send -D web -- \
	    "$VMCTL" -S "$work/B.sock" receive -d "$other" web
}
last=$(steps "$on_A")
expect 'with its contents, to another device' with_disk
expect 'it runs on B only' only_on B web
at B
expect 'its steps go on' grows "$other"
expect 'from where they were' steps_past "$other" "$last"
expect 'it ends' ctl stop -fw web
exec 4<&- 5<&-
expect 'all is written' sync "$work/lun" "$work/other"
expect 'the history of one device is one' whole "$work/lun" "$last"
expect 'that of the other, too' whole "$work/other" "$last"
exit "$failed"
