#!/bin/sh
# SPDX-License-Identifier: ISC
#
# How the daemon begins and ends, and what may be asked of a VM in which state.
. "$(dirname "$0")/lib.sh"
: >"$work/vm.conf"
vmd_run
expect 'a second daemon on the socket is refused' \
    says 'another vmd is running' "$VMD" -d -S "$VMD_SOCKET" -f "$work/vm.conf"
expect 'and one in the background, too' \
    says 'another vmd is running' "$VMD" -S "$VMD_SOCKET" -f "$work/vm.conf"
expect 'which says who it is' says "another vmd is running, process $vmd_pid" \
    "$VMD" -d -S "$VMD_SOCKET" -f "$work/vm.conf"
expect 'the first serves on' vmd_answers
mv "$VMD_SOCKET" "$work/moved"
expect 'a second is refused though the socket is not there' \
    says "another vmd is running, process $vmd_pid" \
    timeout 10 "$VMD" -d -S "$VMD_SOCKET" -f "$work/vm.conf"
mv "$work/moved" "$VMD_SOCKET"
expect 'the first serves on after that' vmd_answers

# One that died leaves its socket: of several that come then, one takes it.
all=$(descendants "$vmd_pid")
kill -9 "$vmd_pid"
wait "$vmd_pid" 2>/dev/null
none_left()
{
	for p in $all; do
		gone "$p" || return 1
	done
}
expect 'one that was killed is gone' wait_for 20 none_left
expect 'it leaves its socket' [ -S "$VMD_SOCKET" ]
i=0 pids=
while [ $i -lt 8 ]; do
	"$VMD" -d -S "$VMD_SOCKET" -f "$work/vm.conf" >>"$work/race.log" 2>&1 &
	pids="$pids $!"
	background $!
	i=$((i + 1))
done
one_left()
{
	left=0
	for p in $pids; do
		gone "$p" || vmd_pid=$p left=$((left + 1))
	done
	[ "$left" -eq 1 ]
}
expect 'of eight that begin at once one stays' wait_for 10 one_left
expect 'the others say so' \
    [ "$(grep -c 'another vmd is running' "$work/race.log")" -eq 7 ]
expect 'and it serves' wait_for 20 vmd_answers
for signal in TERM INT; do
	[ -n "$vmd_pid" ] || vmd_run
	expect "SIG$signal: a VM runs" idle victim
	all=$(descendants "$vmd_pid")
	kill -$signal "$vmd_pid"
	expect "SIG$signal: the daemon ends" wait_for 20 gone "$vmd_pid"
	wait "$vmd_pid"
	status=$?
	expect "SIG$signal: with status 0" [ $status -eq 0 ]
	expect "SIG$signal: the socket is gone" refuse [ -e "$VMD_SOCKET" ]
	expect "SIG$signal: the lock, too" refuse [ -e "$VMD_SOCKET.lock" ]
	expect "SIG$signal: every process is gone" wait_for 20 none_left
	vmd_pid=
done

echo precious >"$work/file"
expect 'a socket path that is a file is refused' refuse timeout 10 \
    "$VMD" -d -S "$work/file" -f "$work/vm.conf"
expect 'and the file is still there' [ "$(cat "$work/file")" = precious ]
expect 'without a lock beside it' refuse [ -e "$work/file.lock" ]
ln "$work/file" "$work/linked.lock"
expect 'a lock that is another file, too, is refused' says 'not a lock of vmd' \
    timeout 10 "$VMD" -d -S "$work/linked" -f "$work/vm.conf"
rm "$work/linked.lock"
mkfifo "$work/linked.lock"
expect 'one that is no file, too' says 'not a lock of vmd' \
    timeout 10 "$VMD" -d -S "$work/linked" -f "$work/vm.conf"
rm "$work/linked.lock"
touch "$work/linked.lock"
chown 61010 "$work/linked.lock"
expect 'one that somebody else made, too' says 'not a lock of vmd' \
    timeout 10 "$VMD" -d -S "$work/linked" -f "$work/vm.conf"
