#!/bin/sh
# SPDX-License-Identifier: ISC
#
# crash(8) opens dumps of Debian's kernel and finds its way: the system, its
# log, tasks, the stack of a panic.  The dumps are made by dumps.sh, where KVM
# runs kernels; crash runs here.
O=${O:-build}
kernels=$(realpath "$O/kernels")
symbols=$kernels/cloud/debug/vmlinux
version=$(cat "$kernels/cloud/version")
work=$(mktemp -d "${TMPDIR:-/tmp}/vmd-crash.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
failed=0

if [ "$(regress/kvm)" = fast ]; then
	VMD_SHARE=$work regress/crash/dumps.sh || failed=1
else
	regress/host/run -s "$work" -t 600 regress/crash/dumps.sh || failed=1
fi

cat >"$work/commands" <<'END'
sys
bt -a
ps
log
rd -a linux_banner
list task_struct.tasks -s task_struct.comm -h init_task
quit
END

# look DUMP: crash's answers about it are in $work/DUMP.out from now on.
look()
{
	if [ ! -s "$work/$1" ]; then
		echo "not ok - there is a dump $1"
		failed=1
		return
	fi
	timeout 120 crash -s -i "$work/commands" "$symbols" "$work/$1" \
	    >"$work/$1.out" 2>&1 </dev/null
	status=$?
	[ $status -eq 0 ] && echo "ok - crash opens $1" || {
		echo "not ok - crash opens $1: status $status"
		sed 's/^/# /' "$work/$1.out" | tail -n 40
		failed=1
	}
}

# shows DUMP SENTENCE REGEX
shows()
{
	if grep -Eq "$3" "$work/$1.out" 2>/dev/null; then
		echo "ok - $1: $2"
	else
		echo "not ok - $1: $2: nothing matches $3"
		sed 's/^/# /' "$work/$1.out" | head -n 60
		failed=1
	fi
}

# What is true of each of them: DUMP CPUS.
common()
{
	look "$1"
	shows "$1" 'sys: the release' "^ *RELEASE: $version\$"
	shows "$1" 'sys: the number of CPUs' "^ *CPUS: $2( .OFFLINE: 1.)?\$"
	shows "$1" 'sys: the memory' '^ *MEMORY: 255\.[0-9] MB$'
	shows "$1" 'log: from its first line' "^\[ *0\.0+\] Linux version $version"
	shows "$1" 'rd: the banner by its symbol' \
	    "^[0-9a-f]+: +Linux version $version"
	shows "$1" 'ps: who runs' '^> .* (\[swapper/0\]|init)$'
	shows "$1" 'list: the first kernel thread' 'comm = "kthreadd'
	shows "$1" 'list: init' 'comm = "init'
}

common plain 2
shows plain 'bt: each CPU' 'PID: 0 .* CPU: 1 .*COMMAND: "swapper/1"'
shows plain 'ps: the second CPU' '^> .*\[swapper/1\]$'
common panic 2
shows panic 'sys: why it panicked' \
    'PANIC: "Kernel panic - not syncing: sysrq triggered crash"'
shows panic 'bt: who panicked' '^PID: 1 .* CPU: [01] .*COMMAND: "init"'
shows panic 'bt: where' '^ *#[0-9]+ \[[0-9a-f]+\] sysrq_handle_crash at '
shows panic 'bt: how the program got there' 'RIP: [0-9a-f]+ +RSP: 0000'
shows panic 'log: to its last line' 'end Kernel panic - not syncing'
common silent 1
exit "$failed"
