#!/bin/sh
# A tap network in a namespace of its own: a DHCP server outside gives the
# guest an address, TCP goes both ways, and the tap goes with the VM.
[ "$(id -u)" -eq 0 ] || {
	echo 'skip - net-tap: taps need root'
	exit 0
}
[ -n "${IN_NETNS-}" ] || IN_NETNS=1 exec unshare -n -- "$0" "$@"
. "$(dirname "$0")/lib.sh"
[ -e /dev/net/tun ] || skip 'no /dev/net/tun'
ip link set lo up

# What the guest asks for once the tap has its address: DHCP tries for 8 s.
words='vmd.test=net,fetch,send vmd.url=http://10.77.0.1:8123/file'
words="$words vmd.to=10.77.0.1:8124"
vmd_start </dev/null
expect 'a VM with a tap starts' start tapped 1 -i 1 -N tap
tap=$(ip -o link show type tun | awk -F': ' '{ print $2; exit }')
expect 'there is a tap' [ -n "$tap" ]
expect 'the tap is up' wait_for 20 sh -c \
    "ip -o link show dev $tap | grep -q '[<,]UP[,>]'"
ip addr add 10.77.0.1/24 dev "$tap"
mkdir "$work/www"
head -c 3000000 /dev/urandom >"$work/www/file"
want=$(sha256sum <"$work/www/file" | cut -d' ' -f1)
busybox httpd -f -p 10.77.0.1:8123 -h "$work/www" &
background $!
listen 8124 "$work/got"
cat >"$work/udhcpd.conf" <<CONF
start 10.77.0.20
end 10.77.0.30
interface $tap
lease_file $work/leases
pidfile $work/udhcpd.pid
opt subnet 255.255.255.0
opt router 10.77.0.1
CONF
: >"$work/leases"
busybox udhcpd -f "$work/udhcpd.conf" >"$work/udhcpd.log" 2>&1 &
background $!
expect 'the guest comes up' guest_up tapped
expect 'DHCP over the tap gives an address' \
    console_says tapped '^guest: address 10\.77\.0\.(2[0-9]|30)$'
expect 'TCP into the guest is whole' \
    console_says tapped "^guest: fetched $want 3000000"
expect 'TCP out of the guest is whole' wait_for 10 \
    got_whole "$work/got" 'sent by the guest'
expect 'vmctl stop -fw' ctl stop -fw tapped
expect 'the tap is gone with the VM' wait_for 20 refuse \
    ip link show dev "$tap"
exit "$failed"
