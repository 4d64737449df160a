#!/bin/sh
# What a guest printed reaches its reader: before somebody looked, while nobody
# reads, and in the moment before its VM ends.
. "$(dirname "$0")/lib.sh"
verbose=-vv
cd "$work" || exit 1
: >vm.conf
vmd_run

expect 'a VM starts' idle late
expect 'its firmware speaks' wait_for 20 logged 'firmware: No bootable device'
tty=$(column late TTY)
exec 3<"/dev/$tty"
expect 'what was printed before somebody looked is there' sh -c \
    'timeout 2 cat <&3 | grep -q "SeaBIOS (version"'
exec 3<&-

: >vmd.log
expect 'another VM starts' idle last
exec 3<"/dev/$(column last TTY)"
expect 'its firmware speaks to one who does not read' \
    wait_for 20 logged 'firmware: No bootable device'
expect 'it is ended' ctl stop -fw last
expect 'the last words are still there' sh -c \
    'timeout 2 cat <&3 | grep -q "No bootable device"'
exec 3<&-
expect 'stop of the first' ctl stop -fw late
expect 'its terminal is gone' wait_for 20 refuse [ -c "/dev/$tty" ]
exit "$failed"
