#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl pause, unpause, log, reload and reset.
. "$(dirname "$0")/lib.sh"

for word in pause unpause; do
	type=VM_$(echo $word | tr '[:lower:]' '[:upper:]')
	talk $word web1 <<-EOF
		want $type
		result error=OK id=5
	EOF
	got "$word" 0 <<-EOF
		err vmctl: ${word}d vm 5 successfully
		log $type name=web1
	EOF
	talk $word 7 <<-EOF
		want $type
		result error=NOT_RUNNING
	EOF
	got "$word of a stopped VM" 1 <<-EOF
		err vmctl: $word vm command failed: vm is not running
		log $type id=7
	EOF
done
# quiet ARGS REQUEST...: no output, and the request that is sent.
quiet()
{
	args=$1
	shift
	# shellcheck disable=SC2086  # the arguments are words
	talk $args <<-EOF
		want ${1%% *}
		result error=OK
	EOF
	got "$args" 0 <<-EOF
		log $1
	EOF
}
quiet 'log brief' 'LOG_LEVEL level=0'
quiet 'log verbose' 'LOG_LEVEL level=1'
quiet 'log v' 'LOG_LEVEL level=1'
quiet 'log trace' 'LOG_LEVEL level=2'
quiet 'reload' RELOAD
quiet 'reset' 'RESET what=3'
quiet 'reset all' 'RESET what=3'
quiet 'reset vms' 'RESET what=1'
quiet 'reset switches' 'RESET what=2'
quiet 'rel' RELOAD
for args in 'log' 'log loud' 'log brief verbose'; do
	# shellcheck disable=SC2086  # the arguments are words
	alone $args
	got "$args: usage" 1 <<-EOF
		err usage:	vmctl [-v] [-S socket] log brief|verbose|trace
	EOF
done
alone reload now
got 'reload takes no argument' 1 <<-EOF
	err usage:	vmctl [-v] [-S socket] reload
EOF
talk log brief <<-EOF
	want LOG_LEVEL
	result error=NEEDS_ROOT
EOF
got 'a request only root may make' 1 <<-EOF
	err vmctl: command failed: permission denied: only root or the daemon's own user may do this
	log LOG_LEVEL level=0
EOF
talk reload <<-EOF
	want RELOAD
	result error=CONFIG detail=/etc/vm.conf:3: syntax error
EOF
got 'reload of a wrong vm.conf' 1 <<-EOF
	err vmctl: command failed: the configuration has errors: /etc/vm.conf:3: syntax error
	log RELOAD
EOF
exit $failed
