#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl start: what is sent, and what is refused before anything is.
. "$(dirname "$0")/lib.sh"

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
for how in run=1 stop=3; do
	talk start -g "${how%=*}" a <<-EOF
		want VM_START
		want VM_START_END
		result error=OK id=4
	EOF
	got "with a debugger: ${how%=*}" 0 <<-EOF
		err vmctl: started vm 4 successfully
		log VM_START name=a given=0x80 memory=0M cpus=0 disks=0 nics=0 debug=${how#*=}
		log VM_START_END
	EOF
done
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
wrong '-g twice' 'debugger specified multiple times' -g run -g stop a
wrong 'an unknown way to debug' \
    'unknown way to debug "now": run or stop' -g now a
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
exit $failed
