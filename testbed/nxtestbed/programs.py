# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that use /dev/kvm by themselves, without QEMU, compiled for an emulated PC."""

from .artefact import run
from .paths import TOP


def smoke(folder):
    """Compiles the tests of driver/tests/smoke*.c to folder/smoke. Returns the program's path."""
    return _compile(folder / "smoke", (TOP / "driver" / "tests").glob("smoke*.c"))


def hostile(folder):
    """The same of the hostile guests, tests/hostile, to folder/hostile."""
    return _compile(folder / "hostile", (TOP / "tests" / "hostile").glob("*.c"))


def _compile(program, sources):
    # Static: it runs in an initrd as well.
    run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o", program, *sorted(sources)])
    return program
