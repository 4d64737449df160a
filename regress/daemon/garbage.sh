#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A guest that writes garbage to every port, BAR and ring (garbage*.c) breaks
# its devices at most: not its processes, not the daemon, not another VM.
# SEEDS="n ..." tries others than the usual.
. "$(dirname "$0")/lib.sh"
"${CC:-cc}" -m32 -std=c11 -O1 -Wall -Wextra -Werror -ffreestanding -fno-pic \
    -fno-stack-protector -fcf-protection=none -mgeneral-regs-only -nostdlib \
    -fno-asynchronous-unwind-tables -static -Wl,-n,-Ttext=0x100000 \
    -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments \
    -o "$work/garbage" "$(dirname "$0")"/garbage*.c ||
    skip 'the guest cannot be built'
: >"$work/vm.conf"
vmd_run
expect 'a bystander runs' idle bystander
processes()
{
	role_pids "$1\$" | tr '\n' ' '
}
bystander=$(processes bystander)
before=$(holdings)

# What the log says of processes that ended, and of a sanitizer's findings.
deaths='restarted|died|signal|lost its process|stays off|does not take'
deaths="$deaths|runtime error|Sanitizer"

# Memory of all processes of the VM, the guest's own left out, in kB.
vm_memory()
{
	for p in $(role_pids 'garbage$'); do
		memory "$p"
	done | awk '{ n += $1 } END { print n + 0 }'
}

# Processor time of the VM process, in hundredths of a second.
vm_time()
{
	sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# garbage SEED PHASES NAME ...: one run, to its last line.
garbage()
{
	seed=$1 phases=$2
	shift 2
	truncate -s 4M "$work/garbage.img"
	rm -f "$work/console.garbage"
	began=$(date +%s)
	lines=$(wc -l <"$work/vmd.log")
	expect "seed $seed: the VM starts" ctl start -m 32M -b "$work/garbage" \
	    -A "$seed $phases" -d "$work/garbage.img" -i 1 -N "$net" garbage
	processes=$(processes garbage)
	pid=$(column garbage PID)
	console_open garbage
	for phase; do
		expect "seed $seed: $phase" console_within 40 garbage \
		    "^garbage: $phase" || break
		expect "seed $seed: $phase: its processes are the same" \
		    [ "$(processes garbage)" = "$processes" ]
		expect "seed $seed: $phase: the daemon answers" vmd_answers
		# Amidst the next phase: devices stop whatever they were at.
		expect "seed $seed: $phase: it pauses" ctl pause garbage
		expect "seed $seed: $phase: and goes on" ctl unpause garbage
	done
	expect "seed $seed: memory is bounded ($(vm_memory) kB)" \
	    [ "$(vm_memory)" -lt "${memory_limit-20000}" ]
	tail -n "+$((lines + 1))" "$work/vmd.log" >"$work/said"
	expect "seed $seed: no process died" \
	    refuse grep -E "$deaths" "$work/said"
	# Each of three devices may say 5 lines at once, then one per 5 s, in
	# its own process and in the VM's.
	said=$(grep -vc ' debug: ' "$work/said")
	took=$(($(date +%s) - began))
	expect "seed $seed: the log is short ($said lines in $took s)" \
	    [ "$said" -lt $((50 + 2 * took)) ]
	was=$(vm_time "$pid")
	sleep 1
	now=$(vm_time "$pid")
	expect "seed $seed: at rest, it rests ($((now - was)) ms x 10)" \
	    [ $((now - was)) -le 10 ]
	expect "seed $seed: it ends" ctl stop -fw garbage
	same_as_before "seed $seed: nothing is left of it" "$before"
	expect "seed $seed: the bystander's processes are the same" \
	    [ "$(processes bystander)" = "$bystander" ]
}

for seed in ${SEEDS-1 2 3}; do
	net=user
	[ $((seed % 3)) -ne 0 ] || [ ! -e /dev/net/tun ] || net=tap
	garbage "$seed" cdpmvrbt begins chips dma pci mmio registers rings \
	    broken timers "done"
done

net=user
for phase in r v p; do
	expect "phase $phase: the VM starts" ctl start -m 32M \
	    -b "$work/garbage" -A "7 $phase$phase" -d "$work/garbage.img" \
	    -i 1 -N $net garbage
	sleep 0.7
	expect "phase $phase: ended amidst it" ctl stop -fw garbage
	same_as_before "phase $phase: nothing is left of it" "$before"
done

# A terminal that is open and not read takes what fits; the guest does not wait.
expect 'a VM that prints starts' ctl start -m 32M -b "$work/garbage" \
    -A '1 f' garbage
expect 'its terminal is opened' wait_for 20 column garbage TTY
sleep 100000 <>"/dev/$(column garbage TTY)" &
holder=$!
background $holder
pid=$(column garbage PID)
rests()
{
	was=$(vm_time "$pid")
	sleep 0.5
	[ "$was" = "$(vm_time "$pid")" ]
}
expect 'it prints 96 KiB to nobody' wait_for 30 rests
expect "its memory is bounded ($(vm_memory) kB)" \
    [ "$(vm_memory)" -lt "${memory_limit-20000}" ]
end $holder
rm -f "$work/console.garbage"
console_open garbage
expect 'and who looks later sees the end of it' \
    console_within 10 garbage '^garbage: flood'
expect 'it ends' ctl stop -fw garbage
same_as_before 'nothing is left of it' "$before"

expect 'the bystander ends' ctl stop -fw bystander
expect 'the daemon ends' end "$vmd_pid"
vmd_pid=
exit "$failed"
