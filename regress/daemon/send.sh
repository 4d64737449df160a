#!/bin/sh
# SPDX-License-Identifier: ISC
#
# vmctl send and receive: to a file and from it, by a pipe, both ways, as a
# copy; and what is refused, after which the VM runs on and nothing is left.
. "$(dirname "$0")/libmove.sh"
both_begin

# stays SENTENCE: the VM named web is where it was, and goes on.
stays()
{
	expect "$1: it runs on" is_state web running
	expect "$1: its steps go on" grows "$work/web.img"
}

# --- a file ----------------------------------------------------------------
expect 'a guest that counts' counts web 2000 16
expect 'it counts' grows "$work/web.img" 10
expect 'its timers tick' alive web
expect 'send to a file' send_to "$work/web.state" web
expect 'it is gone' unknown web
expect 'its disk is free' unlocked "$work/web.img"
expect 'the file is whole' ctl show-state "$work/web.state"
expect 'so is its history' whole "$work/web.img"
last=$(steps "$work/web.img")
expect 'it takes no more steps' refuse grows "$work/web.img" 1
expect 'receive from the file' receive_from "$work/web.state" A web
went web A
expect 'it went on where it was' steps_past "$work/web.img" "$last"
expect 'its history is one' whole "$work/web.img"
console_open web
type_keys web q
expect 'it hears a key' console_within 20 web '^key q'

# --- a pipe ----------------------------------------------------------------
by_pipe()
{
	mkfifo "$work/pipe"
	receive_from "$work/pipe" B web >"$work/receive.out" 2>&1 &
	receiver=$!
	send_to "$work/pipe" web || return 1
	wait "$receiver" || {
		cat "$work/receive.out"
		return 1
	}
}
expect 'by a pipe' by_pipe
went web B

# --- both ways -------------------------------------------------------------
for to in A B A; do
	expect "to $to, both ways" move web $to
	went web $to
done
expect 'its history is one' whole "$work/web.img"

# memories: of what each daemon consists of beside its VMs, in kB.
memories()
{
	for s in A B; do
		for role in control priv vmm; do
			memory "$(on $s role_pid $role)"
		done
		eval "memory \$pid_$s"
	done | paste -s -d ' '
}

to_and_fro()
{
	n=0
	while [ "$n" -lt "$1" ]; do
		move web B && at B && move web A && at A || return 1
		n=$((n + 1))
	done
}

has_not_grown()
{
	printf '%s\n%s\n' "$1" "$2" | tee /dev/stderr | awk '
	NR == 1 { split($0, was) }
	NR == 2 { for (i = 1; i <= NF; i++) more += $i > was[i] + 64 }
	END { exit NF != 8 || more > 0 }'
}

# settled: holdings, once what the move before has left is closed.
settled()
{
	held=
	until now=$(holdings) && [ "$now" = "$held" ]; do
		held=$now
		sleep 0.5
	done
	echo "$now"
}
on_A=$(settled) on_B=$(on B settled)
began=$(memories)
expect 'to and fro, ten times' to_and_fro 10
went web A
same_as_before 'A holds what it held' "$on_A"
expect 'so does B' on B wait_for 20 holds "$on_B"
# A sanitizer keeps what is freed.
grep -q __asan_init "$VMD" || expect 'no process of both has grown' \
    has_not_grown "$began" "$(memories)"
expect 'its history is one' whole "$work/web.img"

expect 'it ends' ctl stop -fw web

# --- options ---------------------------------------------------------------
expect 'another guest' counts web 5000 0
expect 'it counts' grows "$work/web.img" 10
expect 'send -s' send_to "$work/plain" -s web
stays 'send -s'
expect 'send -s -z 3' send_to "$work/packed" -s -z 3 web
stays 'send -s -z 3'
expect 'both are whole' ctl show-state "$work/plain"
expect 'both of them' ctl show-state "$work/packed"
size()
{
	stat -c %s "$1"
}
expect "-z makes it smaller ($(size "$work/packed") of $(size "$work/plain"))" \
    [ $(($(size "$work/packed") * 2)) -lt "$(size "$work/plain")" ]
