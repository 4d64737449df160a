#!/bin/sh
# SPDX-License-Identifier: ISC
#
# gdb itself on libvmm's server: threads, registers, memory, steps, breakpoints,
# watchpoints, Ctrl-C, detach, hang-up and a crash, on a guest of two
# processors.  What this host's KVM does not exit for is skipped, by name.
set -u
O=${O:-build}
dir=$(mktemp -d)
socket=$dir/gdb
server=
rc=0

# shellcheck disable=SC2317  # the trap calls it
cleanup()
{
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

ok()
{
	echo "ok - $1"
}

not_ok()
{
	echo "not ok - $1"
	echo '# --- gdb'
	sed 's/^/# /' "$dir/out" 2>/dev/null | tail -n 40
	echo '# --- the server'
	sed 's/^/# /' "$dir/server"
	rc=1
}

# serve: a fresh guest, with whose code gdb knows its symbols.
serve()
{
	[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
	rm -f "$socket"
	"$O/regress/lib/gdbguest" "$socket" >"$dir/server" 2>&1 &
	server=$!
	wait_for ready
}

# wait_for TEXT [TIMES]: in what the server says.
wait_for()
{
	for _ in $(seq 200); do
		[ "$(grep -c "$1" "$dir/server")" -ge "${2-1}" ] && return 0
		sleep 0.1
	done
	return 1
}

# run SECONDS: gdb with the commands on standard input.
run()
{
	{
		echo 'set pagination off'
		echo 'set remotetimeout 60'
		echo "target remote $socket"
		cat
	} >"$dir/commands"
	timeout "$1" gdb -batch -nx -x "$dir/commands" "$O/gen/guest_gdb.elf" \
	    >"$dir/out" 2>&1
}

# says NAME PATTERN ...: each pattern in gdb's output, in this order.
says()
{
	name=$1
	shift
	line=0
	for pattern; do
		next=$(tail -n +$((line + 1)) "$dir/out" |
		    grep -n -m 1 -e "$pattern" | cut -d : -f 1)
		if [ -z "$next" ]; then
			echo "# missing, after line $line: $pattern"
			not_ok "$name"
			return
		fi
		line=$((line + next))
	done
	ok "$name"
}

# left NAME TIMES: the client is gone, the code whole, the guest runs.
left()
{
	if wait_for 'detached: 0 bytes of code changed, guest runs' "$2"; then
		ok "$1"
	else
		not_ok "$1"
	fi
}

has()
{
	case $(grep '^has:' "$dir/server") in
	*" $1"*) return 0 ;;
	*) return 1 ;;
	esac
}

# shellcheck disable=SC2016  # gdb's shell has gdb as its parent
interrupt='shell (sleep 2; kill -INT $PPID) &'

if ! [ -w /dev/kvm ] || ! command -v gdb >/dev/null; then
	echo 'skip - gdb: no usable /dev/kvm, or no gdb'
	exit 0
fi
if ! serve; then
	not_ok 'the server starts'
	exit 1
fi

run 100 <<EOF_GDB
info threads
p/x \$cs
p \$cr0
p \$efer
p/x \$cr3
p/x \$rip
thread 2
p/x \$rip
x/2i \$pc
set var \$r15 = 0x123456789abc
p/x \$r15
set var \$xmm3.v2_int64[1] = 77
p \$xmm3.v2_int64[1]
p/x \$mxcsr
p \$ftag
set var \$fs_base = 0x1000
p \$fs_base
set var \$k_gs_base = 0x2000
p \$k_gs_base
p/x *(long *)&seen
set var *(long *)&seen = 0x55
p/x *(long *)&seen
set var *(char *)crash = 0x90
x/4xb crash
set var *(char *)crash = 0x0f
monitor gla2gpa 0xffffffff80001180
monitor gla2gpa 0x1180
monitor registers
$interrupt
continue
info threads
detach
EOF_GDB
says 'threads' 'Thread 1 (vCPU 0, 64-bit, kernel) _start' \
    'Thread 2 (vCPU 1, 64-bit, kernel) other'
says 'segment and control registers' '= 0x8$' 'PE MP ET NE WP PG' \
    'LME LMA NXE' '= 0x8000$'
says 'registers of each thread' '= 0xffffffff80001000$' \
    '= 0xffffffff80001100$' 'other.*inc' '= 0x123456789abc$'
