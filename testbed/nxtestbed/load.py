# SPDX-License-Identifier: GPL-2.0-or-later
"""Work that keeps a guest's CPUs, disk and network busy, and counts how far it is."""

import itertools

from .errors import TestbedError
from .guest import quick_guest
from .network import HOST, join_network, make_bridge, make_tap

_CARD = "-netdev tap,id=n,ifname={tap},script=no,downscript=no,vhost=on -device virtio-net,netdev=n,mac={mac}"
# One round takes milliseconds; each leaves a byte behind.
_CPU = "while :; do i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; printf . >> /tmp/rounds{cpu}; done"
_DISK = "while :; do dd if=/dev/zero of=/root/load bs=1M count=32 conv=fsync 2>/tmp/dd || exit; done"
_COUNTS = ("wc -c /tmp/rounds* | sed '/total/d'; "
           "read a b c d e f written rest < /sys/block/vda/stat; echo $written; "
           "cat /sys/class/net/{card}/statistics/{way}_bytes; "
           "grep LOC: /proc/interrupts")

_START = 1800  # seconds until a program is under way, beside other guests that keep the PC busy


class LoadedGuest:
    """A guest that is busy with everything at once, from the start.

    number: which of the guests it is, for its names and addresses. The traffic is the guest's if it sends,
    else the control domain's.
    """

    def __init__(self, pc, number, smp, sends, options=""):
        tap, self._way = f"tap{number}", "tx" if sends else "rx"
        if not number:
            make_bridge(pc)
        make_tap(pc, tap)
        port = 5201 + number
        pc.spawn(f"while :; do iperf3 -s -1 -p {port}; done")
        card = _CARD.format(tap=tap, mac=f"52:54:00:00:00:{number + 1:02x}")
        self.guest = quick_guest(pc, smp=smp, options=f"{card} {options}", name=f"loaded{number}")
        join_network(self.guest, f"10.0.0.{number + 2}")
        self._card = self.guest.run("basename /sys/bus/virtio/drivers/virtio_net/virtio*/net/*").output.strip()
        # One after the other, the heaviest last: a busy guest takes long to start anything.
        reverse = "" if sends else "-R"
        self._work = [self.guest.spawn(f"exec iperf3 -c {HOST} -p {port} {reverse} -t 3600 --forceflush")]
        self.guest.run("until ss -tn | grep -q ESTAB; do sleep 0.2; done", timeout=_START)
        self._work.append(self.guest.spawn(_DISK))
        for cpu in range(smp):
            self._work.append(self.guest.spawn(_CPU.format(cpu=cpu)))
            self.guest.run(f"until [ -s /tmp/rounds{cpu} ]; do sleep 0.2; done", timeout=_START)
        self._smp = smp
        self._last = None

    def _counts(self):
        """How far each kind of work is: rounds of each CPU's loop, sectors, bytes, timer interrupts."""
        lines = self.guest.run(_COUNTS.format(card=self._card, way=self._way)).output.splitlines()
        words = [line.split() for line in lines]
        timers = next(line for line in words if line[0] == "LOC:")[1:1 + self._smp]
        names = [*(f"CPU loop {cpu}" for cpu in range(self._smp)), "disk", "network",
                 *(f"timer of CPU {cpu}" for cpu in range(self._smp))]
        return dict(zip(names, itertools.chain((int(line[0]) for line in words[:-1]), map(int, timers)),
                        strict=True))

    def advances(self):
        """Fails unless all work is further than when this was last asked. By how much."""
        counts = self._counts()
        grown = {name: count - (self._last or {}).get(name, 0) for name, count in counts.items()}
        self._last = counts
        stuck = [name for name, more in grown.items() if more <= 0]
        if stuck:
            raise TestbedError(f"no progress any more: {', '.join(stuck)}: {counts}")
        for work in self._work:
            if not work.is_running():
                raise TestbedError(f"a load has ended: {work.wait(1).all}")
        return grown
