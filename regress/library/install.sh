#!/bin/sh
# SPDX-License-Identifier: ISC
#
# make install puts libvmm where pkg-config says it is: a program builds against
# the shared and against the static library; make uninstall leaves nothing.
set -u
O=${O:-build}
cc=${CC:-gcc}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
rc=0

# check NAME COMMAND ...
check()
{
	name=$1
	shift
	if "$@" >"$root.out" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' "$root.out"
		rc=1
	fi
	rm -f "$root.out"
}

installed()
{
	make --no-print-directory -s O="$O" DESTDIR="$root" PREFIX=/usr \
	    SYSCONFDIR=/etc LIBDIR=/usr/lib MANDIR=/usr/share/man \
	    UNITDIR=/usr/lib/systemd/system SYSUSERSDIR=/usr/lib/sysusers.d "$@"
}

pc()
{
	PKG_CONFIG_SYSROOT_DIR=$root \
	    PKG_CONFIG_LIBDIR=$root/usr/lib/pkgconfig pkg-config "$@" libvmm
}

# build OUTPUT FLAG ...
build()
{
	out=$1
	shift
	# shellcheck disable=SC2046,SC2086  # options are words
	$cc ${sanitizer-} -D_GNU_SOURCE $(pc --cflags) -o "$out" \
	    libvmm/examples/hello.c "$@"
}

[ -z "${SAN-}" ] || sanitizer=-fsanitize=address,undefined
check 'make install' installed install
check 'pkg-config knows the version' test "$(pc --modversion)" = \
    "$(sed -n 's/^VERSION = //p' Makefile)"
# shellcheck disable=SC2046  # options are words
check 'a program builds against the shared library' \
    build "$root/shared" $(pc --libs)
check 'which it names by its interface version' sh -c \
    "objdump -p '$root/shared' | grep -q 'NEEDED *libvmm.so.0$'"
# shellcheck disable=SC2046  # options are words
check 'a program builds against the static library' build "$root/static" \
    -Wl,-Bstatic $(pc --libs --static) -Wl,-Bdynamic
check 'and needs no other' sh -c \
    "! objdump -p '$root/static' | grep -q 'NEEDED *libvmm'"
rm -f "$root/shared" "$root/static"
check 'make uninstall' installed uninstall
check 'which leaves no file' test -z "$(find "$root" ! -type d)"
exit $rc
