#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl send: where it goes to, what is asked for, the command that takes it,
# and what is said at the end.
. "$(dirname "$0")/lib.sh"
usage='usage:	vmctl [-v] [-S socket] send [-s] [-t ms] [-z level] id [-- command ...]'

# finished: the last line tells a time.
finished()
{
	sed -i 's/in [0-9.]* s/in X s/' err
}

talk send web1 <<-EOF
	want VM_SEND
	fill the state
	sending 1 1048576 2097152 1048576 0 0 0
	sending 2 3145728 0 1048576 4096 250 40
	result error=OK id=5
EOF
finished
echo >>out
got 'send to a file' 0 <<-EOF
	out the state
	err vmctl: sent vm 5, 3.0M in X s
	err vmctl: it wrote faster than its memory could be sent, and was slowed down by up to 40%
	log VM_SEND name=web1 flags=0 downtime=300 level=0 file
EOF
talk send -s -t 50 -z 3 7 <<-EOF
	want VM_SEND
	result error=OK id=7
EOF
finished
got 'send -s' 0 <<-EOF
	err vmctl: copied vm 7 in X s; it goes on
	log VM_SEND id=7 flags=1 downtime=50 level=3 file
EOF
talk send 7 <<-EOF
	want VM_SEND
	result error=SEND_FAILED errno=28 detail=writing the state
EOF
got 'a send that fails' 1 <<-EOF
	err vmctl: send vm command failed: cannot send the VM, which goes on here: writing the state: No space left on device
	log VM_SEND id=7 flags=0 downtime=300 level=0 file
EOF
talk send 7 <<-EOF
	want VM_SEND
	sending 1 18446744073709551615 18446744073709551615 18446744073709551615 18446744073709551615 4294967295 4294967295
	result error=SEND_DOUBT
EOF
got 'in doubt' 1 <<-EOF
	err vmctl: send vm command failed: the receiver may have the VM: it is paused here; stop it if it runs there, else unpause it
	log VM_SEND id=7 flags=0 downtime=300 level=0 file
EOF
talk send 7 <<-EOF
	want VM_SEND
	progress 1 2
EOF
got 'an answer to another question' 1 <<-EOF
	err vmctl: bad answer from vmd: VM_PROGRESS where a RESULT was due
	log VM_SEND id=7 flags=0 downtime=300 level=0 file
EOF

# The command's standard input and output are the two ways of one socket.
# It gets 14 bytes and answers with those.
# shellcheck disable=SC2016  # it is for that shell
talk send web1 -- sh -c 'echo "heard $(head -c 14)"; exec cat >&2' <<-EOF
	want VM_SEND
	fill to the command
	back
	result error=OK id=5
EOF
finished
got 'a command' 0 <<-EOF
	err vmctl: sent vm 5 in X s
	log VM_SEND name=web1 flags=2 downtime=300 level=0 socket
	log back "heard to the command"
EOF
talk send web1 -- sh -c 'exec cat >&2' <<-EOF
	want VM_SEND
	result error=NOT_RUNNING
EOF
got 'a VM that does not run' 1 <<-EOF
	err vmctl: send vm command failed: vm is not running
	log VM_SEND name=web1 flags=2 downtime=300 level=0 socket
EOF
talk send -s web1 -- sh -c 'kill -TERM $$' <<-EOF
	want VM_SEND
	result error=OK id=5
EOF
finished
got 'a command that dies' 0 <<-EOF
	err vmctl: copied vm 5 in X s; it goes on
	err vmctl: sh: Terminated
	log VM_SEND name=web1 flags=3 downtime=300 level=0 socket
EOF
talk send web1 -- "$work/none" <<-EOF
	want VM_SEND
	result error=SEND_FAILED errno=32
EOF
sort -o err err
got 'no such command' 1 <<-EOF
	err vmctl: $work/none: No such file or directory
	err vmctl: $work/none: exit status 127
	err vmctl: send vm command failed: cannot send the VM, which goes on here: Broken pipe
	log VM_SEND name=web1 flags=2 downtime=300 level=0 socket
EOF

# Into a pipe, and what is none of these.
cat >script <<-EOF
	want VM_SEND
	fill through a pipe
	result error=OK id=5
EOF
"$FAKE" sock script >log 2>&1 &
until [ -e sock ]; do sleep 0.01; done
timeout 20 "$VMCTL" send web1 2>err | cat >out
rc=0
wait
finished
echo >>out
got 'send to a pipe' 0 <<-EOF
	out through a pipe
	err vmctl: sent vm 5 in X s
	log VM_SEND name=web1 flags=0 downtime=300 level=0 pipe
EOF
: >out
: >log
"$VMCTL" send web1 >/dev/null 2>err
rc=$?
got 'a device' 1 <<-EOF
	err vmctl: standard output is neither a file, nor a pipe, nor a socket
EOF
"$VMCTL" send web1 2>err 1<out
rc=$?
got 'not open for writing' 1 <<-EOF
	err vmctl: standard output is neither a file, nor a pipe, nor a socket
EOF
if command -v script >/dev/null; then
	script -qec "'$VMCTL' send web1" /dev/null </dev/null 2>&1 |
	    tr -d '\r' >err
	rc=1
	got 'a terminal' 1 <<-EOF
		err vmctl: standard output is a terminal: redirect it into a file or a pipe, or let -- and a command follow
	EOF
else
	echo 'skip - a terminal: no script'
fi
for args in '-t 0' '-t 60001' '-t x' '-t 99999999999999999999'; do
	# shellcheck disable=SC2086  # the arguments are words
	alone send $args web1
	got "$args" 1 <<-EOF
		err vmctl: invalid downtime: ${args#-t } (1 to 60000)
	EOF
done
for args in '-z 0' '-z 20' '-z -1'; do
	# shellcheck disable=SC2086  # the arguments are words
	alone send $args web1
	got "$args" 1 <<-EOF
		err vmctl: invalid level: ${args#-z } (1 to 19)
	EOF
done
for args in send 'send -x a' 'send a b' 'send a --' 'send a b c'; do
	# shellcheck disable=SC2086  # the arguments are words
	alone $args
	sed -i '/invalid option/d' err
	got "$args: usage" 1 <<-EOF
		err $usage
	EOF
done
exit $failed
