# SPDX-License-Identifier: GPL-2.0-or-later
"""Work that keeps a guest's CPUs, disk and network busy, and counts how far it is.

A lost interrupt shows as work that stands still: Linux arms its timer for one interrupt at a time, so a CPU that misses
one gets no other; a virtio queue that misses one is not looked at again; a call to another CPU that misses its IPI waits
for ever.
"""

import itertools

from .agent import AgentError, wait_until
from .errors import TestbedError
from .guest import quick_guest
from .network import HOST, join_network, make_bridge, make_tap

_CARD = "-netdev tap,id=n,ifname={tap},script=no,downscript=no,vhost=on -device virtio-net,netdev=n,mac={mac}"
# One round takes a fraction of a millisecond, or seconds where the disk and the network have the CPU.
# Written over, not anew: the file is never empty, so a reader need not wait.
_CPU = ("n=0; while :; do i=0; while [ $i -lt 100 ]; do i=$((i+1)); done; n=$((n+1)); "
        "echo $n 1<> /tmp/rounds{cpu}; done")
_DISK = "while :; do dd if=/dev/zero of=/root/load bs=1M count=32 conv=fsync 2>/tmp/dd || exit; done"
# By the counter that grows: the control domain's end, and the guest's. Not iperf3: it gives up when it has to wait.
_TRAFFIC = {
    "tx": ("socat -u -b 65536 TCP-LISTEN:{port} OPEN:/dev/null", f"socat -u -b 65536 OPEN:/dev/zero TCP:{HOST}:{{port}}"),
    "rx": ("socat -U -b 65536 TCP-LISTEN:{port} OPEN:/dev/zero", f"socat -u -b 65536 TCP:{HOST}:{{port}} OPEN:/dev/null"),
}
# By one process: in a busy guest each takes seconds to start.
_COUNTS = ("for file in /tmp/rounds*; do read n < $file; echo $n; done; "
           "read a b c d e f written rest < /sys/block/vda/stat; echo $written; "
           "read n < /sys/class/net/{card}/statistics/{way}_bytes; echo $n; "
           "while read line; do case $line in LOC:*) echo $line ;; esac; done < /proc/interrupts")

_START = 1800  # seconds until all programs are under way: the guests keep the PC busy from the first one on


class LoadedGuest:
    """A guest that can be made busy with everything at once.

    number: which of the guests it is, for its names and addresses. The traffic is the guest's if it sends,
    else the control domain's.
    """

    def __init__(self, pc, number, smp, sends, options=""):
        tap, self._way = f"tap{number}", "tx" if sends else "rx"
        if not number:
            make_bridge(pc)
        make_tap(pc, tap)
        self._port = 5201 + number
        pc.spawn(f"exec {_TRAFFIC[self._way][0].format(port=self._port)}")
        card = _CARD.format(tap=tap, mac=f"52:54:00:00:00:{number + 1:02x}")
        self.guest = quick_guest(pc, smp=smp, options=f"{card} {options}", name=f"loaded{number}")
        join_network(self.guest, f"10.0.0.{number + 2}")
        self._card = self.guest.run("basename /sys/bus/virtio/drivers/virtio_net/virtio*/net/*").output.strip()
        self._smp = smp
        self.guest.run("; ".join(f"echo 0 > /tmp/rounds{cpu}" for cpu in range(smp)))
        self._work = []
        self._last = {}

    def start(self):
        """Starts all work, and waits for none of it: started one after the other, the last would wait for the first."""
        network = f"exec {_TRAFFIC[self._way][1].format(port=self._port)}"
        loops = [_CPU.format(cpu=cpu) for cpu in range(self._smp)]
        self._last = self._counts()
        self._work = [self.guest.spawn(command) for command in (network, _DISK, *loops)]

    def wait_started(self):
        """Until all work has begun."""
        if not wait_until(lambda: not self._stuck(self._counts()), _START, interval=5):
            raise TestbedError(f"after {_START} s these have not begun: {', '.join(self._stuck(self._counts()))}")

    def advances(self):
        """Fails unless all work is further than when this was last asked."""
        counts = self._counts()
        if stuck := self._stuck(counts):
            raise TestbedError(f"no progress any more: {', '.join(stuck)}: {counts}")
        self._last = counts
        for work in self._work:
            if not work.is_running():
                raise TestbedError(f"a load has ended: {work.wait(1).all}")

    def _stuck(self, counts):
        return [name for name, count in counts.items() if count <= self._last[name]]

    def _counts(self):
        """How far each kind of work is: rounds of each CPU's loop, sectors, bytes, timer interrupts."""
        try:
            lines = self.guest.run(_COUNTS.format(card=self._card, way=self._way)).output.splitlines()
        except AgentError as error:
            raise TestbedError(f"{error}\n{self.guest.state()}") from error
        words = [line.split() for line in lines]
        timers = next(line for line in words if line[0] == "LOC:")[1:1 + self._smp]
        names = [*(f"CPU loop {cpu}" for cpu in range(self._smp)), "disk", "network",
                 *(f"timer of CPU {cpu}" for cpu in range(self._smp))]
        return dict(zip(names, itertools.chain((int(line[0]) for line in words[:-1]), map(int, timers)),
                        strict=True))
