# SPDX-License-Identifier: GPL-2.0-or-later
"""A hostile control domain: tests/e2e/modules/nxstorm.c, and guests as ever after it."""

import re

from nxtestbed.control import engine_info
from nxtestbed.errors import TestbedError
from nxtestbed.guest import load_kvm, nothing_is_left
from nxtestbed.kbuild import build_test_module
from nxtestbed.scenario import scenario

_SEEDS = (1, 2, 3)


@scenario(timeout=1800, on="engine", qemu="trixie", smp=4, memory="1G", soak=True)
def hypercall_storm(pc):
    """Any hypercalls from all CPUs at once: Engine goes on, shows nothing of itself, and has all memory back."""
    pc.push(build_test_module("nxstorm"), "/tmp/nxstorm.ko")
    for seed in _SEEDS:
        result = pc.run(f"insmod /tmp/nxstorm.ko seed={seed} seconds=10", timeout=500, check=False)
        said = "\n".join(re.findall(r"nxstorm: .*", pc.run("dmesg -c").output))
        if "Operation canceled" not in result.all:
            raise TestbedError(f"seed {seed}: exit code {result.code}: {result.all}\n{said}")
        counts = [int(n) for n in re.findall(r"and (\d+) ran a guest", said)]
        assert len(counts) == 4 and sum(counts), said
    load_kvm(pc)
    assert engine_info(pc)["vms"] == "0"
    nothing_is_left(pc)
