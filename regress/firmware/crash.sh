#!/bin/sh
# A guest that crashes its VM three times within 6 s is not restarted.
needs_kernel=0
. "$(dirname "$0")/../integration/lib.sh"
case $("$(dirname "$0")/../kvm") in
none*) skip 'no /dev/kvm' ;;
esac
as --32 -o "$work/crash.o" "$(dirname "$0")/crash.S" &&
    ld -n -m elf_i386 -Ttext=0x100000 -e _start -o "$work/crash" \
    "$work/crash.o" || skip 'cannot assemble the guest'
vmd_start </dev/null
expect 'it starts' ctl start -m 64M -b "$work/crash" crash
expect 'a VM that crashes again and again is given up' wait_for 20 unknown crash
expect 'the log says why' grep -qiE 'crash' "$work/vmd.log"
expect 'no process of it is left' sh -c \
    "! ps -eo args | grep '[/]crash\$'"
expect 'the daemon works' vmd_answers
exit "$failed"
