# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that people wait for, measured as bench.py says: a compile, and transfers by disk and network.

Each is done once before it is measured, so that what it reads is in memory.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import disk, images, qemu
from .artefact import Artefact, key_of
from .guest import quick_guest
from .network import HOST, join_network, make_bridge, make_tap
from .paths import TOP

_SOURCES = TOP / "tests" / "bench"
_LIMIT = 1800  # seconds for any step: against hanging only
_NOT_NEEDED = ("usr/src", "usr/share", "var", "boot", "dev", "proc", "sys")

# Four times Debian's gcc on a program of 260 lines, with the C library's headers.
_COMPILE = "for i in 1 2 3 4; do chroot /mnt gcc -O2 -pipe -c -o /tmp/exits.o /tmp/exits.c || exit; done"
_TRANSFER = "dd if={source} of={target} bs=64k count=1024 {direct}=direct 2>&1"
# Not iperf3: it spins until a second is full.
_COPY = "socat -u -b 65536"
_ZEROES = f"OPEN:/dev/zero,readbytes={64 << 20}"
_SERVERS = (f"{_COPY} TCP-LISTEN:7001,fork,reuseaddr OPEN:/dev/null",
            f"socat -U -b 65536 TCP-LISTEN:7002,fork,reuseaddr {_ZEROES}")
_IN_GUEST = {
    "guest-compile": _COMPILE,
    "guest-disk-read": _TRANSFER.format(source="/dev/vdc", target="/dev/null", direct="iflag"),
    "guest-disk-write": _TRANSFER.format(source="/dev/zero", target="/dev/vdc", direct="oflag"),
    "guest-net-send": f"{_COPY} {_ZEROES} TCP:{HOST}:7001",
    "guest-net-receive": f"{_COPY} TCP:{HOST}:7002 OPEN:/dev/null",
}
_SCRATCH = "/tmp/scratch.raw"
_TOOLS = "/dev/disk/by-label/NXTOP-TOOLS"
_DEVICES = (f"-drive file={_TOOLS},if=virtio,format=raw,readonly=on -drive file={_SCRATCH},if=virtio,format=raw "
            "-netdev tap,id=n,ifname=tap0,script=no,downscript=no,vhost=on -device virtio-net,netdev=n")


def _build_tools(path):
    with images.copy_of(images.build_root.get()) as root, tempfile.TemporaryDirectory(dir=root.parent) as aside:
        for name in _NOT_NEEDED:
            if (root / name).exists():
                (root / name).rename(Path(aside) / name.replace("/", "-"))
        disk.make_ext4(path, root, "NXTOP-TOOLS", 512)


# All exits so far: Engine's, from guests and from the control domain, or those of stock KVM's guests that run now.
_EXITS = {"engine": "awk '{ all += $NF } END { print all }' /sys/kernel/debug/nxtop/exits",
          "stock": "cat /sys/kernel/debug/kvm/exits"}


@dataclass
class Task:
    """What one task took. exits: each is one way out of a guest, or the control domain, and back into one."""

    cost: int
    exits: int


# A compiler on a disk of its own: neither the control domain nor the guest has one, and both use the same.
_tools = Artefact("tools.img", lambda: key_of(images.build_root.key(), Path(__file__), *images.DISK_CODE), _build_tools)


def devices():
    """Words for the command line of the PC's QEMU."""
    return qemu.disk("tools", _tools.get(), "raw", read_only=True)


def measure(pc, clock):
    """{name: its Task}, with the cost in what passes on clock(pc), the PC's."""
    _prepare_compiler(pc, _TOOLS)
    found = {"compile": _measured(pc, clock, pc, _COMPILE)}
    pc.run("umount /mnt/tmp /mnt")

    make_bridge(pc)
    make_tap(pc, "tap0")
    for server in _SERVERS:
        pc.spawn(f"exec {server}")
    pc.run(f"truncate -s 64M {_SCRATCH}")
    guest = quick_guest(pc, options=_DEVICES, name="tasks").wait_ready(_LIMIT)
    join_network(guest)
    _prepare_compiler(guest, "/dev/vdb")
    for name, command in _IN_GUEST.items():
        found[name] = _measured(pc, clock, guest, command)
    guest.kill()
    return found


def _prepare_compiler(where, tools):
    where.run(f"mount -o ro {tools} /mnt && mount -t tmpfs tmp /mnt/tmp", timeout=_LIMIT)
    for name in ("exits.c", "guest.h"):
        where.push(_SOURCES / name, f"/mnt/tmp/{name}")


def _measured(pc, clock, where, command):
    where.run(command, timeout=_LIMIT)
    exits, before = _exits(pc), clock(pc)
    where.run(command, timeout=_LIMIT)
    cost = clock(pc) - before
    return Task(cost, _exits(pc) - exits)


def _exits(pc):
    return int(pc.run(_EXITS[pc.options.entry], timeout=_LIMIT).output)
