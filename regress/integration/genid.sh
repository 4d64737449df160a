#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Linux finds its generation ID, booted directly and by firmware.  Each start of
# a VM has another one, and nobody is told of a copy that is none.
. "$(dirname "$0")/lib.sh"
boot=$kernels/std/vmlinux
[ -e "$boot" ] || skip 'no standard kernel'
vmd_start </dev/null

# The ID of a kernel that is booted directly, by the guest's own eyes.
# shellcheck disable=SC2016  # for the guest's shell
id()
{
	type_line "$1" 'run say genid is $(dd if=/dev/mem bs=16 skip=61184 count=1 2>/dev/null | hexdump -v -e "16/1 \"%02x\"")'
	console_within 20 "$1" '^guest: genid is [0-9a-f]{32}$' >/dev/null &&
	    console_text "$1" '^guest: genid is' | sed 's/.* //'
}

for name in direct again; do
	expect "$name: a VM starts" start "$name" 1
	expect "$name: the guest comes up" guest_up "$name"
	expect "$name: the driver is bound" genid_bound "$name"
	expect "$name: it is no copy" genid_reseeds "$name" 0
	id "$name" >"$work/id.$name"
	expect "$name: vmctl stop -fw" ctl stop -fw "$name"
done
expect 'there is an ID' grep -Eqv '^(0{32}|f{32}|)$' "$work/id.direct"
expect 'each start has its own' refuse cmp "$work/id.direct" "$work/id.again"

# GRUB takes files by their sectors: its own first, kernel, initrd.
sectors()
{
	echo $((($(stat -L -c %s "$1") + 511) / 512))
}
kernel=$kernels/std/vmlinuz
at_kernel=2048
at_initrd=$((at_kernel + $(sectors "$kernel")))
{
	cat "$kernels/grub.img"
	dd if="$kernel" bs=512 conv=sync
	dd if="$initrd" bs=512 conv=sync
} >"$work/disk.img" 2>/dev/null
truncate -s %1M "$work/disk.img"
# grub_takes LINE REGEX: types it until GRUB answers so.  Firmware keeps 15 keys
# that nobody has read yet and loses others: slowly, and again.
grub_takes()
{
	for _ in 1 2 3; do
		printf '%s' "$1" | fold -w 4 >"$work/keys"
		while IFS= read -r keys || [ -n "$keys" ]; do
			type_keys firmware "$keys"
			sleep 0.4
		done <"$work/keys"
		type_line firmware ''
		console_within 10 firmware "$2" && return 0
	done
	return 1
}

expect 'firmware: a VM starts' ctl start -m 256M -d "$work/disk.img" firmware
console_open firmware
expect 'firmware: GRUB gives its prompt' \
    console_within "$boot_limit" firmware 'grub>'
expect 'firmware: GRUB has the kernel' grub_takes \
    "kernel (hd0)$at_kernel+$(sectors "$kernel") console=ttyS0 quiet" Linux-bzImage
expect 'firmware: GRUB has the initrd' grub_takes \
    "initrd (hd0)$at_initrd+$(sectors "$initrd")" Linux-initrd
type_line firmware boot
expect 'firmware: the guest comes up' guest_up firmware
expect 'firmware: the driver is bound' genid_bound firmware
expect 'firmware: it is no copy' genid_reseeds firmware 0
exit "$failed"
