# SPDX-License-Identifier: GPL-2.0-or-later
"""Several guests side by side, all busy with everything."""

import os
import time

from nxtestbed.guest import load_kvm, no_trouble, nothing_is_left
from nxtestbed.load import LoadedGuest
from nxtestbed.scenario import scenario

_MINUTES = int(os.environ.get("NXTOP_LOAD_MINUTES", "10"))
_TELL_MINUTES = 5


def _stay_busy(pc, cpus, minutes):
    """Guests with so many CPUs, every other one sending, get on with all their work for so long."""
    load_kvm(pc)
    pc.run("dmesg -C")
    loaded = [LoadedGuest(pc, number, smp, sends=number % 2 == 0) for number, smp in enumerate(cpus)]
    for one in loaded:
        one.start()
    for one in loaded:
        one.wait_started()
    begun, told = time.monotonic(), 0
    while (minute := (time.monotonic() - begun) / 60) < minutes:
        if minute >= told + _TELL_MINUTES:
            told = int(minute)
            print(f"    load: {told} of {minutes} minutes", flush=True)
        pc.run("sleep 30", timeout=600)
        for one in loaded:
            one.advances()
    for machine in (*(one.guest for one in loaded), pc):
        no_trouble(machine.run("dmesg").output)
    for one in loaded:
        one.guest.kill()
    nothing_is_left(pc)


@scenario(timeout=3600, soak=True, smp=2, qemu="trixie", guests=True)
def two_under_load(pc):
    """CPU, disk and network of two guests are busy for two minutes: all of it advances all the time."""
    _stay_busy(pc, (2, 1), minutes=2)


# In the mended QEMU on Engine as well: now and then Debian's delivers an injected interrupt twice, and Engine injects one
# where a second one waits (docs/decisions/0010). In half an hour of this load that happens.
@scenario(timeout=3000 + 120 * _MINUTES, soak=True, smp=2, memory="5G", qemu="mended", guests=True)
def four_under_load(pc):
    """CPU, disk and network of four guests are busy for ten minutes: all of it advances all the time."""
    _stay_busy(pc, (2, 1, 1, 1), minutes=_MINUTES)
