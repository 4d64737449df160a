#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A debugger comes to a VM: real gdb, which looks, stops, leaves and comes
# again; who may come at all; and debuggers that are no good.  Breakpoints need
# a KVM that runs guests at hardware speed: regress/integration/gdb.sh.
# shellcheck disable=SC2016  # gdb's own variables
. "$(dirname "$0")/lib.sh"
command -v gdb >/dev/null || skip 'gdb is not installed'
owner=61001 stranger=61003
getent passwd $owner $stranger >/dev/null &&
    skip "there is a user among $owner and $stranger"
chmod 755 "$work"
truncate -s 4M "$work/owned.img" "$work/asked.img"
chmod 666 "$work"/*.img
cat >"$work/vm.conf" <<END
vm "owned" { disable, memory 32M, disk "$work/owned.img", owner $owner
	debug { gdb } }
vm "asked" { disable, memory 32M, disk "$work/asked.img", debug { gdb stop } }
END
cp "$VMCTL" "$work/vmctl"
cp "$tools/badgdb" "$work/badgdb"
folder=$work/vmd.gdb

no_vm_named()
{
	refuse ctl status "$1"
}

# as USER PROGRAM ...
as()
{
	user=$1
	shift
	setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
}

# with_gdb NAME COMMAND ...: gdb with these commands; output in gdb.out.
with_gdb()
{
	name=$1
	shift
	set -- "$@" -ex :
	while [ "$1" != -ex ]; do
		set -- "$@" -ex "$1"
		shift
	done
	shift 2
	timeout 60 gdb -nx -batch -ex 'set pagination off' \
	    -ex "target remote $folder/$name" "$@" >"$work/gdb.out" 2>&1
}

shows()
{
	grep -qE -e "$1" "$work/gdb.out" || {
		echo 'gdb said:'
		cat "$work/gdb.out"
		return 1
	}
}

# shows, after a while.
shows_within()
{
	"$tools/awaitline" "$1" "$work/gdb.out" "$2"
}

bad()
{
	name=$1
	shift
	timeout 60 "$tools/badgdb" "$folder/$name" "$@"
}

vmd_run
expect 'a VM without a debugger' idle plain
expect 'says what to do for one' says 'start it with -g run' ctl gdb plain
expect 'there is no socket' [ ! -e "$folder" ]
expect 'a VM with one' idle free -g run
expect 'vmctl gdb prints the line' \
    [ "$(ctl gdb free)" = "gdb -ex 'target remote $folder/free'" ]
expect 'the socket is root'"'"'s alone' \
    [ "$(stat -c '%F %a %u' "$folder/free")" = 'socket 600 0' ]
expect 'its folder can be passed through and not read' \
    [ "$(stat -c '%a %u' "$folder")" = '711 0' ]
vm=$(column free PID)
had=$(fds "$vm")
console_open free
expect 'its firmware is done' console_within 30 free 'No bootable device'

# --- real gdb ----------------------------------------------------------------
expect 'gdb comes, looks and leaves' with_gdb free 'info registers' \
    'x/2i $pc' 'info threads' detach
expect 'it saw registers' shows '^rip +0x'
expect 'control registers, too' shows '^cr0 +0x'
expect 'instructions' shows '=> 0x[0-9a-f]+:'
expect 'and a thread per CPU' shows '^\* 1 +Thread'
expect 'and detached' shows 'detached'
expect 'again' with_gdb free 'p $rip' detach
expect 'the guest goes on' is_state free running
expect 'the VM process is the same' [ "$(column free PID)" = "$vm" ]
expect 'and holds what it held' wait_for 20 [ "$(fds "$vm")" = "$had" ]
expect 'gdb writes and reads memory' with_gdb free \
    'set {int}0x1000000 = 0x12345678' 'p/x *(int *)0x1000000' \
    'set $kept = $rax' 'set $rax = 0x4711' 'p/x $rax' 'set $rax = $kept' \
    detach
expect 'memory is as written' shows '= 0x12345678'
expect 'a register is' shows '= 0x4711'

# Ctrl-C.  The file is emptied first: who waits for a line may be there before
# gdb is.
: >"$work/gdb.out"
timeout 60 stdbuf -oL gdb -nx -batch -ex "target remote $folder/free" \
    -ex 'echo goes\n' -ex continue -ex 'echo stopped\n' -ex 'p $rip' \
    -ex 'echo on\n' -ex continue >>"$work/gdb.out" 2>&1 &
gdb=$!
background $gdb
gdb_child()
{
	child=$(pgrep -P "$gdb" gdb) && [ -n "$child" ]
}
expect 'gdb lets it run' shows_within 20 '^goes'
expect 'it is there' wait_for 20 gdb_child
sleep 1
kill -INT "$child"
expect 'Ctrl-C stops it' shows_within 20 '^stopped'
expect 'with registers' shows_within 5 '^\$1 = '
expect 'and it goes on' shows_within 5 '^on'

# One at a time.
with_gdb free 'p $rip'
expect 'a second debugger is told why it is refused' shows 'another debugger has this VM'
expect 'and sees nothing' shows '^\$1 = void'
expect 'the first one is not disturbed' [ -e "/proc/$child" ]
kill -KILL "$child"
expect 'gdb is killed: the next one may come' with_gdb free 'p $rip' detach
expect 'the guest runs' is_state free running
expect 'nothing is left of the others' wait_for 20 [ "$(fds "$vm")" = "$had" ]

# --- no good -----------------------------------------------------------------
expect 'garbage' bad free garbage
expect 'a flood' bad free flood 3000
expect 'one that does not read is dropped' \
    [ "$(bad free deaf)" = dropped ]
expect 'the log says so' logged 'the debugger does not read'
expect 'those that vanish' bad free vanish
expect 'a step in the middle' bad free vanish '?' 'vCont;s:1'
n=0
while [ $n -lt 20 ]; do
	bad free vanish '?' g 'vCont;s:1' 'vCont;c' || break
	n=$((n + 1))
done
expect 'again and again' [ $n = 20 ]
expect 'gdb comes after all those' with_gdb free 'p $rip' detach
expect 'to the same VM' [ "$(column free PID)" = "$vm" ]
expect 'which holds what it held' wait_for 20 [ "$(fds "$vm")" = "$had" ]
expect 'the daemon works' vmd_answers

# --- with the other commands -------------------------------------------------
# A debugger that has the guest until it is told to go.
attach()
{
	rm -f "$work/go.$1"
	mkfifo "$work/go.$1"
	"$tools/badgdb" "$folder/$1" hold <"$work/go.$1" >"$work/hold.$1" 2>&1 &
	holder=$!
	background "$holder"
	exec 9>"$work/go.$1"
	wait_for 10 grep -q there "$work/hold.$1"
}
let_go()
{
	exec 9>&-
	wait "$holder"
	rm -f "$work/go.$1"
}
expect 'a debugger has the guest' attach free
expect 'the VM is running, to vmctl' is_state free running
expect 'it can be paused' ctl pause free
expect 'it is paused' is_state free paused
let_go free
expect 'the debugger leaves: it is paused still' is_state free paused
expect 'one comes to a paused VM' with_gdb free 'p $rip' detach
expect 'it is paused still' is_state free paused
expect 'and goes on' ctl unpause free
expect 'a debugger has it again' attach free
expect 'paused' ctl pause free
expect 'unpaused' ctl unpause free
began=$(date +%s)
expect 'stop presses the button, and ends it' timeout 20 "$VMCTL" stop -w free
expect 'after some seconds' [ $(($(date +%s) - began)) -ge 2 ]
let_go free
expect 'its socket is gone, the folder too' [ ! -e "$folder" ]
rm -f "$work/console.free"
expect 'it may be started again' idle free -g run
expect 'a debugger has it' attach free
expect 'stop -f ends it' timeout 5 "$VMCTL" stop -fw free
let_go free

# --- before the first instruction --------------------------------------------
expect 'a VM that waits for a debugger' ctl start asked
console_open asked
expect 'is running, to vmctl' is_state asked running
sleep 1
expect 'and does nothing' refuse console_says asked SeaBIOS
expect 'vmctl gdb -x runs gdb' sh -c "printf '%s\\n' 'p \$rip' 'p \$cs_base' \
    'x/i \$cs_base + \$rip' detach quit | timeout 60 '$VMCTL' gdb -x asked \
    >'$work/gdb.out' 2>&1"
expect 'at the first instruction' shows '0xfff0'
expect 'then it runs' console_within 30 asked 'No bootable device'
expect 'it ends' ctl stop -fw asked
expect 'again' ctl start asked
expect 'pause of a guest that waits' ctl pause asked
expect 'unpause' ctl unpause asked
expect 'stop of one' timeout 20 "$VMCTL" stop -w asked
expect 'it can be started without' ctl start -g run asked
expect 'and runs' wait_for 20 is_state asked running
expect 'for a debugger' with_gdb asked 'p $rip' detach
ctl stop -fw asked >/dev/null 2>&1

# --- who may -----------------------------------------------------------------
chmod 666 "$VMD_SOCKET"
expect 'an owner starts its VM' as $owner "$work/vmctl" start owned
expect 'the socket is the owner'"'"'s alone' \
    [ "$(stat -c '%a %u' "$folder/owned")" = "600 $owner" ]
expect 'the owner is told the line' \
    [ "$(as $owner "$work/vmctl" gdb owned)" = \
    "gdb -ex 'target remote $folder/owned'" ]
expect 'a stranger is not' says 'not the owner' \
    as $stranger "$work/vmctl" gdb owned
expect 'the owner debugs it' as $owner timeout 20 \
    "$work/badgdb" "$folder/owned" ask '?'
expect 'so may root' with_gdb owned 'p $rip' detach
expect 'a stranger cannot open it' says 'ermission denied' \
    as $stranger timeout 20 "$work/badgdb" "$folder/owned" ask '?'
# Were the mode wrong, and users have numbers in the VM process, it would look.
expect 'the owner stops it' as $owner "$work/vmctl" stop -fw owned
expect 'and nothing is left' [ ! -e "$folder" ]

# --- a guest that resets, and one that crashes --------------------------------
as_guest()
{
	/usr/bin/as --32 -o "$work/$1.o" "$2" &&
	    ld -n -m elf_i386 -Ttext=0x100000 -e _start -o "$work/$1" \
	    "$work/$1.o"
}
as_guest reset "$(dirname "$0")/reset.S"
expect 'a VM that resets itself' ctl start -g run -m 64M -b "$work/reset" again
console_open again
expect 'is up' console_within 10 again '^up'
before=$(column again PID)
type_keys again x
expect 'it resets' console_within 10 again '^up' 2
expect 'in a new process' refuse [ "$(column again PID)" = "$before" ]
expect 'whose socket is the same' with_gdb again 'p $rip' detach
expect 'the guest goes on' is_state again running
expect 'a debugger has it' attach again
let_go again
mkfifo "$work/crash.in"
: >"$work/gdb.out"
timeout 60 stdbuf -oL gdb -nx -batch -ex "target remote $folder/again" \
    -ex 'echo goes\n' -ex continue -ex 'echo crashed\n' -ex 'p $rip' -ex 'set $rax = 1' -ex 'stepi' \
    -ex 'shell cat >/dev/null' -ex detach \
    <"$work/crash.in" >>"$work/gdb.out" 2>&1 &
background $!
exec 8>"$work/crash.in"
expect 'gdb lets it run' shows_within 20 '^goes'
before=$(column again PID)
type_keys again x
expect 'it triple faults: gdb is told' shows_within 20 '^crashed'
expect 'it can look' shows_within 5 '^\$1 = '
expect 'and not write' shows_within 5 'annot|ould not'
expect 'the VM is there' [ "$(column again PID)" = "$before" ]
expect 'it is not reset yet' refuse console_within 1 again '^up' 3
exec 8>&-
expect 'gdb leaves: then it is' console_within 20 again '^up' 3
expect 'in a new process' refuse [ "$(column again PID)" = "$before" ]
sleep 6		# more often would be too quick
expect 'it crashes without a debugger as ever' type_keys again x
expect 'and is reset at once' console_within 10 again '^up' 4
ctl stop -fw again >/dev/null 2>&1

# It asks for the power button's interrupt: a guest that is up would have two
# minutes to hear it.
sed 's/lidt empty/movw $0x602, %dx; movw $0x100, %ax; outw %ax, %dx; &/' \
    "$(dirname "$0")/reset.S" >"$work/listens.S"
as_guest listens "$work/listens.S"
rm -f "$work/console.again"
expect 'a VM that listens to the button' \
    ctl start -g run -m 64M -b "$work/listens" again
console_open again
expect 'is up' console_within 10 again '^up'
: >"$work/gdb.out"
timeout 60 stdbuf -oL gdb -nx -batch -ex "target remote $folder/again" \
    -ex 'echo goes\n' -ex continue -ex 'echo crashed\n' \
    -ex 'shell cat >/dev/null' <"$work/crash.in" >>"$work/gdb.out" 2>&1 &
background $!
exec 8>"$work/crash.in"
expect 'a debugger comes and goes on' shows_within 20 '^goes'
type_keys again x
expect 'it crashes' shows_within 20 '^crashed'
expect 'it can be dumped while the debugger looks' \
    ctl dump again "$work/again.core"
expect 'and paused' ctl pause again
expect 'and goes no further' ctl unpause again
expect 'stop does not wait for what cannot hear' \
    timeout 10 "$VMCTL" stop -w again
exec 8>&-

# --- the folder ----------------------------------------------------------------
expect 'a VM with a debugger' idle free -g run
kill -KILL "$vmd_pid"
wait "$vmd_pid" 2>/dev/null
expect 'the daemon is killed: the socket is left' [ -S "$folder/free" ]
vmd_run
expect 'the next one has removed it' [ ! -e "$folder" ]
ln -s "$work" "$folder"
# (The kernel may hold on to the disk of a killed daemon for a moment.)
expect 'a folder that is none is refused' wait_for 20 \
    says "debugger's socket" idle free -g run
expect 'with its name' says "$folder" idle free -g run
rm "$folder"
expect 'and no VM is left' no_vm_named free
expect 'without it' idle free -g run
vmd_stop
expect 'the daemon ends: nothing is left' [ ! -e "$folder" ]
deep=$work/$(printf '%060d' 0)
mkdir "$deep"
VMD_SOCKET=$deep/vmd.sock
vmd_run
long=$(printf 'n%062d' 0)
expect 'a path that is too long' says 'name too long' idle "$long" -g run
expect 'a shorter one' idle n -g run
exit "$failed"
