#!/bin/sh
# A guest that reboots keeps its VM, its terminal and its attached console; one
# that switches itself off ends it.
. "$(dirname "$0")/lib.sh"
vmd_start </dev/null
expect 'a VM starts' start again 1
expect 'the guest comes up' guest_up again
id=$(column again ID)
tty=$(column again TTY)
type_line again 'run reboot -f'
expect 'it comes up a second time' guest_up again 2
expect 'it is the same VM' [ "$(column again ID)" = "$id" ]
expect 'with the same terminal' [ "$(column again TTY)" = "$tty" ]
expect 'and running' is_state again running
type_line again 'run poweroff -f'
expect 'power-off ends it' wait_for 20 unknown again
exit "$failed"
