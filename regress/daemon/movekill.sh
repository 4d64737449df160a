#!/bin/sh
# SPDX-License-Identifier: ISC
#
# kill -9 of any process at any moment of a move: never two guests that run, and
# none only where the victim was what the guest ran in.
#
# ROUNDS moves of a guest that counts to its disk, from A to B, each with one
# victim, drawn by lot as the way and the moment are; SEED makes them others.
#
# Two that run are seen by status of both, by the log each guest keeps on the
# disk (regress/lib/record.h), and by the disk's lock.
#
# What is right, where S is vmctl send's exit status and R vmctl receive's (the
# victim has none), and "A or B" is exactly one of them, running:
#
#   victim                  way          right
#   ------                  ---          -----
#   vmctl send              socket       A or B
#   vmctl receive           socket       A or B
#   a relay between them    socket       A or B (in a way of its own, "relay")
#   any of these            pipe         A or B, or nobody when S = 0: a pipe that
#                                        has been read empty tells no more (this
#                                        is why the manual says: use --)
#   vmctl send, or none     file         A; or nobody, and the file is whole: it
#                                        can be received
#   A's blk, control, priv  any          A or B (file: as above)
#   A's vm, vmm, parent     any          nobody, or B; B if R = 0 (file: nobody)
#   B's blk, control, priv  socket       A or B
#   B's vm, vmm, parent     socket       A; nobody only when S = 0
#   B's any                 pipe         as above, or nobody when S = 0
#
#   In all: S = 0 means that A does not have it any more, and R = 0 that B has
#   it (unless B's own processes died), nobody has it paused, and no descriptor,
#   process or lock is left.
#
# "A or B" rests on the disk's lock, which both sides share here: who finds it
# free when the other does not answer any more is the one that runs.
. "$(dirname "$0")/libmove.sh"
rounds=${ROUNDS-20}
chance=${SEED-1}
# In a relay each word of the handover takes as long, so that it is as likely
# to be hit as the rest.
slowly="$tools/slowrelay 60"

# draw N: 0 to N - 1, in $drawn.  The upper bits of a linear generator.
draw()
{
	chance=$(((chance * 1103515245 + 12345) % 2147483648))
	drawn=$((chance / 8192 % $1))
}

# pick WORD ...: one of them, in $picked.
pick()
{
	draw $#
	shift $drawn
	picked=$1
}

# --- victims ---------------------------------------------------------------
victim_pid()
{
	case $1 in
	send) client "$VMCTL send" ;;
	receive) client "receive mover" ;;
	relay) client "$slowly" ;;
	none) ;;
	A.parent) echo "$pid_A" ;;
	B.parent) echo "$pid_B" ;;
	*.vm) on "${1%.*}" role_pid 'vm mover' ;;
	*.blk) on "${1%.*}" role_pid blk0/mover ;;
	*) on "${1%.*}" role_pid "${1#*.}" ;;
	esac
}

# --- a round ---------------------------------------------------------------
# begin_move WAY: S and R get the statuses; who dies of a signal leaves none.
begin_move()
{
	rm -f "$work/S" "$work/R" "$work/state"
	before='' after=''
	[ "$1" != relay ] || before="$slowly |" after="| $slowly"
	cat >"$work/receiver" <<-END
		#!/bin/sh
		$before {
			"$VMCTL" -S "$work/B.sock" receive mover
			status=\$?
			[ \$status -ge 128 ] || echo \$status >"$work/R"
		} $after
	END
	chmod 755 "$work/receiver"
	case $1 in
	socket|relay) (
		timeout -k 1 20 "$VMCTL" send mover -- "$work/receiver"
		echo $? >"$work/S"
	    ) >"$work/move.out" 2>&1 & ;;
	pipe) (
		{
			timeout -k 1 20 "$VMCTL" send mover
			echo $? >"$work/S"
		} | $slowly | timeout -k 1 20 "$work/receiver"
	    ) >"$work/move.out" 2>&1 & ;;
	file) (
		timeout -k 1 20 "$VMCTL" send mover >"$work/state"
		echo $? >"$work/S"
	    ) 2>"$work/move.out" & ;;
	esac
	mover=$!
	background $mover
}

