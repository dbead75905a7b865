# SPDX-License-Identifier: GPL-2.0-or-later
"""Two guests side by side, both busy with everything."""

from nxtestbed.guest import load_kvm, no_trouble, nothing_is_left
from nxtestbed.load import LoadedGuest
from nxtestbed.scenario import scenario

_WINDOWS, _SECONDS = 12, 10


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
        no_trouble(machine.run("dmesg").output)
    for one in loaded:
        one.guest.kill()
    nothing_is_left(pc)
