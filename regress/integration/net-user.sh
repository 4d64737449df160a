#!/bin/sh
# A user-mode network: DHCP gives an address, and TCP goes out and back whole.
if [ -z "${IN_NETNS-}" ] && [ "$(id -u)" -eq 0 ]; then
	IN_NETNS=1 exec unshare -n -- "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
# An address outside that is none of the loopback's: a guest may not reach that.
if [ "$(id -u)" -eq 0 ]; then
	ip link set lo up
	ip addr add 10.99.0.1/32 dev lo
fi
outside=$(outside_address)
[ -n "$outside" ] || skip 'this machine has no address'
mkdir "$work/www"
head -c 3000000 /dev/urandom >"$work/www/file"
want=$(sha256sum <"$work/www/file" | cut -d' ' -f1)
busybox httpd -f -p "$outside:8123" -h "$work/www" &
background $!
listen 8124 "$work/got"
words="vmd.test=net,fetch,send vmd.url=http://$outside:8123/file"
words="$words vmd.to=$outside:8124"
vmd_start </dev/null
expect 'a VM with a user network starts' start user 1 -i 1 -N user
expect 'the guest comes up' guest_up user
expect 'DHCP gives an address' \
    console_says user '^guest: address 10\.0\.2\.[0-9]+'
expect 'TCP into the guest is whole' \
    console_says user "^guest: fetched $want 3000000"
expect 'TCP out of the guest is sent' console_says user '^guest: sent '
expect 'TCP out of the guest is whole' wait_for 10 \
    got_whole "$work/got" 'sent by the guest'
expect 'vmctl stop -fw' ctl stop -fw user
exit "$failed"
