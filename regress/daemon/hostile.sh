#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Clients that break the rules, are too many, do not read or disappear: each is
# dropped or refused, the reason is logged, the others are served meanwhile and
# nothing of them is left.
. "$(dirname "$0")/lib.sh"
bad=$tools/badclient
[ -x "$bad" ] || skip 'regress/lib/badclient is not built'
i=0
while [ $i -lt 600 ]; do
	echo "vm \"defined-$i\" { disable, disk \"$work/none.img\" }"
	i=$((i + 1))
done >"$work/vm.conf"
: >"$work/none.img"
vmd_run
expect 'a VM starts' idle bystander
pid=$(column bystander PID)
before=$(holdings)

"$tools/hostile" "$VMD_SOCKET" || failed=1
for why in 'bad message header' 'unknown message type' \
    'message type not allowed on this link' 'message too short' \
    'message too long' 'descriptor missing' 'unexpected descriptor' \
    'speaks another version of the protocol' 'end of stream'; do
	expect "the log says: $why" logged "debug: control: client .*: $why"
done
same_as_before 'nothing is left of them' "$before"

expect 'one that disappears at every point' \
    "$bad" "$VMD_SOCKET" vanish bystander
bystander_ended()
{
	unknown bystander
}
expect 'what it asked last is done all the same' wait_for 20 bystander_ended
expect 'the VM it never described whole is not there' unknown vanished
expect 'a VM starts again' idle bystander
same_as_before 'nothing is left of those' "$before"
pid=$(column bystander PID)

truncate -s 1M "$work/abandoned.img"
expect 'one that starts a VM and is gone' \
    "$bad" "$VMD_SOCKET" abandon abandoned "$work/abandoned.img"
expect 'the VM runs without it' wait_for 20 is_state abandoned running
expect 'and ends' ctl stop -fw abandoned
same_as_before 'nothing is left of it' "$before"

# Root may have all the places there are, so the crowd is somebody else.
mkfifo "$work/hold"
"$bad" "$VMD_SOCKET" crowd 300 <"$work/hold" >"$work/crowd.out" &
background $!
exec 9>"$work/hold"
crowded()
{
	[ -s "$work/crowd.out" ]
}
expect '300 connections at once' wait_for 20 crowded
expect 'at most 256 of them are taken' [ "$(cat "$work/crowd.out")" -le 256 ]
exec 9>&-
expect 'they leave: others are served' wait_for 20 ctl status bystander
same_as_before 'they leave nothing' "$before"
expect 'the log has a few lines of them, not hundreds' \
    [ "$(grep -c 'client refused' "$work/vmd.log")" -le 20 ]

chmod 666 "$VMD_SOCKET"
mkfifo "$work/hold2"
setpriv --reuid 65534 --regid 65534 --clear-groups \
    "$bad" "$VMD_SOCKET" crowd 100 <"$work/hold2" >"$work/crowd2.out" &
background $!
exec 9>"$work/hold2"
crowded()
{
	[ -s "$work/crowd2.out" ]
}
expect '100 connections of one user' wait_for 20 crowded
expect 'of which 64 are taken' [ "$(cat "$work/crowd2.out")" -eq 64 ]
expect 'another user is served' ctl status bystander
exec 9>&-
same_as_before 'it leaves nothing' "$before"

"$bad" "$VMD_SOCKET" deaf >"$work/deaf.out" 2>&1 &
deaf=$!
background $deaf
expect 'others are served while one does not read' ctl status bystander
expect 'a user with many VMs gets the whole list' \
    sh -c "[ \$('$VMCTL' status | wc -l) -eq 602 ]"
expect 'one that does not read is dropped' wait_for 30 gone $deaf
expect 'and not after some time, but after what it did not read' \
    grep -q '^dropped' "$work/deaf.out"
expect 'the log says so' logged 'client .*: does not take its answer'
same_as_before 'nothing is left of it' "$before"

expect 'the bystander went on' [ "$(column bystander PID)" = "$pid" ]
expect 'the daemon ends' end "$vmd_pid"
vmd_pid=
exit "$failed"
