#!/bin/sh
# SPDX-License-Identifier: ISC
#
# What the shared library shows is what the headers promise: the map, the
# library's symbols and the prototypes name the same functions, each of them
# with a version, and nothing else can be linked against.
set -u
export LC_ALL=C
O=${O:-build}
here=regress/library
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rc=0

# same NAME FILE FILE
same()
{
	if [ -s "$2" ] && diff "$2" "$3" >"$work/diff"; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		sed 's/^/# /' "$work/diff"
		rc=1
	fi
}

"$here/functions" >"$work/prototypes"
"$here/functions" -m >"$work/map"
same 'the map is made of the prototypes (regress/library/functions -w)' \
    "$work/map" libvmm/libvmm.map
nm -D --defined-only "$O/libvmm.so.0" | awk '$2 == "T" { print $3 }' |
    sort >"$work/shown"
sed 's/$/@@VMM_0.1/' "$work/prototypes" | sort >"$work/versioned"
same 'the library shows each of them with a version' \
    "$work/versioned" "$work/shown"
nm -D --defined-only "$O/libvmm.so.0" | awk '$2 !~ /[TA]/' >"$work/others"
if [ -s "$work/others" ]; then
	echo 'not ok - the library shows nothing else'
	sed 's/^/# /' "$work/others"
	rc=1
else
	echo 'ok - the library shows nothing else'
fi
# A prototype that the script would not read is one that a program would miss.
cat include/vmm.h include/vmm_*.h | gcc -fpreprocessed -dD -E -P - |
    grep -v '^#' | grep -oE '\b(vmm?|vcpu)_[a-z0-9_]+ ?\(' | tr -d ' (' |
    sort -u >"$work/words"
same 'no prototype is overlooked' "$work/words" "$work/prototypes"
exit $rc
