#!/bin/sh
# What the guest writes to its disk is on the disk outside; the second disk is
# the second one, a read-only file is not written to, and there is entropy.
. "$(dirname "$0")/lib.sh"
truncate -s 8M "$work/one.img" "$work/two.img"
words='vmd.test=disk,rng'
vmd_start </dev/null
expect 'a VM with two disks starts' \
    start disk 1 -d "$work/one.img" -d "$work/two.img"
expect 'the guest comes up' guest_up disk
want=$(pattern_sum 'written by the guest')
expect 'the disk has its size' \
    console_says disk '^guest: disk /dev/vda bytes 8388608'
expect 'the guest reads what it wrote' \
    console_says disk "^guest: disk sha256 $want"
expect 'virtio-rng gives entropy' console_says disk '^guest: rng virtio.* 32 bytes'
outside=$(dd if="$work/one.img" bs=64k skip=16 count=16 2>/dev/null |
    sha256sum | cut -d' ' -f1)
expect 'the file outside holds the same' [ "$outside" = "$want" ]
type_line disk 'run dd if=/dev/vda of=/dev/vdb bs=64k conv=fsync'
expect 'the guest copies one disk to the other' \
    console_within 30 disk '^guest: status 0'
expect 'both files are the same' cmp "$work/one.img" "$work/two.img"
expect 'vmctl stop -fw' ctl stop -fw disk
exit "$failed"
