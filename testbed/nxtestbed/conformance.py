# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs Linux's own tests of KVM inside an emulated PC, and compares Engine with stock KVM.

tests/selftests/ says which of them count: `excluded` (name, and what it is about that Engine does not have),
`arguments` (name, and words for its command line, where the default is made for big machines), `limits` (name, and
seconds, where what it repeats takes longer here than the limit for all), `agreed` (name: all of these pass on Engine;
and "slow", if it is too slow for `make test`).
"""

import re
import time
from dataclasses import dataclass

from . import qemu, selftests
from .errors import TestbedError
from .guest import load_kvm
from .machine import PC
from .paths import BUILD, TOP

FOLDER = TOP / "tests" / "selftests"
RESULTS = BUILD / "selftests"

_SKIPPED = 4  # what the tests exit with when the machine cannot run them
_KILLED = 128 + 9
# What a kernel says when a test has broken it.
_BROKEN = re.compile(r"BUG:|WARNING:|Oops|general protection fault|soft lockup|rcu.*stall|hung_task")


@dataclass
class Outcome:
    """How one test ended on one entry."""

    name: str
    verdict: str  # passed, skipped, failed, or hung
    seconds: float
    text: str = ""


def _table(name):
    """A file of lines "first-word rest"; # starts a comment."""
    lines = (line.split("#")[0].strip() for line in
             (FOLDER / name).read_text(encoding="utf-8").splitlines())
    return {line.split()[0]: line.partition(" ")[2].strip() for line in lines if line}


def excluded():
    return _table("excluded")


def agreed():
    """{name: "slow" or ""}."""
    return _table("agreed")


def everything():
    """Every test that was built and is not excluded."""
    folder = selftests.programs.get()
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    out = excluded()
    unknown = [name for name in [*out, *agreed(), *_table("arguments"), *_table("limits")] if name not in names]
    if unknown:
        raise TestbedError(f"tests/selftests names tests that were not built: {', '.join(unknown)}")
    return [name for name in names if name not in out]


def run(entry, names, limit, say, engine=None):
    """Runs the tests on a boot entry, and says how each ended. Returns {name: Outcome}.

    limit: seconds for each test that tests/selftests/limits gives no more. One that does not end costs the PC it hangs in,
    no other test.
    """
    waiting, found, limits = list(names), {}, _table("limits")
    while waiting:
        before = len(found)
        with PC(_options(entry), name=f"selftests-{entry}", engine=engine, keep=False) as pc:
            load_kvm(pc)
            if entry == "engine":
                _show_module_options(pc)
            while waiting:
                outcome = _one(pc, waiting[0], max(limit, int(limits.get(waiting[0], 0))))
                found[waiting.pop(0)] = outcome
                _note(entry, outcome)
                say(f"{len(found):3}/{len(names)} {entry:6} {outcome.verdict:7} {outcome.name} "
                    f"({outcome.seconds:.0f} s)")
                if outcome.verdict == "hung":
                    break
        if len(found) == before:
            raise TestbedError("the PC started, and not one test ran in it")
    return found


def _show_module_options(pc):
    """Puts options of KVM's modules where the tests look for them, and skip if there are none.

    kvm.ko loads, and offers no /dev/kvm by itself. kvm_amd does not load on Engine: that AVIC is not used is true.
    """
    pc.run("modprobe kvm && mkdir -p /tmp/module/kvm_amd/parameters && cp -r /sys/module/kvm /tmp/module/ 2>/dev/null; "
           "echo N > /tmp/module/kvm_amd/parameters/avic && mount --bind /tmp/module /sys/module && "
           "test -e /sys/module/kvm/parameters/force_emulation_prefix")


def _options(entry):
    # The emulator's TSC is one for all CPUs, but where the machine is busy Linux' watchdog takes the HPET's lateness for
    # the TSC's; and kvm_clock_test skips without a TSC.
    return qemu.Options(entry=entry, qemu="trixie", smp=2, kernel_options="tsc=reliable",
                        files=[selftests.programs.get()])


def _one(pc, name, limit):
    # Some tests want every CPU, and some their own folder's siblings; all want nothing else.
    words = f"./{name} {_table('arguments').get(name, '')}"
    started = time.monotonic()
    pc.run("dmesg --clear", check=False)
    command = pc.spawn(f"cd /nxtop/selftests && exec timeout -k 5 -s KILL {limit} {words} 2>&1")
    verdict = text = None
    try:
        result = command.wait(limit + 60)
        text = result.all
        verdict = _verdict(result.code)
        kernel = pc.run("dmesg", timeout=60, check=False).output
        if _BROKEN.search(kernel):
            verdict = "failed"
            text += f"\nThe kernel complains:\n{kernel[-3000:]}"
        # The brackets keep pgrep's own shell from being found.
        found = pc.run(f"pgrep -f '[{name[0]}]{name[1:]}'", timeout=60, check=False)
        if verdict == "hung" and found.code:
            verdict = "failed"  # too slow, but it could be ended: the PC is fine
            text += f"\nnot done after {limit} s"
    except TestbedError as error:
        verdict, text = "hung", f"{text or ''}\n{error}\n{pc.tail(40)}"
    return Outcome(name, verdict, time.monotonic() - started, text)


def _verdict(code):
    if code in (_KILLED, 124):
        return "hung"
    return {0: "passed", _SKIPPED: "skipped"}.get(code, "failed")


def _note(entry, outcome):
    """What the test printed, for whoever looks into it."""
    file = RESULTS / entry / f"{outcome.name.replace('/', '.')}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{outcome.verdict} after {outcome.seconds:.0f} s\n{outcome.text}", encoding="utf-8")
