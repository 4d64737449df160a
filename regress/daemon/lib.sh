# shellcheck shell=sh
# SPDX-License-Identifier: ISC
#
# What the tests of the daemon share; each sources it first.  They need root
# and any /dev/kvm, however slow: their guest is the firmware with an empty
# disk, which says "No bootable device" and idles.
# shellcheck disable=SC2034  # for the other lib.sh
needs_kernel=0
# shellcheck source=regress/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
verbose=-v
# The search for leaks traces a process, which its jail does not let happen.
export ASAN_OPTIONS="${ASAN_OPTIONS-detect_leaks=0}"

[ "$(id -u)" -eq 0 ] || skip 'needs root'
[ -e /dev/kvm ] || skip 'this machine has no /dev/kvm'
id _vmd >/dev/null 2>&1 || skip 'user _vmd does not exist'
[ -e /usr/share/seabios/bios-256k.bin ] || skip 'package seabios is missing'

vmd_run()
{
	"$VMD" -d $verbose -S "$VMD_SOCKET" -f "$work/vm.conf" \
	    >>"$work/vmd.log" 2>&1 &
	vmd_pid=$!
	wait_for 20 vmd_answers || {
		not_ok "vmd starts"
		exit 1
	}
}

no_vm()
{
	[ "$(ctl status | wc -l)" -le 1 ]
}

# idle NAME OPTION ...: starts a VM with a disk of its own.
idle()
{
	idle_name=$1
	shift
	truncate -s 4M "$work/$idle_name.img"
	ctl start -m 32M -d "$work/$idle_name.img" "$@" "$idle_name" 2>&1
}

# says TEXT COMMAND ...: fails, and with this text.
says()
{
	text=$1
	shift
	said=$("$@" 2>&1)
	said_status=$?
	printf '%s\n' "$said"
	[ $said_status -ne 0 ] || return 1
	case $said in
	*"$text"*) return 0 ;;
	*) return 1 ;;
	esac
}

logged()
{
	grep -q -e "$1" "$work/vmd.log"
}

# --- what a daemon holds ---------------------------------------------------
# role_pids REGEX: processes of this daemon whose title matches.
role_pids()
{
	for p in $(descendants "$vmd_pid"); do
		title "$p" | grep -qE "$1" && echo "$p"
	done
	return 0
}

role_pid()
{
	role_pids "^vmd: $1( |\$)" | head -n 1
}

fds()
{
	find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l
}

# Processes below the daemon, those that nobody waited for too.
children()
{
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)/x/' |
	    awk -v top="$vmd_pid" '
	{ parent[$1] = $4 }
	END {
		for (p in parent) {
			for (q = p; q != 0 && q != top; q = parent[q])
				;
			n += q == top
		}
		print n
	}'
}

holdings()
{
	echo "parent $(fds "$vmd_pid") control $(fds "$(role_pid control)")" \
	    "priv $(fds "$(role_pid priv)") vmm $(fds "$(role_pid vmm)")" \
	    "processes $(children)"
}

# shellcheck disable=SC2317  # by way of wait_for
holds()
{
	now=$(holdings)
	[ "$now" = "$1" ] || {
		printf 'before: %s\nnow:    %s\n' "$1" "$now"
		return 1
	}
}

# same_as_before SENTENCE HOLDINGS
same_as_before()
{
	expect "$1" wait_for 20 holds "$2"
}

# Anonymous memory of a process, in kB.
memory()
{
	awk '/^RssAnon/ { print $2 }' "/proc/$1/status"
}

# asks NAME COMMAND ...: in the background; its status goes to NAME.rc.
asks()
{
	asks_name=$1
	shift
	rm -f "$work/$asks_name.rc"
	{
		ctl "$@" >"$work/$asks_name.out" 2>&1
		echo $? >"$work/$asks_name.rc"
	} &
	background $!
}

answered()
{
	[ -s "$work/$1.rc" ]
}
