# SPDX-License-Identifier: GPL-2.0-or-later
"""The PC sleeps and wakes while guests run."""

import re
import time

from nxtestbed.agent import wait_until
from nxtestbed.guest import load_kvm, mini_guest
from nxtestbed.scenario import scenario

_TICK = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 1; done"


def _ticks(guest):
    """How far the guest has counted."""
    return max(map(int, re.findall(r"tick (\d+)", guest.console())), default=0)


def _goes_on(guest):
    """The guest counts further."""
    before = _ticks(guest)
    assert wait_until(lambda: _ticks(guest) > before + 1, 120, 1), guest.console()[-2000:]


@scenario(timeout=1200, smp=2, qemu="trixie", guests=True)
def guests_outlive_suspend_to_idle(pc):
    """Suspend to idle with two guests running, three times: they stand still, and go on afterwards."""
    load_kvm(pc)
    guests = [mini_guest(pc, _TICK, smp=n, name=f"sleeper{n}") for n in (1, 2)]
    for guest in guests:
        guest.wait_for("tick 2")
    # The power button wakes the PC here; it is not to switch it off.
    pc.run("mkdir -p /run/systemd/logind.conf.d && cd /run/systemd/logind.conf.d && "
           "printf '[Login]\\nHandlePowerKey=ignore\\n' > power.conf && systemctl restart systemd-logind; dmesg -C")
    for _ in range(3):
        # Woken by the power button: QEMU's clock only wakes from S3.
        asleep = pc.spawn("echo freeze > /sys/power/state")
        pc.wait_for("Freezing remaining freezable tasks completed")
        time.sleep(3)
        assert asleep.is_running(), "it does not sleep"
        pc.qmp.execute("system_powerdown")
        asleep.wait(120)
        for guest in guests:
            _goes_on(guest)
    assert pc.run("dmesg").output.count("PM: suspend exit") == 3
    for guest in guests:
        guest.kill()
