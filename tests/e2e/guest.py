# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests run in Debian's own, unmodified QEMU."""

import re

from nxtestbed.guest import debian_guest, load_kvm, mini_guest, nothing_is_left
from nxtestbed.scenario import scenario

# Guests run in QEMU 10 with one thread for all CPUs: see docs/decisions/0010.
_PC = {"qemu": "trixie", "guests": True}
_CLOCK = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


def _runs_to_its_end(pc):
    shown = mini_guest(pc, f"echo 6 times 7 is $((6 * 7)), by $(cat {_CLOCK})").wait_end()
    # Its own choice: the paravirtual clock, which also tells it how fast the TSC is.
    assert "6 times 7 is 42, by kvm-clock" in shown, shown[-3000:]
    assert "tsc: Detected" in shown and not re.search("tsc: .*calibration", shown), shown[:3000]
    assert "mini: exit 0" in shown, shown[-3000:]


def _starts_every_cpu(pc, smp):
    shown = mini_guest(pc, smp=smp).wait_end()
    assert f"mini: up on {smp} CPUs" in shown, shown[-3000:]


def _side_by_side(pc):
    guests = [mini_guest(pc, f"echo this is guest {n}", name=f"mini{n}") for n in (1, 2)]
    for n, guest in enumerate(guests, 1):
        assert f"this is guest {n}" in guest.wait_end()


def _killed_in_the_middle(pc):
    guest = mini_guest(pc, "while :; do :; done", smp=2, name="killed")
    guest.wait_for("mini: up on 2 CPUs")
    guest.kill()


@scenario(timeout=1800, **_PC)
def small_guests(pc):
    """Guests with 1, 2 and 4 CPUs, two side by side, and one killed: all run, and leave nothing."""
    load_kvm(pc)
    _runs_to_its_end(pc)
    _starts_every_cpu(pc, 2)
    _starts_every_cpu(pc, 4)
    _side_by_side(pc)
    _killed_in_the_middle(pc)
    nothing_is_left(pc)


@scenario(timeout=1800, soak=True, **_PC)
def debian_from_its_disk(pc):
    """A whole Debian starts from its disk by BIOS and GRUB, to its login prompt, with usual devices."""
    load_kvm(pc)
    guest = debian_guest(pc, options="-cpu host -device VGA -device virtio-net,netdev=n -netdev user,id=n "
                                     "-device virtio-balloon -device virtio-rng -device virtio-keyboard")
    guest.wait_for("guest login:", timeout=1700)
    guest.kill()
    nothing_is_left(pc)


@scenario(timeout=2400, soak=True, **_PC)
def debian_from_uefi(pc):
    """The same by OVMF and GRUB, with two CPUs."""
    load_kvm(pc)
    pc.run("cp /usr/share/OVMF/OVMF_VARS_4M.fd /tmp/vars.fd")
    flash = "-drive if=pflash,format=raw,"
    debian_guest(pc, smp=2, options=f"-cpu host {flash}readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd "
                                    f"{flash}file=/tmp/vars.fd").wait_for("guest login:", timeout=2300)
