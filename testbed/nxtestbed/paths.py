# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are."""

from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TESTBED = TOP / "testbed"
BUILD = TOP / "build"

IMAGES = BUILD / "images"
RUNS = BUILD / "runs"

# What other parts of the build leave for the testbed.
ENGINE = BUILD / "meson" / "engine" / "nxtop-engine.elf"
DRIVER = BUILD / "driver" / "nxtop.ko"
CENTER = BUILD / "meson" / "center"
CONSOLE = BUILD / "console"
MODULES = BUILD / "modules"  # what scenarios load
