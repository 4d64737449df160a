#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The traces that PROTOCOL.md shows are what a daemon logs: each is made again
# here, with a VM that runs firmware from an empty disk, and compared.
#
# Every message is logged by both its ends.  A listing has the lines of one end
# of each link, the one nearer to the parent.  Processes run side by side, so
# what is compared is the order of the lines of each pair of processes; lines
# from devices, which are several, are sorted.
#
# Usage: regress/docs/trace.sh [-u]; -u writes PROTOCOL.md's traces anew.
# shellcheck disable=SC2034  # for lib.sh
needs_kernel=0
# shellcheck source=regress/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
here=$(dirname "$0")
protocol=$here/../../PROTOCOL.md
update=
[ "${1-}" != -u ] || update=1
case $("$here/../kvm") in
none*) skip 'no /dev/kvm' ;;
esac

log=$work/vmd.log
mark=0

# seen COUNT REGEX: so many lines since the mark.
seen()
{
	[ "$(tail -n +$((mark + 1)) "$log" | grep -cE "$2")" -ge "$1" ]
}

await()
{
	wait_for 60 seen "$@" || not_ok "the log shows $2"
}

# All clients that came have gone.
settled()
{
	[ "$(grep -c '^vmd: .* CLIENT_OPEN$' "$log")" -eq \
	    "$(grep -c '^vmd: .* CLIENT_CLOSE$' "$log")" ]
}

# begin: what is logged from here on belongs to the next listing.
begin()
{
	wait_for 10 settled || not_ok 'clients go when they are done'
	mark=$(wc -l <"$log")
}

# Lines of a log on stdin as a listing.  A VM process that ends takes its
# device processes along; whether vmm sees one of them end first, and begins to
# replace it, is chance and left out.
listing()
{
	awk '
	BEGIN {
		split("parent 0 control 1 vmm 1 priv 1 vm 2 client 2 device 3 usernet 3", w)
		for (i = 1; i in w; i += 2)
			rank[w[i]] = w[i + 1]
	}
	match($0, /trace: msg: /) {
		split($0, name, /[: ]/)
		rest = substr($0, RSTART + RLENGTH)
		split(rest, f, " ")
		nearer = rank[f[1]] < rank[f[3]] ? f[1] : f[3]
		if ((name[1] == "vmd" ? "parent" : name[1]) != nearer)
			next
		if (f[6] == "VM_EXITING")
			ends = 1
		if (f[6] == "VM_EXITED")
			ends = 0
		if (!ends || f[3] != "device" && f[3] != "usernet" &&
		    f[6] != "DEVICE_LINK")
			print rest
	}'
}

# in_order: the listing on stdin in an order that does not depend on chance.
in_order()
{
	cat >"$work/unordered"
	grep -v '^device -> vm ' "$work/unordered" | LC_ALL=C sort -s -k1,3
	grep '^device -> vm ' "$work/unordered" | LC_ALL=C sort
}

# document NAME: the listing PROTOCOL.md has.
document()
{
	awk -v begin="<!-- trace: $1 -->" '
	$0 == begin { on = 1; next }
	$0 == "<!-- end -->" { on = 0 }
	on && !/^```/' "$protocol"
}

# write NAME: puts $work/fresh in its place.
write()
{
	awk -v begin="<!-- trace: $1 -->" -v fresh="$work/fresh" '
	$0 == "<!-- end -->" { on = 0 }
	!on
	$0 == begin {
		on = 1
		print "```"
		while ((getline line <fresh) > 0)
			print line
		print "```"
	}' "$protocol" >"$work/protocol" && cat "$work/protocol" >"$protocol"
}

# compare NAME: $work/fresh with the document.
compare()
{
	[ -z "$update" ] || write "$1"
	in_order <"$work/fresh" >"$work/is"
	document "$1" | in_order >"$work/should"
	if [ ! -s "$work/is" ]; then
		not_ok "trace: $1: nothing was logged"
	elif diff "$work/should" "$work/is" >"$work/diff"; then
		ok "trace: $1"
	else
		not_ok "trace: $1: PROTOCOL.md (<) and a fresh run (>) differ"
		sed 's/^/#   /' "$work/diff"
	fi
}

# end_trace NAME: once the last client is gone.
end_trace()
{
	wait_for 10 settled || not_ok 'clients go when they are done'
	tail -n +$((mark + 1)) "$log" | listing >"$work/fresh"
	compare "$1"
}

device()
{
	for pid in $(descendants "$vmd_pid"); do
		case $(title "$pid") in
		'vmd: blk'*) echo "$pid" ;;
		esac
	done
}

truncate -s 1M "$work/disk"
: >"$work/vm.conf"
"$VMD" -d -vv -S "$VMD_SOCKET" -f "$work/vm.conf" >>"$log" 2>&1 &
vmd_pid=$!
wait_for 20 vmd_answers || {
	not_ok 'vmd starts'
	exit 1
}

begin
ctl start -m 64M -d "$work/disk" -i 1 -N user web1 >/dev/null 2>&1 ||
    not_ok 'a VM starts'
await 1 'firmware: No bootable device'
end_trace 'start'

begin
ctl pause web1 >/dev/null 2>&1 || not_ok 'a VM is paused'
wait_for 10 settled
ctl unpause web1 >/dev/null 2>&1 || not_ok 'a VM is unpaused'
end_trace 'pause and unpause'

begin
kill -9 "$(device)" || not_ok 'there is one blk process'
await 2 '^vm .* vm -> device : [0-9]+ DEV_MEMORY fd'
end_trace 'death of a device process'

begin
ctl stop -w web1 >/dev/null 2>&1 || not_ok 'a VM stops'
end_trace 'stop'

ctl start -m 64M -d "$work/disk" web1 >/dev/null 2>&1 ||
    not_ok 'a VM starts again'
begin
ctl stop -fw web1 >/dev/null 2>&1 || not_ok 'a VM is ended'
end_trace 'stop by force'

# A guest that resets itself as soon as it runs; between its first and its
# second reset there is one boot without a client.
if as --32 -o "$work/crash.o" "$here/../firmware/crash.S" &&
    ld -m elf_i386 -n -Ttext=0x100000 -e _start -o "$work/crash" \
    "$work/crash.o"; then
	begin
	ctl start -m 64M -b "$work/crash" web2 >/dev/null 2>&1
	await 2 'vmd: vm: web2 .* is reset'
	tail -n +$((mark + 1)) "$log" | awk '
	/\(vm [0-9]+\) is reset/ { n++ }
	n == 1' | listing | grep -v control >"$work/fresh"
	ctl stop -fw web2 >/dev/null 2>&1	# unless it is given up already
	compare 'reset by the guest'
else
	echo 'skip - trace: reset by the guest: cannot assemble the guest'
fi
exit "$failed"
