#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A VM that was saved by the first vmd of each format goes on with this one:
# regress/state/*-vm-VENDOR.state, whose README says what they are.
#
# With GOLDEN=NAME it makes regress/state/NAME-vm-*.state instead.
. "$(dirname "$0")/libmove.sh"
folder=$(dirname "$0")/../state
vendors='AuthenticAMD GenuineIntel'
vendor=$(awk '/^vendor_id/ { print $3; exit }' /proc/cpuinfo)
daemon A

# tick_of NAME COLUMN: 2 ticks, 4 lapic ticks, 6 steps; of the next line.
tick_of()
{
	last_tick "$1" | cut -d' ' -f"$2"
}

ticks_past()
{
	[ "$(tick_of "$1" 2)" -gt "$2" ]
}

more_steps()
{
	before=$(tick_of "$1" 6)
	[ "$(tick_of "$1" 6)" -gt "$before" ]
}

# The first steps are on a disk that is no more.
wrote()
{
	[ "$(tr -d '\0' <"$1" | wc -c)" -gt 0 ]
}

if [ -n "${GOLDEN-}" ]; then
	set -e
	counts golden 200 4
	wait_for 20 ticks_past golden 300
	send_to "$work/golden.state" -s -z 19 golden
	for v in $vendors; do
		"$O/regress/state/goldenvm" "$v" <"$work/golden.state" \
		    >"$folder/$GOLDEN-vm-$v.state"
	done
	ctl stop -fw golden
	exit
fi

case " $vendors " in
*" $vendor "*) ;;
*) skip "no saved VM of a CPU of $vendor" ;;
esac
truncate -s 4M "$work/golden.img"
for v in $vendors; do
	[ "$v" = "$vendor" ] || expect "one of $v is refused" \
	    says 'same vendor' receive_from "$folder/v1-vm-$v.state" A \
	    -b "$ticks" -d "$work/golden.img" golden
done
for state in "$folder"/*-vm-"$vendor".state; do
	name=$(basename "$state" .state)
	rm "$work/golden.img"
	truncate -s 4M "$work/golden.img"
	expect "$name: it is whole" ctl show-state "$state"
	expect "$name: it is received" receive_from "$state" A \
	    -f -b "$ticks" -d "$work/golden.img" golden
	expect "$name: it runs" is_state golden running
	expect "$name: it has not begun anew" ticks_past golden 300
	expect "$name: its timers tick, and it finds no flaw" alive golden
	expect "$name: it writes to its disk" more_steps golden
	expect "$name: where something is then" wrote "$work/golden.img"
	console_open golden
	type_keys golden q
	expect "$name: it hears a key" console_within 20 golden '^key q'
	expect "$name: it ends" ctl stop -fw golden
done
exit "$failed"