expect 'and nothing was written there' [ "$(cat "$work/file")" = precious ]
expect 'a path in no folder is refused' says 'No such file' \
    timeout 10 "$VMD" -d -S "$work/none/s" -f "$work/vm.conf"

# In the background, with relative paths: it serves when the command returns.
cd "$work" || exit 1
truncate -s 4M relative.img
echo 'vm "relative" { disable, memory 32M, disk "relative.img" }' >vm.conf
expect 'vmd in the background returns 0' "$VMD" -S vmd.sock -f vm.conf
expect 'and serves the socket at once' ctl status
vmd_pid=
for p in $(descendants 1); do
	case $(title "$p") in
	"$VMD -S vmd.sock -f vm.conf") [ "$(readlink "/proc/$p/cwd")" = / ] &&
		vmd_pid=$p ;;
	esac
done
expect 'it left the folder' [ -n "$vmd_pid" ]
expect 'its vm.conf is read again all the same' ctl reload
expect 'and a disk with a relative path is found' ctl start relative
expect 'it ends' ctl stop -fw relative
kill "$vmd_pid"
expect 'the daemon ends' wait_for 20 gone "$vmd_pid"
expect 'it removes a socket with a relative path' refuse [ -e vmd.sock ]

: >vm.conf
vmd_run
expect 'stop of a VM that is not there' says 'not found' ctl stop nobody
expect 'stop of an id that is not there' says 'not found' ctl stop 4711
expect 'a VM starts' idle one
id=$(column one ID)
expect 'start of a VM that runs' says 'running already' ctl start one
expect 'unpause of a VM that runs' says 'not paused' ctl unpause one
expect 'pause' ctl pause one
expect 'it is paused' is_state one paused
expect 'pause of a paused one' says 'paused already' ctl pause one
expect 'unpause by its id' ctl unpause "$id"
expect 'it runs' is_state one running
ctl wait one >wait1.out 2>&1 &
wait1=$!
ctl wait "$id" >wait2.out 2>&1 &
wait2=$!
background $wait1
background $wait2
sleep 1
expect 'two clients wait' sh -c "kill -0 $wait1 && kill -0 $wait2"
expect 'stop -fw' ctl stop -fw one
expect 'both hear of it' wait_for 20 gone $wait1
expect 'the second, too' wait_for 20 gone $wait2
expect 'in a sentence' grep -q 'terminated vm' wait1.out
expect 'each of them' grep -q 'terminated vm' wait2.out
expect 'a VM of that name starts again' idle one
expect 'with the id it had' [ "$(column one ID)" = "$id" ]
expect 'a second VM' idle two
expect 'with another' [ "$(column two ID)" != "$id" ]

# The firmware does not listen to the power button.
began=$(date +%s)
expect 'stop -w of a guest that does not listen ends it' ctl stop -w two
expect 'after some seconds' [ $(($(date +%s) - began)) -ge 2 ]
expect 'a third VM' idle three
expect 'stop' ctl stop three
expect 'it is stopping' is_state three stopping
expect 'stop of one that stops' says 'stopped already' ctl stop three
expect 'stop -f ends it at once' ctl stop -fw three
expect 'a paused VM' idle four
expect 'is paused' ctl pause four
expect 'stop -a stops all' ctl stop -afw
expect 'none is there' no_vm
idle five >/dev/null
idle six >/dev/null
expect 'reset vms ends all' ctl reset vms
expect 'none is left' wait_for 20 no_vm

expect 'no device was started again for a VM that ended' \
    refuse logged 'restart'

: >vmd.log
expect 'log trace' ctl log trace
ctl status >/dev/null
expect 'messages are in the log' wait_for 20 logged 'trace: msg:'
expect 'log brief' ctl log brief
: >vmd.log
ctl status >/dev/null
expect 'and no more' refuse logged 'trace: msg:'
expect 'log verbose' ctl log verbose
ctl status >/dev/null
expect 'control logs debug lines' wait_for 20 logged 'control: debug:'
exit "$failed"
