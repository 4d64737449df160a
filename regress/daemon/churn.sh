#!/bin/sh
# SPDX-License-Identifier: ISC
#
# 100 VMs one after the other and 20 at once: what the daemon holds is then
# what it held before, and its memory has not grown.  Meanwhile two clients say
# nothing, or hardly anything, and are dropped after a minute.
. "$(dirname "$0")/lib.sh"
: >"$work/vm.conf"
verbose=
vmd_run
"$tools/hostile" "$VMD_SOCKET" silent 80 >"$work/silent.out" &
silent=$!
background $silent

cycle()
{
	idle "$1" >"$work/cycle.out" || {
		cat "$work/cycle.out"
		return 1
	}
	ctl stop -fw "$1" >"$work/cycle.out" 2>&1 || {
		cat "$work/cycle.out"
		return 1
	}
}
cycles()
{
	n=0
	while [ "$n" -lt "$1" ]; do
		cycle "churn$((n % 7))" || return 1
		n=$((n + 1))
	done
}
memories()
{
	for role in control priv vmm; do
		memory "$(role_pid "$role")"
	done
	memory "$vmd_pid"
}

expect '20 VMs start and stop' cycles 20
before=$(holdings)
began=$(memories)
expect '100 VMs start and stop' cycles 100
ended=$(memories)
same_as_before 'nothing is left of them' "$before"
# shellcheck disable=SC2086  # words
grown()
{
	set -- $began $ended
	echo "kB of control, priv, vmm, parent: $*"
	[ $(($5 - $1)) -le 64 ] && [ $(($6 - $2)) -le 64 ] &&
	    [ $(($7 - $3)) -le 64 ] && [ $(($8 - $4)) -le 64 ]
}
# A sanitizer keeps what is freed.
grep -q __asan_init "$VMD" || expect 'no process has grown' grown

twenty()
{
	n=0
	while [ "$n" -lt 20 ]; do
		idle "crowd$n" >"$work/crowd$n.out" || {
			cat "$work/crowd$n.out"
			return 1
		}
		n=$((n + 1))
	done
}
expect '20 VMs start' twenty
expect 'all of them run' [ "$(ctl status | grep -c running)" -eq 20 ]
expect 'each has a terminal of its own' [ "$(ctl status |
    awk 'NR > 1 { print $6 }' | sort -u | wc -l)" -eq 20 ]
expect 'stop -afw stops them all' ctl stop -afw
expect 'none is left' no_vm
same_as_before 'nothing is left of them' "$before"

expect 'a client that says nothing is dropped' wait_for 80 gone $silent
expect 'and one that says a byte a second' wait $silent
sed 's/^/# /' "$work/silent.out"
exit "$failed"
