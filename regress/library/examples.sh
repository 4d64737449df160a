#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The example programs of libvmm, linked with the shared library as it is
# installed, do what they say, on any KVM.
set -u
O=${O:-build}
dir=$O/libvmm/examples
rc=0

if ! (exec 3<>/dev/kvm) 2>/dev/null; then
	for name in hello sandbox ticks; do
		echo "skip - example $name: no usable /dev/kvm on this host"
	done
	exit 0
fi

# example NAME OUTPUT
example()
{
	out=$("$dir/$1" 2>&1)
	status=$?
	if [ $status -eq 0 ] && [ "$(printf '%s\n' "$out" |
	    sed 's/ after [0-9.]* ms//' | tr '\n' ' ')" = "$2 " ]; then
		echo "ok - example $1"
	else
		echo "not ok - example $1 (status $status)"
		printf '%s\n' "$out" | sed 's/^/# /'
		rc=1
	fi
}

example hello "the guest wrote '!' to port 0xe9"
example sandbox '5000 calls'
example ticks "$(seq -s ' ' -f 'tick %g' 10)"
exit $rc
