#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A control process that breaks its rules, as one would that a client has taken
# over (regress/lib/badvmd.c), costs the daemon no memory, and no VM: the
# parent ends it and starts another.
. "$(dirname "$0")/lib.sh"
[ -x "$tools/badvmd" ] || skip 'regress/lib/badvmd is not built'
VMD=$tools/badvmd
: >"$work/vm.conf"
vmd_run
chmod 666 "$VMD_SOCKET"
cp "$VMCTL" "$work/vmctl"	# where everybody may execute it
expect 'a VM starts' idle bystander
pid=$(column bystander PID)
before=$(holdings)

# by UID: a client of that user.
by()
{
	setpriv --reuid "$1" --regid "$1" --clear-groups \
	    timeout 10 "$work/vmctl" status
}
# An announcement too many is seen by its line; a control may die five times.
too_many()
{
	[ "$(grep -c 'announced a client too many: ended' "$work/vmd.log")" \
	    -eq "$1" ]
}
replaced()
{
	new=$(role_pid control)
	[ -n "$new" ] && [ "$new" != "$control" ]
}
goes_on()
{
	expect "$1: it is ended, the log says why" wait_for 20 too_many "$2"
	expect "$1: another takes its place" wait_for 20 replaced
	expect "$1: which serves" wait_for 20 vmd_answers
	expect "$1: the VM went on" [ "$(column bystander PID)" = "$pid" ]
	same_as_before "$1: nothing is left" "$before"
}

control=$(role_pid control)
expect 'as many clients as there may be' by 61010
expect 'are taken' too_many 0
expect 'from the control there was' [ "$(role_pid control)" = "$control" ]
# All but one of them stay, and this is the last.
ctl wait bystander >"$work/wait.out" 2>&1 &
waiter=$!
background $waiter
sleep 0.5
expect 'the last is taken, too' too_many 0
expect 'one more' refuse timeout 10 "$VMCTL" status
goes_on 'a client too many' 1
expect 'a client too many: who waited is told' wait_for 20 gone $waiter

# The places of those that its predecessor announced are free again.
control=$(role_pid control)
expect 'as many once more' by 61010
expect 'are taken by its successor' too_many 1
kill -9 "$control"
expect 'it dies, another serves' wait_for 20 vmd_answers

sleep 2
control=$(role_pid control)
by 61011 >/dev/null 2>&1
goes_on 'a client announced twice' 2
ctl wait bystander >"$work/wait.out" 2>&1 &
waiter=$!
background $waiter
sleep 2.2
control=$(role_pid control)
by 61011 >/dev/null 2>&1
expect 'who waited for the VM is told that it will not hear of it' \
    wait_for 20 gone $waiter
goes_on 'once more' 3
exit "$failed"