for wrong in '-z 23' '-z x' '-t -1' '-t x' '-q'; do
	# shellcheck disable=SC2086  # words
	expect "send $wrong is refused" refuse send_to "$work/none" $wrong web
done
stays 'a wrong option'

# A copy on a copy of the disk, both of one moment.
expect 'pause' ctl pause web
expect 'send -s of a paused VM' send_to "$work/snap" -s web
expect 'it stays paused' is_state web paused
cp -p "$work/web.img" "$work/copy.img"
cp -p "$work/web.img" "$work/snap.img"
expect 'unpause' ctl unpause web
stays 'a copy of it'
expect 'receive under another name, on the copy' \
    receive_from "$work/snap" B -d "$work/copy.img" copy
expect 'it is paused, as it was sent' on B is_state copy paused
expect 'unpause' on B ctl unpause copy
expect 'it runs' on B is_state copy running
expect 'its timers tick' on B alive copy
expect 'its steps go on' on B grows "$work/copy.img"
stays 'a copy that runs'
expect 'the copy ends' on B ctl stop -fw copy
expect 'its history is one' whole "$work/copy.img"

# The disk's contents in the stream.
expect 'send -D' send_to "$work/with" -s -D web
stays 'send -D'
expect 'it is larger by what the disk has' \
    [ "$(size "$work/with")" -gt "$(size "$work/plain")" ]
truncate -s 4M "$work/new.img"
expect 'receive with an empty disk' \
    receive_from "$work/with" B -d "$work/new.img" new
expect 'it runs' on B is_state new running
expect 'its steps go on' on B grows "$work/new.img"
expect 'it ends' on B ctl stop -fw new
expect 'its history is one, from the first step' whole "$work/new.img" 5
has_disks()
{
	"$VMCTL" show-state "$1" | grep -q 'DISKDATA.* disk 0, from byte'
}
expect 'its contents are listed' has_disks "$work/with"

# Where the user says, a file is made, of what the sender had then; also packed,
# and with memory that comes later.
expect 'send -D -z 1' send_to "$work/with" -s -D -z 1 web
expect 'it is whole' ctl show-state "$work/with"
expect 'receive with a disk that is not there' \
    receive_from "$work/with" B -d "$work/made.img" made
expect 'it runs' on B is_state made running
expect 'its steps go on' on B grows "$work/made.img"
expect 'it ends' on B ctl stop -fw made
expect 'its history is one' whole "$work/made.img" 5
expect 'nobody else may read it' \
    [ "$(stat -c %a.%s "$work/made.img")" = 600.4194304 ]
expect 'send -D' send_to "$work/with" -s -D web
expect 'receive -c on what another VM left' \
    receive_from "$work/with" B -c -d "$work/made.img" made
expect 'its steps go on' on B grows "$work/made.img"
expect 'it ends' on B ctl stop -fw made
expect 'its history is one' whole "$work/made.img" 5

# not_made SENTENCE WORDS ...: refused, and what was made is removed.
not_made()
{
	sentence=$1
	shift
	expect "$sentence: it is refused" refuse "$@"
	expect "$sentence: nothing is left" [ ! -e "$work/made.img" ]
}
rm -f "$work/made.img"
head -c $(($(size "$work/with") - 5)) "$work/with" >"$work/bad"
not_made 'cut short' receive_from "$work/bad" B -d "$work/made.img" made
not_made 'a name that runs' \
    receive_from "$work/with" A -d "$work/made.img" web
truncate -s 3M "$work/made.img"
expect 'a disk of another size is refused' says 'has 3.0M' \
    receive_from "$work/with" B -d "$work/made.img" made