# where NAME: the sides that run it, then those that have it otherwise.
where()
{
	for s in A B; do
		state=$(on "$s" state mover)
		case $state in
		running) printf '%s' $s ;;
		'') ;;
		*) printf '(%s %s)' $s "$state" ;;
		esac
	done
}

# settled: the daemons answer, and each has made up its mind.  A sender whose
# client was killed is called running until the other has said that it runs; two
# that really do are two for longer, and their steps are not one history.
settled()
{
	for s in A B; do
		on "$s" vmd_answers || return
	done
	case $(where) in
	*'('*|AB) return 1 ;;
	esac
}

status_of()
{
	cat "$work/$1" 2>/dev/null || echo none
}

file_is_whole()
{
	ctl show-state "$work/state" >/dev/null 2>&1
}

# right WAY VICTIM WHERE: by the table.
right()
{
	S=$(status_of S) R=$(status_of R)
	[ "$S" != 0 ] || [ "$3" != A ] || return 1
	case $R$2 in
	0B.vm|0B.vmm|0B.parent) ;;
	0*) [ "$3" = B ] || return 1 ;;
	esac
	case $1.$2.$3 in
	file.A.vm.|file.A.vmm.|file.A.parent.) return 0 ;;
	file.*.) file_is_whole ;;
	*.A.vm.|*.A.vmm.|*.A.parent.) [ "$R" != 0 ] ;;
	*.A.vm.B|*.A.vmm.B|*.A.parent.B) return 0 ;;
	*.A.vm.A|*.A.vmm.A|*.A.parent.A) return 1 ;;
	*.B.vm.|*.B.vmm.|*.B.parent.) [ "$S" = 0 ] ;;
	pipe.*.) [ "$S" = 0 ] ;;
	*.A|*.B) return 0 ;;
	*) return 1 ;;
	esac
}

# It is not only called running: its timers tick, and its steps are written,
# but for a disk whose process has been another since: that one needs a driver
# that sets it up again.
really_runs()
{
	case $1 in
	*.blk) on "$2" alive mover ;;
	*) grows "$work/mover.img" ;;
	esac
}

# Descriptors and processes of both are no more than at the beginning.
nothing_left()
{
	# shellcheck disable=SC2154  # used() sets them
	on A wait_for 20 holds_no_more "$before_A" &&
	    on B wait_for 20 holds_no_more "$before_B" &&
	    unlocked "$work/mover.img"
}

# used SIDE: what a daemon holds that has had a VM: a new one has less.
used()
{
	idle warm >/dev/null && ctl stop -fw warm >/dev/null
	eval "before_$1=\$(holdings)"
}

revive()
{
	for s in A B; do
		eval "pid=\$pid_$s"
		gone "$pid" || continue
		wait "$pid" 2>/dev/null
		daemon "$s"
		used $s
	done
	at A
}

