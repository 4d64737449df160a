#!/bin/sh
# SeaBIOS boots GRUB legacy from a raw disk, on this machine's own /dev/kvm,
# whatever that is: real mode, interrupts, the disk by firmware alone.
needs_kernel=0
. "$(dirname "$0")/../integration/lib.sh"
case $("$(dirname "$0")/../kvm") in
none*) skip 'no /dev/kvm' ;;
esac
[ -e "$kernels/grub.img" ] || skip 'no GRUB to boot'
cp "$kernels/grub.img" "$work/grub.img"
vmd_start </dev/null
expect 'a VM starts from a disk alone' ctl start -m 64M -d "$work/grub.img" grub
console_open grub
expect 'GRUB gives its prompt' console_within 60 grub 'grub>'
type_line grub help
expect 'GRUB answers a command' console_within 30 grub 'Display|boot|chainloader'
expect 'vmctl stop -fw' ctl stop -fw grub
exit "$failed"
