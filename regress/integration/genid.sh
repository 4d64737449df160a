#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Linux finds its generation ID, booted directly and, but for CI, by firmware.
# Each start of a VM has another one, and nobody is told of a copy that is none.
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

# The same by firmware takes an emulated host half a minute, which CI does not
# have: where the ID is then, and that the tables say so, regress/unit/t_genid.c
# and t_acpi.c look at.
[ -z "${CI-}" ] || exit "$failed"

# GRUB takes files by their sectors: menu, kernel, initrd.  Keys typed at
# firmware are lost when the host is slow, so what it does is in the menu, and
# in GRUB itself where the menu is.
sectors()
{
	echo $((($(stat -L -c %s "$1") + 511) / 512))
}
kernel=$kernels/std/vmlinuz
menu=2048
at=$((menu + 1))
cat >"$work/menu" <<-MENU
	timeout 0
	title genid
	kernel (hd0)$at+$(sectors "$kernel") console=ttyS0 quiet
	initrd (hd0)$((at + $(sectors "$kernel")))+$(sectors "$initrd")
MENU
yes '' | head -c 512 >>"$work/menu"
{
	cat "$kernels/grub.img"
	head -c 512 "$work/menu"
	dd if="$kernel" bs=512 conv=sync
	dd if="$initrd" bs=512 conv=sync
} >"$work/disk.img" 2>/dev/null
truncate -s %1M "$work/disk.img"
name=$(grep -abo /boot/grub/menu.lst "$kernels/grub.img" | head -n 1)
printf '(hd0)%d+1\0' "$menu" |
    dd of="$work/disk.img" bs=1 seek="${name%%:*}" conv=notrunc 2>/dev/null
expect 'firmware: a VM starts' ctl start -m 256M -d "$work/disk.img" firmware
expect 'firmware: the guest comes up' guest_up firmware
expect 'firmware: the driver is bound' genid_bound firmware
expect 'firmware: it is no copy' genid_reseeds firmware 0
exit "$failed"
