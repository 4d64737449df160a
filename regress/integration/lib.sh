# shellcheck shell=sh
# SPDX-License-Identifier: ISC
#
# What the integration scripts share; each sources it first.  A script has a
# vmd of its own, with its own socket and folder, and ends only what it started.
# It prints "ok - ", "not ok - " and "skip - " lines for regress/run.

O=${O:-build}
VMD=$(realpath "${VMD:-$O/vmd-bin/vmd}")
VMCTL=$(realpath "${VMCTL:-$O/vmctl-bin/vmctl}")
tools=$(realpath "$O/regress/lib")
kernels=$(realpath "$O/kernels" 2>/dev/null)
bzimage=$kernels/cloud/vmlinuz
elf=$kernels/cloud/vmlinux
initrd=$kernels/guest.cpio
lean="console=ttyS0 panic=-1 mitigations=off quiet tsc=reliable nokaslr \
no_timer_check audit=0 random.trust_cpu=on"
# How long a guest may take to come up, in seconds: an emulated host is slow.
boot_limit=60

work=${WORK:-$(mktemp -d "${TMPDIR:-/tmp}/vmd-test.XXXXXX")} || exit 1
chmod 755 "$work"
export VMD_SOCKET="$work/vmd.sock"
vmd_pid=
started=		# other processes of this script
failed=0

ok()
{
	echo "ok - $*"
}

not_ok()
{
	echo "not ok - $*"
	failed=1
}

# skip SENTENCE: the whole script.
skip()
{
	echo "skip - $(basename "$0" .sh): $*"
	exit 0
}

# expect SENTENCE COMMAND ...: one check.
expect()
{
	sentence=$1
	shift
	if "$@" >"$work/expect.out" 2>&1; then
		ok "$sentence"
	else
		not_ok "$sentence"
		echo "# $*"
		sed 's/^/#   /' "$work/expect.out"
		return 1
	fi
}

refuse()
{
	! "$@"
}

# wait_for SECONDS COMMAND ...: until it succeeds, so long at least.  Where a
# limit is not what is tested, it is one that a busy machine keeps, too.
wait_for()
{
	until=$(($(date +%s) + $1 + 1))
	shift
	while ! "$@" 2>/dev/null; do
		[ "$(date +%s)" -lt "$until" ] || return 1
		sleep 0.2
	done
}

# A process that has ended and is not waited for yet is gone too.
gone()
{
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	''|Z*) return 0 ;;
	*) return 1 ;;
	esac
}

# Ends one process that this script started, by its id.
end()
{
	kill "$1" 2>/dev/null
	wait_for 20 gone "$1" || kill -9 "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# background PID: cleanup ends it.  One process, never a pipeline: the shell
# would wait for all of it.
background()
{
	started="$started $1"
}

# shellcheck disable=SC2317  # the trap calls it
cleanup()
{
	if [ "$failed" -ne 0 ]; then
		for log in "$work"/vmd.log* "$work"/console.*; do
			[ -e "$log" ] || continue
			echo "# --- $(basename "$log")"
			tail -n 40 "$log" | tr -d '\r' | sed 's/^/# /'
		done
	fi
	vmd_stop
	for pid in $started; do
		end "$pid"
	done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# vmd_start <<conf: a daemon with the configuration on stdin.
vmd_start()
{
	cat >"$work/vm.conf"
	vmd_run
}

# vmd_run: the same with the vm.conf that is in the folder.
vmd_run()
{
	"$VMD" -d -v -S "$VMD_SOCKET" -f "$work/vm.conf" >>"$work/vmd.log" 2>&1 &
	vmd_pid=$!
	wait_for 20 vmd_answers || {
		not_ok "vmd starts"
		exit 1
	}
}

vmd_answers()
{
	gone "$vmd_pid" && return 1
	[ -S "$VMD_SOCKET" ] || return 1
	case $($VMCTL status 2>&1) in
	*ID*PID*|*'no VM'*|'') return 0 ;;
	*) return 1 ;;
	esac
}

vmd_stop()
{
	[ -z "$vmd_pid" ] || end "$vmd_pid"
	vmd_pid=
}

ctl()
{
	"$VMCTL" "$@"
}

# start NAME CPUS OPTION ...: a new VM with the test guest.
start()
{
	name=$1 cpus=$2
	shift 2
	ctl start -m 256M -p "$cpus" -b "${boot:-$elf}" -I "$initrd" \
	    -A "$lean ${words-}" "$@" "$name"
}

