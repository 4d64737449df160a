#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A tap whose set-up does not reach priv: while there is no priv, such a VM does
# not start and nothing of it is left; one that priv did not come to is for its
# successor.
. "$(dirname "$0")/lib.sh"
[ -n "${IN_NETNS-}" ] || IN_NETNS=1 exec unshare -n -- "$0" "$@"
[ -e /dev/net/tun ] || skip 'no /dev/net/tun'
[ -x "$tools/badvmd" ] || skip 'regress/lib/badvmd is not built'
VMD=$tools/badvmd
export BADVMD_NO_PRIV="$work/no-priv"
: >"$work/vm.conf"
vmd_run
taps()
{
	ip -o link show type tun 2>/dev/null | wc -l
}
taps_up()
{
	[ "$(ip -o link show type tun up | wc -l)" -eq "$1" ]
}
named()
{
	ip -o link show type tun | grep -q "alias vm[0-9]*-if0-$1\$"
}
expect 'a VM with a tap' idle bystander -i 1 -N tap
expect 'which is up' wait_for 20 taps_up 1
pid=$(column bystander PID)

# Asked, but not done.
kill -STOP "$(role_pid priv)"
expect 'priv hangs: a VM with a tap starts all the same' idle late -i 1 -N tap
expect 'its tap is there, but down' taps_up 1
before=$(holdings)
true >"$BADVMD_NO_PRIV"
kill -9 "$(role_pid priv)"
expect 'priv cannot be started' wait_for 20 logged 'cannot start priv'
without=$(holdings)

truncate -s 4M "$work/early.img"
expect 'meanwhile a VM with a tap does not start' \
    says 'tap2: priv, which sets it up, is being restarted' \
    ctl start -m 32M -d "$work/early.img" -i 1 -N tap early
expect 'and is not there' unknown early
expect 'nor its tap' [ "$(taps)" -eq 2 ]
same_as_before 'nothing of it is left' "$without"
expect 'the others go on' [ "$(column bystander PID)" = "$pid" ]
expect 'a VM without a tap starts' idle plain
expect 'and ends' ctl stop -fw plain

back()
{
	[ -n "$(role_pid priv)" ]
}
rm "$BADVMD_NO_PRIV"
expect 'priv is back' wait_for 10 back
same_as_before 'all is as before' "$before"
expect 'the tap that was asked for is up' wait_for 20 taps_up 2
expect 'and named' named late
expect 'now the VM starts' idle early -i 1 -N tap
expect 'its tap is up' wait_for 20 taps_up 3
exit "$failed"
