#!/bin/sh
# SPDX-License-Identifier: ISC
# The manual pages say what the programs say.
. "$(dirname "$0")/lib.sh"

# plain PAGE: as text, one line per paragraph.
plain()
{
	mandoc -Tascii -Owidth=1000 "$man/$1" | sed 's/.\x08//g'
}

# section PAGE NAME
section()
{
	plain "$1" | sed -n "/^$2\$/,/^[A-Z]/p" | sed '1d;$d'
}

# same NAME: the files is and should.
same()
{
	rc=0
	got "$1" 0 <should.page
}

if command -v mandoc >/dev/null; then
	: >err ; : >log
	"$VMCTL" 2>&1 | sed -n '1s/^usage:	//p' >out
	section vmctl.8 SYNOPSIS | sed -n 's/^  */out /p' >should.page
	same 'usage is what vmctl(8) says'
	# Names in the page and in the program, in the order of each.
	"$VMCTL" help | cut -d' ' -f1 >out
	awk '
	/^\.Sh/ { on = $2 == "COMMANDS" }
	!on { next }
	/^\.Bl/ { depth++ }
	/^\.El/ { depth-- }
	/^\.It Cm/ && depth == 1 { print "out " $3 }
	/^\.It Xo/ && depth == 1 { xo = 1 }
	/^\.Cm/ && xo { print "out " $2; xo = 0 }' "$man/vmctl.8" >should.page
	same 'the commands are those of vmctl(8)'
	cp out names
	while read -r word; do
		"$VMCTL" help "$word" |
		    sed -n '1s/^vmctl \[-v\] \[-S socket\] //p' >line
		section vmctl.8 COMMANDS |
		    sed -n "s/^     \($word\)\$/\1/p
			s/^     \($word  \).*/\1/p
			s/^     \($word [^ ].*\)/\1/p" |
		    sed -n '1s/^/out /p' >should.page
		cp line out
		same "usage of $word is what vmctl(8) says"
	done <names
	if [ -n "${VMD-}" ] && [ -x "$VMD" ]; then
		"$VMD" -x 2>&1 | sed -n 's/^usage: //p' >out
		section vmd.8 SYNOPSIS | sed -n 's/^  */out /p' >should.page
		same 'usage is what vmd(8) says'
	fi
else
	echo 'skip - manual pages: no mandoc'
fi
exit $failed
