#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A client that sends something else than a file for its dump, or a file that
# never takes what is written: it alone has the harm.
. "$(dirname "$0")/lib.sh"
bad=$tools/baddump
as --32 -o "$work/dump.o" "$(dirname "$0")/dump.S" &&
    ld -n -m elf_i386 -Ttext=0x100000 -e _start -o "$work/dump" \
    "$work/dump.o" || skip 'cannot assemble the guest'
[ -x "$bad" ] || skip 'regress/lib/baddump is not built'
: >"$work/vm.conf"
vmd_run
expect 'a VM starts' ctl start -m 64M -b "$work/dump" one
console_open one
expect 'its guest is up' console_within 10 one '^up'
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
# One where it shows at the close that what was written is lost.
mkdir "$work/fuse"
trap 'umount -l "$work/fuse" 2>/dev/null; cleanup' EXIT
"$tools/hangfs" "$work/fuse" full >"$work/fullfs.out" &
fullfs=$!
background $fullfs
expect 'a file system that forgets' wait_for 20 grep -q ready "$work/fullfs.out"
expect 'a dump that is lost at its close is an error' \
    kind FILE_WRITE rw "$work/fuse/file"
umount "$work/fuse"
wait "$fullfs"

# A file system of the client's own, where whoever writes or closes the file
# waits for as long as the client likes, and no signal ends that.
"$tools/hangfs" "$work/fuse" >"$work/hangfs.out" &
hangfs=$!
background $hangfs
expect 'a file system that hangs' wait_for 20 grep -q ready "$work/hangfs.out"
mkfifo "$work/hold"
"$bad" "$VMD_SOCKET" one rw "$work/fuse/file" <"$work/hold" \
    >"$work/bad.out" &
background $!
exec 9>"$work/hold"
expect 'a dump into its file: the client waits' \
    wait_for 20 grep -q waits "$work/bad.out"
expect 'the VM process waits with it' grep -q 'a write waits' \
    "$work/hangfs.out"
expect 'others are served' timeout 5 "$VMCTL" status one
expect 'another dump is refused' says 'being written already' \
    timeout 5 "$VMCTL" dump one "$work/other.core"
expect 'another VM is started' timeout 10 "$VMCTL" start -m 64M \
    -b "$work/dump" two
expect 'dumped' timeout 10 "$VMCTL" dump two "$work/two.core"
expect 'and ended' timeout 10 "$VMCTL" stop -fw two
type_keys one a
expect 'the guest stands still' refuse console_within 1 one '^key a'
exec 9>&-
expect 'the client leaves: it goes on' console_within 20 one '^key a'
expect 'and is paused' timeout 5 "$VMCTL" pause one
expect 'and goes on' timeout 5 "$VMCTL" unpause one
expect 'another dump is refused still' says 'hangs' \
    timeout 5 "$VMCTL" dump one "$work/other.core"
reset()
{
	type_keys one x
	console_within 20 one '^up' 2
}

# One more client that leaves a dump which hangs.
hang()
{
	"$bad" "$VMD_SOCKET" one rw "$work/fuse/file" </dev/null \
	    >"$work/hang.out" &
	background $!
	expect 'a dump hangs again' wait_for 20 grep -q waits "$work/hang.out"
}

i=0
while [ $i -lt 10 ]; do
	"$bad" "$VMD_SOCKET" one rw "$work/fuse/file" </dev/null \
	    >>"$work/more.out" &
	background $!
	i=$((i + 1))
done
more()
{
	[ "$(grep -c '^DUMPING$' "$work/more.out")" = 10 ]
}
expect 'more of such files are refused' wait_for 10 more
type_keys one b
expect 'the guest runs' console_within 20 one '^key b'
expect 'it resets itself' reset
expect 'though its process is not ended' logged 'is killed and does not end'
pid2=$(column one PID)
hang
expect 'the VM is ended' timeout 15 "$VMCTL" stop -fw one
expect 'though its process is not' \
    [ "$(grep -c 'is killed and does not end' "$work/vmd.log")" = 2 ]
expect 'there is none of that name' unknown one
expect 'one is started again' timeout 10 "$VMCTL" start -m 64M \
    -b "$work/dump" one
expect 'in another process' refuse [ "$(column one PID)" = "$pid2" ]
expect 'and dumped' timeout 10 "$VMCTL" dump one "$work/again.core"
kill "$hangfs"
wait "$hangfs" 2>/dev/null
umount -l "$work/fuse"
expect 'the file system ends: the process, too' wait_for 20 gone "$pid"
expect 'and the other' wait_for 20 gone "$pid2"
same_as_before 'nothing is left' "$before"
exit "$failed"
