#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The counters of VMs: they are true, they grow, the table and JSON say the
# same, and whoever asks is answered whatever becomes of the VM.
. "$(dirname "$0")/lib.sh"
owner=61001 stranger=61003
getent passwd $owner $stranger >/dev/null &&
    skip "there is a user among $owner and $stranger"
chmod 755 "$work"
truncate -s 4M "$work/owned.img"
cat >"$work/vm.conf" <<END
vm "owned" { disable, memory 32M, disk "$work/owned.img", owner $owner }
END
cp "$VMCTL" "$work/vmctl"
vmd_run
chmod 666 "$VMD_SOCKET"

as()
{
	user=$1
	shift
	setpriv --reuid "$user" --regid "$user" --clear-groups \
	    "$work/vmctl" "$@"
}

# total VM COUNTER
total()
{
	ctl stats "$1" | awk -v c="$2" '$3 == c { print $5 }'
}

# grows VM COUNTER: within some seconds.
grows()
{
	was=$(total "$1" "$2")
	wait_for 10 more "$1" "$2"
}
# shellcheck disable=SC2317  # by way of wait_for
more()
{
	[ "$(total "$1" "$2")" -gt "$was" ]
}

# The columns of a row add up, or the total is that of the VM.
adds_up()
{
	awk 'NR > 1 && $3 !~ /_time$/ && $4 == "count" && $6 != "-" {
		sum = 0
		for (i = 6; i <= NF; i++)
			sum += $i
		if (sum != $5) {
			print
			bad = 1
		}
		n++
	}
	END { exit bad || n < 10 }' "$1"
}

# same_as_table JSON TABLE: of a VM that stands still.
same_as_table()
{
	python3 - "$1" "$2" <<'END'
import json, sys
vm, = json.load(open(sys.argv[1]))
lines = open(sys.argv[2]).read().splitlines()
rows = {}
for line in lines[1:]:
    i, name, counter, unit, total, *cpus = line.split()
    assert (int(i), name) == (vm["id"], vm["name"]), line
    assert counter not in rows, line
    rows[counter] = (unit, int(total),
        None if cpus[0] == "-" else [int(c) for c in cpus])
assert list(rows) == list(vm["counters"])
for counter, (unit, total, cpus) in rows.items():
    c = vm["counters"][counter]
    assert (c["unit"], c["total"], c["vcpus"]) == (unit, total, cpus), counter
assert len({len(line) for line in lines}) == 1, "columns"
assert vm["counters"]["vmm_exit_pio"]["total"] > 0
END
}

expect 'nothing runs: nothing to show' refuse ctl stats
expect 'an id that nothing has' says 'vm not found' ctl stats 99
expect 'a name that nothing has' says 'vm not found' ctl stats nobody
expect 'a stopped VM' says 'vm is not running' ctl stats owned

expect 'a VM with two CPUs' idle one -p 2
expect 'counters grow: port I/O' grows one vmm_exit_pio
expect 'runs' grows one vmm_runs
expect 'processor time' grows one cpu_time
expect 'time in the guest' grows one vmm_guest_time
expect "what the host's KVM counts" grows one exits
console_open one
expect 'it runs' console_within 60 one 'No bootable device'
ctl stats one >"$work/one.out"
expect 'totals are the sums' adds_up "$work/one.out"
expect 'there are two vCPUs' grep -q ' VCPU0  *VCPU1$' "$work/one.out"
expect 'time in the guest, also of one that halts, goes by' \
    grows one vmm_guest_time

before=$(holdings)
expect 'it is paused' ctl pause one
ctl stats one >"$work/table"
ctl stats -j one >"$work/json"
# What goes on for a VM that stands still: the time outside of it.
sed -i '/ vmm_host_time /d' "$work/table"
python3 - "$work/json" <<'END'
import json, sys
vms = json.load(open(sys.argv[1]))
del vms[0]["counters"]["vmm_host_time"]
json.dump(vms, open(sys.argv[1], "w"))
END
expect 'a paused VM answers, the table and JSON say the same' \
    same_as_table "$work/json" "$work/table"
was=$(total one vmm_runs)
expect 'and its counters stand' [ "$(total one vmm_runs)" = "$was" ]
expect 'it goes on' ctl unpause one
same_as_before 'nothing is left of the questions' "$before"

expect 'a second VM' as $owner start owned
ctl stats >"$work/all"
expect 'all VMs are shown, with totals only' sh -c \
    "awk 'NR == 1 { exit NF != 5 }' '$work/all' &&
    grep -q ' one  *cpu_time' '$work/all' &&
    grep -q ' owned  *cpu_time' '$work/all'"
expect 'JSON of all' sh -c "'$VMCTL' stats -j |
    python3 -c 'import json, sys; assert len(json.load(sys.stdin)) == 2'"
expect 'its owner asks' as $owner stats owned
expect "but not for root's" says 'not the owner' as $owner stats one
as $owner stats >"$work/mine"
expect 'what an owner may not see is not among all' \
    refuse grep -q ' one ' "$work/mine"
expect 'his own is' grep -q ' owned ' "$work/mine"
expect 'a stranger sees nothing' refuse as $stranger stats
expect 'nor by name' says 'not the owner' as $stranger stats owned

# The process does not answer, then dies.
kill -STOP "$(column owned PID)"
{
	ctl stats owned >"$work/dies.out" 2>&1
	echo $? >"$work/dies.rc"
} &
background $!
sleep 0.5
expect 'one that asks does not wait for the other: others are served' \
    ctl stats one
kill -KILL "$(column owned PID)"
answered()
{
	[ -s "$work/dies.rc" ]
}
expect 'its process dies: who asked is told' wait_for 20 answered
expect 'that it does not run' grep -q 'vm is not running' "$work/dies.out"

# Somebody who does not wait for the answer.
kill -STOP "$(column one PID)"
timeout 0.5 "$VMCTL" stats one
kill -CONT "$(column one PID)"
expect 'one that left is forgotten' ctl stats one

many()
{
	for i in 1 2 3 4 5 6 7 8; do
		"$VMCTL" stats -j one >"$work/many.$i" &
		pids="${pids-} $!"
	done
	for p in $pids; do
		wait "$p" || return 1
	done
}
expect 'eight at once' many
same_as_before 'nothing is left of all this' "$before"
expect 'its end' ctl stop -fw one
exit "$failed"
