#!/bin/sh
# SPDX-License-Identifier: ISC
#
# kill -9 of each process in turn.  A device process comes back by itself, a VM
# process takes its own VM along, control and priv come back without a VM
# noticing, with vmm go the VMs it holds, with the parent everything.
. "$(dirname "$0")/lib.sh"
[ -n "${IN_NETNS-}" ] || IN_NETNS=1 exec unshare -n -- "$0" "$@"
net=user
[ ! -e /dev/net/tun ] || net=tap
# vment NAME: starts one with a disk and networks of each kind there is.
vment()
{
	idle "$1" -i 1 -N "$net"
}

taps()
{
	ip -o link show type tun 2>/dev/null | wc -l
}

: >"$work/vm.conf"
vmd_run
expect 'a VM with a user network starts' idle usernet -i 1 -N user
expect 'another VM' vment other
expect 'the victim' vment victim
other=$(column other PID)
whole=$(holdings)
tap_count=$(taps)
other_goes_on()
{
	[ "$(column other PID)" = "$other" ] && is_state other running
}

# A device process dies: it is replaced, and its VM never stops.
for what in blk0/victim net0/victim net0/usernet usernet0/usernet; do
	vm=${what#*/}
	pid=$(role_pid "$what")
	[ -n "$pid" ] || [ "$what" != usernet0/usernet ] ||
	    pid=$(role_pid 'usernet')
	expect "$what is there" [ -n "$pid" ] || continue
	vm_pid=$(column "$vm" PID)
	kill -9 "$pid"
	replaced()
	{
		new=$(role_pid "$what")
		[ -n "$new" ] || new=$(role_pid "${what%%0/*}")
		[ -n "$new" ] && [ "$new" != "$pid" ]
	}
	expect "$what dies: it is replaced" wait_for 20 replaced
	expect "$what dies: its VM goes on" \
	    [ "$(column "$vm" PID)" = "$vm_pid" ]
	expect "$what dies: and can be paused" ctl pause "$vm"
	expect "$what dies: and go on" ctl unpause "$vm"
	expect "$what dies: the other goes on" other_goes_on
	same_as_before "$what dies: all is as before" "$whole"
done

# A VM process dies.
tty=/dev/$(column victim TTY)
kill -9 "$(column victim PID)"
expect 'a VM process dies: its VM is gone' wait_for 20 unknown victim
expect 'a VM process dies: the log tells the signal' logged 'signal 9'
expect 'a VM process dies: its terminal is gone' \
    wait_for 20 refuse [ -c "$tty" ]
expect 'a VM process dies: the other goes on' other_goes_on
expect 'a VM process dies: the victim starts again' vment victim
same_as_before 'a VM process dies: all is as before' "$whole"
ctl wait victim >"$work/wait.out" 2>&1 &
waiter=$!
background $waiter
sleep 0.5
kill -9 "$(column victim PID)"
expect 'who waits for it hears of it' wait_for 20 gone $waiter
expect 'in a sentence' grep -q 'died' "$work/wait.out"
expect 'the victim starts again' vment victim

# control and priv.
for role in control priv; do
	pid=$(role_pid "$role")
	kill -9 "$pid"
	expect "$role dies: the daemon serves" wait_for 20 vmd_answers
	back()
	{
		new=$(role_pid "$role")
		[ -n "$new" ] && [ "$new" != "$pid" ]
	}
	expect "$role dies: it is back" wait_for 20 back
	expect "$role dies: the VMs go on" other_goes_on
	same_as_before "$role dies: all is as before" "$whole"
done
ctl wait victim >/dev/null 2>&1 &
waiter=$!
background $waiter
sleep 0.5
kill -9 "$(role_pid control)"
expect 'control dies: who waited is told so' wait_for 20 gone $waiter
expect 'control dies: it serves again' wait_for 20 vmd_answers
same_as_before 'control dies: nothing is left of the waiter' "$whole"
if [ $net = tap ]; then
	expect 'priv sets up taps again' ctl stop -fw victim
	expect 'the victim starts' vment victim
	tap_up()
	{
		[ "$(ip -o link show type tun up | wc -l)" -eq "$tap_count" ]
	}
	expect 'its tap is up' wait_for 20 tap_up
fi

# vmm: its VMs end, and it comes back without them.
before_tty=$(find /dev/pts -name '[0-9]*' | wc -l)
pids=$(role_pids '^vmd: (vm |blk|net|usernet)')
kill -9 "$(role_pid vmm)"
expect 'vmm dies: the daemon serves' wait_for 20 vmd_answers
expect 'vmm dies: status tells that the VMs are gone' \
    wait_for 20 unknown victim
expect 'vmm dies: all of them' no_vm
all_gone()
{
	for p in $pids; do
		gone "$p" || return 1
	done
}
expect 'vmm dies: their processes are gone' wait_for 20 all_gone
# shellcheck disable=SC2317
reaped()
{
	for p in $pids; do
		[ ! -e "/proc/$p" ] || return 1
	done
}
expect 'vmm dies: somebody waited for them' wait_for 20 reaped
expect 'vmm dies: no tap is left' wait_for 20 [ "$(taps)" -eq 0 ]
expect 'vmm dies: fewer terminals' \
    [ "$(find /dev/pts -name '[0-9]*' | wc -l)" -lt "$before_tty" ]
expect 'vmm dies: a VM starts in its successor' vment victim

# The parent: everything goes, at once.
all=$(descendants "$vmd_pid")
kill -9 "$vmd_pid"
wait "$vmd_pid" 2>/dev/null
all_dead()
{
	for p in $all; do
		gone "$p" || return 1
	done
}
expect 'the parent dies: every process ends' wait_for 20 all_dead
expect 'the parent dies: no tap is left' wait_for 20 [ "$(taps)" -eq 0 ]
expect 'the parent dies: the socket stays' [ -S "$VMD_SOCKET" ]
vmd_pid=
vmd_run
expect 'and the disks' vment victim

# Somebody has found a way to end control: its VMs have nothing to do with it.
kill_control()
{
	i=0
	while [ $i -lt 6 ] && ! gone "$vmd_pid"; do
		control=$(role_pid control)
		[ -z "$control" ] || kill -9 "$control"
		sleep 0.2
		i=$((i + 1))
	done
}
pid=$(column victim PID)
sleep 2
kill_control
expect 'a control that dies again and again: the daemon goes on' \
    refuse gone "$vmd_pid"
expect 'and waits before it starts another' \
    logged 'control does not stay up: next try in 1 s'
expect 'then it serves' wait_for 10 vmd_answers
expect 'the VM went on' [ "$(column victim PID)" = "$pid" ]
expect 'the daemon ends' end "$vmd_pid"
vmd_pid=

# A child that has never been up for long ends the daemon, not the machine.
vmd_run
kill_control
expect 'a control that does not stay up ends the daemon' \
    wait_for 10 gone "$vmd_pid"
expect 'the log says so' logged 'does not stay up'
expect 'the socket is gone' refuse [ -e "$VMD_SOCKET" ]
vmd_pid=
exit "$failed"
