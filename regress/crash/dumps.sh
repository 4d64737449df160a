#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Debian's kernel in VMs of a real vmd, each dumped into the folder $VMD_SHARE:
# as plain as can be; at a random address, and after a panic; and one that never
# said where its VMCOREINFO is.  crash.sh calls it where KVM runs kernels.
# shellcheck source=regress/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
share=${VMD_SHARE:?a folder for the dumps}
plain=$lean
random=$(echo "$lean" | sed 's/nokaslr//; s/panic=-1/panic=0/')

# dump NAME: written where this machine has room, then moved.
dump()
{
	expect "vmctl dump $1" ctl dump "$1" "$work/$1"
	cp --sparse=always "$work/$1" "$share/$1" && rm -f "$work/$1"
	ctl stop -fw "$1" >/dev/null 2>&1
}

vmd_start </dev/null

lean=$plain
expect 'a VM with the kernel at its usual place' start plain 2
expect 'it comes up' guest_up plain
dump plain

lean=$random boot=$bzimage boot_limit=120
words='vmd.test=crash'
expect 'a VM with the kernel at a random address' start panic 2
console_open panic
expect 'it panics' console_within "$boot_limit" panic \
    'end Kernel panic - not syncing: sysrq triggered crash'
dump panic

words='module_blacklist=qemu_fw_cfg'
expect 'a VM that does not know fw_cfg' start silent 1
expect 'it comes up' guest_up silent
dump silent
exit "$failed"
