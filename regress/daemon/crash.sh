#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A guest that does what KVM cannot emulate crashes its VM.  It starts again as
# after a reset, with its id and terminal; at the third time within 6 s it does
# not, and who waits for it hears why.
. "$(dirname "$0")/lib.sh"
as --32 -o "$work/lost.o" "$(dirname "$0")/lost.S" &&
    ld -n -m elf_i386 -Ttext=0x100000 -e _start -o "$work/lost" \
    "$work/lost.o" || skip 'cannot assemble the guest'
: >"$work/vm.conf"
vmd_run
expect 'a VM starts' ctl start -m 64M -b "$work/lost" lost
console_open lost
expect 'its guest is up' console_within 10 lost '^up'
ctl wait lost >"$work/wait.out" 2>&1 &
waiter=$!
background $waiter
before=$(column lost ID) tty=$(column lost TTY)

# crash TIMES: again and again, each in a new process.
ups=1
crash()
{
	n=0
	while [ "$n" -lt "$1" ]; do
		pid=$(column lost PID)
		[ -n "$pid" ] || return 1
		type_keys lost x
		wait_for 20 gone "$pid" || return 1
		n=$((n + 1)) ups=$((ups + 1))
		[ $# -gt 1 ] || console_within 20 lost '^up' "$ups" || return 1
	done
}
expect 'it crashes twice and is up each time' crash 2
expect 'the log says why it ended' \
    logged 'vm lost: vm: ends: KVM cannot emulate .*suberror'
expect 'and that it is reset' logged 'lost (vm [0-9]*) is reset'
expect 'with the id it had' [ "$(column lost ID)" = "$before" ]
expect 'and the terminal' [ "$(column lost TTY)" = "$tty" ]
expect 'nobody who waits for its end has heard of one' \
    refuse gone "$waiter"

# Only what came within 6 s counts.
sleep 6
expect 'it crashes a third time, later, and is up' crash 1
expect 'and a fourth time' crash 1
expect 'it is not given up' refuse logged 'restarted too quickly'
expect 'a fifth time, the third within 6 s' crash 1 last
expect 'it is not up again' wait_for 20 unknown lost
expect 'the log says that' logged 'lost (vm [0-9]*): restarted too quickly'
expect 'and that it crashed' logged 'lost (vm [0-9]*) crashed: KVM cannot'
expect 'who waited hears of it' wait_for 20 gone "$waiter" || kill "$waiter"
wait "$waiter"
status=$?
expect 'with status 1' [ $status -eq 1 ]
expect 'and why' grep -q 'KVM cannot emulate' "$work/wait.out"
expect 'its terminal is gone' wait_for 20 refuse [ -c "/dev/$tty" ]
expect 'no process of it is left' [ -z "$(role_pids '(vm|blk[0-9]) ?/?lost')" ]

exit "$failed"
