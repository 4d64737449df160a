#!/bin/sh
# SPDX-License-Identifier: ISC
#
# vmctl against a daemon that answers as it is told (fakevmd.c): what is sent,
# what is printed where, and the exit status, for each command and for answers
# that are late, cut short or not from a daemon at all.
set -u
O=${O:-build}
VMCTL=$(realpath "${VMCTL:-$O/vmctl-bin/vmctl}")
FAKE=$(realpath "${FAKEVMD:-$O/regress/vmctl/fakevmd}")
[ ! -e "$O/vmd-bin/vmd" ] || VMD=$(realpath "${VMD:-$O/vmd-bin/vmd}")
man=$(realpath "$(dirname "$0")/../../man")
work=$(mktemp -d "${TMPDIR:-/tmp}/vmctl-test.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
unset XDG_RUNTIME_DIR
export VMD_SOCKET="$work/sock" LC_ALL=C
failed=0
# Bytes of a RESULT without, and at most with, a text.
result=$("$FAKE" RESULT)
detail=$("$FAKE" detail)
cd "$work" || exit 1

# talk ARG ...: the daemon's script is stdin; leaves out, err, log and $rc.
talk()
{
	cat >script
	"$FAKE" sock script >log 2>log.err &
	fake=$!
	until [ -e sock ]; do sleep 0.01; done
	timeout 20 "$VMCTL" "$@" >out 2>err </dev/null
	rc=$?
	wait $fake || echo "fakevmd: $(cat log.err)" >>log
}

# alone ARG ...: without a daemon.
alone()
{
	: >log
	timeout 20 "$VMCTL" "$@" >out 2>err </dev/null
	rc=$?
}

# got NAME STATUS: stdin holds what out, err and log were to hold, each line
# beginning with "out ", "err " or "log ".
got()
{
	{
		sed 's/^/out /' out
		sed 's/^/err /' err
		sed 's/^/log /' log
	} | sed 's/ *$//' >is
	sed 's/ *$//' >should
	if [ "$rc" -eq "$2" ] && cmp -s is should; then
		echo "ok - $1"
		return
	fi
	failed=1
	echo "# exit status $rc, want $2"
	diff should is | sed 's/^/# /'
	echo "not ok - $1"
}

# --- usage, finding the command -------------------------------------------
usage='err usage:	vmctl [-v] [-S socket] command [arg ...]
err 	"vmctl help" lists the commands'
alone
got 'no command: usage' 1 <<-EOF
	$usage
EOF
alone -x status
got 'unknown option: usage' 1 <<-EOF
	err $VMCTL: invalid option -- 'x'
	$usage
EOF
for word in st sta s re; do
	alone $word
	got "'$word' is ambiguous" 1 <<-EOF
		err ambiguous argument: $word
		$usage
	EOF
done
for word in nosuch create load send receive ''; do
	alone "$word"
	got "'$word' is unknown" 1 <<-EOF
		err unknown argument: $word
		$usage
	EOF
done
alone help star
got 'help of a command by its beginning' 0 <<-EOF
	out $(sed -n 's/^/vmctl [-v] [-S socket] start /p' <<-END
		[-c] [-A cmdline] [-b kernel] [-d disk] [-I initrd] [-i count] [-m size] [-N tap|user] [-p cpus] id|name
	END
	)
	out 	Start a VM of vm.conf, or a new one.
EOF
for word in console pause unpause wait; do
	alone $word
	got "$word without an id" 1 <<-EOF
		err vmctl: missing vmid argument
		err usage:	vmctl [-v] [-S socket] $word id
	EOF
	alone $word -1
	got "$word: an id is no option" 1 <<-EOF
		err usage:	vmctl [-v] [-S socket] $word id
	EOF
done
long=a234567890123456789012345678901234567890123456789012345678901234
alone pause $long
got 'a name of 64 characters' 1 <<-EOF
	err vmctl: name too long: "$long"
EOF
alone stop _x
got 'a name that begins with _' 1 <<-EOF
	err vmctl: invalid VM name: "_x"
EOF

# --- the socket -------------------------------------------------------------
hint='is vmd running?  Start it with "systemctl start vmd", or "vmd" for yourself; name another socket with -S'
alone status
got 'no daemon: the path, the reason and what to do' 1 <<-EOF
	err vmctl: connect: $work/sock: No such file or directory
	err vmctl: $hint
EOF
alone -S "$work/other" status
got '-S beats the environment' 1 <<-EOF
	err vmctl: connect: $work/other: No such file or directory
	err vmctl: $hint
EOF
VMD_SOCKET='' alone status
got 'root: /run/vmd.sock' 1 <<-EOF
	err vmctl: connect: /run/vmd.sock: No such file or directory
	err vmctl: $hint
EOF
alone -S "$(printf '%0108d' 0)" status
got 'a path too long for a socket' 1 <<-EOF
	err vmctl: connect: $(printf '%0108d' 0): File name too long
EOF
talk -v reload <<-EOF
	want RELOAD
	result error=OK
EOF
sed -i 's/\(confined by Landlock\).*/\1/' err
got '-v tells what happens' 0 <<-EOF
	err vmctl: connected to $work/sock
	err vmctl: confined by Landlock
	err vmctl: sending RELOAD, 0 bytes
	err vmctl: received RESULT, $result bytes
	log RELOAD
EOF

# --- start --------------------------------------------------------------------
truncate -s 1M kernel initrd disk0
truncate -s 2M disk1
talk start -m 1g -p 2 -b kernel -I initrd -A 'console=ttyS0 quiet' -d disk0 \
    -d disk1 -i 2 -N user web1 <<-EOF
	want VM_START
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_CMDLINE
	want VM_START_END
	result error=OK id=3 name=web1 tty=/dev/pts/7
EOF
got 'start with every option' 0 <<-EOF
	err vmctl: started vm 3 successfully, tty /dev/pts/7
	log VM_START name=web1 given=0x7f memory=1024M cpus=2 disks=2 nics=2 types=2,2
	log VM_FILE kind=kernel index=0 flags=1 size=1048576 ro
	log VM_FILE kind=initrd index=0 flags=1 size=1048576 ro
	log VM_FILE kind=disk index=0 flags=0 size=1048576 rw
	log VM_FILE kind=disk index=1 flags=0 size=2097152 rw
	log VM_CMDLINE "console=ttyS0 quiet"
	log VM_START_END
EOF
talk start 12 <<-EOF
	want VM_START
	want VM_START_END
	sleep 300
	result error=OK id=12 tty=/dev/pts/7
EOF
got 'start of a defined VM by id, answered late' 0 <<-EOF
	err vmctl: started vm 12 successfully, tty /dev/pts/7
	log VM_START id=12 given=0x00 memory=0M cpus=0 disks=0 nics=0
	log VM_START_END
EOF
talk start -m 1500k -i 1 -d disk0 a <<-EOF
	want VM_START
	want VM_FILE
	want VM_START_END
	result error=OK id=1 tty=/dev/pts/7
EOF
got 'memory is rounded down' 0 <<-EOF
	err vmctl: memory size rounded to 1M
	err vmctl: started vm 1 successfully, tty /dev/pts/7
	log VM_START name=a given=0x0d memory=1M cpus=0 disks=1 nics=1 types=0
	log VM_FILE kind=disk index=0 flags=0 size=1048576 rw
	log VM_START_END
EOF
talk start -m 1M a <<-EOF
	want VM_START
	want VM_START_END
	result error=NOTHING_TO_BOOT
EOF
got 'warnings without disks and interfaces, the daemon refuses' 1 <<-EOF
	err vmctl: starting without disks
	err vmctl: starting without network interfaces
	err vmctl: start vm command failed: no kernel and no disk given: nothing to boot
	log VM_START name=a given=0x01 memory=1M cpus=0 disks=0 nics=0
	log VM_START_END
EOF
talk start -m 1M -b kernel a <<-EOF
	want VM_START
	want VM_FILE
	want VM_START_END
	result error=FILE_FORMAT file=1 detail=neither bzImage nor ELF
EOF
got 'no warnings with -b; a bad kernel by its name' 1 <<-EOF
	err vmctl: start vm command failed: kernel kernel is of no known format: neither bzImage nor ELF
	log VM_START name=a given=0x11 memory=1M cpus=0 disks=0 nics=0
	log VM_FILE kind=kernel index=0 flags=1 size=1048576 ro
	log VM_START_END
EOF
talk start -i 1 -d disk0 -d ./disk1 a <<-EOF
	want VM_START
	want VM_FILE
	want VM_FILE
	want VM_START_END
	result error=FILE_BUSY file=4 index=1 errno=11
EOF
got 'a disk in use by the name the user gave' 1 <<-EOF
	err vmctl: start vm command failed: disk ./disk1 is in use by another VM: Resource temporarily unavailable
	log VM_START name=a given=0x0c memory=0M cpus=0 disks=2 nics=1 types=0
	log VM_FILE kind=disk index=0 flags=0 size=1048576 rw
	log VM_FILE kind=disk index=1 flags=0 size=2097152 rw
	log VM_START_END
EOF
talk start a <<-EOF
	want VM_START
	want VM_START_END
	result error=RUNNING id=4
EOF
got 'start of a running VM' 1 <<-EOF
	err vmctl: start vm command failed: vm is running already
	log VM_START name=a given=0x00 memory=0M cpus=0 disks=0 nics=0
	log VM_START_END
EOF
talk start a <<-EOF
	result error=PROTOCOL
	close
EOF
got 'an answer that came before the request was read' 1 <<-EOF
	err vmctl: start vm command failed: the client speaks another version of the protocol
EOF

# wrong NAME MESSAGE ARG ...: refused before the daemon is asked.
wrong()
{
	name=$1 message=$2
	shift 2
	alone start "$@"
	got "start: $name" 1 <<-EOF
		err vmctl: $message
	EOF
}
mkdir dir
mkfifo fifo
wrong 'a missing disk' 'disk nosuch: No such file or directory' -d nosuch a
wrong 'a missing kernel' 'kernel nosuch: No such file or directory' -b nosuch a
wrong 'a folder as disk' \
    'disk dir: is a directory, not a regular file or block device' -d dir a
wrong 'a FIFO as kernel' 'kernel fifo: is special, not a regular file' \
    -b fifo a
wrong 'a device as initrd' \
    'initrd /dev/null: is a device, not a regular file' -I /dev/null a
wrong 'five disks' 'too many disks (limit is 4)' -d disk0 -d disk0 -d disk0 \
    -d disk0 -d disk0 a
wrong 'no interface' 'invalid interface count: 0' -i 0 a
wrong 'a count that is none' 'invalid interface count: 1x' -i 1x a
wrong 'five interfaces' 'too many network interfaces (limit is 4)' -i 5 a
wrong 'very many interfaces' 'too many network interfaces (limit is 4)' \
    -i 4294967297 a
wrong 'a type without -i' 'interface type without interfaces: add -i' \
    -N tap a
wrong 'an unknown type' 'unknown interface type "veth": tap or user' -N veth a
wrong 'too little memory' 'memory size must be at least 1MB' -m 1023k a
wrong 'too much memory' 'memory size too large (limit is 128G)' -m 129G a
wrong 'memory beyond numbers' 'memory size too large (limit is 128G)' \
    -m 99999999999T a
wrong 'memory that is no size' 'invalid memory size: lots' -m lots a
wrong 'no cpu' 'invalid number of cpus: 0 (1 to 64)' -p 0 a
wrong 'too many cpus' 'invalid number of cpus: 65 (1 to 64)' -p 65 a
wrong 'arguments of 2048 characters' \
    'kernel arguments too long (limit is 2047 characters)' \
    -A "$(printf '%02048d' 0)" a
wrong '-m twice' 'memory specified multiple times' -m 1M -m 1M a
wrong '-b twice' 'boot image specified multiple times' -b kernel -b kernel a
wrong '-I twice' 'initrd specified multiple times' -I kernel -I kernel a
wrong '-i twice' 'interfaces specified multiple times' -i 1 -i 1 a
wrong '-p twice' 'cpus specified multiple times' -p 1 -p 1 a
wrong '-A twice' 'kernel arguments specified multiple times' -A a -A a a
wrong '-N twice' 'interface type specified multiple times' -i 1 -N tap \
    -N tap a
wrong 'a bad name' 'invalid VM name: "a/b"' a/b
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 755 .
	chmod 644 disk0
	cp "$VMCTL" vmctl.copy
	timeout 20 setpriv --reuid 65534 --regid 65534 --clear-groups \
	    ./vmctl.copy start -d disk0 a >out 2>err </dev/null
	rc=$? ; : >log
	got 'a disk that may only be read' 1 <<-EOF
		err vmctl.copy: disk disk0: you may not read and write it: Permission denied
	EOF
	talk_as_nobody()
	{
		echo close >script
		"$FAKE" sock script >log 2>&1 &
		fake=$!
		until [ -e sock ]; do sleep 0.01; done
		chgrp 1 sock
		chmod "$1" sock
		timeout 20 env USER=joe setpriv --reuid 65534 --regid 65534 \
		    --clear-groups ./vmctl.copy status >out 2>err </dev/null
		rc=$?
		"$VMCTL" reload >/dev/null 2>&1
		wait $fake
	}
	talk_as_nobody 660
	got 'a socket of another group' 1 <<-EOF
		err vmctl.copy: connect: $work/sock: Permission denied
		err vmctl.copy: members of the group daemon may use this socket: "adduser joe daemon" as root, then log in again
	EOF
	talk_as_nobody 600
	got 'a socket of somebody else' 1 <<-EOF
		err vmctl.copy: connect: $work/sock: Permission denied
		err vmctl.copy: only its owner may use this socket
	EOF
else
	echo 'skip - files and sockets of others: not root'
fi

# --- stop, wait -----------------------------------------------------------------
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

# --- pause, log, reload, reset ----------------------------------------------------
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
quiet 'log verbose' 'LOG_LEVEL level=2'
quiet 'log v' 'LOG_LEVEL level=2'
quiet 'log trace' 'LOG_LEVEL level=3'
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

# --- status -----------------------------------------------------------------------
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

# --- console, as far as it fails ----------------------------------------------------
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

# --- answers that are none ------------------------------------------------------------
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
    'vmd speaks version 7 of the protocol, this vmctl 1: install both from one release and restart vmd'
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

# --- the manual page says what the program says -----------------------------------------
# plain PAGE: as text, one line per paragraph.
plain()
{
	mandoc -Tascii -Owidth=1000 "$man/$1" | sed 's/.\x08//g'
}

# section PAGE NAME
section()
{
	plain "$1" | sed -n "/^$2\$/,/^[A-Z]/p" | sed '1d;$d'
}

# same NAME: the files is and should.
same()
{
	rc=0
	got "$1" 0 <should.page
}

if command -v mandoc >/dev/null; then
	: >err ; : >log
	"$VMCTL" 2>&1 | sed -n '1s/^usage:	//p' >out
	section vmctl.8 SYNOPSIS | sed -n 's/^  */out /p' >should.page
	same 'usage is what vmctl(8) says'
	# Names in the page and in the program, in the order of each.
	"$VMCTL" help | cut -d' ' -f1 >out
	awk '
	/^\.Sh/ { on = $2 == "COMMANDS" }
	!on { next }
	/^\.Bl/ { depth++ }
	/^\.El/ { depth-- }
	/^\.It Cm/ && depth == 1 { print "out " $3 }
	/^\.It Xo/ && depth == 1 { xo = 1 }
	/^\.Cm/ && xo { print "out " $2; xo = 0 }' "$man/vmctl.8" >should.page
	same 'the commands are those of vmctl(8)'
	cp out names
	while read -r word; do
		"$VMCTL" help "$word" |
		    sed -n '1s/^vmctl \[-v\] \[-S socket\] //p' >line
		section vmctl.8 COMMANDS |
		    sed -n "s/^     \($word\)\$/\1/p
			s/^     \($word  \).*/\1/p
			s/^     \($word [^ ].*\)/\1/p" |
		    sed -n '1s/^/out /p' >should.page
		cp line out
		same "usage of $word is what vmctl(8) says"
	done <names
	if [ -n "${VMD-}" ] && [ -x "$VMD" ]; then
		"$VMD" -x 2>&1 | sed -n 's/^usage: //p' >out
		section vmd.8 SYNOPSIS | sed -n 's/^  */out /p' >should.page
		same 'usage is what vmd(8) says'
	fi
else
	echo 'skip - manual pages: no mandoc'
fi

exit $failed
