#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Runs confcheck over every pass-*.conf and fail-*.conf of this folder and
# compares what it says with the .ok or .err file beside it.
#
#	regress/config/config.sh [confcheck]		prints ok / not ok lines
#	regress/config/config.sh -u [confcheck]		writes the .ok and .err files
#
# Without an argument the program of the build folder O is taken, the one built
# with sanitizers where there is one.
#
# A first line "# args: ..." gives further arguments.  The files named in the
# tests (disk.img, kernel, ...) are made in a folder that is removed again; in
# the expected texts it is called /DIR.
set -u
update=
if [ "${1-}" = -u ]; then
	update=y
	shift
fi
check=${1-${O:-build}/san/regress/config/confcheck}
[ -e "$check" ] || check=${O:-build}/regress/config/confcheck
check=$(realpath "$check") || exit 1
here=$(cd "$(dirname "$0")" && pwd) || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0
# A sanitizer's exit status must not look like that of a wrong file.
export ASAN_OPTIONS="exitcode=99:${ASAN_OPTIONS-}"
export UBSAN_OPTIONS="exitcode=99:${UBSAN_OPTIONS-}"

cp "$here"/*.conf "$dir" || exit 1
cd "$dir" || exit 1
mkdir sub 'with blank'
for f in disk.img disk1.img disk2.img disk3.img disk4.img kernel initrd.gz \
    sub/disk.img 'with blank/disk.img'; do
	printf 'contents' >"$f"
done
printf 'QFI\373\0\0\0\3' >disk.qcow2
# Names and words that are too long to be written down.
long() {
	head -c "$1" /dev/zero | tr '\0' a
}
sed "s/@4096@/$(long 4096)/; s/@9000@/$(long 9000)/" fail-long.in.conf \
    >fail-long.conf && rm fail-long.in.conf
{
	echo 'vm "a" {'
	head -c 1100000 /dev/zero | tr '\0' '#'
} >toolarge.inc
i=0
: >fail-many.conf
while [ $i -lt 1025 ]; do
	echo "vm v$i { boot kernel }"
	i=$((i + 1))
done >fail-many.conf

for conf in pass-*.conf fail-*.conf; do
	name=${conf%.conf}
	args=$(sed -n '1s/^# args: //p' "$conf")
	# shellcheck disable=SC2086
	"$check" $args "$conf" >out 2>err </dev/null
	status=$?
	cat err out | sed "s|$(realpath "$dir")|/DIR|g" >got
	case $name in
	pass-*) want=$here/$name.ok expected=0 ;;
	*) want=$here/$name.err expected=1 ;;
	esac
	[ -n "$update" ] && [ $status -eq $expected ] && cp got "$want"
	if [ $status -ne $expected ]; then
		echo "# exit status $status, not $expected"
		sed 's/^/# /' got
	elif diff "$want" got >diffs 2>&1; then
		echo "ok - config $name"
		continue
	fi
	sed 's/^/# /' diffs 2>/dev/null
	echo "not ok - config $name"
	failed=1
done
exit $failed
