# SPDX-License-Identifier: GPL-2.0-or-later
"""The PC starts, and starts again."""

from nxtestbed.control import engine_info, load_driver, services_run
from nxtestbed.scenario import scenario


def _entry(pc):
    words = pc.run("cat /proc/cmdline").output.split()
    return next(word.split("=")[1] for word in words if word.startswith("nxtop.entry="))


def _is_beneath(pc):
    """What GRUB started is what runs: Engine may have chosen to start Linux without itself."""
    if pc.options.entry == "engine":
        load_driver(pc)
        assert engine_info(pc)["cpus"] == pc.run("nproc").output.strip()


def _is_up(pc, cpus):
    services_run(pc)
    assert pc.run("nproc").output.strip() == str(cpus)
    assert _entry(pc) == pc.options.entry
    _is_beneath(pc)


@scenario(smp=1, soak=True)
def starts_from_bios(pc):
    """The control domain comes up from BIOS on one CPU, with every service running."""
    _is_up(pc, cpus=1)


@scenario(smp=2, firmware="uefi")
def starts_from_uefi(pc):
    """The control domain comes up from UEFI on two CPUs, with every service running."""
    _is_up(pc, cpus=2)


@scenario(smp=2, qemu="trixie", soak=True)
def starts_with_x2apic_and_iommu(pc):
    """The control domain comes up on a PC with x2APIC and an IOMMU."""
    _is_up(pc, cpus=2)


@scenario(on="engine", timeout=1200, soak=True)
def a_start_that_is_not_confirmed_falls_back(pc):
    """After a start with Engine that user space never confirmed, the next one is without Engine."""
    pc.wait_for("Linux version")
    pc.reset()
    pc.wait_for("starting without it")
    assert _entry(pc) == "stock"


@scenario(on="engine", timeout=1200, soak=True)
def a_confirmed_start_is_repeated(pc):
    """After a start with Engine that user space confirmed, the next one is with Engine again."""
    pc.run("systemctl is-system-running --wait", check=False)
    assert "nxtop_try=ok" in pc.run("grub-editenv /boot/grub/grubenv list").output
    pc.reboot()
    assert _entry(pc) == "engine"
    _is_beneath(pc)