# Columns of `vmctl status NAME`, by their heads.
column()
{
	ctl status "$1" 2>/dev/null | awk -v want="$2" '
	NR == 1 { for (i = 1; i <= NF; i++) if ($i == want) col = i }
	NR == 2 { print $col }'
}

state()
{
	column "$1" STATE
}

is_state()
{
	[ "$(state "$1")" = "$2" ]
}

unknown()
{
	! ctl status "$1" >/dev/null 2>&1
}

# --- consoles --------------------------------------------------------------
# console_open NAME: attaches; what it prints is kept in $work/console.NAME.
console_open()
{
	rm -f "$work/type.$1"
	mkfifo "$work/type.$1"
	# Holds the pipe open between two lines.
	sleep 100000 >"$work/type.$1" &
	background $!
	script -qfc "$VMCTL console $1" /dev/null <"$work/type.$1" \
	    >>"$work/console.$1" 2>&1 &
	background $!
}

# console_says NAME REGEX [COUNT], console_within SECONDS NAME REGEX [COUNT]
console_says()
{
	console_within 0 "$@"
}

console_within()
{
	"$tools/awaitline" "$1" "$work/console.$2" "$3" "${4:-1}"
}

# console_text NAME REGEX: the last line that matches, from "guest: " on.
console_text()
{
	tr -d '\r' <"$work/console.$1" | grep -E "$2" | tail -n 1 |
	    sed 's/.*guest: //'
}

# type_keys NAME TEXT, type_line NAME TEXT: with Enter.
type_keys()
{
	printf '%s' "$2" >"$work/type.$1"
}

type_line()
{
	printf '%s\r' "$2" >"$work/type.$1"
}

# guest_up NAME: the guest has done its tests and waits for lines.
guest_up()
{
	[ -e "$work/console.$1" ] || console_open "$1"
	console_within "$boot_limit" "$1" '^guest: waiting' "${2:-1}"
}

# --- the generation ID -----------------------------------------------------
# For guests with the standard kernel ($kernels/std): the cloud one has no
# driver.  genid_bound NAME: the guest's kernel has found its generation ID.
# shellcheck disable=SC2016  # for the guest's shell
genid_bound()
{
	type_line "$1" 'run say genid driver $(basename $(readlink /sys/bus/acpi/devices/VMDG0001:00/driver))'
	console_within 20 "$1" '^guest: genid driver vmgenid$'
}

# genid_reseeds NAME TIMES: how often it has been told that it is a copy.
# shellcheck disable=SC2016
genid_reseeds()
{
	type_line "$1" 'run say genid reseeds $(dmesg | grep -c "crng reseeded due to virtual machine fork")'
	console_within 20 "$1" "^guest: genid reseeds $2\$"
}

# --- processes -------------------------------------------------------------
# descendants PID: it and all below, one a line.
descendants()
{
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/(.*)/x/' | awk -v top="$1" '
	{ parent[$1] = $4; state[$1] = $3 }
	function below(p) {
		while (p != 0 && p != top)
			p = parent[p]
		return p == top
	}
	END { for (p in parent) if (state[p] != "Z" && below(p)) print p }' |
	    sort -n
}

title()
{
	tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | sed 's/ *$//'
}

# What the outer side sees of the pattern a guest wrote (guest-image/init).
pattern_sum()
{
	yes "$1" | head -c 1048576 | sha256sum | cut -d' ' -f1
}

# listen PORT FILE: takes one connection and keeps what it sends.  The pipe is
# there because busybox's nc ends with its input.
listen()
{
	mkfifo "$work/listen.$1"
	sleep 100000 >"$work/listen.$1" &
	background $!
	busybox nc -l -p "$1" <"$work/listen.$1" >"$2" &
	background $!
}

# An IPv4 address of this machine that is not the loopback's own.
outside_address()
{
	ip -4 -o addr show scope global | awk '{ sub(/\/.*/, "", $4); print $4; exit }'
}

# got_whole FILE PATTERN: the file is what the guest makes of the pattern.
got_whole()
{
	[ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$(pattern_sum "$2")" ]
}

[ -x "$VMD" ] || skip "vmd is not built"
[ "${needs_kernel-1}" = 0 ] || [ -e "$initrd" ] || skip 'no kernels to boot'
