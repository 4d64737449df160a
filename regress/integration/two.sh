#!/bin/sh
# Two VMs of a vm.conf start with the daemon and run side by side; status
# lists them, stop -a stops them, and they are startable again.
. "$(dirname "$0")/lib.sh"
truncate -s 8M "$work/a.img"
vmd_start <<CONF
vm "alpha" {
	memory 256M
	boot "$elf"
	initrd "$initrd"
	cmdline "$lean vmd.test=disk"
	disk "$work/a.img"
}
vm "beta" {
	memory 256M
	cpus 2
	boot "$bzimage"
	initrd "$initrd"
	cmdline "$lean"
}
vm "gamma" {
	disable
	memory 256M
	boot "$elf"
}
CONF
boot_limit=90
expect 'alpha comes up' guest_up alpha
expect 'beta comes up' guest_up beta
expect 'alpha has one CPU' console_says alpha '^guest: ready cpus 1 '
expect 'beta has two' console_says beta '^guest: ready cpus 2 '
expect 'both run' sh -c "[ \$($VMCTL status -r | grep -c running) -eq 2 ]"
expect 'the disabled one is stopped' is_state gamma stopped
expect 'vmctl status -r leaves it out' sh -c "! $VMCTL status -r | grep gamma"
type_line alpha 'who is it'
expect 'alpha answers' \
    console_within 10 alpha '^guest: you typed: who is it'
expect 'beta does not' refuse console_says beta 'who is it'
expect 'a running VM does not start twice' refuse ctl start alpha
expect 'an error in vm.conf leaves them alone' sh -c \
    "echo 'vm {' >>$work/vm.conf; ! $VMCTL reload && \
    [ \$($VMCTL status -r | grep -c running) -eq 2 ]"
expect 'vmctl stop -aw' ctl stop -aw
expect 'both are stopped, and still known' sh -c \
    "[ \$($VMCTL status | grep -c stopped) -eq 3 ]"
: >"$work/console.alpha"
expect 'alpha starts again' ctl start alpha
console_open alpha
expect 'and comes up' guest_up alpha
expect 'vmctl stop -fw' ctl stop -fw alpha
exit "$failed"
