#!/bin/sh
# SPDX-License-Identifier: ISC
#
# vmctl dump: a core file of a VM that goes on afterwards.  Whatever goes wrong,
# the file is whole or not there.
. "$(dirname "$0")/lib.sh"
as --32 -o "$work/dump.o" "$(dirname "$0")/dump.S" &&
    ld -n -m elf_i386 -Ttext=0x100000 -e _start -o "$work/dump" \
    "$work/dump.o" || skip 'cannot assemble the guest'
: >"$work/vm.conf"
vmd_run

# alive NAME: the guest answers a key.
presses=0
alive()
{
	presses=$((presses + 1))
	key=$(printf '%s' abdefghijklmnopqrstuvwyz | cut -c$((presses % 24 + 1)))
	type_keys "$1" "$key"
	console_within 10 "$1" "^key $key"
}

mkdir "$work/out"
nothing_in()
{
	[ -z "$(ls -A "$1")" ]
}

expect 'a VM starts' ctl start -m 64M -p 2 -b "$work/dump" one
console_open one
expect 'its guest is up' console_within 10 one '^up'
before=$(holdings)
expect 'a dump of it' ctl dump one "$work/out/a.core"
expect 'is the user'\''s alone' [ "$(stat -c %a "$work/out/a.core")" = 600 ]
expect 'has its size' [ "$(stat -c %s "$work/out/a.core")" -gt 67108864 ]
expect 'and few blocks' [ "$(stat -c %b "$work/out/a.core")" -lt 8192 ]
expect 'the guest goes on' alive one
expect 'its state is as it was' is_state one running
readelf -hlnW "$work/out/a.core" >"$work/elf" 2>&1
expect 'readelf: a core file' grep -q 'CORE (Core file)' "$work/elf"
expect 'with the memory' grep -q 'LOAD .* 0x0000000000000000 0x4000000' \
    "$work/elf"
expect 'and the registers of two vCPUs' \
    [ "$(grep -c NT_PRSTATUS "$work/elf")" = 2 ]
if command -v gdb >/dev/null; then
	# shellcheck disable=SC2016  # gdb's register
	gdb -nx -batch -ex 'info threads' -ex 'p/x $rbp' -ex 'x/4xb 0x100000' \
	    -c "$work/out/a.core" >"$work/gdb" 2>&1
	expect 'gdb: the guest'\''s register' grep -q '= 0x1badcafe' "$work/gdb"
	expect 'gdb: its memory' \
	    grep -q '0x100000:.*0x02.*0xb0.*0xad.*0x1b' "$work/gdb"
	expect 'gdb: a thread per vCPU' \
	    [ "$(grep -cE '^\*? +[12] ' "$work/gdb")" = 2 ]
fi
same_as_before 'nothing of the dump is left in the daemon' "$before"

# --- the file --------------------------------------------------------------
echo mine >"$work/out/there"
expect 'a file that is there is refused' says 'is there already' \
    ctl dump one "$work/out/there"
expect 'and is as it was' [ "$(cat "$work/out/there")" = mine ]
expect 'but replaced with -f' ctl dump -f one "$work/out/there"
expect 'by a dump' readelf -h "$work/out/there"
mkfifo "$work/out/fifo"
for name in . .. fifo; do
	expect "-f does not replace $name" refuse timeout 10 "$VMCTL" \
	    dump -f one "$work/out/$name"
done
ln -s there "$work/out/link"
expect '-f does not follow a link' says 'not a regular file' \
    ctl dump -f one "$work/out/link"
expect 'a folder that is not there' says 'No such file' \
    ctl dump one "$work/none/a.core"
expect 'a VM that is not there' says 'not found' \
    ctl dump nobody "$work/out/b.core"
expect 'a stopped VM' says 'not found' ctl dump 77 "$work/out/b.core"
expect 'leave no file' [ ! -e "$work/out/b.core" ]
rm -r "$work/out"
mkdir "$work/out"
expect 'in the folder where one is' sh -c "cd '$work/out' && '$VMCTL' dump 1 c"
expect 'by id and a relative name' [ -s "$work/out/c" ]
rm "$work/out/c"

mkdir "$work/small"
expect 'a small file system' mount -t tmpfs -o size=16k dump "$work/small"
expect 'disk full is an error' says \
    'full.core cannot be written: No space left on device' \
    ctl dump one "$work/small/full.core"
expect 'and no file' nothing_in "$work/small"
expect 'the guest goes on' alive one
echo old >"$work/small/old"
expect 'it is with -f, too' says 'No space' ctl dump -f one "$work/small/old"
expect 'and the old file is as it was' [ "$(cat "$work/small/old")" = old ]
umount "$work/small"

# --- who -------------------------------------------------------------------
chmod 666 "$VMD_SOCKET"
mkdir -m 777 "$work/theirs"
expect 'somebody else is refused' says 'permission denied' \
    setpriv --reuid 65534 --regid 65534 --clear-groups \
    "$VMCTL" dump one "$work/theirs/a.core"
