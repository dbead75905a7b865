# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU as the emulated PC: which program, and its command line."""

import os
import shutil
from dataclasses import dataclass, field

from . import images, mended
from .errors import TestbedError

TUNNELS = 6  # ways into a PC with guests; see machine.py

MACHINES = ("host", "trixie", "mended")
FIRMWARE = ("bios", "uefi")
ENTRIES = ("engine", "stock")


@dataclass
class Options:
    """What kind of PC to emulate, and how to start it."""

    entry: str = "engine"
    # Debian 12's QEMU 7.2, or trixie: QEMU 10 with x2APIC and an IOMMU, or mended: the same without the faults that
    # guests on stock KVM hang by.
    qemu: str = "host"
    firmware: str = "bios"
    smp: int = 2
    memory: str = "3G"
    # With one thread, runs of several CPUs take the same course more often, and are faster where
    # the machine is busy. "multi" is nearer to a real PC.
    tcg_thread: str = "single"
    engine_options: str = ""
    kernel_options: str = ""
    # Extra files for /nxtop: paths, or functions that make one in a directory and return its path.
    files: list = field(default_factory=list)
    devices: list = field(default_factory=list)  # extra words for QEMU's command line
    menu: str = ""  # lines of grub.cfg; the first entry with an --id is the one that counts
    guests: bool = False  # attach the disk with the guest images, at /guests
    payload: bool = True  # attach the payload disk, see payload.py

    def check(self):
        for value, known in ((self.qemu, MACHINES), (self.firmware, FIRMWARE),
                             (self.entry, ENTRIES), (self.tcg_thread, ("single", "multi"))):
            if value not in known:
                raise TestbedError(f"unknown option {value}: choose one of {', '.join(known)}")


def for_guests(entry):
    """Which QEMU carries guests on this boot entry."""
    return "mended" if entry == "stock" else "trixie"


def program(options):
    """The words that start QEMU, and the environment to start it in."""
    env = dict(os.environ)
    if options.qemu == "host":
        qemu = shutil.which("qemu-system-x86_64")
        if not qemu:
            raise TestbedError("qemu-system-x86_64 is missing: run `make setup`")
        return [qemu], env
    # With its own loader and libraries, straight from the PC's root file system: no
    # chroot, so nothing to mount and nothing to clean up.
    root = images.pc_root.get()
    library = root / "usr/lib/x86_64-linux-gnu"
    env["QEMU_MODULE_DIR"] = str(library / "qemu")
    return [str(root / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(library),
            str(mended.qemu.get() if options.qemu == "mended" else root / "usr/bin/qemu-system-x86_64"),
            "-L", str(root / "usr/share/qemu"), "-L", str(root / "usr/share/seabios")], env


def command_line(options, run):
    """QEMU's options for a run directory with its disks; see machine.py for the names."""
    machine, cpu = "q35", "EPYC,+svm,+npt"
    words = ["-accel", f"tcg,thread={options.tcg_thread}"]
    if options.qemu != "host":
        cpu += ",+x2apic"
        words += ["-device", "amd-iommu,intremap=on,xtsup=on"]
        machine += ",kernel-irqchip=off"
    # The chipset's watchdog runs in the PC's time. A crash kernel takes longer here than a minute until it
    # has its driver, which by then would have reset the PC.
    words += ["-global", "ICH9-LPC.noreboot=on"]
    words += ["-M", machine, "-cpu", cpu, "-smp", str(options.smp), "-m", options.memory,
              "-nodefaults", "-display", "none", "-device", "VGA",
              "-qmp", f"unix:{run}/qmp,server=on,wait=off",
              "-chardev", f"socket,id=serial,path={run}/serial,server=on,wait=off,"
                          f"logfile={run}/serial.log",
              "-serial", "chardev:serial",
              "-chardev", f"socket,id=agent,path={run}/agent,server=on,wait=off",
              "-device", "virtio-serial-pci",
              "-device", "virtserialport,chardev=agent,name=nxtop.agent"]
    words += disk("system", f"{run}/system.qcow2", "qcow2", "bootindex=1")
    if options.payload:
        # It does not start from here, but UEFI shows GRUB only the disks that are in the boot order.
        words += disk("payload", f"{run}/payload.img", "raw", "bootindex=2")
    if options.guests:
        for number in range(TUNNELS):
            words += ["-chardev", f"socket,id=tunnel{number},path={run}/tunnel{number},"
                                  "server=on,wait=off",
                      "-device", f"virtserialport,chardev=tunnel{number},"
                                 f"name=nxtop.tunnel{number}"]
        words += disk("guests", images.guests_disk.get(), "raw", read_only=True)
    if options.firmware == "uefi":
        words += ["-drive", "if=pflash,format=raw,unit=0,readonly=on,"
                            f"file={ovmf('OVMF_CODE_4M.fd')}",
                  "-drive", f"if=pflash,format=raw,unit=1,file={run}/ovmf-vars.fd"]
    return words + options.devices


def ovmf(name):
    return images.pc_root.get() / "usr/share/OVMF" / name


def disk(name, file, image_format, properties="", read_only=False):
    """The words for one more disk of the PC."""
    # What a run writes is thrown away with it: there is no reason to wait for the real disk.
    drive = f"file={file},if=none,id={name},format={image_format},cache=unsafe"
    device = f"virtio-blk-pci,drive={name}" + (f",{properties}" if properties else "")
    return ["-drive", drive + (",readonly=on" if read_only else ""), "-device", device]
