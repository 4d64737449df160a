#!/bin/sh
# Debian's kernel boots as bzImage and as ELF, with one CPU and with two.
. "$(dirname "$0")/lib.sh"
vmd_start </dev/null
for boot in "$bzimage" "$elf"; do
	for cpus in 1 2; do
		name=$(basename "$boot")-$cpus
		expect "$name: vmctl start" start "$name" $cpus || continue
		expect "$name: reaches its init" guest_up "$name"
		expect "$name: sees its CPUs" \
		    console_says "$name" "^guest: ready cpus $cpus memory"
		expect "$name: is running in vmctl status" \
		    is_state "$name" running
		expect "$name: vmctl stop -fw" ctl stop -fw "$name"
		expect "$name: is forgotten" unknown "$name"
	done
done
exit "$failed"
