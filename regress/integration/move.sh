#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A VM moves between two daemons, each in a network namespace of its own, while
# it works: one TCP connection stays open all the time and no byte of it is
# wrong, the steps a program writes to the disk are all there, memory that
# changes is as it was written, and the clock is right.  Exactly one of the
# daemons has it after each move.  Then by a file, by a pipe, and as a copy.
#
#	this namespace: bridge 10.78.0.1, echoclient, clockdiff
#	    |                           |
#	  namespace A: bridge, taps   namespace B: bridge, taps
#	  vmd A                       vmd B
#
# MOVES and MOVES2 are how often with one vCPU and with two; 0 leaves that out.
[ "$(id -u)" -eq 0 ] || {
	echo 'skip - move: taps need root'
	exit 0
}
[ -n "${IN_NETNS-}" ] || IN_NETNS=1 exec unshare -n -- "$0" "$@"
. "$(dirname "$0")/lib.sh"
[ -e /dev/net/tun ] || skip 'no /dev/net/tun'
moves=${MOVES-20} moves2=${MOVES2-1}
guest=10.78.0.2
clock_limit=50000	# microseconds

# --- two hosts -------------------------------------------------------------
bridge()
{
	"$@" ip link add br0 type bridge
	"$@" ip link set br0 up
	"$@" ip link set lo up
}

# join_taps SIDE: a tap that appears joins the bridge.
join_taps()
{
	mkfifo "$work/links.$1"
	$2 ip -o monitor link >"$work/links.$1" &
	background $!
	while read -r _ tap rest; do
		case $tap$rest in
		*master*|*Deleted*) ;;
		tap*) $2 ip link set "${tap%%[:@]*}" master br0 ;;
		esac
	done <"$work/links.$1" 2>/dev/null &
	background $!
}

# host SIDE: a namespace with a bridge, a link to ours, and a daemon.
host()
{
	unshare -n -- sleep 100000 &
	background $!
	ns=$!
	other_namespace()
	{
		[ "$(readlink /proc/"$ns"/ns/net)" != \
		    "$(readlink /proc/self/ns/net)" ]
	}
	wait_for 20 other_namespace
	inside="nsenter -t $ns -n --"
	# shellcheck disable=SC2086  # words
	bridge $inside
	ip link add "to$1" type veth peer name uplink netns $ns
	ip link set "to$1" master br0 up
	$inside ip link set uplink master br0 up
	join_taps "$1" "$inside"
	: >"$work/vm.conf"
	$inside "$VMD" -d -v -S "$work/$1.sock" -f "$work/vm.conf" \
	    >>"$work/vmd.log" 2>&1 &
	vmd_pid=$!
	background $!
	on "$1" wait_for 20 vmd_answers || {
		not_ok "vmd $1 starts"
		exit 1
	}
	vmd_pid=
}

# on SIDE COMMAND ...: as to that daemon.
on()
{
	VMD_SOCKET=$work/$1.sock
	shift
	"$@"
	set -- $?
	VMD_SOCKET=$work/$side.sock
	return "$1"
}

# --- a guest that works ----------------------------------------------------
# tell NAME COMMAND: in the guest, by its console.
told=0
tell()
{
	told=$((told + 1))
	type_line "$1" "run $2; echo told $told"
	console_within 30 "$1" "^told $told\$"
}

# works NAME CPUS: starts it on A, with all it does.
works()
{
	side=A VMD_SOCKET=$work/A.sock
	rm -f "$work/console.$1"
	truncate -s 8M "$work/$1.img"
	expect "$1: starts" ctl start -m 96M -p "$2" -b "$elf" -I "$initrd" \
	    -A "$lean" -d "$work/$1.img" -i 1 -N tap "$1" || return
	expect "$1: comes up" guest_up "$1" || return
	expect "$1: has its network" tell "$1" \
	    "ip addr add $guest/24 dev eth0 && ip link set eth0 up"
	tasks="'echo 7' 'clock 37' 'count /dev/vda' 'dirty 4 4'"
	expect "$1: begins to work" tell "$1" "for t in $tasks; do \
busy \$t >>/tmp/busy 2>&1 & done; sleep 1; cat /tmp/busy"
	ip neigh flush dev br0	# the guest before had another MAC
	rm -f "$work/back"
	"$tools/echoclient" $guest 7 100 "$work/back" >"$work/echo" 2>&1 &
	client=$!
	background $client
	expect "$1: answers" wait_for 30 bytes_past 0
	set_clock "$1"
	clock_is_right "$1: its clock is right"
}

# What the guest took from the RTC may be half a second off.
set_clock()
{
	read -r _ ahead _ <<-END
		$("$tools/clockdiff" $guest 37)
	END
	[ -e "$work/console.$1" ] || console_open "$1"
	expect "$1: its clock is set" tell "$1" "busy adjust $ahead"
}

# came_back: bytes so far; longest_gap: ms in which none came.
came_back()
{
	cut -d' ' -f1 "$work/back" 2>/dev/null | grep . || echo 0
}

longest_gap()
{
	cut -d' ' -f2 "$work/back"
}

bytes_past()
{
	[ "$(came_back)" -gt "$1" ]
}

