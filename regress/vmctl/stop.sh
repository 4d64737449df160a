#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl stop and wait.
. "$(dirname "$0")/lib.sh"

# stop_case NAME ARGS FLAGS TEXT
stop_case()
{
	# shellcheck disable=SC2086  # the options are words
	talk stop $2 web1 <<-EOF
		want VM_STOP
		result error=OK id=5
	EOF
	got "$1" 0 <<-EOF
		err stopping vm web1: $4 vm 5
		log VM_STOP name=web1 flags=$3
	EOF
}
stop_case 'stop' '' 0 'requested to shutdown'
stop_case 'stop -f' -f 1 'forced to terminate'
stop_case 'stop -w' -w 2 terminated
stop_case 'stop -fw' -fw 3 terminated
talk stop 5 <<-EOF
	want VM_STOP
	result error=OK id=5
EOF
got 'stop by id' 0 <<-EOF
	err stopping vm: requested to shutdown vm 5
	log VM_STOP id=5 flags=0
EOF
# stop_error ERROR TEXT
stop_error()
{
	talk stop web1 <<-EOF
		want VM_STOP
		result error=$1
	EOF
	got "stop: $1" 1 <<-EOF
		err stopping vm web1: $2
		log VM_STOP name=web1 flags=0
	EOF
}
stop_error NOT_RUNNING 'cannot stop vm that is not running'
stop_error NOT_FOUND 'vm not found'
stop_error STOPPING 'failed: vm is being stopped already'
stop_error PERMISSION 'failed: permission denied: not the owner of this VM'
for args in '' '-f' '-a web1' 'a b' '-x'; do
	# shellcheck disable=SC2086  # the options are words
	alone stop $args
	sed -i '/invalid option/d' err
	got "stop $args: usage" 1 <<-EOF
		err usage:	vmctl [-v] [-S socket] stop [-fw] -a|id
	EOF
done
talk stop -aw <<-EOF
	want STATUS
	status id=3 name=c state=2 pid=10
	status id=1 name=a state=2 pid=11
	status id=2 name=b state=0
	status id=4 name=d state=4 pid=12
	status id=5 name=e state=3 pid=13
	status id=6 name=f state=2 pid=14
	end
	want VM_STOP
	result error=OK id=1
	want VM_STOP
	result error=PERMISSION id=3
	want VM_STOP
	result error=STOPPING id=4
	want VM_WAIT
	sleep 100
	result error=OK id=4
	want VM_STOP
	result error=NOT_RUNNING id=5
	want VM_STOP
	result error=NOT_FOUND
EOF
got 'stop -aw: each that runs, one after the other' 1 <<-EOF
	err stopping vm a: terminated vm 1
	err stopping vm c: failed: permission denied: not the owner of this VM
	err stopping vm d: terminated vm 4
	err stopping vm e: has ended already
	err stopping vm f: has ended already
	log STATUS
	log VM_STOP name=a flags=2
	log VM_STOP name=c flags=2
	log VM_STOP name=d flags=2
	log VM_WAIT name=d
	log VM_STOP name=e flags=2
	log VM_STOP name=f flags=2
EOF
talk stop -a <<-EOF
	want STATUS
	end
EOF
got 'stop -a with nothing to stop' 0 <<-EOF
	log STATUS
EOF
talk wait web1 <<-EOF
	want VM_WAIT
	sleep 300
	result error=OK id=5
EOF
got 'wait' 0 <<-EOF
	err waiting for vm web1: terminated vm 5
	log VM_WAIT name=web1
EOF
talk wait 5 <<-EOF
	want VM_WAIT
	result error=OK id=5 detail=triple fault
EOF
got 'wait by id, and how the VM ended' 0 <<-EOF
	err waiting for vm: terminated vm 5 (triple fault)
	log VM_WAIT id=5
EOF
talk wait web1 <<-EOF
	want VM_WAIT
	result error=NOT_RUNNING
EOF
got 'wait for what does not run' 1 <<-EOF
	err waiting for vm web1: vm is not running
	log VM_WAIT name=web1
EOF
printf 'want VM_WAIT\neof\n' >script
"$FAKE" sock script >log &
fake=$!
until [ -e sock ]; do sleep 0.01; done
# A shell starts its background jobs with SIGINT ignored: timeout sends it.
timeout -s INT 0.5 "$VMCTL" wait web1 >out 2>err </dev/null
rc=$?
wait $fake
echo >>err
got 'wait is interrupted by SIGINT and says no more' 124 <<-EOF
	err waiting for vm web1:
	log VM_WAIT name=web1
EOF
exit $failed
