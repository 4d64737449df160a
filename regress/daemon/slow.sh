#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A kernel whose file is slow to read, or never is: a client's file may lie on
# a file system of the client's making.  The one starts late; the other does
# not for ever, and both hold up nobody.
. "$(dirname "$0")/lib.sh"
[ -x "$tools/badvmd" ] || skip 'regress/lib/badvmd is not built'
VMD=$tools/badvmd
as --32 -o "$work/reset.o" "$(dirname "$0")/reset.S" &&
    ld -n -m elf_i386 -Ttext=0x100000 -e _start -o "$work/reset" \
    "$work/reset.o" || skip 'cannot assemble the guest'
: >"$work/vm.conf"
vmd_run
expect 'a VM starts' idle quick
expect 'and stops' ctl stop -fw quick
before=$(holdings)
# starts NAME: with its name as the kernel's arguments.
starts()
{
	ctl start -m 64M -b "$work/reset" -A "$1" "$1" >"$work/$1.out" 2>&1 &
	background $!
	last=$!
}
began=$(date +%s)
starts hang
hang=$last
starts slow
slow=$last
expect 'both are starting' wait_for 20 is_state hang starting
expect 'the slow one, too' is_state slow starting
expect 'meanwhile another VM starts' idle quick
expect 'and stops' ctl stop -fw quick
expect 'the slow one comes up' wait_for 20 is_state slow running
expect 'its client hears of it' wait_for 20 gone "$slow"
expect 'by then its devices had been there for long' \
    [ $(($(date +%s) - began)) -ge 12 ]
expect 'it stops' ctl stop -fw slow
expect 'the other is still starting' is_state hang starting
expect 'until its time is up' wait_for 60 gone "$hang"
expect 'after a minute' [ $(($(date +%s) - began)) -ge 59 ]
expect 'its client hears that it took too long' \
    grep -q 'no answer in time: its kernel or initrd' "$work/hang.out"
expect 'it is not there' unknown hang
starts hang
expect 'one that is starting' wait_for 20 is_state hang starting
expect 'can be stopped' timeout 10 "$VMCTL" stop -w hang
same_as_before 'nothing is left' "$before"
exit "$failed"
