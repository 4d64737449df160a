# shellcheck shell=sh
# SPDX-License-Identifier: ISC
#
# The rows of VMs that move and of VMs made from a file; rows sources it.  The
# guest, busy.S, has touched all of its 1 GiB.
# shellcheck disable=SC2154  # what rows and its lib.sh have set

# What is measured is the program, not how fast the machine below this one, if
# there is one, gives memory: each move finds enough at hand.
at_hand=1280 # MiB
busy=$work/busy
big_qemu="$qemu -m 1024 -kernel $busy"

# ours_busy NAME: a guest that idles, running.
ours_busy()
{
	"$tools/timeto" 30 '!' "$VMCTL" start -c -m 1G -b "$busy" "$1" \
	    >/dev/null
}

# What a command of vmctl's says is of interest when it fails only.
# quiet COMMAND ...: prints nothing else than its standard output.
quiet()
{
	"$@" 2>"$work/err" || {
		cat "$work/err" >&2
		return 1
	}
}

# ours_send FROM TO: microseconds until TO runs.
ours_send()
{
	"$bench/bench_warm" $at_hand
	# shellcheck disable=SC2016  # the inner shell's
	took=$(quiet timeout 60 "$tools/timerun" \
	    sh -c '"$0" send "$1" | "$0" receive "$2"' "$VMCTL" "$1" "$2") &&
	    is_state "$2" running && unknown "$1" && echo "$took"
}

# qemu_start N OPTION ...: in the background; qemu_pid is it.
qemu_start()
{
	monitor=$1
	shift
	# shellcheck disable=SC2086  # options are words
	$big_qemu -qmp "unix:$work/qmp.$monitor,server=on,wait=off" "$@" \
	    >/dev/null 2>"$work/err" &
	qemu_pid=$!
	background $qemu_pid
}

# peer_send N: QEMU N - 1 moves to N, which waits for it.
peer_send()
{
	"$bench/bench_warm" $at_hand
	quiet "$bench/bench_migrate" "$work/qmp.$(($1 - 1))" "$work/qmp.$1" \
	    "unix:$work/mig.$1" 300
}

# Each move begins where the one before has ended.  The first of each side only
# warms up.
row_send()
{
	pairs=8
	assemble busy || return
	vmd_start </dev/null
	: >"$work/pairs"
	: >"$work/serial"
	qemu_start 0 -serial "file:$work/serial"
	if ours_busy move0 &&
	    "$tools/awaitline" 60 "$work/serial" '!' 1 >/dev/null; then
		for i in $(seq $((pairs + 1))); do
			old=$qemu_pid
			qemu_start "$i" -serial null \
			    -incoming "unix:$work/mig.$i"
			[ $((i % 2)) -eq 0 ] || o=$(ours_send \
			    "move$((i - 1))" "move$i")
			p=$(peer_send "$i")
			[ $((i % 2)) -ne 0 ] || o=$(ours_send \
			    "move$((i - 1))" "move$i")
			end "$old"
			[ "$i" = 1 ] || echo "${o:--} ${p:--}" \
			    "$(ratio "$o" "$p")" >>"$work/pairs"
			[ -n "$o" ] || break
		done
	fi
	ctl stop -fwa >/dev/null 2>&1
	vmd_stop
	end "$qemu_pid"
	row send "$(milli "$(median $pairs "$work/pairs")")" \
	    "$(milli "$(median $pairs "$work/pairs" 2)")" ms \
	    "$(median $pairs "$work/pairs" 3)" 0.80
}

# ours_gap N, peer_gap N: microseconds without a beat of the guest.
ours_gap()
{
	"$bench/bench_warm" $at_hand
	export VMCTL busy from="gap$1" to="gap$1.moved"
	# shellcheck disable=SC2016  # the inner shell's
	quiet "$bench/bench_gap" \
	    'exec "$VMCTL" start -c -m 1G -b "$busy" -A "$CYCLES" "$from"' \
	    'until "$VMCTL" console "$to"; do sleep 0.02; done 2>/dev/null' \
	    '"$VMCTL" send "$from" -- "$VMCTL" receive "$to"' |
	    cut -d' ' -f1
	ctl stop -fwa >/dev/null 2>&1
}

