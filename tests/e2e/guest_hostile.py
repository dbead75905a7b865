# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that try to break out, to stop the PC, or to learn what is not theirs: tests/hostile."""

import re

from nxtestbed import programs
from nxtestbed.control import engine_log
from nxtestbed.errors import TestbedError
from nxtestbed.guest import load_kvm, no_trouble, nothing_is_left
from nxtestbed.scenario import scenario

_GUESTS_AT_LEAST = 60

# What cannot be shown in an emulated PC, or not on both; each says why when it is left out.
_IN_QEMU = {"ac-storm", "db-stack", "v86"}
_LEFT_OUT = {"engine": _IN_QEMU, "stock": _IN_QEMU | {"leak-all-memory", "leak-engine"}}


@scenario(timeout=3000, qemu="trixie", memory="1G", files=[programs.hostile])
def hostile(pc):
    """At least 60 hostile guests hurt nobody but themselves."""
    load_kvm(pc)
    pc.run("modprobe msr")
    result = pc.run("/nxtop/hostile", timeout=2400, check=False)
    print(result.output, end="", flush=True)
    ended = re.findall(r"^(ok|FAILED|left out) ([a-z0-9-]+): ", result.output, re.MULTILINE)
    if result.code or any(verdict == "FAILED" for verdict, _ in ended):
        raise TestbedError(f"exit code {result.code}:\n{result.all}")
    assert len(ended) >= _GUESTS_AT_LEAST, result.all
    assert {name for verdict, name in ended if verdict == "left out"} == _LEFT_OUT[pc.options.entry], result.all
    no_trouble(pc.run("dmesg").output)
    if pc.options.entry == "engine":
        assert "panic" not in engine_log(pc).lower(), engine_log(pc)
    nothing_is_left(pc)
