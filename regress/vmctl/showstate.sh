#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl show-state: the stream of format 1 as it is, and damaged.  There is no
# daemon.
states=$(realpath "$(dirname "$0")/../state")
. "$(dirname "$0")/lib.sh"
usage='usage:	vmctl [-v] [-S socket] show-state [-j] file|-'

# shown: the head, and the first section of the sample.
shown()
{
	cat <<-EOF
		out       OFFSET NUMBER TYPE     VER   LENGTH
		out           32      0 CONFIG     1      269  web1, 64.0M, 2 vCPUs, gdb
		out                                           command line console=ttyS0 quiet
		out                                           interface 0 tap, fe:e1:ba:01:02:03 fixed, tap3
		out                                           interface 1 user, fe:e1:ba:04:05:06
		out                                           disk 0 /var/lib/vm/web1.img, 1.0G
		out                                           disk 1 /var/lib/vm/tools.img, 512B, read-only
		out                                           kernel 0 /boot/vmlinuz, 7B
	EOF
}

# flip FILE OFFSET: one bit is another.
flip()
{
	byte=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
	# shellcheck disable=SC2059  # the format is the byte
	printf "\\$(printf %o $((byte ^ 1)))" |
	    dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

alone show-state "$states/v1.state"
{
	shown
	cat <<-EOF
		out          333      1 MEMORY     1    56979  0x100000-0x10ffff, 13 pages
		out        57344      2 ?          7       11  unknown, of type 2147483393; not required
		out        57387      3 MEMORY     1     8117  0x100000-0x10ffff, 1 page, 1 zero
		out        65536      4 END        1       40  all checksums are right
		out 5 sections, 65608 bytes, 14 pages of memory
	EOF
} | got 'what is in a file' 0

: >log
"$VMCTL" show-state - <"$states/v1-zstd.state" >out 2>err
rc=$?
{
	shown
	cat <<-EOF
		out          333      1 MEMORY     1      103  0x100000-0x10ffff, 13 pages in 55 bytes of zstd
		out          468      2 ?          7       11  unknown, of type 2147483393; not required
		out          511      3 MEMORY     1       67  0x100000-0x10ffff, 1 page in 19 bytes of zstd, 1 zero
		out          610      4 END        1       40  all checksums are right
		out 5 sections, 682 bytes, 14 pages of memory
	EOF
} | got 'packed, from standard input' 0

cp "$states/v1.state" a
flip a 30000
alone show-state a
{
	shown
	cat <<-EOF
		out 1 section, 57344 bytes, 0 pages of memory; damaged
		err vmctl: a: section 1 (MEMORY) at byte 333: wrong checksum
	EOF
} | got 'a byte of memory is another' 1
cp "$states/v1.state" a
flip a 40
alone show-state a
got 'a byte of a section header is another' 1 <<-EOF
	out       OFFSET NUMBER TYPE     VER   LENGTH
	out 0 sections, 64 bytes, 0 pages of memory; damaged
	err vmctl: a: section 0 at byte 32: its header has a wrong checksum
EOF
head -c 57380 "$states/v1.state" >a
alone show-state a
{
	shown
	cat <<-EOF
		out          333      1 MEMORY     1    56979  0x100000-0x10ffff, 13 pages
		out 2 sections, 57380 bytes, 13 pages of memory; damaged
		err vmctl: a: truncated: it ends at byte 57380, within section 2 (type 2147483393)
	EOF
} | got 'the end is missing' 1
cp "$states/v1-zstd.state" a
echo >>a
alone show-state a
: >out
got 'and more behind it' 1 <<-EOF
	err vmctl: a: there is more behind its END section
EOF
echo 'The quick brown fox jumps over the lazy dog.' >a
alone show-state a
got 'something else' 1 <<-EOF
	out       OFFSET NUMBER TYPE     VER   LENGTH
	out 0 sections, 32 bytes, 0 pages of memory; damaged
	err vmctl: a: is no state of a VM
EOF
alone show-state none
got 'no file' 1 <<-EOF
	err vmctl: none: No such file or directory
EOF
alone show-state .
got 'a folder' 1 <<-EOF
	out       OFFSET NUMBER TYPE     VER   LENGTH
	out 0 sections, 0 bytes, 0 pages of memory; damaged
	err vmctl: .: cannot be read at byte 0: Is a directory
EOF
for args in show-state 'show-state a b' 'show-state -x a'; do
	# shellcheck disable=SC2086  # the arguments are words
	alone $args
	sed -i '/invalid option/d' err
	got "$args: usage" 1 <<-EOF
		err $usage
	EOF
done

# json FILE EXPRESSION: what Python makes of the answer as j.
json()
{
	alone show-state -j "$1"
	python3 -c "import json; j = json.load(open('out')); print(($2))" >is 2>&1
	mv is out
	: >err
}
if command -v python3 >/dev/null; then
	json "$states/v1.state" "j['error'], j['pages'], \
	    [s['name'] for s in j['sections']], \
	    j['sections'][0]['config']['interfaces'][0]['lladdr'], \
	    j['sections'][3]['memory']['zero']"
	got '-j' 0 <<-EOF
		out (None, 14, ['CONFIG', 'MEMORY', None, 'MEMORY', 'END'], 'fe:e1:ba:01:02:03', 1)
	EOF
	head -c 57380 "$states/v1.state" >a
	json a "len(j['sections']), j['error'][:9]"
	got '-j of a file without its end' 1 <<-EOF
		out (2, 'truncated')
	EOF
	echo x >a
	json a "j['sections'], j['error']"
	got '-j of something else' 1 <<-EOF
		out ([], 'truncated: it ends at byte 2, within its header')
	EOF
else
	echo 'skip - show-state -j: no python3'
fi
exit $failed
