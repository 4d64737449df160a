#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A client that sends something else than a file for its dump, or a file that
# never takes what is written: it alone has the harm.
. "$(dirname "$0")/lib.sh"
bad=$tools/baddump
[ -x "$bad" ] || skip 'regress/lib/baddump is not built'
: >"$work/vm.conf"
vmd_run
expect 'a VM starts' idle one
pid=$(column one PID)
before=$(holdings)
vm_before=$(fds "$pid")

# kind ANSWER KIND [PATH]
kind()
{
	want=$1
	shift
	is=$("$bad" "$VMD_SOCKET" one "$@" </dev/null)
	[ "$is" = "$want" ] || {
		echo "$is"
		return 1
	}
}
echo whole >"$work/file"
mkfifo "$work/fifo"
expect 'a file is filled' kind OK rw "$work/file"
expect 'a file in memory, too' kind OK memfd
expect 'a pipe is refused' kind FILE_MODE pipe
expect 'a FIFO' kind FILE_TYPE rw "$work/fifo"
expect 'a socket' kind FILE_TYPE socket
expect 'a folder' kind FILE_MODE folder "$work"
expect '/dev/null' kind FILE_TYPE rw /dev/null
expect 'a file open to read' kind FILE_MODE readonly "$work/file"
expect 'to write' kind FILE_MODE writeonly "$work/file"
expect 'to append' kind FILE_MODE append "$work/file"
expect 'a path alone' kind FILE_MODE path "$work/file"
[ -w /proc/self/oom_score_adj ] &&
    expect 'a file of the kernel'\''s' kind FILE_WRITE rw \
    "/proc/$vmd_pid/oom_score_adj"
expect 'the VM runs' is_state one running
expect 'in its process' [ "$(column one PID)" = "$pid" ]
same_as_before 'nothing is left of them' "$before"
expect 'nor in the VM process' [ "$(fds "$pid")" = "$vm_before" ]

[ -w /dev/fuse ] || {
	echo 'skip - no FUSE'
	exit "$failed"
}
mkdir "$work/fuse"
"$tools/hangfs" "$work/fuse" >"$work/hangfs.out" &
hangfs=$!
background $hangfs
expect 'a file system that hangs' wait_for 5 grep -q ready "$work/hangfs.out"
mkfifo "$work/hold"
"$bad" "$VMD_SOCKET" one rw "$work/fuse/file" <"$work/hold" \
    >"$work/bad.out" &
background $!
exec 9>"$work/hold"
expect 'a file that hangs: the client waits' wait_for 5 grep -q waits "$work/bad.out"
cat "$work/hangfs.out" 
for p in $(descendants $vmd_pid); do echo "$p $(title $p) $(cat /proc/$p/wchan) $(awk '/State/ {print $2}' /proc/$p/status)"; for t in /proc/$p/task/*; do echo "  $(cat $t/comm) $(cat $t/wchan) $(awk '/State/ {print $2}' $t/status)"; done; done
expect 'others are served' timeout 5 "$VMCTL" status one
sleep 1
kill -9 $hangfs
exit "$failed"
