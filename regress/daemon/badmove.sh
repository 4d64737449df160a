#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A guest that has taken over the process of a VM that moves asks for the locks
# of its disks as it likes, or says that it runs without them
# (regress/lib/badvmd.c): it is ended, and nobody else notices.
. "$(dirname "$0")/lib.sh"
[ -x "$tools/badvmd" ] || skip 'regress/lib/badvmd is not built'
VMD=$tools/badvmd
# The first four have other bad habits.
for vm in a b c d early often sure; do
	truncate -s 4M "$work/$vm.img"
	echo "vm \"$vm\" { disable, memory 32M, disk \"$work/$vm.img\" }"
done >"$work/vm.conf"
vmd_run

expect 'a VM that keeps the rules' ctl start a
expect 'it is copied' sh -c "'$VMCTL' send -s a >'$work/a.state'"
pid=$(column a PID)

expect 'VM early' ctl start early
process=$(column early PID)
asks early stats early
expect 'that asks for its disks when it does not move is ended' \
    wait_for 10 gone "$process"
expect 'who asked it is told' wait_for 20 answered early
expect 'the log says why' logged \
    'vm early: its process asks for disks when it does not move: ended'

expect 'VM often' ctl start often
process=$(column often PID)
expect 'a send of it fails' refuse sh -c "'$VMCTL' send often >'$work/often.state'"
expect 'it is ended' wait_for 10 gone "$process"
expect 'the log says why' logged 'vm often: its process asks for disks'

# Another has the disk: what arrives must not run before that lets go.
flock "$work/sure.img" sleep 30 &
background $!
sleep 0.5
expect 'VM sure is received, and ended' says 'the VM process died' \
    sh -c "'$VMCTL' receive -f sure <'$work/a.state'"
expect 'the log says why' \
    logged 'sure (vm 7): its process says it runs, without its disks: ended'
expect 'it is stopped' is_state sure stopped

expect 'the one that keeps the rules goes on' [ "$(column a PID)" = "$pid" ]
expect 'and ends' ctl stop -fw a
exit "$failed"
