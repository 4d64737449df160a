#!/bin/sh
# SPDX-License-Identifier: ISC
# Usage, finding a command, ids and names, and the socket.
. "$(dirname "$0")/lib.sh"

usage='err usage:	vmctl [-v] [-S socket] command [arg ...]
err 	"vmctl help" lists the commands'
alone
got 'no command: usage' 1 <<-EOF
	$usage
EOF
alone -x status
got 'unknown option: usage' 1 <<-EOF
	err $VMCTL: invalid option -- 'x'
	$usage
EOF
for word in st sta s re; do
	alone $word
	got "'$word' is ambiguous" 1 <<-EOF
		err ambiguous argument: $word
		$usage
	EOF
done
for word in nosuch create load migrate ''; do
	alone "$word"
	got "'$word' is unknown" 1 <<-EOF
		err unknown argument: $word
		$usage
	EOF
done
alone help star
got 'help of a command by its beginning' 0 <<-EOF
	out $(sed -n 's/^/vmctl [-v] [-S socket] start /p' <<-END
		[-c] [-A cmdline] [-b kernel] [-d disk] [-g run|stop] [-I initrd] [-i count] [-m size] [-N tap|user] [-p cpus] id|name
	END
	)
	out 	Start a VM of vm.conf, or a new one.
EOF
for word in console pause unpause wait; do
	alone $word
	got "$word without an id" 1 <<-EOF
		err vmctl: missing vmid argument
		err usage:	vmctl [-v] [-S socket] $word id
	EOF
	alone $word -1
	got "$word: an id is no option" 1 <<-EOF
		err usage:	vmctl [-v] [-S socket] $word id
	EOF
done
long=a234567890123456789012345678901234567890123456789012345678901234
alone pause $long
got 'a name of 64 characters' 1 <<-EOF
	err vmctl: name too long: "$long"
EOF
alone stop _x
got 'a name that begins with _' 1 <<-EOF
	err vmctl: invalid VM name: "_x"
EOF

hint='is vmd running?  Start it with "systemctl start vmd", or "vmd" for yourself; name another socket with -S'
alone status
got 'no daemon: the path, the reason and what to do' 1 <<-EOF
	err vmctl: connect: $work/sock: No such file or directory
	err vmctl: $hint
EOF
alone -S "$work/other" status
got '-S beats the environment' 1 <<-EOF
	err vmctl: connect: $work/other: No such file or directory
	err vmctl: $hint
EOF
if [ -e /run/vmd.sock ]; then
	echo 'skip - the default sockets: a vmd is running here'
else
	VMD_SOCKET='' alone status
	got 'root: /run/vmd.sock' 1 <<-EOF
		err vmctl: connect: /run/vmd.sock: No such file or directory
		err vmctl: $hint
	EOF
fi
# as_nobody: an ordinary user with a folder for sockets.
as_nobody()
{
	: >log
	env -u VMD_SOCKET XDG_RUNTIME_DIR="$work/xdg" timeout 20 setpriv \
	    --reuid 65534 --regid 65534 --clear-groups \
	    ./vmctl.copy status >out 2>err </dev/null
	rc=$?
}
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null &&
    [ ! -e /run/vmd.sock ]; then
	mkdir xdg
	chmod 755 . xdg
	cp "$VMCTL" vmctl.copy
	as_nobody
	got 'a user without a daemon of his own: /run/vmd.sock' 1 <<-EOF
		err vmctl.copy: connect: /run/vmd.sock: No such file or directory
		err vmctl.copy: $hint
	EOF
	: >xdg/vmd.sock
	chmod 666 xdg/vmd.sock
	as_nobody
	got 'a user with one: below XDG_RUNTIME_DIR' 1 <<-EOF
		err vmctl.copy: connect: $work/xdg/vmd.sock: Connection refused
		err vmctl.copy: $hint
	EOF
fi
alone -S "$(printf '%0108d' 0)" status
got 'a path too long for a socket' 1 <<-EOF
	err vmctl: connect: $(printf '%0108d' 0): File name too long
EOF
talk -v reload <<-EOF
	want RELOAD
	result error=OK
EOF
sed -i 's/\(confined by Landlock\).*/\1/' err
got '-v tells what happens' 0 <<-EOF
	err vmctl: connected to $work/sock
	err vmctl: confined by Landlock
	err vmctl: sending RELOAD, 0 bytes
	err vmctl: received RESULT, $result bytes
	log RELOAD
EOF
exit $failed
