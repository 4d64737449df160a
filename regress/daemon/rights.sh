#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Who may: root everything; a VM's owner and the members of its group start,
# stop, wait, pause and unpause it and may open its terminal; everybody who may
# open the socket sees the list; nobody else anything.
. "$(dirname "$0")/lib.sh"
owner=61001 member=61002 stranger=61003 group=63999
second=61005 crowded=61006
getent passwd $owner $member $stranger $second $crowded >/dev/null &&
    skip "there is a user among $owner to $crowded"
chmod 755 "$work"
truncate -s 4M "$work/owned.img" "$work/shared.img" "$work/root.img"
chmod 666 "$work"/*.img
cat >"$work/vm.conf" <<END
vm "owned" { disable, memory 32M, disk "$work/owned.img", owner $owner }
vm "shared" { disable, memory 32M, disk "$work/shared.img", owner $owner:$group }
vm "roots" { disable, memory 32M, disk "$work/root.img" }
END
cp "$VMCTL" "$work/vmctl"	# where everybody may execute it

# as USER COMMAND ...: with a group of its own only, but for the members, who
# are in the owning group too: one with it as its primary group, one by
# $many more, of which it is the last.  What counts is the groups that the
# client's process has; no data base of users is asked.
many=$(seq -s, 62000 62062),
as()
{
	user=$1
	shift
	gid=$user
	set -- "$work/vmctl" "$@"
	case $user in
	"$member") gid=$group; set -- --clear-groups "$@" ;;
	"$second") set -- --groups "$many$group" "$@" ;;
	"$crowded") set -- --groups "$(seq -s, 62000 63100),$group" "$@" ;;
	*) set -- --clear-groups "$@" ;;
	esac
	setpriv --reuid "$user" --regid "$gid" "$@"
}

vmd_run
expect 'the socket belongs to root' \
    [ "$(stat -c '%U:%G %a' "$VMD_SOCKET")" = 'root:root 660' ]
expect 'others may not connect' says 'ermission denied' as $owner status

# What follows is about what those may who can connect.
chmod 666 "$VMD_SOCKET"
expect 'anybody who may connect sees the list' as $stranger status
for request in 'log verbose' reload 'reset vms'; do
	# shellcheck disable=SC2086  # words
	expect "$request needs root" says 'only root' as $owner $request
done
expect 'so does a VM of its own making' \
    says 'only root' as $owner start -m 32M -d "$work/owned.img" mine
expect 'the log tells of the refusals' logged "uid $owner: denied request"

all_requests()
{
	verb=$1 who=$2 vm=$3
	for request in start 'stop -f' wait pause unpause; do
		# shellcheck disable=SC2086
		"$verb" as "$who" $request "$vm" || return 1
	done
}
not_the_owner()
{
	says 'not the owner' "$@"
}
expect 'a stranger may do nothing to a stopped VM' \
    all_requests not_the_owner $stranger owned
expect "an owner nothing to root's" all_requests not_the_owner $owner roots
expect 'the log tells of those' logged "uid $stranger: request denied for vm"

# The disks of a defined VM are those of vm.conf.
cp "$tools/badclient" "$work/badclient"
cp "$work/shared.img" "$work/swap.img"
chmod 666 "$work/swap.img"
expect 'an owner does not slip in another disk' \
    [ "$(setpriv --reuid $owner --regid $owner --clear-groups \
    "$work/badclient" "$VMD_SOCKET" disk owned "$work/swap.img")" = refused ]
expect 'and nothing has started' is_state owned stopped

expect 'the owner starts its VM' as $owner start owned
tty=/dev/$(column owned TTY)
expect 'its terminal is the owner'"'"'s' [ "$(stat -c %u "$tty")" = $owner ]
expect 'and nobody else may read it' \
    sh -c "case \$(stat -c %a '$tty') in 600|620) ;; *) false ;; esac"
expect 'a stranger may do nothing to it' \
    all_requests not_the_owner $stranger owned
expect 'a stranger cannot open its terminal' refuse \
    setpriv --reuid $stranger --regid $stranger --clear-groups \
    sh -c ": <>'$tty'"
expect 'the owner pauses it' as $owner pause owned
expect 'it is paused' is_state owned paused
expect 'the owner lets it run' as $owner unpause owned
as $owner wait owned >"$work/wait.out" 2>&1 &
waiter=$!
background $waiter
expect 'the owner stops it' as $owner stop -f owned
expect 'the owner waited for it' wait_for 20 gone $waiter
expect 'its terminal is gone' wait_for 20 refuse [ -c "$tty" ]

# While it runs it belongs to who started it.
expect 'root starts it' ctl start owned
expect 'now it is root'"'"'s' says 'not the owner' as $owner stop -f owned
expect 'root stops it' ctl stop -fw owned
# Again and again: the disk must be free when the end is told.
free_at_once()
{
	n=0
	while [ "$n" -lt 15 ]; do
		as "$owner" start owned && as "$owner" stop -fw owned || return 1
		n=$((n + 1))
	done
}
expect 'its disk is free at once, 15 times' free_at_once
expect 'then it is the owner'"'"'s again' as $owner start owned
expect 'root may stop it' ctl stop -fw owned

# The owning group.
for user in $member $second; do
	expect "$user is in its group: it starts it" as "$user" start shared
	tty=/dev/$(column shared TTY)
	expect "$user: the terminal is for the group, too" \
	    [ "$(stat -c '%g %a' "$tty")" = "$group 660" ]
	expect "$user pauses it" as "$user" pause shared
	expect "$user: the owner, who did not start it, may not" \
	    not_the_owner as $owner unpause shared
	expect "$user unpauses it" as "$user" unpause shared
	expect "$user: a stranger does not" \
	    not_the_owner as $stranger stop -f shared
	expect "$user stops it" as "$user" stop -fw shared
	expect "$user may not start others" not_the_owner as "$user" start owned
done
expect 'the groups of one who has over a thousand do not count' \
    not_the_owner as $crowded start shared
expect 'the log says so' logged "uid $crowded: its groups do not count"
exit "$failed"