peer_gap()
{
	"$bench/bench_warm" $at_hand
	from=$work/qmp.from$1 to=$work/qmp.to$1 by=unix:$work/mig.gap$1
	command="exec $big_qemu -append \$CYCLES -serial stdio -qmp"
	quiet "$bench/bench_gap" \
	    "$command unix:$from,server=on,wait=off" \
	    "$command unix:$to,server=on,wait=off -incoming $by" \
	    "$bench/bench_migrate $from $to $by 300" | cut -d' ' -f1
}

# The guest writes 50 MB a second, and either may be silent for 300 ms.
row_downtime()
{
	assemble busy || return
	vmd_start </dev/null
	: >"$work/pairs"
	for i in $(seq "$rounds"); do
		[ $((i % 2)) -eq 0 ] || o=$(ours_gap "$i")
		p=$(peer_gap "$i")
		[ $((i % 2)) -ne 0 ] || o=$(ours_gap "$i")
		echo "${o:--} ${p:--}" >>"$work/pairs"
	done
	vmd_stop
	o=$(median "$rounds" "$work/pairs")
	p=$(median "$rounds" "$work/pairs" 2)
	row downtime "$(milli "$o")" "$(milli "$p")" ms "$(ratio "$o" "$p")" 1.00
}

# A saved VM in $work/snap, whose process has ended.
save_busy()
{
	assemble busy && vmd_start </dev/null && ours_busy saved &&
	    quiet timeout 60 "$VMCTL" send saved >"$work/snap"
}

# fork_busy NAME: microseconds until it runs.
fork_busy()
{
	# shellcheck disable=SC2016  # the inner shell's
	took=$(quiet timeout 60 "$tools/timerun" \
	    sh -c 'exec "$0" receive -c "$1" <"$2"' "$VMCTL" "$1" "$work/snap") &&
	    is_state "$1" running && echo "$took"
}

# What a VM from a file takes beyond a process that makes one of that size with
# bare KVM calls, pair by pair and in turn.  At most 20 ms.
row_receive_cow()
{
	pairs=15
	: >"$work/pairs"
	if save_busy; then
		for i in $(seq 0 $pairs); do
			[ $((i % 2)) -eq 0 ] || o=$(fork_busy "cow$i")
			p=$("$bench/bench_start" 1024)
			[ $((i % 2)) -ne 0 ] || o=$(fork_busy "cow$i")
			ctl stop -fw "cow$i" >/dev/null 2>&1
			[ "$i" = 0 ] || beyond "$o" "$p" >>"$work/pairs"
		done
	fi
	vmd_stop
	rm -f "$work/snap"
	row_beyond receive-cow $pairs 20
}

# pss PID ...: KiB, what is shared being shared out.
pss()
{
	for p; do
		cat "/proc/$p/smaps_rollup"
	done | awk '/^Pss:/ { sum += $2 } END { print sum }'
}

available()
{
	awk '/^MemAvailable:/ { print $2 }' /proc/meminfo
}

# Fifty VMs from one file: what all but the first add to the daemon's processes,
# and, on stderr, what they take from the machine, the kernel's share with it.
row_fork_memory()
{
	forks=50
	first='' all=''
	if save_busy; then
		for i in $(seq $forks); do
			fork_busy "fork$i" >/dev/null || break
			[ "$i" = 1 ] || [ "$i" = $forks ] || continue
			sleep 1
			# shellcheck disable=SC2046  # pids are words
			all=$(pss $(descendants "$vmd_pid"))
			free=$(available)
			[ "$i" != 1 ] || { first=$all free_first=$free; all=; }
		done
	fi
	ctl stop -fwa >/dev/null 2>&1
	vmd_stop
	rm -f "$work/snap"
	awk -v f="$first" -v a="$all" -v n=$((forks - 1)) 'BEGIN {
		good = f + 0 > 0 && a + 0 > f + 0
		each = (a - f) / n / 1024
		printf "fork-memory %s - - 8MiB %s\n",
		    (good ? sprintf("%.1fMiB", each) : "-"),
		    (good && each <= 8) ? "ok" : "OVER"
	}'
	[ -z "$all" ] ||
	    echo "bench: fork-memory: the machine has $(((free_first - free) / (forks - 1))) KiB less for each" >&2
}
