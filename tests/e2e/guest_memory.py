# SPDX-License-Identifier: GPL-2.0-or-later
"""The control domain takes a guest's memory away, moves and merges it; the guest never notices."""

import re

from nxtestbed.agent import wait_until
from nxtestbed.guest import load_kvm, nothing_is_left, quick_guest
from nxtestbed.scenario import scenario

_PAGEOUT, _COLLAPSE = 21, 25
# Gives advice on all of a process's memory at once that is one mapping: a guest's RAM.
_ADVISE = """
import ctypes, os, sys
pid, advice, start, size = map(int, sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
fd = os.pidfd_open(pid)
for at in range(start, start + size, 2 << 20):
    part = (ctypes.c_ulong * 2)(at, 2 << 20)
    if libc.syscall(440, fd, part, 1, advice, 0) < 0 and advice != 25:  # not all can be collapsed
        sys.exit(os.strerror(ctypes.get_errno()))
"""
_KSM = "/sys/kernel/mm/ksm"
_MIB = 1 << 20
_RAM = 384


class _Memory:
    """A guest's RAM as the control domain has it."""

    def __init__(self, pc, guest):
        self._pc = pc
        self._pid = guest.pid
        for line in pc.run(f"cat /proc/{self._pid}/maps").output.splitlines():
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if end - start >= _RAM * _MIB and "rw-p" in line:
                self.start = start
        pc.run("cat > /tmp/advise.py", stdin=_ADVISE.encode())

    def advise(self, advice):
        self._pc.run(f"python3 /tmp/advise.py {self._pid} {advice} {self.start} {_RAM * _MIB}")

    def split(self):
        """Splits every large page."""
        self._pc.run(f"echo {self._pid},{self.start:#x},{self.start + _RAM * _MIB:#x} "
                     "> /sys/kernel/debug/split_huge_pages")

    def count(self, name):
        """A line of /proc/PID/smaps_rollup, in MiB."""
        text = self._pc.run(f"cat /proc/{self._pid}/smaps_rollup").output
        return int(re.search(rf"^{name}: *(\d+) kB", text, re.MULTILINE)[1]) >> 10


class _Contents:
    """Files in the guest's memory that a loop there reads all the time."""

    def __init__(self, guest):
        self._guest = guest
        guest.run("head -c 48M /dev/urandom > /dev/shm/random && "
                  "head -c 48M /dev/zero | tr '\\000' x > /dev/shm/same && sha256sum /dev/shm/* > /tmp/sums")
        self._loop = guest.spawn("until [ -e /tmp/stop ]; do sha256sum --quiet -c /tmp/sums || exit 1; done")

    def hold(self):
        assert self._loop.is_running(), self._loop.wait(1).all
        self._guest.run("sha256sum --quiet -c /tmp/sums")

    def end(self):
        self._guest.run("touch /tmp/stop")
        result = self._loop.wait(300)
        assert result.code == 0, result.all


def _swapped(pc, memory, contents):
    pc.run("modprobe zram && echo 512M > /sys/block/zram0/disksize && "
           "mkswap -q /dev/zram0 && swapon /dev/zram0")
    for _ in range(2):
        memory.advise(_PAGEOUT)
        swapped = memory.count("Swap")
        assert swapped > 20, f"only {swapped} MiB were swapped out"
        contents.hold()
    pc.run("swapoff /dev/zram0")
    contents.hold()


def _split_and_collapsed(pc, memory, contents):
    for _ in range(2):
        memory.advise(_COLLAPSE)
        large = memory.count("AnonHugePages")
        assert large > 100, f"only {large} MiB in large pages"
        memory.split()
        assert memory.count("AnonHugePages") < large / 2
        contents.hold()


def _moved(pc, contents):
    def moved():
        return int(re.search(r"pgmigrate_success (\d+)", pc.run("cat /proc/vmstat").output)[1])

    before = moved()
    for _ in range(3):
        pc.run("echo 1 > /proc/sys/vm/compact_memory")
    assert moved() > before, "compaction moved nothing"
    contents.hold()


def _merged(pc, guest, contents):
    pc.run(f"echo 50000 > {_KSM}/pages_to_scan; echo 10 > {_KSM}/sleep_millisecs; echo 1 > {_KSM}/run")
    assert wait_until(lambda: int(pc.run(f"cat {_KSM}/pages_sharing").output) > 10000, 900, interval=1), (
        pc.run(f"grep . {_KSM}/*").output)
    # Reading does not undo it.
    for _ in range(3):
        contents.hold()
    assert int(pc.run(f"cat {_KSM}/pages_sharing").output) > 10000
    # What the guest writes is its own again.
    guest.run("cp /dev/shm/same /dev/shm/copy && head -c 16M /dev/zero | tr '\\000' y > /tmp/changed && "
              "dd if=/tmp/changed of=/dev/shm/copy conv=notrunc && "
              "cmp -n 16777216 /tmp/changed /dev/shm/copy && rm /dev/shm/copy /tmp/changed", timeout=1200)
    contents.hold()
    pc.run(f"echo 2 > {_KSM}/run")
    assert int(pc.run(f"cat {_KSM}/pages_sharing").output) == 0
    contents.hold()


@scenario(timeout=2400, soak=True, qemu="trixie", guests=True)
def memory_is_linux_own(pc):
    """A guest's memory is swapped, split, collapsed, moved and merged while the guest reads it."""
    load_kvm(pc)
    guest = quick_guest(pc, smp=2, memory=_RAM)
    contents = _Contents(guest)
    memory = _Memory(pc, guest)
    _split_and_collapsed(pc, memory, contents)
    _swapped(pc, memory, contents)
    _moved(pc, contents)
    _merged(pc, guest, contents)
    contents.end()
    guest.kill()
    nothing_is_left(pc)
