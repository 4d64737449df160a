#!/bin/sh
# The console: what was printed before is seen on attaching, lines go in and
# answers come out, ~. leaves and the VM goes on, one attaches again.
. "$(dirname "$0")/lib.sh"
vmd_start </dev/null
expect 'a VM starts' start con 1
sleep 15	# nobody is attached while the guest boots
expect 'what the guest printed before is seen' guest_up con
type_line con 'hello there'
expect 'a line typed in is answered' \
    console_within 10 con '^guest: you typed: hello there'
# The escape is one at the beginning of a line only.
type_line con 'not ~. here'
expect 'a tilde in a line is text' \
    console_within 10 con '^guest: you typed: not ~\. here'
type_line con ''
sleep 1
type_keys con '~.'
console=${started##* }
expect '~. leaves the console' wait_for 10 sh -c \
    "! pgrep -f 'vmctl console con\$' >/dev/null"
expect 'the VM goes on' is_state con running
end "$console"
: >"$work/console.con"
console_open con
type_line con 'back again'
expect 'one attaches again' \
    console_within 10 con '^guest: you typed: back again'
expect 'an unknown VM has no console' refuse ctl console nosuch
expect 'vmctl stop -fw' ctl stop -fw con
exit "$failed"
