# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scenario file in tests/e2e/ imports.

    from nxtestbed.scenario import scenario

    @scenario(timeout=300, on="engine", smp=4)
    def all_cpus_come_up(pc):
        \"\"\"Linux finds every CPU.\"\"\"
        assert pc.run("nproc").output.strip() == "4"

The first line of the docstring says what is checked: the report shows it. The other arguments are
those of qemu.Options. The PC is started; pc.run() waits until it takes commands.
"""

import dataclasses
import importlib.util
from dataclasses import dataclass

from . import qemu
from .errors import TestbedError
from .paths import TOP

FOLDER = TOP / "tests" / "e2e"

_declared = []


class Skip(Exception):
    """Raised by a scenario that cannot say anything here; its text says why."""


@dataclass
class Scenario:
    """One scenario on one boot entry."""

    file: str
    function: object
    timeout: int
    soak: bool
    options: qemu.Options

    @property
    def name(self):
        return f"{self.subject}[{self.options.entry}]"

    @property
    def subject(self):
        """What it is about, on whatever entry."""
        return f"{self.file}.{self.function.__name__}"

    @property
    def title(self):
        return (self.function.__doc__ or "(no description)").strip().splitlines()[0]


def scenario(timeout=600, on="both", soak=False, **options):
    """Declares a scenario. on: the boot entry that it is for, or both. soak: not in `make test`."""

    def declare(function):
        entries = qemu.ENTRIES if on == "both" else (on,)
        for entry in entries:
            chosen = qemu.Options(entry=entry, **options)
            if chosen.qemu == "trixie":
                chosen.qemu = qemu.for_guests(entry)
            _declared.append((function, timeout, soak, chosen))
        return function

    return declare


def load(on="both", patterns=(), soak=False, fast=False):
    """All scenarios, or those on one entry, or those whose name holds one of the patterns.

    Without soak, those that are only for `make soak` are left out, unless a pattern asks for them; with fast, always.
    """
    found = []
    for path in sorted(FOLDER.glob("*.py")):
        _declared.clear()
        spec = importlib.util.spec_from_file_location(f"e2e_{path.stem}", path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        found += [Scenario(path.stem, function, timeout, for_soak, dataclasses.replace(options))
                  for function, timeout, for_soak, options in _declared]
    if on == "both":
        _share_a_pc(found)
    else:
        found = [s for s in found if s.options.entry == on]
    if patterns:
        found = [s for s in found if any(p in s.name for p in patterns)]
    if fast or not (patterns or soak):
        found = [s for s in found if not s.soak]
    if not found:
        raise TestbedError(f"no scenario in {FOLDER} fits")
    # Those that may take longest come first: begun late, one of them would run alone at the end.
    return sorted(found, key=lambda s: -s.timeout)


def _share_a_pc(scenarios):
    """Where both entries are compared, the emulated PC is the same: the one that stock KVM can work in."""
    compared = {s.function for s in scenarios if s.options.entry == "stock"}
    for one in scenarios:
        if one.function in compared and one.options.qemu == qemu.for_guests("engine"):
            one.options.qemu = qemu.for_guests("stock")
