# SPDX-License-Identifier: GPL-2.0-or-later
"""A hostile control domain: tests/e2e/modules/nxstorm.c, and guests as ever after it."""

import re

from nxtestbed.artefact import run
from nxtestbed.control import engine_info
from nxtestbed.errors import TestbedError
from nxtestbed.guest import load_kvm, nothing_is_left
from nxtestbed.kbuild import build_test_module
from nxtestbed.scenario import scenario

_SEEDS = (1, 2, 3)
_LARGE_PAGE = 2 << 20


def _memory(pc, address, size):
    """What the PC's memory holds: the emulator shows it, whoever may not read it in the PC."""
    file = pc.directory / "memory"
    pc.qmp.execute("pmemsave", val=address, size=size, filename=str(file))
    return file.read_bytes()


def _engine_is_whole(pc):
    """Engine's code and constants are in memory as they are in its file, at the large page where GRUB put them."""
    file = pc.directory / "code"
    run(["objcopy", "-O", "binary", "-j", ".text", "-j", ".rodata", pc.engine, file])
    code = file.read_bytes()
    return any(_memory(pc, address, 4096) == code[:4096] and _memory(pc, address, len(code)) == code
               for address in range(0, 1 << 30, _LARGE_PAGE))


@scenario(timeout=1800, on="engine", qemu="trixie", smp=4, memory="1G", soak=True)
def hypercall_storm(pc):
    """Any hypercalls from all CPUs: Engine goes on, is as it was, shows nothing of itself, and has all memory back."""
    assert _engine_is_whole(pc)
    pc.push(build_test_module("nxstorm"), "/tmp/nxstorm.ko")
    for seed in _SEEDS:
        result = pc.run(f"insmod /tmp/nxstorm.ko seed={seed} seconds=10", timeout=500, check=False)
        said = "\n".join(re.findall(r"nxstorm: .*", pc.run("dmesg -c").output))
        if "Operation canceled" not in result.all:
            raise TestbedError(f"seed {seed}: exit code {result.code}: {result.all}\n{said}")
        counts = [int(n) for n in re.findall(r"and (\d+) ran a guest", said)]
        assert len(counts) == 4 and sum(counts), said
        assert _engine_is_whole(pc)
    load_kvm(pc)
    assert engine_info(pc)["vms"] == "0"
    nothing_is_left(pc)
