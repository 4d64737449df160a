#!/bin/sh
# SeaBIOS boots GRUB legacy from a raw disk, on this host's own /dev/kvm: firmware, fw_cfg, ACPI linker,
# virtio-blk through firmware, the console in both directions, and a forced stop that leaves nothing.
#	VMD, VMCTL	the programs (default: below build/)
set -u
here=$(dirname "$0")
VMD=${VMD:-build/vmd-bin/vmd}
VMCTL=${VMCTL:-build/vmctl-bin/vmctl}
limit=90 # seconds; a few where KVM emulates firmware's instructions, less than one elsewhere

skip() {
	echo "skip - $1: $2"
	exit 0
}
[ -r /dev/kvm ] || skip firmware "no access to /dev/kvm"
[ -w /dev/kvm ] || skip firmware "no access to /dev/kvm"
[ -r /usr/lib/grub/x86_64-pc/stage1 ] || skip firmware "the package grub-legacy is not installed"
[ -r /usr/share/seabios/bios-256k.bin ] || skip firmware "the package seabios is not installed"
command -v script >/dev/null || skip firmware "no script(1) to give vmctl console a terminal"

dir=$(mktemp -d /tmp/f_grub.XXXXXX) || exit 1
export VMD_SOCKET="$dir/sock"
daemon=
console=
cleanup() {
	exec 3>&-
	[ -n "$console" ] && kill "$console" 2>/dev/null
	[ -n "$daemon" ] && kill "$daemon" 2>/dev/null && wait "$daemon"
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Waits until a command succeeds: await SECONDS command...
await() {
	n=$(($1 * 5))
	shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ $n -gt 0 ] || return 1
		sleep 0.2
	done
}
result() { # NAME STATUS: a line for regress/run, with what the console said when it failed
	if [ "$2" -eq 0 ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		tail -c 2000 "$dir/console" 2>/dev/null | cat -v | sed 's/^/# /'
		tail -n 20 "$dir/log" | cat -v | sed 's/^/# /'
		exit 1
	fi
}

"$here/mkdisk" "$dir/disk.img" || exit 1
: >"$dir/vm.conf"
"$VMD" -d -v -f "$dir/vm.conf" >"$dir/log" 2>&1 &
daemon=$!
await 10 "$VMCTL" status
result "vmd_answers" $?

"$VMCTL" start -m 64M -d "$dir/disk.img" grub >>"$dir/log" 2>&1
result "vmctl_start_from_disk" $?

mkfifo "$dir/keys"
: >"$dir/console"
script -qfc "$VMCTL console grub" "$dir/console" <"$dir/keys" >/dev/null 2>&1 &
console=$!
exec 3>"$dir/keys"
await $limit grep -aq 'grub>' "$dir/console"
result "seabios_to_grub_prompt" $?

printf 'geometry (hd0)\r' >&3
await $limit grep -aq 'number of sectors = 2048' "$dir/console"
result "grub_answers_about_the_disk" $?

"$VMCTL" stop -fw grub >>"$dir/log" 2>&1
result "vmctl_stop_forced" $?