rm -f "$work/made.img"
expect 'the disk of a VM that runs is refused' says 'in use' \
    receive_from "$work/with" B -d "$work/web.img" made
expect "no file that a stream names is written over" says 'with -d' \
    receive_from "$work/with" B made
mv "$work/web.img" "$work/kept.img"
expect "a stream's own path is not made" says 'with -d' \
    receive_from "$work/with" B made
expect 'nothing is there' [ ! -e "$work/web.img" ]
mv "$work/kept.img" "$work/web.img"
stays 'all of that'

# Both ways, to a disk of its own, while the guest writes to it.
with_disk()
{
	timeout -k 2 30 "$VMCTL" send -D moves -- "$VMCTL" \
	    -S "$work/B.sock" receive -d "$work/made.img" moves
}
expect 'a guest that moves with its disk' counts moves 5000 0
expect 'it counts' grows "$work/moves.img" 10
expect 'both ways' with_disk
expect 'it runs there only' only_on B moves
last=$(steps "$work/moves.img")
expect 'its steps go on' on B grows "$work/made.img"
expect 'from where they were' [ "$(steps "$work/made.img")" -gt "$last" ]
expect 'the old disk rests' refuse grows "$work/moves.img" 1
expect 'it ends' on B ctl stop -fw moves
expect 'its history is one' whole "$work/made.img" 10

# A disk that has been written to since is another disk.
expect 'a changed disk is refused' says "$work/copy.img" \
    receive_from "$work/snap" B -d "$work/copy.img" copy
expect 'nothing runs' on B unknown copy

# --- refused ---------------------------------------------------------------
expect 'a VM that is not there' says 'not found' send_to "$work/none" nothere
# That waits for the disk for a while, as a sender may be about to end.
says 'in use' receive_from "$work/plain" B -d "$work/web.img" busy \
    >"$work/in-use.out" 2>&1 &
in_use=$!
background $in_use
expect 'its name is in use' says 'running already' \
    receive_from "$work/plain" A -d "$work/copy.img" web
expect 'a name that is none' refuse \
    receive_from "$work/plain" B -d "$work/copy.img" bad/name
expect 'too many disks' refuse receive_from "$work/plain" B \
    -d "$work/copy.img" -d "$work/new.img" copy
expect 'a disk that is not there' says "$work/missing" \
    receive_from "$work/plain" B -d "$work/missing" copy
stays 'what is refused'

# damaged SENTENCE FILE: refused, and nothing is left.
damaged()
{
	expect "$1: refused" refuse \
	    receive_from "$2" B -d "$work/snap.img" copy
	expect "$1: nothing runs" on B unknown copy
	expect "$1: the disk is free" wait_for 20 unlocked "$work/snap.img"
}

# flipped OFFSET: a byte of the file is another.
flipped()
{
	cp "$work/snap" "$work/bad"
	byte=$(od -An -tu1 -j "$1" -N 1 "$work/bad" | tr -d ' ')
	# shellcheck disable=SC2059  # an octal escape
	printf "\\$(printf '%03o' $((255 - byte)))" |
	    dd of="$work/bad" bs=1 seek="$1" conv=notrunc 2>/dev/null
}
total=$(size "$work/snap")
for at in 0 9 70 $((total / 3)) $((total - 400)) $((total - 5)); do
	flipped $at
	damaged "byte $at of $total changed" "$work/bad"
done
for length in 0 5 100 $((total / 2)) $((total - 1)); do
	head -c "$length" "$work/snap" >"$work/bad"
	damaged "cut at $length of $total" "$work/bad"
done
head -c 300000 /dev/urandom >"$work/bad"
damaged 'garbage' "$work/bad"
damaged 'nothing at all' /dev/null

# So that it was the damage that was refused.
touch "$work/snap.img"
expect 'with a disk that is newer' says 'written to' \
    receive_from "$work/snap" B -d "$work/snap.img" copy
expect 'the same without damage, and any disk' \
    receive_from "$work/snap" B -f -d "$work/snap.img" copy
