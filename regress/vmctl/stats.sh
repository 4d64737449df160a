#!/bin/sh
# SPDX-License-Identifier: ISC
# vmctl stats as a table and as JSON, of one VM and of all, and daemons that are
# none.
. "$(dirname "$0")/lib.sh"

rows='stats name=cpu_time unit=2 vm=123456789012 vcpus=2 v0=123456789000 v1=12
stats name=pages_2m unit=0 vm=7
stats name=blocking unit=4 vm=1 vcpus=2 v0=0 v1=1'
ask='log VM_STATS'

talk stats web1 <<END
want VM_STATS
$rows
result error=OK id=1 name=web1
END
got 'one VM, with its CPUs' 0 <<END
out    ID NAME COUNTER  UNIT          TOTAL        VCPU0        VCPU1
out     1 web1 cpu_time ns     123456789012 123456789000           12
out     1 web1 pages_2m count             7            -            -
out     1 web1 blocking bool              1            0            1
$ask name=web1 client=0 flags=0
END

talk stats -j 1 <<END
want VM_STATS
stats name=pages_2m unit=0 vm=7
stats name=odd unit=77 vm=1 vcpus=1 v0=1
result error=OK id=1 name=web1
END
got 'JSON' 0 <<END
out [
out   {
out     "id": 1,
out     "name": "web1",
out     "counters": {
out       "pages_2m": {
out         "unit": "count",
out         "total": 7,
out         "vcpus": null
out       },
out       "odd": {
out         "unit": "?",
out         "total": 1,
out         "vcpus": [
out           1
out         ]
out       }
out     }
out   }
out ]
$ask id=1 client=0 flags=0
END

# Those that the user may not ask, or that have just ended, are left out.
talk stats <<END
want STATUS
status id=1 name=web1 state=2 cpus=2
status id=2 name=db state=0 cpus=2
status id=3 name=others state=2 cpus=1
status id=4 name=ended state=4 cpus=1
status id=5 name=longer-name state=3 cpus=1
end
want VM_STATS
$rows
result error=OK id=1 name=web1
want VM_STATS
result error=PERMISSION id=3 name=others
want VM_STATS
stats name=pages_2m unit=0 vm=9
result error=NOT_RUNNING id=4 name=ended
want VM_STATS
stats name=pages_2m unit=0 vm=9
result error=OK id=5 name=longer-name
END
got 'all VMs' 0 <<END
out    ID NAME        COUNTER  UNIT          TOTAL
out     1 web1        cpu_time ns     123456789012
out     1 web1        pages_2m count             7
out     1 web1        blocking bool              1
out     5 longer-name pages_2m count             9
log STATUS
$ask id=1 client=0 flags=0
$ask id=3 client=0 flags=0
$ask id=4 client=0 flags=0
$ask id=5 client=0 flags=0
END

talk stats <<END
want STATUS
status id=2 name=db state=0 cpus=2
end
END
got 'nothing runs' 1 <<END
out    ID NAME COUNTER UNIT     TOTAL
log STATUS
END

talk stats web1 <<END
want VM_STATS
stats name=pages_2m unit=0 vm=9
result error=FAILED errno=5 detail=cannot read the counters
END
got 'an error in the middle' 1 <<END
err vmctl: stats vm command failed: failed: cannot read the counters: Input/output error
$ask name=web1 client=0 flags=0
END

# --- daemons that are none -------------------------------------------------
talk stats web1 <<END
want VM_STATS
end
END
got 'another answer' 1 <<END
err vmctl: bad answer from vmd: no counters
$ask name=web1 client=0 flags=0
END

talk stats web1 <<END
want VM_STATS
stats name=x vcpus=65
END
got 'too many CPUs' 1 <<END
err vmctl: bad answer from vmd: more vCPUs than there can be (STATS_ROW, 600 bytes)
$ask name=web1 client=0 flags=0
END

{
	echo want VM_STATS
	i=0
	while [ $i -le 1024 ]; do
		echo "stats name=x vm=$i"
		i=$((i + 1))
	done
	echo eof
} >flood
talk stats web1 <flood
got 'counters without end' 1 <<END
err vmctl: bad answer from vmd: the counters do not end
$ask name=web1 client=0 flags=0
END

talk status <<END
want STATUS
stats name=x vm=1
END
got 'counters in a list of VMs' 1 <<END
err vmctl: bad answer from vmd: STATS_ROW in a list of VMs
log STATUS
END
exit "$failed"
