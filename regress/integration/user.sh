#!/bin/sh
# An ordinary user in group kvm has a vmd of his own: it boots, has a network,
# a console and stops, without any right of root's.
[ "$(id -u)" -ne 0 ] || {
	id someone >/dev/null 2>&1 && [ -n "${VMD_EMULATED-}" ] || {
		echo 'skip - user: run it as an ordinary user'
		exit 0
	}
	ip addr add 10.99.0.1/32 dev lo 2>/dev/null
	kvm=$(awk -F: '$1 == "kvm" { print $3 }' /etc/group)
	exec setpriv --reuid="$(id -u someone)" --regid="$(id -g someone)" \
	    --groups="$kvm" --no-new-privs \
	    env HOME=/home/someone XDG_RUNTIME_DIR="/run/user/$(id -u someone)" TMPDIR=/tmp \
	    "$0" "$@"
}
. "$(dirname "$0")/lib.sh"
truncate -s 8M "$work/disk.img"
outside=$(outside_address)
[ -n "$outside" ] || skip 'this machine has no address'
words="vmd.test=disk,net,fetch vmd.url=http://$outside:8133/file"
mkdir "$work/www"
head -c 100000 /dev/urandom >"$work/www/file"
want=$(sha256sum <"$work/www/file" | cut -d' ' -f1)
busybox httpd -f -p "$outside:8133" -h "$work/www" &
background $!
vmd_start </dev/null
expect 'a VM starts' start mine 1 -i 1 -d "$work/disk.img"
expect 'the guest comes up' guest_up mine
expect 'no process of it is root' sh -c "
	for p in $(descendants "$vmd_pid" | tr '\n' ' '); do
		[ \$(stat -c %u /proc/\$p) -ne 0 ] || exit 1
	done"
expect 'the disk is written' \
    console_says mine "^guest: disk sha256 $(pattern_sum 'written by the guest')"
expect 'the network works' console_says mine "^guest: fetched $want 100000"
type_line mine 'hello'
expect 'a typed line is answered' \
    console_within 10 mine '^guest: you typed: hello'
expect 'a tap is refused, and says why' sh -c \
    "! $VMCTL start -m 64M -b $elf -i 1 -N tap tapped >$work/out 2>&1 && \
    grep -qiE 'tap|CAP_NET_ADMIN|permi|root' $work/out"
expect 'vmctl stop -w' ctl stop -w mine
words=
expect 'a VM with a debugger' start mine 1 -g run
console_open mine
expect 'whose socket is the user'"'"'s alone' \
    [ "$(stat -c '%a %u' "$work/vmd.gdb/mine")" = "600 $(id -u)" ]
expect 'in a folder of the same' \
    [ "$(stat -c '%a %u' "$work/vmd.gdb")" = "700 $(id -u)" ]
expect 'a debugger is served' sh -c \
    "'$tools/badgdb' '$work/vmd.gdb/mine' ask '?' | grep '^T'"
expect 'the guest comes up after it' guest_up mine 2
expect 'vmctl stop -w' ctl stop -w mine
vmd_stop
unset VMD_SOCKET
mkdir "$work/config"
printf 'vm "own" {\n\tdisable\n\tboot "%s"\n}\n' "$elf" >"$work/config/vm.conf"
XDG_CONFIG_HOME=$work/config $VMD -d >"$work/vmd.log" 2>&1 &
vmd_pid=$!
expect 'without a name the socket is below XDG_RUNTIME_DIR' \
    wait_for 10 [ -S "${XDG_RUNTIME_DIR:-/nonexistent}/vmd.sock" ]
expect 'and vmctl finds it' sh -c "$VMCTL log brief"
expect 'the configuration is the user'"'"'s own' "$VMCTL" status own
exit "$failed"
