# SPDX-License-Identifier: GPL-2.0-or-later
"""Two guests side by side, both busy with everything."""

import re

from nxtestbed.guest import load_kvm, nothing_is_left
from nxtestbed.load import LoadedGuest
from nxtestbed.scenario import scenario

_TROUBLE = re.compile(r"BUG:|WARNING:|Oops|soft lockup|rcu.*(?:stall|detected)|hung_task|blocked for more than"
                      r"|nobody cared|I/O error|NETDEV WATCHDOG|clocksource.*unstable")
_WINDOWS, _SECONDS = 12, 10


def _no_trouble(machine):
    found = [line for line in machine.run("dmesg").output.splitlines() if _TROUBLE.search(line)]
    assert not found, found


@scenario(timeout=2400, smp=2, qemu="trixie", guests=True)
def two_under_load(pc):
    """CPU, disk and network of two guests are busy for two minutes: all of it advances all the time."""
    load_kvm(pc)
    pc.run("dmesg -C")
    loaded = [LoadedGuest(pc, 0, smp=2, sends=True), LoadedGuest(pc, 1, smp=1, sends=False)]
    for one in loaded:
        one.advances()
    for _ in range(_WINDOWS):
        pc.run(f"sleep {_SECONDS}")
        for one in loaded:
            one.advances()
    for machine in (*(one.guest for one in loaded), pc):
        _no_trouble(machine)
    for one in loaded:
        one.guest.kill()
    nothing_is_left(pc)
