#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl receive: what it reads of a state, which files it opens for it, and what
# it asks the daemon for.
tools=$(realpath "${O:-build}/regress/vmctl")
. "$(dirname "$0")/lib.sh"
usage='usage:	vmctl [-v] [-S socket] receive [-cf] [-b kernel] [-d disk] [-I initrd] id|name'

# hear STATE ARG ...: as talk, with the file STATE as standard input.
hear()
{
	state=$1
	shift
	cat >script
	"$FAKE" sock script >log 2>log.err &
	fake=$!
	until [ -e sock ]; do sleep 0.01; done
	timeout 20 "$VMCTL" "$@" >out 2>err <"$state"
	rc=$?
	wait $fake || echo "fakevmd: $(cat log.err)" >>log
}

# unheard STATE ARG ...: nobody is asked.
unheard()
{
	state=$1
	shift
	: >log
	timeout 20 "$VMCTL" "$@" >out 2>err <"$state"
	rc=$?
}

# make FILE ARG ...
make()
{
	file=$1
	shift
	"$tools/statemake" "$@" >"$file"
}

for f in kernel initrd disk0 disk1 mine; do
	head -c 512 /dev/zero >"$work/$f"
done
printf x >>mine
chmod 400 disk1
# A section's header is read behind CONFIG and, unless it is HANDOVER, given on.
after=01234567890123456789012345678901
make moved -k "$work/kernel" -i "$work/initrd" -d "$work/disk0" \
    -r "$work/disk1" "${after}the rest"
make copied -c -d "$work/disk0" "${after}the rest"
make answers -t 'the rest'
make plain ''
given=$(($(wc -c <moved) - 8))

hear moved receive web2 <<-EOF
	want STATUS
	end
	want VM_START
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_CMDLINE
	want VM_START_END
	rest
	result error=OK id=5 tty=/dev/pts/3
EOF
got 'a new VM' 0 <<-EOF
	err vmctl: received vm 5 successfully, tty /dev/pts/3
	log STATUS
	log VM_START name=web2 given=0x17f memory=64M cpus=2 disks=2 nics=2 receive=0 types=1,2 macs=fe..03/2,fe..06/0
	log VM_FILE kind=kernel index=0 flags=1 size=512 ro
	log VM_FILE kind=initrd index=0 flags=1 size=512 ro
	log VM_FILE kind=disk index=0 flags=0 size=512 rw
	log VM_FILE kind=disk index=1 flags=1 size=512 ro
	log VM_FILE kind=state index=0 flags=0 file
	log VM_FILE kind=beginning of the state index=0 flags=0 file size=$given offset=0 seals=all
	log VM_CMDLINE "console=ttyS0"
	log VM_START_END
	log rest "the rest"
EOF
given=$(($(wc -c <copied) - 8))
hear copied receive -c -f -b kernel -I initrd -d mine web2 <<-EOF
	want STATUS
	end
	want VM_START
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_CMDLINE
	want VM_START_END
	result error=OK id=6
EOF
got 'a copy, and other files' 0 <<-EOF
	err vmctl: received vm 6 successfully
	log STATUS
	log VM_START name=web2 given=0x17f memory=64M cpus=2 disks=1 nics=2 receive=3 types=1,2 macs=fe..03/2,00..00/0
	log VM_FILE kind=kernel index=0 flags=1 size=512 ro
	log VM_FILE kind=initrd index=0 flags=1 size=512 ro
	log VM_FILE kind=disk index=0 flags=0 size=513 rw
	log VM_FILE kind=state index=0 flags=0 file
	log VM_FILE kind=beginning of the state index=0 flags=0 file size=$given offset=0 seals=all
	log VM_CMDLINE "console=ttyS0"
	log VM_START_END
EOF
hear moved receive -b mine 3 <<-EOF
	want STATUS
	status id=2 state=2 name=web1
	status id=3 state=0 name=web2
	end
	want VM_START
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_START_END
	result error=DISK_CHANGED file=4 index=1
EOF
got 'one of vm.conf, whose disk is not the same' 1 <<-EOF
	err vmctl: receive vm command failed: disk 1 has been written to since the VM was saved
	log STATUS
	log VM_START id=3 given=0x110 memory=0M cpus=0 disks=0 nics=2 receive=0 types=1,2 macs=fe..03/2,fe..06/0
	log VM_FILE kind=kernel index=0 flags=1 size=513 ro
	log VM_FILE kind=state index=0 flags=0 file
	log VM_FILE kind=beginning of the state index=0 flags=0 file size=$(($(wc -c <moved) - 8)) offset=0 seals=all
	log VM_START_END
