# SPDX-License-Identifier: GPL-2.0-or-later
"""What the control domain's start executes, by function: tests/bench/blocks.c counts, in the PC that bench.py measures."""

import bisect
import os
from collections import Counter

from . import bench
from .artefact import run
from .errors import TestbedError
from .paths import BUILD, ENGINE, TOP

_SOURCE = TOP / "tests" / "bench" / "blocks.c"
_PLUGIN = BUILD / "bench" / "blocks.so"
# So that addresses are those of the symbols: Engine is below Linux' text, in the same 2 GiB.
_KERNEL_OPTIONS = "nokaslr"
_TOP_2G, _LINUX = 0xffffffff80000000, 0xffffffff81000000
_KERNEL_SPACE = 1 << 63
_PROGRAMS = 1 << 32  # below: firmware, GRUB, and Linux before it has its page tables
_END = 120  # seconds for QEMU to write what it has counted


def count(entry):
    """{(part, function): instructions} from power-on until the PC is quiet; part: engine, kernel, programs or before."""
    _PLUGIN.parent.mkdir(parents=True, exist_ok=True)
    run(["gcc", *bench.FLAGS, "-shared", "-fPIC", "-o", _PLUGIN, _SOURCE])
    found = BUILD / "bench" / f"blocks-{entry}"
    found.unlink(missing_ok=True)
    os.environ["NXTOP_BLOCKS"] = str(found)
    # Not the mended QEMU: it is built without plugins.
    with bench.make_pc(entry, qemu="trixie", kernel_options=_KERNEL_OPTIONS, devices=["-plugin", str(_PLUGIN)]) as pc:
        bench.booted(pc)
        linux = _symbols(pc.run("cat /proc/kallsyms").output)
        pc.qmp.execute("quit")
        pc.wait_off(_END)
    if not found.exists():
        raise TestbedError(f"QEMU did not write {found}")
    engine = _symbols(run(["nm", ENGINE])) if entry == "engine" else ([], [])
    counts = Counter()
    with open(found, encoding="ascii") as lines:
        for line in lines:
            address, executed = line.split()
            counts[_place(int(address, 16), engine, linux)] += int(executed)
    found.unlink()
    return counts


def _symbols(text):
    """Addresses of functions, and their names, in order."""
    words = [line.split() for line in text.splitlines()]
    found = sorted((int(word[0], 16), " ".join(word[2:])) for word in words if len(word) > 2 and word[1] in "tTwW")
    return [address for address, _ in found], [name for _, name in found]


def _place(address, engine, linux):
    if address >= _KERNEL_SPACE:
        part, symbols = ("engine", engine) if _TOP_2G <= address < _LINUX else ("kernel", linux)
        at = bisect.bisect(symbols[0], address) - 1
        return part, symbols[1][at] if at >= 0 else "?"
    return ("programs", "") if address >= _PROGRAMS else ("before", "")
