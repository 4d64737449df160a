#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Real gdb and Debian's kernel: from before the first instruction to its init,
# with breakpoints of both kinds, a watchpoint and steps.
#
# The kernel's package has no System.map, so the kernel is asked: it is booted
# once, and its /proc/kallsyms gives the addresses, which "nokaslr" makes those
# of every boot.
# shellcheck disable=SC2016  # gdb's own variables
. "$(dirname "$0")/lib.sh"
for tool in gdb as ld; do
	command -v $tool >/dev/null || skip "$tool is not installed"
done
"$(dirname "$0")/../host/breakpoints" ||
    skip 'the emulated host has no breakpoints for its guests'
vmd_start <<END
vm "watched" { disable, memory 256M, cpus 2, boot "$elf", initrd "$initrd"
	cmdline "$lean", debug { gdb stop } }
END
socket=$work/vmd.gdb/watched

# --- System.map ----------------------------------------------------------------
symbols='start_kernel rest_init run_init_process __x64_sys_getppid
    system_state linux_banner'
# shellcheck disable=SC2086  # words
pattern=$(printf ' %s$|' $symbols)
expect 'a VM to ask' start asked 1
expect 'it comes up' guest_up asked
type_line asked "run grep -E '${pattern%|}' /proc/kallsyms"
expect 'it knows its symbols' console_within 60 asked '^guest: status 0'
tr -d '\r' <"$work/console.asked" |
    grep -E '^[0-9a-f]{16} [A-Za-z] [a-z_0-9]+$' | sort -u >"$work/System.map"
sed 's/^/# /' "$work/System.map"
# shellcheck disable=SC2086  # words
expect 'all of them' \
    [ "$(wc -l <"$work/System.map")" = "$(printf '%s\n' $symbols | wc -l)" ]
expect 'it ends' ctl stop -fw asked

# The same as a file of symbols: each in a section at its address.
awk '{
	code = $2 ~ /[Tt]/
	printf "\t.section .at.%s,\"%s\"\n", $3, code ? "ax" : "aw"
	printf "\t.globl %s\n\t.type %s,@%s\n\t.size %s,16\n%s:\t.skip 16\n",
	    $3, $3, code ? "function" : "object", $3, $3
}' "$work/System.map" >"$work/symbols.S"
# shellcheck disable=SC2046  # words
as -o "$work/symbols.o" "$work/symbols.S" && ld -N -e 0 -o "$work/symbols" \
    $(awk '{ printf " --section-start=.at.%s=0x%s", $3, $1 }' \
    "$work/System.map") "$work/symbols.o" || not_ok 'a file of symbols'

address()
{
	awk -v name="$1" '$3 == name { print "0x" $1 }' "$work/System.map"
}

# --- to its init ---------------------------------------------------------------
expect 'a VM that waits for a debugger' ctl start watched
console_open watched
expect 'is running' is_state watched running
sleep 1
expect 'and does nothing yet' refuse console_says watched Linux
cat >"$work/session" <<END
set pagination off
set confirm off
symbol-file $work/symbols
target remote $socket
printf "first cr0.pg %d rip %#lx\n", (\$cr0 >> 31) & 1, \$rip
info threads
hbreak *start_kernel
continue
printf "second rip %#lx\n", \$rip
info registers rip rsp cr3
backtrace 1
x/s &linux_banner
delete
break *rest_init
continue
printf "third rip %#lx\n", \$rip
stepi
stepi
stepi
printf "stepped rip %#lx\n", \$rip
delete
printf "state %d\n", *(int *)&system_state
watch *(int *)&system_state
continue
printf "fourth state %d\n", *(int *)&system_state
delete
hbreak *run_init_process
continue
printf "fifth %s\n", (char *)\$rdi
info threads
delete
detach
END
session()
{
	timeout 600 gdb -nx -batch -x "$work/session" >"$work/gdb.out" 2>&1
}
expect 'gdb' session
sed 's/^/# /' "$work/gdb.out"

said()
{
	grep -qE -e "$1" "$work/gdb.out"
}
start_kernel=$(address start_kernel)
rest_init=$(address rest_init)
expect 'it began before the kernel had switched paging on' \
    said '^first cr0.pg 0 rip 0x'
expect 'each CPU is a thread' said '^  2 +Thread'
expect 'a hardware breakpoint at a symbol that was no memory yet' \
    said "^second rip $start_kernel"
expect 'in the symbol, says gdb' said 'Breakpoint 1, .*start_kernel'
expect 'registers' said "^rip +$start_kernel"
expect 'a backtrace' said '^#0 +0x[0-9a-f]+ in start_kernel'
expect 'the kernel'"'"'s banner, by its virtual address' \
    said '<linux_banner>:.*"Linux version [0-9]'
expect 'a software breakpoint' said "^third rip $rest_init"
expect 'steps' said '^stepped rip 0x[0-9a-f]+'
expect 'go on' refuse said "^stepped rip $rest_init"
expect 'the system boots' said '^state 0$'
expect 'a watchpoint says what changed' said '^Old value = 0'
expect 'to what' said '^New value = 1'
expect 'and stops there' said '^fourth state 1$'
expect 'the kernel is about to run its init' said '^fifth /init$'
expect 'it detached' said 'detached'
expect 'the guest reaches its init' guest_up watched
expect 'with both CPUs' console_says watched '^guest: ready cpus 2'

# --- a debugger that dies with a breakpoint in the kernel ------------------------
cat >"$work/session" <<END
set pagination off
symbol-file $work/symbols
target remote $socket
printf "attached\n"
break *__x64_sys_getppid
continue
printf "called rip %#lx\n", \$rip
continue
END
timeout 120 stdbuf -oL gdb -nx -batch -x "$work/session" >"$work/gdb.out" 2>&1 &
gdb=$!
background "$gdb"
expect 'gdb comes to a guest that runs' wait_for 60 said '^attached'
sleep 2
type_line watched "run sh -c 'echo one \$((1 + 1))'"
expect 'a system call of the guest' wait_for 60 \
    said "^called rip $(address __x64_sys_getppid)"
child=$(pgrep -P "$gdb" gdb)
sleep 2
kill -KILL "$child"
expect 'gdb is killed' wait_for 10 gone "$child"
type_line watched "run sh -c 'echo two \$((2 + 2))'"
expect 'the guest goes on, without its breakpoint' \
    console_within 60 watched '^two 4'
expect 'another gdb comes' timeout 60 gdb -nx -batch \
    -ex "target remote $socket" -ex 'p $cr3' -ex detach
expect 'the guest is as it was' is_state watched running

# --- the end of the guest ------------------------------------------------------
timeout 600 stdbuf -oL gdb -nx -batch -ex "target remote $socket" \
    -ex 'echo attached\n' -ex continue >"$work/gdb.out" 2>&1 &
background $!
expect 'gdb comes' wait_for 60 said '^attached'
sleep 2
expect 'the power button is heard' ctl stop -w watched
expect 'gdb hears of the end' wait_for 10 said 'exited normally'
exit "$failed"