EOF
hear moved receive -d mine 3 <<-EOF
	want STATUS
	status id=3 state=0 name=web2
	end
EOF
got 'its disks are those of vm.conf' 1 <<-EOF
	err vmctl: the disks of a VM of vm.conf are those of vm.conf
	log STATUS
EOF
hear moved receive web2 <<-EOF
	want STATUS
	status id=3 state=3 name=web2
	end
EOF
got 'one that runs' 1 <<-EOF
	err vmctl: receive vm command failed: vm is running already
	log STATUS
EOF
hear moved receive 7 <<-EOF
	want STATUS
	end
EOF
got 'no VM of this id' 1 <<-EOF
	err vmctl: receive vm command failed: vm not found
	log STATUS
EOF
hear moved receive -d mine -d mine -d mine web2 <<-EOF
	want STATUS
	end
EOF
got 'too many disks' 1 <<-EOF
	err vmctl: 3 disks given, the VM has 2
	log STATUS
EOF
make elsewhere -d /none/disk -k "$work/kernel"
hear elsewhere receive web2 <<-EOF
	want STATUS
	end
EOF
got 'a disk that is not here' 1 <<-EOF
	err vmctl: disk /none/disk: No such file or directory
	log STATUS
EOF
make bytes -d "$work/$(printf 'a\233b')"
hear bytes receive web2 <<-EOF
	want STATUS
	end
EOF
got 'a path that is no text' 1 <<-EOF
	err vmctl: disk 0 $work/a?b: its path cannot be shown: name the file on the command line
	log STATUS
EOF

# The sender waits for answers: they go to standard output, which is a pipe.
cat >script <<-EOF
	want STATUS
	end
	want VM_START
	want VM_FILE
	want VM_FILE
	want VM_FILE
	want VM_CMDLINE
	want VM_START_END
	fill the answer
	rest
	result error=OK id=5
EOF
"$FAKE" sock script >log 2>&1 &
until [ -e sock ]; do sleep 0.01; done
{ cat answers; } | timeout 20 "$VMCTL" receive web2 2>err | cat >out
rc=0
wait
echo >>out
got 'with a way back' 0 <<-EOF
	out the answer
	err vmctl: received vm 5 successfully
	log STATUS
	log VM_START name=web2 given=0x14f memory=64M cpus=2 disks=0 nics=2 receive=0 types=1,2 macs=fe..03/2,fe..06/0
	log VM_FILE kind=state index=0 flags=0 pipe
	log VM_FILE kind=beginning of the state index=0 flags=0 file size=$(($(wc -c <answers) - 8)) offset=0 seals=all
	log VM_FILE kind=way back to the sender index=0 flags=0 pipe
	log VM_CMDLINE "console=ttyS0"
	log VM_START_END
	log rest "the rest"
EOF
unheard answers receive web2
got 'without one' 1 <<-EOF
	err vmctl: the sender waits for an answer, and standard output is neither a pipe nor a socket: run this as the command of vmctl send
EOF

# What is no state, or not all of its beginning; nobody is asked.
head -c 100 plain >cut.off
unheard cut.off receive web2
got 'cut off' 1 <<-EOF
	err vmctl: standard input: truncated: it ends at byte 100, within section 0 (CONFIG)
EOF
head -c 4096 /dev/zero >zeroes
unheard zeroes receive web2
got 'no state at all' 1 <<-EOF
	err vmctl: standard input: is no state of a VM
EOF
unheard /dev/null receive web2
got 'a device' 1 <<-EOF
	err vmctl: standard input is neither a file, nor a pipe, nor a socket
EOF
: >log
: >out
{ cat copied; } | "$VMCTL" receive -c web2 2>err
rc=$?
got '-c and a pipe' 1 <<-EOF
	err vmctl: -c needs a regular file as standard input, from its beginning
EOF
for args in receive 'receive a b' 'receive -x a'; do
	# shellcheck disable=SC2086  # the arguments are words
	alone $args
	sed -i '/invalid option/d' err
	got "$args: usage" 1 <<-EOF
		err $usage
	EOF
done
exit $failed
