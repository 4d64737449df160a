#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Sending and receiving, as the daemon has to do with it: who may, what becomes
# of a VM that was sent, whose the disks are, and what happens when a client
# leaves.
. "$(dirname "$0")/lib.sh"
owner=61001
getent passwd $owner >/dev/null && skip "there is a user $owner"
for vm in mine plain yours two; do
	truncate -s 4M "$work/$vm.img"
done
chmod 666 "$work"/*.img
cat >"$work/vm.conf" <<END
vm "mine" { disable, memory 32M, disk "$work/mine.img", owner $owner, allow send }
vm "plain" { disable, memory 32M, disk "$work/plain.img", owner $owner }
vm "yours" { disable, memory 32M, disk "$work/yours.img" }
END
cp "$VMCTL" "$work/vmctl"	# where everybody may execute it
vmd_run
chmod 666 "$VMD_SOCKET"

# as_owner COMMAND ...
as_owner()
{
	setpriv --reuid "$owner" --regid "$owner" --clear-groups "$work/vmctl" "$@"
}

# saves FILE COMMAND ...: what the command writes goes there.
saves()
{
	file=$1
	shift
	"$@" >"$work/$file"
}

# loads FILE COMMAND ...: what is in there is read.
loads()
{
	file=$1
	shift
	"$@" <"$work/$file"
}

is_free()
{
	flock -n "$work/$1.img" true
}

# --- who may ----------------------------------------------------------------
expect 'an owner starts his VM' as_owner start mine
expect 'and one that he may not send' as_owner start plain
expect 'an owner without "allow send" does not send' \
    says 'allow send' saves plain.state as_owner send plain
expect 'nothing was written' refuse [ -s "$work/plain.state" ]
expect 'with it he does' saves mine.copy as_owner send -s mine
expect 'a copy leaves it running' is_state mine running
expect 'with its disk' refuse is_free mine
expect 'he receives nothing into a VM without it' \
    says 'running already' loads mine.copy as_owner receive plain
expect 'it ends' ctl stop -fw plain
expect 'nor when it is stopped' \
    says 'allow send' loads mine.copy as_owner receive plain
expect 'nor into that of another' \
    says 'not the owner' loads mine.copy as_owner receive yours
expect 'nor as a VM of its own' says 'only root' \
    loads mine.copy as_owner receive -f -d "$work/two.img" new
expect 'a VM that does not run is not sent' \
    says 'not running' saves plain.state ctl send plain

# --- what becomes of it -----------------------------------------------------
asks waits wait mine
sleep 0.5
expect 'it is sent into a file' saves mine.state as_owner send mine
expect 'and is stopped' is_state mine stopped
expect 'nothing is left of it: its disk is free' is_free mine
expect 'who waited for its end is told' wait_for 20 answered waits
expect 'that all is well' [ "$(cat "$work/waits.rc")" = 0 ]
expect 'the log says that it was sent' logged 'mine (vm 1) was sent'
expect 'the file is whole' ctl show-state "$work/mine.state"
before=$(holdings)
expect 'it is received' loads mine.state as_owner receive mine
expect 'and runs' is_state mine running
expect 'with its disk' refuse is_free mine
expect 'with a terminal' refuse [ "$(column mine TTY)" = - ]
expect 'it is not received twice' \
    says 'running already' loads mine.state as_owner receive mine
expect 'it ends' ctl stop -fw mine
same_as_before 'nothing is left of it' "$before"

# --- disks ------------------------------------------------------------------
expect 'as a new VM' loads mine.copy ctl receive -d "$work/two.img" -f new
expect 'which runs' is_state new running
expect 'with the disk that was named' refuse is_free two
expect 'and ends' ctl stop -fw new
expect 'then there is none of this name' says 'not found' ctl status new
printf x >>"$work/mine.img"
truncate -s 4M "$work/mine.img"
expect 'a disk that was written to' \
    says 'has been written to' loads mine.state ctl receive mine
expect 'the VM is stopped' is_state mine stopped
expect 'and the disk is free' is_free mine
truncate -s 5M "$work/mine.img"
expect 'one of another size, whatever the user wants' \
    says 'not of the size' loads mine.state ctl receive -f mine
truncate -s 4M "$work/mine.img"
flock "$work/mine.img" sleep 3 &
background $!
sleep 0.5
expect 'one that somebody has for a while is waited for' \
    loads mine.state ctl receive -f mine
expect 'it runs' is_state mine running
unlinked()
{
	rm "$work/two.img"
	says 'two.img (deleted)' saves nowhere ctl send held
}
truncate -s 4M "$work/two.img"
expect 'a VM with a disk of its starter' ctl start -m 32M -d "$work/two.img" held
expect 'that has no name any more is not sent' unlinked
expect 'and goes on' is_state held running
expect 'until it ends' ctl stop -fw held

# --- who leaves -------------------------------------------------------------
mkfifo "$work/pipe"
before=$(holdings)
"$VMCTL" send mine >"$work/pipe" 2>"$work/send.out" &
sender=$!
background $sender
exec 3<"$work/pipe"
sleep 1
expect 'a send that nobody reads is under way' refuse gone $sender
expect 'the VM runs' is_state mine running
expect 'another send of it is refused' \
    says 'being sent already' saves other ctl send mine
kill -KILL $sender
sleep 1
expect 'its client is killed: the VM runs' is_state mine running
exec 3<&-
expect 'and can be sent again' saves mine.state ctl send mine
head -c 4096 "$work/mine.state" >"$work/half"
{ cat "$work/half"; exec sleep 30; } >"$work/pipe" &
background $!
"$VMCTL" receive -f mine <"$work/pipe" >"$work/receive.out" 2>&1 &
receiver=$!
background $receiver
expect 'what is received is starting' wait_for 20 is_state mine starting
sleep 1
expect 'as long as it takes' is_state mine starting
kill -KILL $receiver
expect 'its client is killed: it is stopped' wait_for 20 is_state mine stopped
expect 'and the disk is free' is_free mine
expect 'half a state' says 'truncated' loads half ctl receive -f mine
expect 'it is stopped' is_state mine stopped
head -c 60000 /dev/urandom >"$work/noise"
{ head -c 4096 "$work/mine.state"; cat "$work/noise"; } >"$work/bad"
expect 'noise behind its beginning' refuse loads bad ctl receive -f mine
expect 'it is stopped' wait_for 20 is_state mine stopped
expect 'all of it' loads mine.state ctl receive -f mine
expect 'is the VM again' is_state mine running
expect 'and ends' ctl stop -fw mine
exit "$failed"