expect 'goes on' on B ctl unpause copy
expect 'its steps too' on B grows "$work/snap.img"
expect 'it ends' on B ctl stop -fw copy
expect 'its history is one' whole "$work/snap.img"

# The other side does not want it, does not listen, or ends amidst it.
refused_by()
{
	! timeout -k 2 "${refused_limit-20}" "$VMCTL" send web -- "$@"
}
expect 'a command that fails' refused_by false
expect 'a command that is not there' refused_by "$work/nothing"
expect 'a command that reads a little' refused_by head -c 5000
expect 'a command that answers garbage' refused_by sh -c \
    'head -c 100000 /dev/urandom; cat >/dev/null'
refused_limit=3
expect 'a command that reads all and says nothing' refused_by sh -c \
    'cat >/dev/null'
unset refused_limit
expect 'a receiver that has no such disk' refused_by \
    "$VMCTL" -S "$work/B.sock" receive -d "$work/missing" web
stays 'who refuses'
expect 'its disk is in use' wait "$in_use" || cat "$work/in-use.out"
expect 'nothing is left of it' on B unknown busy
full()
{
	! timeout -k 2 20 "$VMCTL" send web >/dev/full
}
expect 'a full disk' full
stays 'a full disk'
expect 'it moves yet' move web B
went web B
expect 'and back' move web A
went web A

# The receiver's words are READY, HOLDS and RUNS.  What comes behind so many is
# lost, in one of the ways of wordloser.
heard()
{
	timeout -k 2 20 "$VMCTL" send web -- sh -c \
	    "'$VMCTL' -S '$work/B.sock' receive web |
	    '$tools/wordloser' $1 $2"
}
for way in close cut; do
	expect "$way: the first word of a receiver is lost" refuse heard 0 $way
	expect 'it runs on A only' wait_for 20 only_on A web
	stays 'its receiver gives up'
	expect "$way: the second is lost, that it holds the disks" heard 1 $way
	went web B
	expect 'its history is one' whole "$work/web.img"
	at B
	expect 'back' move web A
	at A
	expect "$way: the last is lost, that it runs" heard 2 $way
	went web B
	at B
	expect 'and back' move web A
	at A
	went web A
done
# Nobody notices, until the user has waited long enough.
interrupted()
{
	heard 1 keep 2>"$work/heard.err" &
	hearing=$!
	wait_for 20 grep -q lost "$work/heard.err" || return 1
	kill -INT "$(client "$VMCTL send web")"
	! wait "$hearing"
}
expect 'keep: the second is lost, and vmctl interrupted' interrupted
expect 'the locks tell' wait_for 20 only_on B web
went web B
expect 'its history is one' whole "$work/web.img"
at B
expect 'back' move web A
at A
went web A

# --- meanwhile -------------------------------------------------------------
# slowly NAME: begins a send that nobody reads.
slowly()
{
	rm -f "$work/stuck" "$work/slow.rc"
	mkfifo "$work/stuck"
	sleep 1000 <>"$work/stuck" &
	holder=$!
	background $holder
	{
		timeout -k 2 30 "$VMCTL" send web >"$work/stuck" \
		    2>"$work/slow.out"
		echo $? >"$work/slow.rc"
	} &
	background $!
	timeout 20 head -c 16 "$work/stuck" >"$work/slow.head"
}
slowly
expect 'status answers' vmd_answers
expect 'and names it' ctl status web
expect 'its guest runs meanwhile' grows "$work/web.img"
expect 'a second send is refused' refuse send_to "$work/none" web
expect 'stop ends it' timeout 10 "$VMCTL" stop -fw web
expect 'the send is answered' wait_for 10 answered slow
expect 'that it failed' [ "$(cat "$work/slow.rc")" -ne 0 ]
end "$holder"
expect 'its history is one' whole "$work/web.img"

