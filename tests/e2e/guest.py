# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests run in Debian's own, unmodified QEMU."""

from nxtestbed.guest import debian_guest, load_kvm, mini_guest
from nxtestbed.scenario import scenario

# Guests are the least unreliable in QEMU 10: see testbed/README.md.
_PC = {"qemu": "trixie", "guests": True}


@scenario(timeout=1200, **_PC)
def a_kernel_runs_to_its_end(pc):
    """A guest's kernel starts, runs a command in its user space, and powers off."""
    load_kvm(pc)
    shown = mini_guest(pc, "echo 6 times 7 is $((6 * 7))").wait_end()
    assert "6 times 7 is 42" in shown, shown[-3000:]
    assert "mini: exit 0" in shown, shown[-3000:]


@scenario(timeout=1200, **_PC)
def two_cpus(pc):
    """A guest with two CPUs starts both."""
    load_kvm(pc)
    shown = mini_guest(pc, smp=2).wait_end()
    assert "mini: up on 2 CPUs" in shown, shown[-3000:]


@scenario(timeout=1800, **_PC)
def two_guests_at_once(pc):
    """Two guests run side by side, each to its end."""
    load_kvm(pc)
    guests = [mini_guest(pc, f"echo this is guest {n}", name=f"mini{n}") for n in (1, 2)]
    for n, guest in enumerate(guests, 1):
        assert f"this is guest {n}" in guest.wait_end()


@scenario(timeout=2400, **_PC)
def debian_from_its_disk(pc):
    """A whole Debian starts from its disk by BIOS and GRUB, to its login prompt."""
    load_kvm(pc)
    debian_guest(pc).wait_for("guest login:", timeout=2300)
