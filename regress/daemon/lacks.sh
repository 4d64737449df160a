#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A host that lacks something: the error says what, and what to do.  The host's
# files are covered up in a mount namespace of this script's own.
if [ -z "${VMD_LACKS-}" ]; then
	unshare -m --propagation private true 2>/dev/null || {
		echo 'skip - lacks: no mount namespaces here'
		exit 0
	}
	VMD_LACKS=1 exec unshare -m --propagation private "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
cd "$work" || exit 1
truncate -s 4M one.img two.img
echo "vm \"one\" { memory 32M, disk \"$work/one.img\" }" >vm.conf

start_two()
{
	ctl start -m 32M -d "$work/two.img" two
}
vmd_restart()
{
	if [ -n "$vmd_pid" ]; then
		end "$vmd_pid"
	fi
	: >vmd.log
	vmd_run
}

# A /dev that has what the daemon uses but for KVM.
mkdir dev
mount -t tmpfs none dev
for node in null zero random urandom tty; do
	cp -a "/dev/$node" dev/
done
mkdir dev/pts dev/shm
mount --bind /dev/pts dev/pts
ln -s pts/ptmx dev/ptmx
mount --rbind dev /dev
# The end of this script removes what is below $work.
umount -R dev

vmd_restart
expect 'no /dev/kvm: names the modules' says 'load the module kvm_' start_two
expect 'and nothing is left' unknown two
expect 'vm.conf: the log says it once, in the words of vmctl' \
    logged 'one (vm 1): no usable /dev/kvm: .*load the module.*: No such file'
expect 'the daemon serves' is_state one stopped
: >/dev/kvm
expect 'a /dev/kvm that is none' \
    says 'no usable /dev/kvm: that is not the KVM device' start_two
rm /dev/kvm
mknod /dev/kvm c 10 232
expect 'a module loaded later is found' vmd_restart
expect 'VMs start' wait_for 20 is_state one running

mkdir empty
mount --bind empty /usr/share/seabios
expect 'no firmware: names the package' says 'package seabios' start_two
expect 'and nothing is left of it' unknown two
umount /usr/share/seabios
expect 'installed meanwhile, it is found' start_two

# No descriptors for a new control process: it comes once there are some.
pid=$(column one PID)
prlimit --pid "$vmd_pid" --nofile=4:
kill -9 "$(role_pid control)"
expect 'a child that cannot be started again is tried again' \
    wait_for 20 logged 'cannot start control, trying again: Too many open files'
prlimit --pid "$vmd_pid" --nofile=1024:
expect 'and comes when the host allows it' wait_for 10 vmd_answers
expect 'the VMs ran on' [ "$(column one PID)" = "$pid" ]

# An ordinary user, who is not in group kvm.
chmod 600 /dev/kvm
cp "$VMD" vmd
cp "$VMCTL" vmctl
mkdir -m 700 home
truncate -s 4M home/disk.img
: >home/vm.conf
chown -R 65534:65534 home
setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
    ./vmd -d -S "$work/home/sock" -f home/vm.conf >user.log 2>&1 &
background $!
user_ctl()
{
	setpriv --reuid 65534 --regid 65534 --clear-groups \
	    ./vmctl -S "$work/home/sock" "$@"
}
expect 'an ordinary user has a daemon without KVM' wait_for 10 user_ctl log brief
expect 'no permission: names the group' \
    says 'join the group kvm' user_ctl start -m 32M -d home/disk.img mine

grep -v '^_vmd:' /etc/passwd >passwd
mount --bind passwd /etc/passwd
expect 'no user _vmd: says how to make it' \
    says 'user _vmd does not exist: make it' "$VMD" -d -S "$work/x.sock" \
    -f "$work/home/vm.conf"
expect 'and no socket is left' refuse [ -e "$work/x.sock" ]
umount /etc/passwd
# Relative to where the daemon was started, not to where it goes.
(VMD_SOCKET=near.sock "$VMD" -f "$work/home/vm.conf") >near.log 2>&1
expect 'VMD_SOCKET may be a relative path' "$VMCTL" -S "$work/near.sock" log brief
near=$(pgrep -f -- "^$VMD -f $work/home/vm.conf\$")
[ -z "$near" ] || kill "$near"
expect 'which is gone with the daemon' wait_for 20 refuse [ -e near.sock ]
exit "$failed"
