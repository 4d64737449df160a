#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Files that are no kernel, initrd or disk: vmctl start and the log name the
# file and the reason, and of the VM nothing is left.
. "$(dirname "$0")/lib.sh"
cd "$work" || exit 1
truncate -s 4M good.img
mkdir folder
mkfifo fifo
: >empty
printf 'x' >one
head -c 65536 /dev/urandom >noise
truncate -s 8T huge
# A kernel of Linux's boot protocol that ends too early, and ELF headers that
# promise more than there is.
{ head -c 510 /dev/zero; printf '\125\252\353\146HdrS\017\002'; } >short-linux
{ printf '\177ELF\002\001\001'; head -c 9 /dev/zero; } >short-elf
{
	printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000'
	printf '\002\000\076\000\001\000\000\000\377\377\377\377\377\377\377\377'
	printf '\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377'
	printf '\377\377\377\377\100\000\070\000\377\377\100\000\000\000\000\000'
	head -c 4096 /dev/zero
} >hostile-elf
mknod device c 1 5
# What vm.conf names is good when it is read, and what it says afterwards.
for name in no-disk fifo empty device; do
	truncate -s 1M "conf-$name"
	echo "vm \"$name\" { disable, disk \"$work/conf-$name\" }"
done >vm.conf
for name in no-kernel folder noise; do
	echo kernel >"conf-$name"
	echo "vm \"$name\" { disable, boot \"$work/conf-$name\" }"
done >>vm.conf
vmd_run
expect "a VM starts" idle warm
expect "and ends" ctl stop -fw warm
rm conf-*
mkdir conf-folder
mkfifo conf-fifo
: >conf-empty
cp noise conf-noise
cp -a device conf-device
before=$(holdings)

# refused FILE REASON OPTION ...: vmctl start names the file and the reason.
refused()
{
	file=$1 reason=$2
	shift 2
	names_both()
	{
		said=$(timeout 20 "$VMCTL" start -m 32M "$@" victim 2>&1)
		said_status=$?
		printf '%s\n' "$said"
		[ "$said_status" -eq 1 ] || return 1
		case $said in
		*"$file"*"$reason"*) return 0 ;;
		*) return 1 ;;
		esac
	}
	expect "$* : $reason" names_both "$@"
	expect "$* : no VM is there" unknown victim
}

refused gone.img 'No such file' -d gone.img
refused folder '' -d folder
refused fifo 'not a regular file' -d fifo
refused device 'not a regular file' -d device
refused empty 'is empty' -d empty
refused one 'is empty' -d one
refused gone 'No such file' -b gone
refused folder 'not a regular file' -b folder
refused fifo 'not a regular file' -b fifo
refused device 'not a regular file' -b device
refused empty 'is empty' -b empty
refused noise 'no known format' -b noise
refused short-linux '' -b short-linux
refused short-elf '' -b short-elf
refused hostile-elf '' -b hostile-elf
refused huge '' -b huge
refused good.img 'in use' -d good.img -d good.img
same_as_before 'nothing is left of them' "$before"

# From vm.conf: the daemon opens the files.
of_conf()
{
	says "$work/conf-$1" ctl start "$1" && says "$2" ctl start "$1"
}
while read -r name reason; do
	expect "vm.conf, $name: $reason" of_conf "$name" "$reason"
	expect "vm.conf, $name is stopped" is_state "$name" stopped
done <<END
no-disk No such file
no-kernel No such file
fifo not a regular file
folder not a regular file
empty is empty
noise no known format
device not a regular file
END
same_as_before 'nothing is left of those' "$before"

# One disk, two VMs.
expect 'a VM with a disk starts' ctl start -m 32M -d good.img first
with_first=$(holdings)
refused good.img 'in use by another VM' -d good.img
same_as_before 'the refused one left nothing' "$with_first"
expect 'the first goes on' is_state first running
expect 'the first ends' ctl stop -fw first
expect 'its disk is free at once' ctl start -m 32M -d good.img second
expect 'and the second ends' ctl stop -fw second

# A kernel that changes under the eyes of its reader is the VM's own trouble.
expect 'a kernel and an initrd that are the same noise' \
    says noise ctl start -m 32M -b noise -I noise victim
same_as_before 'nothing is left at the end' "$before"
exit "$failed"
