#!/bin/sh
# SPDX-License-Identifier: ISC
# Answers that are cut short, malformed, or not from a daemon at all.
. "$(dirname "$0")/lib.sh"

# bad NAME SCRIPT MESSAGE: what the daemon does after RELOAD.
bad()
{
	talk reload <<-EOF
		want RELOAD
		$2
	EOF
	got "$1" 1 <<-EOF
		err vmctl: $3
		log RELOAD
	EOF
}
closed='pipe closed: vmd dropped the connection'
bad 'no answer at all' '' "$closed"
bad 'half a header' 'raw 0d000000 20' "$closed"
bad 'half a message' "raw 0d000000 84000000 01000000 00000000 00" "$closed"
bad 'garbage' 'raw ffffffffffffffffffffffffffffffff' \
    'bad answer from vmd: not a message'
bad 'text' 'raw 485454502f312e3120343030204261640d0a0d0a' \
    'bad answer from vmd: not a message'
bad 'another version' 'peerid 7
result error=OK' \
    'vmd speaks version 7 of the protocol, this vmctl 3: install both from one release and restart vmd'
bad 'a message for somebody else' 'message VM_STATE 8' \
    'bad answer from vmd: unexpected message type (VM_STATE, 8 bytes)'
bad 'a number that is no message' 'message 4000 8' \
    'bad answer from vmd: unexpected message type (unknown, 8 bytes)'
bad 'an answer to another question' 'end' \
    'bad answer from vmd: STATUS_END where a RESULT was due'
for len in $((result - 1)) $((result + detail + 1)); do
	bad "a result of $len bytes" "message RESULT $len" \
	    "bad answer from vmd: message of a wrong length (RESULT, $len bytes)"
done
bad 'a descriptor nobody asked for' 'descriptor
result error=OK' \
    'bad answer from vmd: unexpected descriptor (RESULT)'
bad 'an error without a text' 'result error=12345' \
    'command failed: unknown error'
talk status <<-EOF
	want STATUS
	status id=1 name=a state=77 uid=0
	message STATUS_VM 3
EOF
got 'a list that breaks off prints nothing' 1 <<-EOF
	err vmctl: bad answer from vmd: message of a wrong length (STATUS_VM, 3 bytes)
	log STATUS
EOF
talk status <<-EOF
	want STATUS
	status id=1 name=a state=77 uid=0
	result error=OK
EOF
got 'a list that ends in a result' 1 <<-EOF
	err vmctl: bad answer from vmd: no list of VMs
	log STATUS
EOF
talk stop a <<-EOF
	want VM_STOP
EOF
got 'the daemon goes while stop waits' 1 <<-EOF
	err stopping vm a: vmctl: $closed
	log VM_STOP name=a flags=0
EOF
exit $failed
