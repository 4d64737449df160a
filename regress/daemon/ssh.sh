#!/bin/sh
# SPDX-License-Identifier: ISC
#
# vmctl send -- ssh host vmctl receive, with a real ssh client and server: they
# meet on the loopback interface of a network namespace, the server sees a home
# of ours.  And what becomes of the VM when the server dies, or the network.
# shellcheck source=regress/daemon/libmove.sh
. "$(dirname "$0")/libmove.sh"
for program in ssh ssh-keygen nsenter; do
	command -v $program >/dev/null || skip "there is no $program"
done
dropbear=$(command -v dropbear || ls /usr/sbin/dropbear 2>/dev/null) ||
    skip 'there is no dropbear'

# --- the host --------------------------------------------------------------
ssh_files()
{
	mkdir -p "$work/home/.ssh" &&
	    ssh-keygen -q -t ed25519 -N '' -f "$work/key" &&
	    echo "command=\"$work/login\" $(cat "$work/key.pub")" \
	    >"$work/home/.ssh/authorized_keys" &&
	    ssh-keygen -q -t ed25519 -m PEM -N '' -f "$work/openssh" &&
	    dropbearconvert openssh dropbear "$work/openssh" "$work/host" &&
	    sed "s|^root:.*|root:x:0:0::$work/home:/bin/sh|" /etc/passwd \
	    >"$work/passwd" && chmod -R go= "$work/home"
}

# Whoever logs in sees the mounts of all others: files have the same names.
host_begins()
{
	cat >"$work/login" <<-END
		#!/bin/sh
		exec nsenter -t $$ -m -r -- /bin/sh -c "\$SSH_ORIGINAL_COMMAND"
	END
	cat >"$work/server" <<-END
		#!/bin/sh
		mount --bind "$work/passwd" /etc/passwd &&
		ip link set lo up &&
		exec "$dropbear" -F -E -s -P '' -p 127.0.0.1:22 \
		    -r "$work/host" 2>"$work/dropbear.log"
	END
	chmod 755 "$work/login" "$work/server"
	unshare -m -n "$work/server" &
	server=$!
	background "$server"
	cat >"$work/ssh" <<-END
		#!/bin/sh
		exec nsenter --net=/proc/$server/ns/net ssh -F none \
		    -i "$work/key" -o IdentitiesOnly=yes -o BatchMode=yes \
		    -o StrictHostKeyChecking=no -o LogLevel=ERROR \
		    -o UserKnownHostsFile="$work/known" 127.0.0.1 "\$@"
	END
	chmod 755 "$work/ssh"
	wait_for 20 "$work/ssh" true
}

network()
{
	nsenter --net="/proc/$server/ns/net" ip link set lo "$1"
}

server_dies()
{
	for p in $(descendants "$server" | grep -vx "$server"); do
		kill -9 "$p"
	done
	wait_for 20 sh -c "! pgrep -P $server"
}

# --- moves -----------------------------------------------------------------
# by_ssh SIDE OPTION ...: as the manual says.
by_ssh()
{
	receiver=$1
	shift
	timeout -k 2 30 "$VMCTL" send "$@" web -- "$work/ssh" \
	    "$VMCTL" -S "$work/$receiver.sock" receive web
}

# breaks COMMAND BREAK: the other side runs the command, which says so when it
# has come to where it is to break.  vmctl ends then.
breaks()
{
	timeout -k 2 60 "$VMCTL" send web -- "$work/ssh" "$1" \
	    2>"$work/breaks.err" &
	sending=$!
	wait_for 20 grep -q -e half -e lost "$work/breaks.err" || return 1
	$2
	wait "$sending"
	[ $? -ne 124 ]
}

network_dies()
{
	network down
	kill -INT "$(client "$VMCTL send web")"
}

network_again()
{
	server_dies
	network up
	for p in $(client "ssh -F none"); do
		kill "$p"
	done
	wait_for 20 "$work/ssh" true
}

expect 'keys' ssh_files
expect 'a host to which ssh leads' host_begins
both_begin
expect 'a guest that counts' counts web 2000 16
expect 'it counts' grows "$work/web.img" 10

expect 'it moves by ssh' by_ssh B
went web B
expect 'and back, packed' by_ssh A -z 3
went web A

half='head -c 1000000 >/dev/null; echo half >&2; exec sleep 1000'
for break in server_dies network_dies; do
	expect "$break amidst the state" breaks "$half" $break
	expect 'it stays' wait_for 20 only_on A web
	went web A
	expect 'the network is there again' network_again
done

# It was said that the disks are held, and not heard.  Their locks tell who has
# it, though the other side does not know yet that nobody answers.
lost="'$VMCTL' -S '$work/B.sock' receive web | '$tools/wordloser' 1 keep"
for break in server_dies network_dies; do
	expect "$break amidst the handover" breaks "$lost" $break
	[ $break = server_dies ] || sleep 10
	expect 'the network is there again' network_again
	expect 'it has gone' wait_for 20 only_on B web
	went web B
	expect 'and back' by_ssh A
	at A
done
expect 'its history is one' whole "$work/web.img"
expect 'it ends' ctl stop -fw web
same_as_before 'nothing is left on A' "$before_A"
at B
same_as_before 'nor on B' "$before_B"
exit "$failed"