expect 'and has no file' nothing_in "$work/theirs"

# --- a VM that is paused ---------------------------------------------------
expect 'a paused VM' ctl pause one
expect 'is dumped' ctl dump one "$work/out/paused.core"
expect 'and stays paused' is_state one paused
type_keys one z
expect 'indeed' refuse console_within 1 one '^key z'
expect 'until it goes on' ctl unpause one
expect 'and answers' console_within 10 one '^key z'
rm "$work/out/paused.core"

# --- progress --------------------------------------------------------------
# A VM whose memory is full of what cannot be left out.
head -c 400M /dev/urandom >"$work/random"
expect 'a large VM' ctl start -m 512M -b "$work/dump" -I "$work/random" large
console_open large
expect 'is up' console_within 20 large '^up'
expect 'without a terminal there is no progress' \
    sh -c "'$VMCTL' dump large '$work/out/l.core' 2>&1 | wc -l | grep -qx 1"
rm "$work/out/l.core"
script -qec "$VMCTL dump large $work/out/l.core" "$work/pty" >/dev/null 2>&1
expect 'with one there is' sh -c "tr '\r' '\n' <'$work/pty' |
    grep -qE '^[0-9.]+[BM] of 512M, [0-9]+%, [0-9.]+[BKMG]/s'"
expect 'and the end' grep -q 'dumped vm .* to .*, 512M in ' "$work/pty"
rm "$work/out/l.core"
expect 'the guest goes on' alive large

# --- at any time -----------------------------------------------------------
# asks NAME COMMAND ...: in the background; its status goes to NAME.rc.
asks()
{
	asks_name=$1
	shift
	rm -f "$work/$asks_name.rc"
	"$@" >"$work/$asks_name.out" 2>&1 &
	asked=$!
	background "$asked"
}

# under_way: the client's file grows, as the VM process sees it.
under_way()
{
	pid=$(column large PID)
	[ "$(find "/proc/$pid/fd" -lname '*/out/*deleted*' 2>/dev/null |
	    wc -l)" -gt 0 ] && [ "$(find "/proc/$pid/fd" -lname '*/out/*' \
	    -exec stat -Lc %b {} + | head -n 1)" -gt 0 ]
}

# One may be over too soon, or be refused until the one before has ended.
begin()
{
	i=0
	asked=
	until [ -n "$asked" ] && under_way; do
		i=$((i + 1))
		[ "$i" -lt 500 ] || return 1
		if [ -z "$asked" ] || gone "$asked"; then
			rm -f "$work/out/k.core"
			asks dump "$VMCTL" dump large "$work/out/k.core"
		fi
		sleep 0.01
	done
}
expect 'a dump is under way' begin
expect 'a second one is refused' says 'being written already' \
    ctl dump large "$work/out/second.core"
wait "$asked"
expect 'the first is complete' readelf -h "$work/out/k.core"
rm "$work/out/k.core"

expect 'a dump is under way' begin
kill -KILL "$asked"
wait "$asked" 2>/dev/null
expect 'vmctl is killed: nothing is left' wait_for 20 nothing_in "$work/out"
expect 'the guest goes on' alive large
expect 'the next dump is made' wait_for 10 ctl dump large "$work/out/n.core"
rm "$work/out/n.core"

expect 'a dump is under way' begin
kill -TERM "$asked"
wait "$asked" 2>/dev/null
expect 'vmctl is ended: nothing is left' wait_for 20 nothing_in "$work/out"
expect 'the guest goes on' alive large

expect 'a dump is under way' begin
expect 'the VM is stopped' ctl stop large
wait "$asked"
expect 'the dump ends, and says why' grep -qE 'being stopped|not running' \
    "$work/dump.out"
expect 'nothing is left' nothing_in "$work/out"
wait_for 10 unknown large

large()
{
	wait_for 20 ctl start -m 512M -b "$work/dump" -I "$work/random" large
	begin
}
expect 'a dump is under way' large
kill -KILL "$(column large PID)"
wait "$asked"
expect 'its VM is killed: the client hears of it' \
    grep -q 'not running' "$work/dump.out"
expect 'and nothing is left' nothing_in "$work/out"

expect 'a dump is under way' large
kill -KILL "$(role_pid vmm)"
wait "$asked"
expect 'vmm is killed: the client hears of it' \
    grep -qE 'not running|died|dropped' "$work/dump.out"
expect 'and nothing is left' nothing_in "$work/out"

expect 'a dump is under way' large
kill -KILL "$vmd_pid"
wait "$asked"
wait "$vmd_pid" 2>/dev/null
vmd_pid=
expect 'the daemon is killed: the client hears of it' \
    grep -q 'dropped' "$work/dump.out"
expect 'and nothing is left' nothing_in "$work/out"
exit "$failed"
