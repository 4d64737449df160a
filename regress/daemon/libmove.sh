# shellcheck shell=sh
# SPDX-License-Identifier: ISC
#
# What the tests of send and receive share, on top of lib.sh: two daemons, A and
# B, and the guest of ticks.c, which counts in memory and to its disk.
# shellcheck disable=SC2034  # for those who source it
# shellcheck source=regress/daemon/lib.sh
. "$(dirname "$0")/lib.sh"

ticks=$work/ticks
"${CC:-cc}" -m32 -std=c11 -O1 -Wall -Wextra -Werror -ffreestanding -fno-pic \
    -fno-stack-protector -fcf-protection=none -mgeneral-regs-only -nostdlib \
    -fno-asynchronous-unwind-tables -static -Wl,-n,-Ttext=0x100000 \
    -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments \
    -o "$ticks" "$(dirname "$0")/ticks.c" || skip 'the guest cannot be built'

# --- two daemons -----------------------------------------------------------
side=A
pid_A='' pid_B=''
: >"$work/vm.conf"

# at SIDE: what follows is about that daemon.
at()
{
	side=$1
	VMD_SOCKET=$work/$1.sock
	eval "vmd_pid=\$pid_$1"
}

# on SIDE COMMAND ...: only this.
on()
{
	was=$side
	at "$1"
	shift
	"$@"
	set -- $?
	at "$was"
	return "$1"
}

# daemon SIDE: starts it.  Each has a log of its own.
daemon()
{
	at "$1"
	"$VMD" -d $verbose -S "$VMD_SOCKET" -f "$work/vm.conf" \
	    >>"$work/vmd.log.$1" 2>&1 &
	vmd_pid=$!
	background $vmd_pid
	eval "pid_$1=$vmd_pid"
	wait_for 20 vmd_answers || {
		not_ok "vmd $1 starts"
		exit 1
	}
}

# both_begin: A and B, and what each holds once it has had a VM; A is at hand.
both_begin()
{
	daemon B
	daemon A
	for s in A B; do
		on $s idle first
		on $s ctl stop -fw first
	done
	before_A=$(holdings) before_B=$(on B holdings)
}

other()
{
	[ "$side" = A ] && echo B || echo A
}

# either_logged REGEX: one of them has.
either_logged()
{
	grep -qi -e "$1" "$work"/vmd.log.*
}

# --- the guest -------------------------------------------------------------
# counts NAME PAGES DIRTY OPTION ...: starts one with a new disk.
counts()
{
	counter=$1 counter_words="$2 $3"
	shift 3
	rm -f "$work/$counter.img" "$work/console.$counter"
	truncate -s 4M "$work/$counter.img"
	ctl start -m 32M -b "$ticks" -A "$counter_words" \
	    -d "$work/$counter.img" "$@" "$counter"
}

# steps FILE: how many are on the disk so far.
steps()
{
	"$tools/recordcheck" -l "$1"
}

steps_past()
{
	[ "$(steps "$1")" -gt "$2" ]
}

# grows FILE: whoever runs writes on.
grows()
{
	wait_for "${2:-20}" steps_past "$1" "$(steps "$1")"
}

# whole FILE [STEPS]: one history, and the guest found nothing wrong.
whole()
{
	"$tools/recordcheck" "$@"
}

# last_tick NAME: of the terminal where it is now, what it counts next: the
# newest whole line, which is one with its end, of those that come within a
# moment, or within some more on a machine that has much to do.
last_tick()
{
	for moment in 0.3 0.6 1.2 2.4; do
		line=$(timeout $moment cat "/dev/$(column "$1" TTY)" \
		    2>/dev/null |
		    sed -n 's/^\(tick .* flaws [0-9]*\)\r$/\1/p' | tail -n 1)
		[ -z "$line" ] || break
	done
	echo "$line"
}

# alive NAME: both of its timers tick, and it finds no flaw in itself.
alive()
{
	first=$(last_tick "$1")
	second=$(last_tick "$1")
	echo "$first, then $second"
	# shellcheck disable=SC2086  # words
	set -- $first $second
	[ $# -eq 16 ] && [ "${10}" -gt "$2" ] && [ "${12}" -gt "$4" ] &&
	    [ "${16}" -eq 0 ]
}

# --- moving ----------------------------------------------------------------
# send_to FILE OPTION ... NAME, of the daemon at hand; receive_from FILE SIDE
# OPTION ... NAME.  What vmctl says goes to stderr, which expect keeps.
send_to()
{
	file=$1
	shift
	timeout -k 2 "${send_limit-30}" "$VMCTL" send "$@" >"$file"
}

receive_from()
{
	file=$1 receiver=$2
	shift 2
	timeout -k 2 30 "$VMCTL" -S "$work/$receiver.sock" receive "$@" \
	    <"$file"
}

# move NAME SIDE OPTION ...: both ways.
move()
{
	moved=$1 receiver=$2
	shift 2
	timeout -k 2 "${send_limit-30}" "$VMCTL" send "$@" "$moved" -- \
	    "$VMCTL" -S "$work/$receiver.sock" receive "$moved"
}

# only_on SIDE NAME: it runs there, and the other daemon does not know it.
only_on()
{
	on "$1" is_state "$2" running || return 1
	case $1 in
	A) on B unknown "$2" ;;
	*) on A unknown "$2" ;;
	esac
}

# went NAME SIDE: it runs there and nowhere else, goes on, and is whole.
went()
{
	expect "it runs on $2 only" only_on "$2" "$1"
	at "$2"
	expect 'its timers tick' alive "$1"
	expect 'its steps go on' grows "$work/$1.img"
}

# client WORDS: the first process below this script whose title has them.
client()
{
	for p in $(descendants $$); do
		case $(title "$p") in
		timeout*|sh*|/bin/sh*) ;;
		*"$1"*) echo "$p" ;;
		esac
	done | head -n 1
}

# holds_no_more HOLDINGS: none of the numbers is greater.  A process that was
# replaced may have less: it has not had a VM yet.
holds_no_more()
{
	printf 'before: %s\nnow:    %s\n' "$1" "$(holdings)" |
	    awk '{ print }
	NR == 1 { split($0, was) }
	NR == 2 { for (i = 1; i <= NF; i++) more += $i + 0 > was[i] + 0 }
	END { exit more > 0 }'
}

unlocked()
{
	flock -n -x "$1" true
}
