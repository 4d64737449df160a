#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl dump: the file it sends has no name until the daemon says it is done.
. "$(dirname "$0")/lib.sh"
usage='usage:	vmctl [-v] [-S socket] dump [-f] id file'

# only FILES: those that are there.
only()
{
	is=$(find . -maxdepth 1 -name '*core*' | sort | tr '\n' ' ')
	if [ "$is" = "${*:+$* }" ]; then
		echo "ok - there is ${*:-nothing}"
	else
		echo "# $is"
		echo "not ok - there is ${*:-nothing}"
		failed=1
	fi
}

# finished: the last line tells a size and a time.
finished()
{
	sed -i 's/in [0-9.]* s$/in X s/' err
}

talk dump web1 a.core <<-EOF
	want VM_DUMP
	progress 1048576 2097152
	fill contents
	result error=OK id=5
EOF
finished
got 'dump' 0 <<-EOF
	err vmctl: dumped vm 5 to a.core, 8B in X s
	log VM_DUMP name=web1 mode=600 size=0 rw links=none
EOF
only ./a.core
alone dump 7 a.core
got 'a file that is there: the daemon is not asked' 1 <<-EOF
	err vmctl: a.core: is there already; -f replaces it
EOF
talk dump -f 7 a.core <<-EOF
	want VM_DUMP
	fill others
	result error=FILE_WRITE errno=28
EOF
got 'dump -f that fails' 1 <<-EOF
	err vmctl: dump vm command failed: dump a.core cannot be written: No space left on device
	log VM_DUMP id=7 mode=600 size=0 rw links=none
EOF
only ./a.core
if [ "$(cat a.core)" = contents ]; then
	echo 'ok - and it is the old one'
else
	echo 'not ok - and it is the old one'
	failed=1
fi
talk dump -f 7 a.core <<-EOF
	want VM_DUMP
	fill others
	result error=OK id=7
EOF
finished
got 'dump -f' 0 <<-EOF
	err vmctl: dumped vm 7 to a.core, 6B in X s
	log VM_DUMP id=7 mode=600 size=0 rw links=none
EOF
only ./a.core
rm a.core
talk dump web1 b.core <<-EOF
	want VM_DUMP
	fill half
	result error=DUMPING
EOF
got 'a dump that is refused' 1 <<-EOF
	err vmctl: dump vm command failed: a dump of this VM is being written already
	log VM_DUMP name=web1 mode=600 size=0 rw links=none
EOF
talk dump web1 b.core <<-EOF
	want VM_DUMP
	fill half
EOF
got 'the daemon goes' 1 <<-EOF
	err vmctl: pipe closed: vmd dropped the connection
	log VM_DUMP name=web1 mode=600 size=0 rw links=none
EOF
talk dump web1 b.core <<-EOF
	want VM_DUMP
	progress 5 4
	progress 0 0
	progress 18446744073709551615 18446744073709551615
	end
EOF
got 'an answer to another question' 1 <<-EOF
	err vmctl: bad answer from vmd: STATUS_END where a RESULT was due
	log VM_DUMP name=web1 mode=600 size=0 rw links=none
EOF
only
ln -s /nowhere l.core
mkdir d.core
for name in l.core d.core; do
	alone dump -f web1 $name
	got "$name is not replaced" 1 <<-EOF
		err vmctl: $name: is there, and is not a regular file
	EOF
done
for name in '' d.core/ . ..; do
	alone dump web1 "$name"
	got "\"$name\" is no name" 1 <<-EOF
		err vmctl: "$name" is not the name of a file
	EOF
done
alone dump web1 none/a.core
got 'no such folder' 1 <<-EOF
	err vmctl: none: No such file or directory
EOF
long=$(printf '%0256d' 0)
alone dump web1 "$long"
got 'a name too long' 1 <<-EOF
	err vmctl: $long: File name too long
EOF
for args in dump 'dump a' 'dump a b c' 'dump -x a b'; do
	# shellcheck disable=SC2086  # the arguments are words
	alone $args
	sed -i '/invalid option/d' err
	got "$args: usage" 1 <<-EOF
		err $usage
	EOF
done
exit $failed
