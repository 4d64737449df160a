# shellcheck shell=sh
# SPDX-License-Identifier: ISC
#
# What the scripts here share; each sources it first.  They run vmctl against a
# daemon that answers as it is told (fakevmd.c) and check what is sent, what is
# printed where, and the exit status.
set -u
O=${O:-build}
VMCTL=$(realpath "${VMCTL:-$O/vmctl-bin/vmctl}")
FAKE=$(realpath "${FAKEVMD:-$O/regress/vmctl/fakevmd}")
[ ! -e "$O/vmd-bin/vmd" ] || VMD=$(realpath "${VMD:-$O/vmd-bin/vmd}")
man=$(realpath "$(dirname "$0")/../../man")
work=$(mktemp -d "${TMPDIR:-/tmp}/vmctl-test.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
unset XDG_RUNTIME_DIR
export VMD_SOCKET="$work/sock" LC_ALL=C
failed=0
# Bytes of a RESULT without, and at most with, a text.
result=$("$FAKE" RESULT)
detail=$("$FAKE" detail)
cd "$work" || exit 1

# talk ARG ...: the daemon's script is stdin; leaves out, err, log and $rc.
talk()
{
	cat >script
	"$FAKE" sock script >log 2>log.err &
	fake=$!
	until [ -e sock ]; do sleep 0.01; done
	timeout 20 "$VMCTL" "$@" >out 2>err </dev/null
	rc=$?
	wait $fake || echo "fakevmd: $(cat log.err)" >>log
}

# alone ARG ...: without a daemon.
alone()
{
	: >log
	timeout 20 "$VMCTL" "$@" >out 2>err </dev/null
	rc=$?
}

# got NAME STATUS: stdin holds what out, err and log were to hold, each line
# beginning with "out ", "err " or "log ".
got()
{
	{
		sed 's/^/out /' out
		sed 's/^/err /' err
		sed 's/^/log /' log
	} | sed 's/ *$//' >is
	sed 's/ *$//' >should
	if [ "$rc" -eq "$2" ] && cmp -s is should; then
		echo "ok - $1"
		return
	fi
	failed=1
	echo "# exit status $rc, want $2"
	diff should is | sed 's/^/# /'
	echo "not ok - $1"
}
