#!/bin/sh
# vmctl stop presses the power button and the guest switches itself off; wait
# returns when it has; nothing of the VM is left.
. "$(dirname "$0")/lib.sh"
vmd_start </dev/null
before=$(descendants "$vmd_pid" | wc -l)
expect 'a VM starts' start button 1
expect 'the guest comes up' guest_up button
tty=$(column button TTY)
expect 'its terminal is there' [ -c "/dev/$tty" ]
ctl wait button >"$work/wait.out" 2>&1 &
waiter=$!
background $waiter
sleep 1
expect 'vmctl wait waits' kill -0 $waiter
expect 'vmctl stop -w' ctl stop -w button
expect 'the guest saw the power button' \
    console_within 20 button '^guest: power button'
expect 'vmctl wait returns' wait_for 10 gone $waiter
expect 'vmctl wait says so' grep -q 'terminated vm' "$work/wait.out"
expect 'the VM is forgotten' unknown button
left()
{
	[ "$(descendants "$vmd_pid" | wc -l)" -eq "$before" ]
}
expect 'its processes are gone' wait_for 20 left
expect 'its terminal is gone' wait_for 20 refuse [ -c "/dev/$tty" ]
expect 'stopping it again is an error' refuse ctl stop button
expect 'the daemon ends on SIGTERM' end "$vmd_pid"
expect 'the socket is gone with it' refuse [ -e "$VMD_SOCKET" ]
vmd_pid=
exit "$failed"
