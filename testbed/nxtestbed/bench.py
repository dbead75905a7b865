# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures Engine against stock KVM, in the same emulated PC: tests/bench/ has the programs that run in it.

With -icount shift=0,sleep=off, QEMU's virtual clock goes on by one nanosecond with each instruction of its one CPU,
and jumps over the time when that is idle. The PC's TSC follows this clock. So TSC ticks, less idle time, are instructions,
whoever executes them: guest, Engine, Linux or a process.
"""

from dataclasses import dataclass

from . import bench_tasks, qemu
from .artefact import run
from .control import engine_info
from .errors import TestbedError
from .guest import load_kvm, mini_guest
from .machine import PC
from .paths import BUILD, TOP

_SOURCES = TOP / "tests" / "bench"
_PROGRAMS = BUILD / "bench"
FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror"]
# The guest's half is copied to where it runs: nothing in it may depend on an address.
_GUEST_FLAGS = ["-fno-stack-protector", "-fno-pic", "-mgeneral-regs-only", "-fno-jump-tables"]
_ICOUNT = ["-icount", "shift=0,sleep=off"]
_LIMIT = 1800  # seconds for any step: against hanging only
_QUIET_SECONDS, _QUIET_BUSY, _QUIET_TRIES = 10, 0.05, 12  # of the PC's own time


@dataclass
class Moment:
    """The PC's clocks: all in instructions, where they are counted."""

    tsc: int
    monotonic: int
    idle: int

    @property
    def busy(self):
        """Since the kernel's clock started."""
        return self.monotonic - self.idle


def build_programs():
    """Compiles tests/bench, static. Returns the programs' paths."""
    _PROGRAMS.mkdir(parents=True, exist_ok=True)
    guest = _PROGRAMS / "guest.o"
    run(["gcc", *FLAGS, *_GUEST_FLAGS, "-c", "-o", guest, _SOURCES / "guest.c"])
    run(["gcc", *FLAGS, "-static", "-pthread", "-o", _PROGRAMS / "exits", _SOURCES / "exits.c", guest])
    run(["gcc", *FLAGS, "-static", "-o", _PROGRAMS / "now", _SOURCES / "now.c"])
    return [_PROGRAMS / "exits", _PROGRAMS / "now"]


def make_pc(entry, engine=None, counted=True, kernel_options="", **options):
    """The PC that is measured, to be started; counted: by instructions."""
    # QEMU 10 cannot count instructions where Linux reads its timer by x2APIC: it gives up ("Bad icount read").
    # Engine asks for a graphics mode, and the kernel's console in that costs far more than in text mode: the same for both.
    # The kernel's messages there were a twelfth of a start, more or fewer as another driver takes over sooner or later: quiet.
    # udev would load stock KVM by itself during the start, but not Engine's driver.
    options = {"qemu": "mended", "smp": 1, "memory": "4G", "menu": "set gfxpayload=800x600x24",
               "kernel_options": f"nox2apic quiet modprobe.blacklist=kvm_amd {kernel_options}", **options}
    devices = [*(_ICOUNT if counted else []), *options.pop("devices", [])]
    chosen = qemu.Options(entry=entry, files=build_programs(), devices=devices, **options)
    return PC(chosen, name=f"bench-{entry}", engine=engine)


def booted(pc):
    """Waits until the start is over, with all that udev and systemd do at their own pace. Returns the moment."""
    pc.wait_ready(_LIMIT)
    pc.run("systemctl is-system-running --wait", timeout=_LIMIT, check=False)
    _wait_quiet(pc)
    return now(pc)


def _start(pc):
    """Waits until the start is over, and brings /dev/kvm up with no polling in a halt."""
    started = booted(pc)
    load_kvm(pc)
    _wait_quiet(pc)
    pc.run("test ! -e /sys/module/kvm/parameters/halt_poll_ns || "
           "echo 0 > /sys/module/kvm/parameters/halt_poll_ns")
    return started


def _wait_quiet(pc):
    """Until the PC does nothing of its own: modules that come with the driver, and the console's login, take their time."""
    pc.run("udevadm settle", timeout=_LIMIT)
    for _ in range(_QUIET_TRIES):
        before = now(pc)
        pc.run(f"sleep {_QUIET_SECONDS}", timeout=_LIMIT)
        after = now(pc)
        if after.busy - before.busy < _QUIET_BUSY * (after.monotonic - before.monotonic):
            return
    raise TestbedError(f"the PC is not quiet after {_QUIET_TRIES * _QUIET_SECONDS} of its seconds")


def now(pc):
    return Moment(*map(int, pc.run("/nxtop/now", timeout=_LIMIT).output.split()))


def _instructions(pc):
    return now(pc).busy


def _ticks(pc):
    return now(pc).tsc


def exits(pc):
    """Ticks of each kind of exit: {name: ticks}."""
    lines = pc.run("/nxtop/exits", timeout=_LIMIT).output.splitlines()
    return {name: int(ticks) for name, ticks in map(str.split, lines)}


def counted(entry, engine=None):
    """{name: instructions} of exits and of whole tasks, and what Engine says of itself (None on stock)."""
    with make_pc(entry, engine, guests=True) as pc:
        started = _start(pc)
        found = exits(pc)
        found["boot"] = started.busy
        found["before-kernel"] = started.tsc - started.monotonic
        found["guest-boot"] = _guest_boot(pc, _instructions)
        return found, engine_info(pc) if entry == "engine" else None


def _guest_boot(pc, clock):
    """From QEMU's start to the end of a guest that only says that it is up, by clock(pc)."""
    before = clock(pc)
    mini_guest(pc).wait_end(_LIMIT)
    return clock(pc) - before


def counted_tasks(entry, engine=None):
    """{name: Task, in instructions} of bench_tasks.py."""
    return _tasks(entry, engine, True, _instructions)


def _tasks(entry, engine, counted, clock):
    with make_pc(entry, engine, counted, guests=True, devices=bench_tasks.devices()) as pc:
        _start(pc)
        return bench_tasks.measure(pc, clock)


def timed(entry, engine=None):
    """{name: TSC ticks} of exits and tasks, with no counting: wall time, as far as an emulator can tell it."""
    with make_pc(entry, engine, counted=False, guests=True) as pc:
        _start(pc)
        found = {**exits(pc), "guest-boot": _guest_boot(pc, _ticks)}
    tasks = _tasks(entry, engine, False, _ticks)
    return found | {name: task.cost for name, task in tasks.items()}
