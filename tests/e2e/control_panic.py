# SPDX-License-Identifier: GPL-2.0-or-later
"""Engine stops: people learn why."""

from nxtestbed.control import (SELFTEST, SELFTEST_PANIC, confirm_start, engine_log, load_driver,
                               load_test_module)
from nxtestbed.scenario import scenario
from nxtestbed.screen import read_screen


# Without the graphics driver, so that the boot framebuffer shows.
_PC = {"on": "engine", "timeout": 1200, "smp": 2, "engine_options": "console=ttyS0 selftest",
       "kernel_options": "modprobe.blacklist=bochs"}


def _panic_and_restart(pc):
    load_driver(pc)
    load_test_module(pc)
    assert engine_log(pc, "crash") == ""
    confirm_start(pc)
    pc.spawn(f"taskset -c 1 sh -c 'echo {SELFTEST} {SELFTEST_PANIC} "
             "> /sys/kernel/debug/nxtest/hypercall'")
    pc.wait_for("PANIC on CPU 1")
    pc.wait_for("asked for by a test")
    pc.wait_for("rip [0-9a-f]{16}")
    pc.wait_for("cr0 [0-9a-f]{8}")
    pc.wait_for("The PC must be restarted")
    shown = "\n".join(read_screen(pc.screenshot("panic")))
    for text in ("PANIC on CPU 1", "asked for by a test", "rip ", "The PC must be restarted"):
        assert text in shown, shown
    pc.reset()
    load_driver(pc)
    crash = engine_log(pc, "crash")
    assert "PANIC on CPU 1" in crash and "asked for by a test" in crash, crash


@scenario(**_PC)
def panic_names_its_cause(pc):
    """A panic of Engine is on the console, and after a warm reset in the log of the last crash."""
    _panic_and_restart(pc)


@scenario(soak=True, firmware="uefi", **_PC)
def panic_on_uefi(pc):
    """The same on a PC with UEFI, whose firmware uses memory of its own choice after the reset."""
    _panic_and_restart(pc)
