#!/bin/sh
# kill -9 of each process in turn: nothing dies that need not, nothing is left
# behind, and vmctl status tells the truth.
#
# A device or usernet process comes back by itself; a VM process takes its own
# VM along and no other; control and priv come back without a VM noticing; with
# vmm go the VMs it holds; with the parent everything goes.
[ "$(id -u)" -ne 0 ] || [ -n "${IN_NETNS-}" ] ||
    IN_NETNS=1 exec unshare -n -- "$0" "$@"
. "$(dirname "$0")/lib.sh"
net=user
[ "$(id -u)" -ne 0 ] || [ ! -e /dev/net/tun ] || net=tap
truncate -s 8M "$work/victim.img" "$work/other.img"

# role_pids PATTERN: descendants of the daemon whose title matches.
role_pids()
{
	for p in $(descendants "$vmd_pid"); do
		title "$p" | grep -qE "$1" && echo "$p"
	done
	return 0
}

# The pid of a VM in status is that of its process.
vm_process()
{
	column "$1" PID
}

answers()
{
	before=$(tr -d '\r' <"$work/console.$1" | grep -c "you typed: $2")
	type_line "$1" "$2"
	console_within 10 "$1" "^guest: you typed: $2" $((before + 1))
}

start_victim()
{
	[ ! -e "$work/console.victim" ] ||
	    mv "$work/console.victim" "$work/console.victim-before"
	expect 'a victim starts' start victim 1 -d "$work/victim.img" -i 1 \
	    -N "$net" && expect 'the victim comes up' guest_up victim
}

daemon_works()
{
	wait_for 10 vmd_answers
}

vmd_start </dev/null
expect 'another VM starts' start other 1 -d "$work/other.img" -i 1 -N "$net"
expect 'the other comes up' guest_up other
start_victim

# Each process of a device, of either VM.
for pid in $(role_pids 'vmd: (blk|net|usernet)'); do
	what="$(title "$pid") ($pid)"
	kind=$(title "$pid" | sed 's/.*vmd: \([a-z]*\).*/\1/')
	count=$(role_pids "vmd: $kind" | wc -l)
	vms="$(vm_process victim) $(vm_process other)"
	kill -9 "$pid"
	expect "$what dies: the daemon works" daemon_works
	expect "$what dies: one VM goes on" answers victim "after $pid"
	expect "$what dies: the other goes on" answers other "after $pid"
	expect "$what dies: they are the same processes" \
	    [ "$(vm_process victim) $(vm_process other)" = "$vms" ]
	replaced()
	{
		[ "$(role_pids "vmd: $kind" | wc -l)" -eq "$count" ]
	}
	expect "$what dies: it is replaced" wait_for 10 replaced
done
# Linux does not reset a device that asks for it; its driver, bound anew, does.
# shellcheck disable=SC2016  # the guest expands it
type_line victim 'run cd /sys/bus/virtio/drivers/virtio_blk && for d in virtio*; do echo $d >unbind && echo $d >bind; done && dd if=/dev/zero of=/dev/vda bs=64k count=4 conv=fsync'
expect 'the replaced disk works, once its driver is bound again' \
    console_within 30 victim '^guest: status 0'

# The VM process.
tty=$(column victim TTY)
# Both VMs have as many processes: half of them stay.
others=$(($(role_pids 'vmd: (vm |blk|net|usernet)' | wc -l) / 2))
taps=$(ip -o link show type tun 2>/dev/null | wc -l)
kill -9 "$(vm_process victim)"
expect 'a VM process dies: the daemon works' daemon_works
expect 'a VM process dies: its VM is gone' wait_for 10 unknown victim
expect 'a VM process dies: the other goes on' answers other 'after the vm'
no_guests()
{
	[ -z "$(role_pids 'vmd: (vm |blk|net|usernet)')" ]
}
nothing_of_victim()
{
	[ "$(role_pids 'vmd: (vm |blk|net|usernet)' | wc -l)" -eq "$others" ]
}
expect 'a VM process dies: no process is left' wait_for 10 nothing_of_victim
expect 'a VM process dies: no terminal is left' \
    wait_for 20 refuse [ -c "/dev/$tty" ]
fewer_taps()
{
	[ "$(ip -o link show type tun | wc -l)" -eq $((taps - 1)) ]
}
[ $net = user ] ||
    expect 'a VM process dies: no tap is left' wait_for 20 fewer_taps

# The daemon's own.
for role in control priv; do
	pid=$(role_pids "vmd: $role" | head -n 1)
	[ -n "$pid" ] || { [ $role = priv ] && [ "$(id -u)" -ne 0 ]; } || {
		not_ok "there is a process $role"
		continue
	}
	[ -n "$pid" ] || continue
	kill -9 "$pid"
	expect "$role dies: the daemon works" daemon_works
	expect "$role dies: the VM goes on" answers other "after $role"
	expect "$role dies: status tells of it" is_state other running
done

# vmm holds the VMs: they end, and the daemon goes on.
pid=$(role_pids 'vmd: vmm' | head -n 1)
expect 'there is a process vmm' [ -n "$pid" ]
[ -z "$pid" ] || {
	kill -9 "$pid"
	expect 'vmm dies: the daemon works' daemon_works
	expect 'vmm dies: status tells the truth' wait_for 10 unknown other
	expect 'vmm dies: no VM process is left' wait_for 10 no_guests
	start_victim
}

# The parent: everything goes.
all=$(descendants "$vmd_pid")
kill -9 "$vmd_pid"
wait "$vmd_pid" 2>/dev/null
vmd_pid=
none_left()
{
	for p in $all; do
		kill -0 "$p" 2>/dev/null && return 1
	done
	return 0
}
expect 'the parent dies: every process ends' wait_for 10 none_left
[ $net = user ] || expect 'the parent dies: no tap is left' wait_for 20 \
    [ -z "$(ip -o link show type tun)" ]
memory_left()
{
	for p in /proc/[0-9]*; do
		case $(title "${p#/proc/}") in
		'vmd: '*) grep -q memfd: "$p/maps" && return 0 ;;
		esac
	done
	return 1
}
expect 'the parent dies: no guest memory is left' refuse memory_left
vmd_start </dev/null
expect 'the next daemon takes over the socket' vmd_answers
exit "$failed"
