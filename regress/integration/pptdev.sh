#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A PCI device of the host in a guest, by the kernel's own VFIO behind an IOMMU:
# why it cannot be had, for each reason that there is, and then its registers,
# its interrupts and its DMA.  The device is QEMU's edu.
set -u
# shellcheck source=regress/integration/lib.sh
. "$(dirname "$0")/lib.sh"
program=$(realpath "$O/regress/guest/g_pptdev")
pci=/sys/bus/pci

[ -n "${VMD_EMULATED-}" ] || skip 'only in the emulated host, whose devices it takes'
[ -n "$(ls /sys/class/iommu 2>/dev/null)" ] || skip 'this host has no IOMMU'
# A kernel without them is one for which the test has nothing to say.
for m in vfio_iommu_type1 vfio-pci; do
	busybox modprobe $m || skip "the kernel has no module $m"
done

# with_id DEVICE: the addresses of the devices with that id.
with_id()
{
	for d in "$pci"/devices/*; do
		[ "$(cat "$d/device")" != "$1" ] || basename "$d"
	done
}

# bind ADDRESS
bind()
{
	echo vfio-pci >"$pci/devices/$1/driver_override" &&
	    echo "$1" >"$pci/drivers_probe"
}

# says TEXT COMMAND ...: the command's line has that text.
says()
{
	text=$1
	shift
	"$@" | tee "$work/said" | grep -qF "$text" || {
		cat "$work/said"
		return 1
	}
}

# someone COMMAND ...: without root's rights.
someone()
{
	setpriv --reuid=6100 --regid=6100 \
	    --groups="$(awk -F: '$1 == "kvm" { print $3 }' /etc/group)" "$@"
}

edu=$(with_id 0x11e8 | head -n 1)
second=$(with_id 0x11e8 | tail -n 1)
sata=$(with_id 0x2922)
smbus=$(with_id 0x2930)
group=/dev/vfio/$(basename "$(readlink "$pci/devices/$edu/iommu_group")")

expect 'no device at all' says 'no such PCI device' "$program" 0000:7f:00.0
expect 'not bound to vfio-pci' says 'not bound' "$program" "$edu"
bind "$edu"
expect 'without rights' says 'no permission' someone "$program" "$edu"
chown 6100 "$group"
expect 'without memory that may be locked' says 'limit of locked memory' \
    someone sh -c 'ulimit -l 0; exec "$@"' sh "$program" "$edu"
expect 'as an ordinary user' says 'assigned' \
    someone sh -c 'ulimit -l 64; exec "$@"' sh "$program" "$edu"
chown 0 "$group"
exec 9<>"$group"
expect 'in use' says 'is in use' "$program" "$edu"
exec 9>&-
# The host keeps one device of a group of three.
if bind "$smbus" && busybox modprobe ahci &&
    [ -e "$pci/devices/$sata/driver" ]; then
	expect 'a group that is not free' says 'of the same IOMMU group' \
	    "$program" "$smbus"
else
	not_ok 'a group that is not free: no driver for its other device'
fi

bind "$second"
timeout 60 "$program" >"$work/out" 2>&1
status=$?
expect 'registers, interrupts and DMA of a real device' [ $status = 0 ]
expect 'nothing of it is skipped' [ "$(grep -c '^ok - test_edu' "$work/out")" = 5 ]
[ $failed = 0 ] || sed 's/^/# /' "$work/out"
expect 'an address that the guest does not have is a fault at the IOMMU' \
    sh -c "dmesg | grep -F 'DMA Write' | grep -qF 'fault addr 0x40000'"

echo 1 >"$pci/devices/$edu/remove"
expect 'gone' says 'no such PCI device' "$program" "$edu"
exit "$failed"