says 'FPU and SSE registers' '= 77$' '= 0x1f80$' '= 65535$'
says 'FS and GS' '= 65535$' '= 4096$' '= 8192$'
says 'memory, also where the guest may not write' '= 0x1122334455667788$' \
    '= 0x55$' 'crash>:.0x90.0x01.0x1c'
says 'monitor commands' '^0x1180' '^exception 14' '^idtr base'
says 'Ctrl-C' 'received signal SIGINT' 'Thread 2 (vCPU 1'
left 'a detached guest runs' 1

run 100 <<EOF_GDB
set var \$pc = loop
stepi
stepi
stepi
p/x \$pc
thread 2
set var \$pc = other
stepi
stepi
stepi
p/x \$pc
detach
EOF_GDB
if has step; then
	says 'steps of one thread, after another attach' \
	    '= 0xffffffff80001012$' '= 0xffffffff80001100$'
	left 'and again it runs' 2
else
	echo 'skip - steps: this KVM has none'
fi

if has int3; then
	run 100 <<EOF_GDB
break bump
continue
backtrace
continue
p \$rbx > 1
monitor breakpoints
break reader
delete 1
continue
x/2xb reader
finish
$interrupt
delete
continue
detach
EOF_GDB
	says 'breakpoints in memory' 'hit Breakpoint 1, bump' '#1 .* in loop' \
	    'hit Breakpoint 1, bump' '= 1$' 'hit Breakpoint 2, reader' \
	    'reader>:.0x55.0x48' '^loop ()' 'SIGINT'
	left 'none is left behind' 3
else
	echo 'skip - breakpoints in memory: this KVM does not exit for INT3'
fi

serve
if has code; then
	run 100 <<EOF_GDB
hbreak bump
continue
stepi
p/x \$pc
continue
info registers rip
hbreak reader
continue
detach
EOF_GDB
	says 'breakpoints in debug registers' 'hit Breakpoint 1, bump' \
	    '= 0xffffffff80001012$' 'hit Breakpoint 1, bump' 'rip .*bump' \
	    'hit Breakpoint 2, reader'
	run 100 <<EOF_GDB
hbreak *0xffffffff8000118d
hbreak *0xffffffff8000118e
hbreak *0xffffffff8000118f
hbreak *0xffffffff80001190
hbreak *0xffffffff80001191
continue
EOF_GDB
	says 'a fifth is refused' 'Could not insert hardware breakpoint'
	left 'a client that fails leaves none' 2
else
	echo 'skip - breakpoints in debug registers: this KVM has none'
fi

serve
if has data; then
	run 100 <<EOF_GDB
watch *(long *)&counter
continue
continue
delete
rwatch *(long *)&seen
continue
delete
awatch *(long *)&other_counter
continue
info threads
detach
EOF_GDB
	says 'watchpoints' 'Old value = 0' 'New value = 1' 'Old value = 1' \
	    'New value = 2' 'Hardware read watchpoint 2' 'reader' \
	    'Hardware access (read/write) watchpoint 3' '\* 2 .*vCPU 1'
	left 'no watchpoint is left' 1
else
	echo 'skip - watchpoints: this KVM has none'
fi

serve
if has int3; then
	# Its breakpoint is in the running guest when it dies.
	run 100 <<EOF_GDB
break crash
shell (sleep 2; kill -KILL \$PPID) &
continue
EOF_GDB
	left 'a client that dies takes its breakpoints along' 1
	serve
fi

run 100 <<EOF_GDB
set var \$pc = crash
continue
info threads
monitor status
python
for line in ("set var \$rax = 3", "set var *(long *)&seen = 1"):
    try:
        gdb.execute(line)
    except gdb.error as e:
        print("refused:", e)
end
continue
thread 2
p/x *(long *)&seen
detach
EOF_GDB
# The vCPU's own state is that of a reset on AMD.
says 'a crash can be looked at, and nothing else' 'guest crashed: ' \
    'SIGSEGV' 'vCPU 0' '^crashed: ' 'refused: .*guest crashed' \
    'refused: Cannot access memory' 'cannot go on' '= 0x1122334455667788'
if wait_for 'detached: 0 bytes of code changed, guest stands'; then
	ok 'the crashed guest does not run on'
else
	not_ok 'the crashed guest does not run on'
fi
exit $rc
