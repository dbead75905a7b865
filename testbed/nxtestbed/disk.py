# SPDX-License-Identifier: GPL-2.0-or-later
"""Bootable disk images, made from a directory without loop devices or mounts.

One disk starts from BIOS (GRUB in the master boot record and in a BIOS boot partition) and from
UEFI (GRUB in the EFI system partition). Both find the root file system by its label and go on
with its /boot/grub/grub.cfg.
"""

import struct
import tempfile
from pathlib import Path

from .artefact import run
from .errors import TestbedError

SECTOR = 512
MIB = 1024 * 1024

# In MiB. The gaps are GPT's own: its first copy before 1 MiB, its second one after the last.
_BIOS_AT, _BIOS_SIZE = 1, 1
_ESP_AT, _ESP_SIZE = 2, 16
_ROOT_AT = _ESP_AT + _ESP_SIZE
ESP_END = _ROOT_AT * MIB

_BIOS_BOOT_TYPE = "21686148-6449-6E6F-744E-656564454649"
_ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_LINUX_TYPE = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"

# GRUB's boot.img: where it holds the first sector of core.img.
_BOOT_KERNEL_SECTOR = 0x5C
# The code of boot.img ends where a master boot record's disk signature begins.
_BOOT_CODE_END = 0x1B8
# core.img: its first sector lists where the others are, as (start, count, segment).
_CORE_BLOCKLIST = SECTOR - 12
_CORE_SEGMENT = 0x820

_GRUB_MODULES = ["part_gpt", "ext2", "search", "search_label", "normal", "configfile", "echo",
                 "test", "loadenv", "minicmd", "serial", "terminal", "multiboot2", "linux",
                 "all_video"]


def make_disk(image, root, grub_root, label, size_mib, lasting=False):
    """Makes a raw disk image with the content of the directory root.

    grub_root: a root file system that has GRUB's packages. lasting: see make_ext4().
    """
    with tempfile.TemporaryDirectory(prefix="nxtop-disk.") as scratch:
        _partition(image, size_mib, label.replace("ROOT", "BOOT"))
        _install_grub_bios(image, grub_root, label, Path(scratch))
        _install_grub_uefi(image, grub_root, label, Path(scratch))
        make_ext4(image, root, label, size_mib - _ROOT_AT - 1, _ROOT_AT, lasting)


def add_partition(image, root, label, size_mib):
    """Makes a disk image larger by a partition with an ext4 file system that lasts, with the content of root."""
    end = image.stat().st_size // MIB
    with open(image, "r+b") as file:
        file.truncate((end + size_mib) * MIB)
    # The second copy of the table goes to the disk's new end, and the partition to where it was.
    run(["sh", "-c", 'printf "start=%sMiB, type=%s\\n" "$1" "$2" | '
         'sfdisk --quiet --append --no-reread "$3"', "sh", end, _LINUX_TYPE, image])
    make_ext4(image, root, label, size_mib - 1, end, lasting=True)


def add_to_esp(image, file, folder):
    """Copies a file into a new folder of a disk's EFI system partition."""
    esp = f"{image}@@{_ESP_AT}M"
    run(["mmd", "-i", esp, f"::/{folder}"])
    run(["mcopy", "-i", esp, file, f"::/{folder}/{file.name}"])


def make_ext4(image, root, label, size_mib, offset_mib=0, lasting=False):
    """Writes an ext4 file system with the content of root into image.

    lasting: it has to outlive power cuts. GRUB cannot write into such a one.
    """
    # Neither a journal nor checksums otherwise: GRUB writes its environment block, and runs are thrown away.
    features = "^orphan_file,^metadata_csum_seed" if lasting else "^has_journal,^metadata_csum"
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-m", "0",
         "-L", label, "-d", root, "-E", f"offset={offset_mib * MIB},root_owner=0:0",
         image, f"{size_mib}M"])


def _partition(image, size_mib, esp_name):
    with open(image, "wb") as file:
        file.truncate(size_mib * MIB)
    table = "\n".join([
        "label: gpt",
        f"start={_BIOS_AT}MiB, size={_BIOS_SIZE}MiB, type={_BIOS_BOOT_TYPE}",
        f"start={_ESP_AT}MiB, size={_ESP_SIZE}MiB, type={_ESP_TYPE}, name={esp_name}",
        f"start={_ROOT_AT}MiB, type={_LINUX_TYPE}",
    ])
    # sfdisk reads its standard input, which run() keeps closed.
    run(["sh", "-c", 'printf "%s\\n" "$1" | sfdisk --quiet "$2"', "sh", table, image])


def _mkimage(root, label, scratch, target, modules):
    """The name, in scratch, of a GRUB image for a target."""
    early = scratch / "early.cfg"
    early.write_text(f"search --no-floppy --label {label} --set=root\n"
                     "set prefix=($root)/boot/grub\n", encoding="utf-8")
    out = scratch / f"{target}.img"
    # GRUB's modules and its tool must be of one version: use the tool of the root file system.
    library = "usr/lib/x86_64-linux-gnu"
    run([root / "lib64/ld-linux-x86-64.so.2", "--library-path", root / library,
         root / "usr/bin/grub-mkimage", "-O", target, "-d", root / "usr/lib/grub" / target,
         "-c", early, "-p", "/boot/grub", "-o", out, *_GRUB_MODULES, *modules])
    return out


def _install_grub_bios(image, root, label, scratch):
    core = bytearray(_mkimage(root, label, scratch, "i386-pc", ["biosdisk"]).read_bytes())
    boot = bytearray((root / "usr/lib/grub/i386-pc/boot.img").read_bytes())
    if len(core) > _BIOS_SIZE * MIB:
        raise TestbedError(f"GRUB's core image has {len(core)} bytes: "
                           "more than the BIOS boot partition holds")
    core += bytes(-len(core) % SECTOR)
    first = _BIOS_AT * MIB // SECTOR
    struct.pack_into("<Q", boot, _BOOT_KERNEL_SECTOR, first)
    struct.pack_into("<QHH", core, _CORE_BLOCKLIST, first + 1, len(core) // SECTOR - 1,
                     _CORE_SEGMENT)
    with open(image, "r+b") as file:
        file.write(boot[:_BOOT_CODE_END])
        file.seek(first * SECTOR)
        file.write(core)


def _install_grub_uefi(image, root, label, scratch):
    loader = _mkimage(root, label, scratch, "x86_64-efi", [])
    esp = f"{image}@@{_ESP_AT}M"
    run(["mformat", "-i", esp, "-T", str(_ESP_SIZE * MIB // SECTOR), "-h", "16", "-s", "63",
         "-v", "ESP", "::"])
    run(["mmd", "-i", esp, "::/EFI", "::/EFI/BOOT"])
    run(["mcopy", "-i", esp, loader, "::/EFI/BOOT/BOOTX64.EFI"])
