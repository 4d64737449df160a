#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl gdb: the line, and gdb itself, here a program that shows its arguments.
. "$(dirname "$0")/lib.sh"

line="gdb -ex 'target remote /run/vmd.gdb/web1'"
talk gdb web1 <<-EOF
	want VM_GDB
	result error=OK id=5 detail=/run/vmd.gdb/web1
EOF
got 'gdb: the line' 0 <<-EOF
	out $line
	log VM_GDB name=web1
EOF
talk gdb 5 <<-EOF
	want VM_GDB
	result error=OK id=5 detail=/run/it's/a b
EOF
got 'by id; a quote is kept from the shell' 0 <<-EOF
	out gdb -ex 'target remote /run/it'\\''s/a b'
	log VM_GDB id=5
EOF
talk gdb web1 <<-EOF
	want VM_GDB
	result error=NO_GDB id=5
EOF
got 'a VM without a debugger: what to do' 1 <<-EOF
	err vmctl: gdb command failed: this VM has no debugger: put "debug { gdb }" into vm.conf, or start it with -g run
	log VM_GDB name=web1
EOF
for path in '| sh' 'relative' '' 'host:1' '/a:1' \
    "/$(printf '%0107d' 1)"; do
	talk gdb web1 <<-EOF
		want VM_GDB
		result error=OK id=5 detail=$path
	EOF
	got "a path that is none: '$path'" 1 <<-EOF
		err vmctl: gdb cannot open this path: "$path"
		log VM_GDB name=web1
	EOF
done
longest="/$(printf '%0106d' 1)"
talk gdb web1 <<-EOF
	want VM_GDB
	result error=OK id=5 detail=$longest
EOF
got 'the longest path' 0 <<-EOF
	out gdb -ex 'target remote $longest'
	log VM_GDB name=web1
EOF

mkdir bin
cat >bin/gdb <<-'EOF'
	#!/bin/sh
	for arg; do
		echo "<$arg>"
	done
	# It is not confined.
	echo there >"$HOME/written" && cat "$HOME/written"
	exit 7
EOF
chmod +x bin/gdb
export HOME="$work"
path=$PATH
export PATH="$work/bin:$path"
for detail in /run/vmd.gdb/web1 "$longest"; do
	talk gdb -x web1 <<-EOF
		want VM_GDB
		result error=OK id=5 detail=$detail
	EOF
	got "gdb -x: gdb runs, and its status is vmctl's" 7 <<-EOF
		out <-ex>
		out <target remote $detail>
		out there
		log VM_GDB name=web1
	EOF
done
rm -f written
talk gdb -x web1 <<-EOF
	want VM_GDB
	result error=NOT_RUNNING
EOF
got 'gdb -x: nothing to debug' 1 <<-EOF
	err vmctl: gdb command failed: vm is not running
	log VM_GDB name=web1
EOF
talk gdb -x web1 <<-EOF
	want VM_GDB
	result error=OK id=5 detail=| sh
EOF
got 'gdb -x: no program of the daemon' 1 <<-EOF
	err vmctl: gdb cannot open this path: "| sh"
	log VM_GDB name=web1
EOF
talk gdb -x web1 <<-EOF
	want VM_GDB
	close
EOF
sed -i '/^vmctl: /s/.*/said/' err
got 'gdb -x: a daemon that is gone' 1 <<-EOF
	err $(cat err)
	log VM_GDB name=web1
EOF
rc=0
[ ! -e written ] || rc=1
got 'and gdb did not run' 0 <<-EOF
	err $(cat err)
	log VM_GDB name=web1
EOF
rm bin/gdb
PATH=$path
# As talk, where there is no gdb.
talk_gdbless()
{
	cat >script
	"$FAKE" sock script >log 2>log.err &
	fake=$!
	until [ -e sock ]; do sleep 0.01; done
	env PATH="$work/bin" "$VMCTL" gdb -x web1 >out 2>err </dev/null
	rc=$?
	wait $fake
}
talk_gdbless <<-EOF
	want VM_GDB
	result error=OK id=5 detail=/run/vmd.gdb/web1
EOF
got 'gdb -x without gdb' 1 <<-EOF
	err vmctl: gdb is not installed
	log VM_GDB name=web1
EOF
for args in '' '-x' 'a b' '-y a' '-x a b'; do
	# shellcheck disable=SC2086  # the options are words
	alone gdb $args
	sed -i '/invalid option/d' err
	got "gdb $args: usage" 1 <<-EOF
		err usage:	vmctl [-v] [-S socket] gdb [-x] id
	EOF
done
exit $failed