# one ROUND: nothing is printed but what is wrong.
one()
{
	pick socket relay relay relay pipe file
	way=$picked moments=$span
	[ "$way" != relay ] || moments=$relay_span
	sides='A.vm A.blk A.vmm A.parent A.control A.priv'
	[ "$way" = file ] || sides="$sides $(echo "$sides" | tr A B)"
	# shellcheck disable=SC2086  # words
	case $way in
	file) pick send none $sides ;;
	socket) pick send receive $sides ;;
	*) pick send receive relay relay $sides ;;
	esac
	victim=$picked
	draw "$moments"
	moment=$(printf '%d.%03d' $((drawn / 1000)) $((drawn % 1000)))
	what="round $1: $way, kill $victim after $moment s"
	{ counts mover 1500 8 && wait_for 10 steps_past "$work/mover.img" 2; } \
	    >"$work/start.out" 2>&1 || {
		not_ok "$what: the guest starts"
		return 1
	}
	# Who is there already is looked for before: that takes its time, too.
	hit=''
	case $victim in
	*.*) hit=$(victim_pid "$victim" 2>/dev/null) ;;
	esac
	begin_move "$way"
	sleep "$moment"
	[ -n "$hit" ] || hit=$(victim_pid "$victim" 2>/dev/null)
	kill -9 "$hit" 2>/dev/null || hit=''
	# The client of a daemon that is no more ends, too.
	wait_for 25 gone $mover || {
		not_ok "$what: vmctl ends"
		return 1
	}
	wait $mover 2>/dev/null
	[ -z "$hit" ] || wait_for 20 gone "$hit"
	sleep 0.2	# and its parent has heard of it
	revive
	wait_for 10 settled
	place=$(where)
	verdict="ends at '$place', S $(status_of S), R $(status_of R)"
	right "$way" "$victim" "$place" || {
		not_ok "$what: $verdict"
		return 1
	}
	case $place in
	A|B) really_runs "$victim" "$place" >"$work/runs.out" || {
		not_ok "$what: it runs on $place: $(cat "$work/runs.out")"
		return 1
	    }
	    on "$place" ctl stop -fw mover >/dev/null 2>&1 ;;
	esac
	wait_for 20 unlocked "$work/mover.img" || {
		not_ok "$what: the disk's lock is free"
		return 1
	}
	whole "$work/mover.img" 2 >"$work/whole.out" || {
		not_ok "$what: one history ($(cat "$work/whole.out"))"
		return 1
	}
	# What was sent into the file is there to be received.
	[ "$way$place" != file ] || ! file_is_whole || received "$victim" || {
		not_ok "$what: the file can be received"
		return 1
	}
	[ -z "$hit" ] || hits=$((hits + 1))
	echo "# $what: ${hit:-nobody}: $verdict"
}

# received VICTIM: the VM of the file, which then runs.
received()
{
	receive_from "$work/state" B mover >/dev/null 2>&1 &&
	    really_runs "$1" B >/dev/null &&
	    on B ctl stop -fw mover >/dev/null 2>&1 &&
	    whole "$work/mover.img" >"$work/whole.out"
}

# --- all rounds ------------------------------------------------------------
for s in B A; do
	daemon $s
	used $s
done

# undisturbed WAY: a move; how long it takes is in $took, in ms, and the moments
# lie within it and a little more.
undisturbed()
{
	expect "$1: a guest that counts" counts mover 1500 8
	expect "$1: it counts" wait_for 10 steps_past "$work/mover.img" 2
	began=$(date +%s%3N)
	begin_move "$1"
	wait $mover
	took=$((($(date +%s%3N) - began) * 5 / 4))
	expect "$1: a move that nobody disturbs" \
	    [ "$(status_of S) $(status_of R)" = '0 0' ] ||
	    sed 's/^/#   /' "$work/move.out"
	expect "$1: it runs on B only" only_on B mover
	expect "$1: and counts on" grows "$work/mover.img"
	expect "$1: it is stopped" on B ctl stop -fw mover
	expect "$1: its history is one" whole "$work/mover.img" 3
}
undisturbed relay
relay_span=$took
undisturbed socket
span=$took
[ $failed -eq 0 ] || exit 1

round=0 bad=0 hits=0
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	if ! one $round; then
		bad=$((bad + 1))
		sed 's/^/#   /' "$work/move.out"
		# Whatever it left would spoil the next ones.
		for s in A B; do
			on "$s" ctl stop -fw mover >/dev/null 2>&1
		done
	fi
	if [ $((round % 10)) -eq 0 ] && ! nothing_left >"$work/left" 2>&1; then
		not_ok "after round $round, something is left"
		sed 's/^/#   /' "$work/left"
		bad=$((bad + 1))
		revive
		on A used A
		on B used B
	fi
done
expect "$round moves, $hits with a victim, all as they should be" [ $bad -eq 0 ]
expect 'nothing is left of them' nothing_left
exit "$failed"
