#!/bin/sh
# The service, as an administrator uses it: installed, started, reloaded, killed
# and stopped by systemd, which is process 1 of a process namespace here.
. "$(dirname "$0")/lib.sh"
[ -n "${VMD_EMULATED-}" ] || skip 'installs into the system: emulated host only'
systemd=/lib/systemd/systemd
[ -x $systemd ] || skip 'no systemd'
unset VMD_SOCKET
expect 'make install' make -s install PREFIX=/usr/local
VMCTL=vmctl
cat >/etc/vm.conf <<END
vm "early" {
	memory 256M
	boot "$elf"
	initrd "$initrd"
	cmdline "$lean"
}
END

# Only what a service needs to start: no devices, no network, no mounts.
units=/etc/systemd/system
mkdir -p $units
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\n' \
    >$units/test.target
for unit in systemd-udevd systemd-udev-trigger systemd-journal-flush \
    systemd-update-utmp systemd-tmpfiles-setup; do
	ln -sf /dev/null "$units/$unit.service"
done
mkdir /sys/fs/cgroup/init
(
	echo 0 >/sys/fs/cgroup/init/cgroup.procs
	exec unshare --cgroup --mount --pid --fork --mount-proc --kill-child \
	    env container=other $systemd --system --unit=test.target
) >"$work/systemd.log" 2>&1 </dev/null &
outer=$!
background $outer
init=
inside()
{
	[ -n "$init" ] || init=$(cat "/proc/$outer/task/$outer/children")
	# shellcheck disable=SC2086  # one number
	nsenter -t $init -m -p -C "$@"
}

property()
{
	inside systemctl show -P "$1" vmd
}
main_pid()
{
	pid=$(property MainPID)
	[ "${pid:-0}" -ne 0 ] && [ "$pid" != "${1-}" ]
}
ctl_inside()
{
	inside vmctl "$@"
}
early_runs()
{
	ctl_inside status early | grep -q running
}

expect 'systemd is up' wait_for 60 inside systemctl is-active test.target
expect 'systemctl start vmd' inside systemctl start vmd
# Nothing is waited for: a daemon that is started serves its socket.
expect 'vmctl is answered at once' ctl_inside status
expect 'the VM of vm.conf runs soon' wait_for 10 early_runs
expect 'the service is active' inside systemctl is-active vmd
expect 'all of it is in one cgroup' \
    inside grep -q 'vmd.service' "/proc/$(property MainPID)/cgroup"
expect 'its guest comes up' wait_for $boot_limit inside sh -c \
    'timeout 2 vmctl console early </dev/null | grep -q "guest: waiting"'

echo 'vm "late" { disable; memory 64M; boot "'"$elf"'" }' | tr ';' '\n' \
    >>/etc/vm.conf
expect 'systemctl reload vmd' inside systemctl reload vmd
expect 'the new VM is known' wait_for 20 ctl_inside status late
expect 'the old one goes on' early_runs

first=$(property MainPID)
expect 'the daemon is killed' inside kill -9 "$first"
expect 'and systemd starts it again' wait_for 10 main_pid "$first"
expect 'with its VM' wait_for 10 early_runs
expect 'its guest comes up again' wait_for $boot_limit inside sh -c \
    'timeout 2 vmctl console early </dev/null | grep -q "guest: waiting"'

expect 'systemctl stop vmd' inside systemctl stop vmd
expect 'without a failure' [ "$(property Result)" = success ]
inside journalctl -u vmd --no-pager >"$work/vmd.log" 2>&1
expect 'the guest was shut down, not ended' \
    grep -q 'early (vm 1) switched itself off' "$work/vmd.log"
expect 'no process is left' refuse inside pgrep -f '^vmd|^vm '
expect 'the socket is gone' refuse inside test -e /run/vmd.sock
exit "$failed"
