# SPDX-License-Identifier: GPL-2.0-or-later
"""The PC's own system image (appliance/), as a disk."""

import re
import shutil
import tempfile
from pathlib import Path

from . import disk, images
from .artefact import Artefact, key_of, run
from .errors import TestbedError
from .paths import BUILD, DRIVER, ENGINE, TESTBED, TOP

_RECIPE = TOP / "appliance"
_AGENT = BUILD / "meson" / "pc" / "agent"
_UNIT = TOP / "pc" / "agent" / "nxtopd.service"
_ENVIRONMENT, _ENVIRONMENT_SIZE = "# GRUB Environment Block", 1024
_SYSTEM_MIB, _STATE_MIB = 2560, 12288

root = images.Root("appliance", recipe=_RECIPE)

# They run when the PC is used as another PC would be: by hand, on a network, for months.
_DISABLED = ["systemd-networkd-wait-online.service", "libvirt-guests.service", "logrotate.timer", "grub-common.service"]
_ENABLED = ["nxtopd.service", "nxtop-kvm.service", "nxtop-boot-ok.service", "systemd-networkd.service",
            "systemd-resolved.service", "libvirtd.socket", "virtlogd.socket"]


def _ours():
    """What we compile, and where it goes."""
    return {ENGINE: "boot/nxtop/nxtop-engine.elf", DRIVER: "usr/lib/nxtop/nxtop.ko", _AGENT / "nxtopd": "usr/sbin/nxtopd",
            _AGENT / "nxtop": "usr/bin/nxtop", _UNIT: "usr/lib/systemd/system/nxtopd.service"}


def _key():
    missing = [str(file) for file in _ours() if not file.exists()]
    if missing:
        raise TestbedError(f"not compiled yet: {', '.join(missing)}. Run `make engine driver`")
    return key_of(root.key(), _RECIPE / "files", TESTBED / "images" / "common", *_ours(),
                  images.agent_key(), *images.DISK_CODE, TESTBED / "nxtestbed" / "appliance.py")


def _build(path):
    with images.copy_of(root.get()) as copy:
        images.overlay(copy, _RECIPE / "files")
        # The testbed's way in. It does nothing where no emulator offers its port.
        images.overlay(copy, TESTBED / "images" / "common")
        images.install_agent(copy)
        _install_ours(copy)
        images.add_boot_files(copy)
        images.add_fallback(copy)
        images.systemctl(copy, "disable", images.DISABLED + _DISABLED)
        images.systemctl(copy, "enable", _ENABLED)
        images.systemctl(copy, "set-default", ["multi-user.target"])
        images.set_passwordless_root(copy)
        _read_only(copy)
        disk.make_disk(path, copy, root.get(), "NXTOP-ROOT", _SYSTEM_MIB)
    _add_state(path)
    _add_boot_variables(path)


def _install_ours(copy):
    for source, target in _ours().items():
        file = copy / target
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, file)
    kernel = max(p.name for p in (copy / "usr/lib/modules").iterdir())
    driver_for = re.search(rb"vermagic=(\S+)", DRIVER.read_bytes())[1].decode()
    if driver_for != kernel:
        raise TestbedError(f"the appliance has kernel {kernel}, and nxtop.ko is for {driver_for}: remove "
                           "build/images/*-root.stamp, then try again")


def _read_only(copy):
    """What a root file system that is never written needs: see appliance/initramfs-scripts."""
    images.replace(copy / "etc/machine-id", "")
    for name in ("state", "var/lib/nxtop", "var/cache/libvirt"):
        (copy / name).mkdir(exist_ok=True)
    images.link(copy / "etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf")


def _add_state(path):
    """The state partition. Its folders are there from the start: fstab mounts them."""
    with tempfile.TemporaryDirectory(prefix="nxtop-state.") as scratch:
        state = Path(scratch)
        state.chmod(0o755)
        for name in ("nxtop", "log/journal", "cache", "systemd"):
            (state / name).mkdir(parents=True)
        disk.add_partition(path, state, "NXTOP-STATE", _STATE_MIB)


def boot_variables(kernel_options=""):
    """GRUB's environment block, as bytes.

    It is on the EFI system partition: the root file system, where it usually is, is never written.
    """
    # An emulated timer may be late for the kernel's check of it, which panics; the serial port is what is watched.
    lines = [_ENVIRONMENT, f"nxtop_kernel_options=no_timer_check {kernel_options}".rstrip(),
             "nxtop_engine_options=console=ttyS0"]
    block = "".join(f"{line}\n" for line in lines)
    if len(block) > _ENVIRONMENT_SIZE:
        raise TestbedError(f"this is too long for GRUB's variables: {kernel_options}")
    return block.ljust(_ENVIRONMENT_SIZE, "#").encode()


def _add_boot_variables(path):
    with tempfile.TemporaryDirectory(prefix="nxtop-grub.") as scratch:
        block = Path(scratch) / "grubenv"
        block.write_bytes(boot_variables())
        disk.add_to_esp(path, block, "nxtop")


def boot_variables_at():
    """Where on the image's disk they are, in bytes: GRUB writes them in place, and so may others."""
    with open(image.get(), "rb") as file:
        start = file.read(disk.ESP_END)
    # The whole block: its first line is in GRUB's programs too.
    return start.index(boot_variables())


image = Artefact("appliance.img", _key, _build)
