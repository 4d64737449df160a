#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl status as a table and as JSON, and consoles that are not there.
. "$(dirname "$0")/lib.sh"

vms='status id=2 name=db state=0 cpus=2 memory=2048 uid=1 gid=1
status id=1 name=web1 state=2 pid=123 cpus=1 memory=512 used=40 tty=/dev/pts/3 uid=0
status id=3 name=idle state=3 pid=1234567 cpus=64 memory=131072 used=1536 tty=/dev/pts/14 uid=0 gid=1 flags=1
end'
head='out    ID   PID VCPUS  MAXMEM  CURMEM     TTY        OWNER    STATE NAME'
web1='out     1   123     1    512M   40.0M   pts/3         root  running web1'
db='out     2     -     2    2.0G       -       - daemon:daemon  stopped db'
idle='out     3 1234567    64    128G    1.5G  pts/14      :daemon   paused idle'
# status_case ARGS STATUS LINE...
status_case()
{
	args=$1 want=$2
	shift 2
	# shellcheck disable=SC2086  # the arguments are words
	talk $args <<-EOF
		want STATUS
		$vms
	EOF
	{ printf '%s\n' "$@"; echo log STATUS; } >lines
	got "$args" "$want" <lines
}
status_case status 0 "$head" "$web1" "$db" "$idle"
status_case show 0 "$head" "$web1" "$db" "$idle"
status_case 'status -r' 0 "$head" "$web1" "$idle"
status_case 'status web1' 0 "$head" "$web1"
status_case 'status 3' 0 "$head" "$idle"
status_case 'status nosuch' 1 'err vmctl: vm not found'
status_case 'status 99' 1 'err vmctl: vm not found'
status_case 'status -r db' 1 'err vmctl: vm is not running'
vms=end
status_case 'status' 1 "$head"
status_case 'status -j' 1 'out []'
vms='status id=1 name=web1 state=2 pid=123 cpus=1 memory=512 used=40 tty=/dev/pts/3 uid=0
status id=2 name=db state=0 cpus=2 memory=2048 tty=/dev/pts/3 uid=3999999999 gid=1
end'
status_case 'status -j' 0 \
'out [
out   {
out     "id": 1,
out     "name": "web1",
out     "state": "running",
out     "pid": 123,
out     "cpus": 1,
out     "memory": 536870912,
out     "memory_used": 41943040,
out     "tty": "/dev/pts/3",
out     "uid": 0,
out     "user": "root",
out     "gid": null,
out     "group": null
out   },
out   {
out     "id": 2,
out     "name": "db",
out     "state": "stopped",
out     "pid": null,
out     "cpus": 2,
out     "memory": 2147483648,
out     "memory_used": null,
out     "tty": null,
out     "uid": 3999999999,
out     "user": null,
out     "gid": 1,
out     "group": "daemon"
out   }
out ]'
talk status <<-EOF
	want STATUS
	result error=SHUTDOWN
EOF
got 'status is refused' 1 <<-EOF
	err vmctl: command failed: the daemon is shutting down
	log STATUS
EOF
if [ -e /dev/full ]; then
	printf 'want STATUS\nstatus id=1 name=a\nend\n' >script
	"$FAKE" sock script >log &
	fake=$!
	until [ -e sock ]; do sleep 0.01; done
	"$VMCTL" status >/dev/full 2>err
	rc=$? ; : >out
	wait $fake
	got 'status on a full disk' 1 <<-EOF
		err vmctl: standard output: No space left on device
		log STATUS
	EOF
fi

console_case()
{
	talk console web1 <<-EOF
		want STATUS
		$2
		end
	EOF
	got "console: $1" 1 <<-EOF
		err vmctl: $3
		log STATUS
	EOF
}
console_case 'unknown VM' '' 'vm not found'
console_case 'stopped VM' 'status id=1 name=web1 state=0 tty=/dev/pts/3' \
    'console not found'
console_case 'VM without a tty' 'status id=1 name=web1 state=2' \
    'console not found'
console_case 'a tty that is gone' \
    'status id=1 name=web1 state=2 tty=/dev/pts/999999' \
    'console /dev/pts/999999: the VM has ended'
exit $failed
