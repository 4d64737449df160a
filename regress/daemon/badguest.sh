#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A guest that has taken over the process of its VM answers questions as it
# likes (regress/lib/badvmd.c): it costs the daemon no memory and no client of
# another VM anything, and where it breaks the rules it is ended.
. "$(dirname "$0")/lib.sh"
[ -x "$tools/badvmd" ] || skip 'regress/lib/badvmd is not built'
VMD=$tools/badvmd
: >"$work/vm.conf"
vmd_run

expect 'VM 1 keeps the rules' idle good
expect 'VM 2 floods' idle floods
expect 'VM 3 lies' idle lies
expect 'VM 4 repeats itself' idle repeats
expect 'the good one answers' ctl stats good
pid=$(column good PID)
vmm=$(memory "$(role_pid vmm)")
parent=$(memory "$vmd_pid")
control=$(memory "$(role_pid control)")

# Somebody waits for the good one's answer all the while.
kill -STOP "$pid"
asks good stats good
asks waits wait good
for i in 1 2 3 4 5 6 7 8; do
	asks "crowd$i" stats good
done
sleep 0.5

floods=$(column floods PID)
asks floods stats floods
expect 'a flood ends its VM' wait_for 10 gone "$floods"
expect 'who asked it is told' wait_for 20 answered floods
expect 'that it does not run' grep -q 'vm is not running' "$work/floods.out"
expect 'the log says why' \
    logged 'vm floods: its process says more than it was asked: ended'
expect 'in one line' [ "$(grep -c 'says more' "$work/vmd.log")" = 1 ]

asks lies stats lies
sleep 1
expect 'nobody takes what he did not ask for: who asked the liar waits' \
    refuse answered lies
expect 'and so does who asked the good one' refuse answered good
expect 'and who waits for its end' refuse answered waits
expect 'others are served' ctl status good
expect 'the liar ends' ctl stop -fw lies
expect 'who asked it is told' wait_for 20 answered lies
expect 'that it does not run' grep -q 'vm is not running' "$work/lies.out"

repeats=$(column repeats PID)
expect 'one that repeats itself answers once' ctl stats repeats
expect 'and is ended' wait_for 20 gone "$repeats"
expect 'the log says why' \
    logged 'vm repeats: its process answers what nobody asked: ended'

kill -CONT "$pid"
expect 'the good one answers' wait_for 20 answered good
expect 'as asked' [ "$(cat "$work/good.rc")" = 0 ]
expect 'with nothing of the others' \
    sh -c "grep -q cpu_time '$work/good.out' && ! grep -q bad '$work/good.out'"
for i in 1 2 3 4 5 6 7 8; do
	expect "so do the other askers: $i" wait_for 20 answered "crowd$i"
	expect "with all of it: $i" [ "$(wc -l <"$work/crowd$i.out")" = \
	    "$(wc -l <"$work/good.out")" ]
done
small()
{
	[ "$(memory "$1")" -le $(($2 + 2048)) ]
}
expect 'vmm is as small as before' small "$(role_pid vmm)" "$vmm"
expect 'so is the parent' small "$vmd_pid" "$parent"
expect 'and control' small "$(role_pid control)" "$control"
expect 'the good one went on' [ "$(column good PID)" = "$pid" ]
expect 'and ends' ctl stop -fw good
expect 'who waited for that is told' wait_for 20 answered waits
exit "$failed"