expect 'another guest' counts web 2000 16
expect 'it counts' grows "$work/web.img" 10
slowly
kill -INT "$(client "$VMCTL send web")"
expect 'vmctl send is interrupted: it ends' wait_for 10 answered slow
expect 'with a failure' [ "$(cat "$work/slow.rc")" -ne 0 ]
end "$holder"
stays 'an interrupted send'

# Its disk does not write back what it has.
blk=$(role_pid blk0/web)
kill -STOP "$blk"
expect 'a disk hangs: a send waits for it, and can be interrupted' \
    refuse timeout -s INT -k 5 2 "$VMCTL" send web
expect 'meanwhile its timers tick' alive web
kill -CONT "$blk"
stays 'a disk that hung'
expect 'a paused VM' ctl pause web
expect 'moves as well' move web B
expect 'it is paused there' on B is_state web paused
at B
expect 'and goes on there' ctl unpause web
went web B
expect 'its history is one' whole "$work/web.img"
expect 'it ends' ctl stop -fw web
at A

# Slower than the guest writes: 16 pages a tick are 6.4 MB/s.
expect 'a guest that writes a lot' counts web 700 16
expect 'it counts' grows "$work/web.img" 10
to_slow_reader()
{
	send_limit=60
	mkfifo "$work/slow"
	slow_reader <"$work/slow" &
	background $!
	send_to "$work/slow" web 2>"$work/slow.err"
}
slow_reader()
{
	n=1
	while [ "$n" -gt 0 ]; do
		n=$(head -c 262144 | wc -c)
		sleep 0.1
	done
}
expect 'a reader that is slower than the guest' to_slow_reader
expect 'it was slowed down, and that is said' \
    grep -qi 'throttl\|slow' "$work/slow.err"

# --- who may ---------------------------------------------------------------
owner=61001 stranger=61003
cp "$VMCTL" "$work/vmctl"	# where everybody may execute it
as()
{
	user=$1
	shift
	setpriv --reuid "$user" --regid "$user" --clear-groups \
	    "$work/vmctl" "$@"
}
as_to()
{
	file=$1
	shift
	as "$@" >"$file"
}
truncate -s 4M "$work/may.img" "$work/not.img"
chmod 666 "$work/may.img" "$work/not.img"
chmod 755 "$work" "$ticks"
cat >"$work/vm.conf" <<END
vm "may" { disable, memory 32M, boot "$ticks", cmdline "500 1",
    disk "$work/may.img", owner $owner, allow send }
vm "not" { disable, memory 32M, boot "$ticks", cmdline "500 1",
    disk "$work/not.img", owner $owner }
END
chmod 666 "$work/A.sock"
expect 'vm.conf with allow send' ctl reload
expect 'its owner starts one that may be sent' as $owner start may
expect 'and one that may not' as $owner start not
expect 'a stranger may not send it' refuse \
    as_to "$work/none" $stranger send may
expect 'nor the owner one without allow' refuse \
    as_to "$work/none" $owner send not
expect 'it runs on' is_state not running
expect 'root may' send_to "$work/root.state" -s not
expect 'the owner may send one with allow' as_to "$work/may.state" $owner \
    send may
expect 'it is stopped' is_state may stopped
expect 'a stranger may not receive it' refuse sh -c \
    "setpriv --reuid $stranger --regid $stranger --clear-groups \
    '$work/vmctl' receive may <'$work/may.state'"
expect 'the owner may' sh -c \
    "setpriv --reuid $owner --regid $owner --clear-groups \
    '$work/vmctl' receive may <'$work/may.state'"
expect 'it runs' is_state may running
expect 'its steps go on' grows "$work/may.img"
expect 'its history is one' whole "$work/may.img"
expect 'all end' ctl stop -afw
: >"$work/vm.conf"
expect 'vm.conf is empty again' ctl reload
same_as_before 'nothing is left on A' "$before_A"
at B
same_as_before 'nor on B' "$before_B"
exit "$failed"
