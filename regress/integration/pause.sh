#!/bin/sh
# A paused guest does nothing, and goes on where it was.
. "$(dirname "$0")/lib.sh"
words='vmd.test=ticks'
vmd_start </dev/null
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
expect 'vmctl pause' ctl pause ticker
expect 'it is paused in vmctl status' is_state ticker paused
sleep 1		# what it had printed arrives
before=$(last_tick)
sleep 3
expect 'it does not tick while paused' [ "$(last_tick)" = "$before" ]
expect 'pausing twice is no harm' sh -c "$VMCTL pause ticker || true"
expect 'vmctl unpause' ctl unpause ticker
expect 'it is running in vmctl status' is_state ticker running
expect 'it goes on' wait_for 10 ticks_past "$((before + 3))"
expect 'it went on where it was' \
    console_says ticker "^guest: tick $((before + 1))$"
ctl pause ticker 2>/dev/null
expect 'a paused VM is stopped by force' ctl stop -fw ticker
exit "$failed"