# It answers, and its clock is right.
clock_is_right()
{
	diff=$("$tools/clockdiff" $guest 37)
	expect "$1 ($diff us)" sh -c "set -- $diff; n=\${2-none}
	    [ \${n#-} -lt $clock_limit ]"
}

# goes_on SENTENCE: its connection and its steps.
goes_on()
{
	back=$(came_back)
	steps=$("$tools/recordcheck" -l "$work/$name.img")
	expect "$1: its connection goes on" wait_for 20 bytes_past "$back"
	more_steps()
	{
		[ "$("$tools/recordcheck" -l "$work/$name.img")" -gt "$steps" ]
	}
	expect "$1: its disk goes on" wait_for 20 more_steps
	clock_is_right "$1: its clock is right"
	side_is "$1"
}

# Status of both says where it is.
side_is()
{
	expect "$1: it runs on $side" is_state "$name" running
	expect "$1: and on no other" nowhere_but_here
}

nowhere_but_here()
{
	for other in A B; do
		[ "$other" = "$side" ] && continue
		on "$other" unknown "$name" || return 1
	done
}

# move TO: by a socket, both ways.
move()
{
	from=$side
	if timeout 60 "$VMCTL" send "$name" -- \
	    "$VMCTL" -S "$work/$1.sock" receive "$name" \
	    >"$work/move.out" 2>&1; then
		side=$1 VMD_SOCKET=$work/$1.sock
		rm -f "$work/console.$name"	# that was the other's
		ok "$name: moves from $from to $1"
	else
		not_ok "$name: moves from $from to $1 in a minute"
		sed 's/^/#   /' "$work/move.out"
		return 1
	fi
}

other()
{
	[ "$side" = A ] && echo B || echo A
}

# ends: what it did all the time was right, and it is stopped.
ends()
{
	[ -e "$work/console.$name" ] || console_open "$name"
	expect "$name: has a console" tell "$name" 'pidof busy | wc -w'
	expect "$name: all of its programs live" \
	    console_says "$name" '^5$'
	expect "$name: and have nothing to say" \
	    tell "$name" 'cat /tmp/busy'
	expect "$name: nothing was wrong" \
	    refuse console_says "$name" 'wrong'
	kill "$client"
	wait "$client"
	status=$?
	expect "$name: the connection was whole: $(cat "$work/echo")" \
	    [ $status -eq 0 ]
	expect "$name: vmctl stop -fw" ctl stop -fw "$name"
	expect "$name: every step is on the disk" \
	    "$tools/recordcheck" "$work/$name.img" 20
}

# --- the tests -------------------------------------------------------------
bridge
ip addr add 10.78.0.1/24 dev br0
host A
host B
side=A VMD_SOCKET=$work/A.sock

# moves NAME CPUS COUNT
moves()
{
	name=$1
	works "$1" "$2" || return
	n=0
	while [ $n -lt "$3" ]; do
		n=$((n + 1))
		move "$(other)" || break
		goes_on "$name: move $n"
	done
	expect "$name: moved $3 times, of the connection at most $(longest_gap) ms without a byte" \
	    [ $n -eq "$3" ]
}

# elsewise: by a file, then by a pipe.
elsewise()
{
	# To a file, from a file: it is nowhere meanwhile.
	expect 'to a file' sh -c \
	    "timeout 60 '$VMCTL' send $name >'$work/state'"
	expect 'then it runs nowhere' unknown "$name"
	expect 'the file is whole' ctl show-state "$work/state"
	side=$(other)
	VMD_SOCKET=$work/$side.sock
	expect 'from the file' sh -c \
	    "timeout 60 '$VMCTL' receive $name <'$work/state'"
	rm -f "$work/console.$name"
	# It stood still for as long as it was a file, and so did its clock.
	expect 'from a file: it answers' wait_for 20 bytes_past \
	    "$(came_back)"
	set_clock "$name"
	goes_on 'from a file'

	# A pipe.
	mkfifo "$work/pipe"
	VMD_SOCKET=$work/$(other).sock timeout 60 "$VMCTL" receive "$name" \
	    <"$work/pipe" >"$work/receive.out" 2>&1 &
	receiver=$!
	background $receiver
	expect 'to a pipe' sh -c \
	    "timeout 60 '$VMCTL' send $name >'$work/pipe'"
	expect 'from a pipe' wait $receiver
	side=$(other)
	VMD_SOCKET=$work/$side.sock
	rm -f "$work/console.$name"
	goes_on 'by a pipe'
}

if [ "$moves" -gt 0 ]; then
	moves one 1 "$moves"
	ends
fi
if [ "$moves2" -gt 0 ]; then
	moves two 2 "$moves2" && elsewise
	ends
fi

# --- a copy ----------------------------------------------------------------
# The standard kernel has a driver for the generation ID, the cloud flavour
# none; without its modules there is no disk and no network.
name=whole
side=A VMD_SOCKET=$work/A.sock
expect 'a VM with the standard kernel' ctl start -m 160M \
    -b "$kernels/std/vmlinux" -I "$initrd" -A "$lean" whole
expect 'comes up' guest_up whole
expect 'it sets a mark' tell whole 'echo mark >/tmp/mark'
expect 'nothing says that it is a copy' tell whole 'dmesg | grep "machine fork"'
expect 'for it is not' refuse console_says whole 'virtual machine fork'
expect 'send -s' sh -c "timeout 60 '$VMCTL' send -s whole >'$work/whole.state'"
expect 'it goes on' tell whole 'cat /tmp/mark'
expect 'it runs' is_state whole running
expect 'receive under another name' sh -c \
    "timeout 60 '$VMCTL' receive copy <'$work/whole.state'"
expect 'both run' sh -c "[ \$($VMCTL status -r | grep -c running) -eq 2 ]"
console_open copy
expect 'the copy answers' tell copy 'cat /tmp/mark; dmesg | grep "machine fork"'
expect 'it is where the other was' console_says copy '^mark'
expect 'its kernel knows that it is a copy' console_within 20 copy \
    'crng reseeded due to virtual machine fork'
expect 'that of the first does not' tell whole 'dmesg | grep "machine fork"'
expect 'for it is none' refuse console_says whole 'virtual machine fork'
expect 'both end' ctl stop -afw
exit "$failed"
