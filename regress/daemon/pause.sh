#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Pausing at the wrong moment: whoever asks is answered, and the VM goes on, or
# ends, as it was told last.
. "$(dirname "$0")/lib.sh"
: >"$work/vm.conf"
vmd_run

# The firmware has set up the disk: its process has something to stop.
for vm in one two three; do
	expect "VM $vm" idle $vm
	console_open $vm
done
for vm in one two three; do
	expect "$vm runs" console_within 30 $vm 'No bootable device'
done

pid=$(column one PID)
for i in 1 2 3 4 5 6 7 8 9 10; do
	ctl pause one && ctl unpause one || break
done >"$work/again.out" 2>&1
expect 'pausing and going on, again and again' [ "$i" = 10 ]
expect 'it runs' is_state one running

blk=$(role_pid blk0/one)
kill -STOP "$blk"
began=$(date +%s)
asks first pause one
asks second pause one
sleep 1
expect 'unpause of a VM that is about to pause' says 'not paused' \
    ctl unpause one
expect 'a disk process hangs: pause is answered' wait_for 8 answered first
expect 'that it failed' [ "$(cat "$work/first.rc")" -ne 0 ]
expect 'in a sentence' grep -q 'no answer in time' "$work/first.out"
expect 'after some seconds' [ $(($(date +%s) - began)) -ge 4 ]
expect 'the second who asked is answered, too' wait_for 3 answered second
expect 'the log names the device' logged 'blk0 does not stop'
expect 'the VM runs on' is_state one running

# What was asked for first is answered late: that is for nobody any more.
kill -CONT "$blk"
expect 'the process goes on: pause' ctl pause one
expect 'it is paused' is_state one paused
expect 'and runs again' ctl unpause one

kill -STOP "$blk"
asks first pause one
sleep 0.5
kill -CONT "$blk"
expect 'it goes on in time: pause succeeds' wait_for 3 answered first
expect 'with status 0' [ "$(cat "$work/first.rc")" = 0 ]
expect 'and the VM runs again' ctl unpause one

kill -STOP "$blk"
asks first pause one
sleep 0.5
began=$(date +%s)
kill -KILL "$blk"
expect 'it dies while pausing: pause is answered' wait_for 3 answered first
expect 'the VM is paused' is_state one paused
expect 'and runs again' ctl unpause one
expect 'it is the same VM' [ "$(column one PID)" = "$pid" ]

# Stopping wins.
kill -STOP "$(role_pid blk0/two)"
asks first pause two
sleep 0.5
asks stop stop -w two
expect 'a VM that pauses is stopped: pause is answered' wait_for 3 answered first
expect 'with why' grep -q 'being stopped' "$work/first.out"
expect 'pause of one that stops' says 'being stopped' ctl pause two
expect 'it ends' wait_for 8 answered stop
expect 'as asked' [ "$(cat "$work/stop.rc")" = 0 ]

# A guest that stands still cannot hear the button: this one runs, if a key
# makes it reset itself.
as --32 -o "$work/reset.o" "$(dirname "$0")/reset.S" &&
    ld -n -m elf_i386 -Ttext=0x100000 -e _start -o "$work/reset" \
    "$work/reset.o"
resets()
{
	expect "$1: the guest runs" type_keys "$1" x
	expect "$1: it ends" wait_for 8 answered stop
	expect "$1: as asked" [ "$(cat "$work/stop.rc")" = 0 ]
	expect "$1: by what it did" logged "$1 (vm [0-9]*) reset itself"
}
for vm in paused unheard; do
	expect "$vm: a VM" ctl start -m 64M -b "$work/reset" $vm
	console_open $vm
	expect "$vm: is up" console_within 10 $vm '^up'
done
expect 'a paused VM' ctl pause paused
asks stop stop -w paused
expect 'is stopped' wait_for 20 is_state paused waiting
resets paused

# It is asked to stop when it has paused, which nobody has heard of yet.
vmm=$(role_pid vmm)
pid=$(column unheard PID)
kill -STOP "$pid"
asks first pause unheard
sleep 0.5
kill -STOP "$vmm"
kill -CONT "$pid"
sleep 0.5
expect 'a VM that has paused unheard' is_state unheard running
asks stop stop -w unheard
expect 'is stopped' wait_for 20 is_state unheard waiting
kill -CONT "$vmm"
expect 'pause is answered' wait_for 3 answered first
expect 'it had paused' [ "$(cat "$work/first.rc")" = 0 ]
resets unheard

expect 'a paused VM' ctl pause one
expect 'is stopped without force' timeout 10 "$VMCTL" stop -w one

# Its process dies: who waits for the pause hears of it.
kill -STOP "$(role_pid blk0/three)"
asks first pause three
sleep 0.5
kill -KILL "$(column three PID)"
expect 'the VM dies while pausing: pause is answered' \
    wait_for 4 answered first
expect 'that it died' grep -q 'died' "$work/first.out"
expect 'nothing is left' wait_for 20 no_vm

# Before it is up, there is nothing to pause.
kill -STOP "$vmm"
asks start start -m 32M -d "$work/one.img" early
expect 'a VM starts' wait_for 20 is_state early starting
expect 'pause is refused' says 'not running' ctl pause early
kill -CONT "$vmm"
expect 'the start succeeds' wait_for 10 answered start
expect 'with status 0' [ "$(cat "$work/start.rc")" = 0 ]
expect 'then it can be paused' ctl pause early

# The guest resets before the pause is there.
expect 'a VM that resets itself' ctl start -m 64M -b "$work/reset" again
console_open again
expect 'is up' console_within 10 again '^up'
before=$(column again PID)
kill -STOP "$vmm"
asks first pause again
sleep 0.5
type_keys again x
expect 'its process ends' wait_for 20 gone "$before"
kill -CONT "$vmm"
expect 'pause is answered' wait_for 20 answered first
expect 'it was not running' grep -q 'not running' "$work/first.out"
expect 'the VM is up again' wait_for 20 is_state again running
expect 'in a new process' refuse [ "$(column again PID)" = "$before" ]
expect 'which can be paused' ctl pause again
exit "$failed"
