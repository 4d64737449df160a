#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The parts of the documents that are made from the source are what the source
# gives now, and README.md's table of processes is that of the message table.
if out=$("$(dirname "$0")/generate" 2>&1); then
	echo 'ok - the documents agree with the source'
else
	echo 'not ok - the documents agree with the source'
	printf '%s\n' "$out" | sed 's/^/# /'
	exit 1
fi
