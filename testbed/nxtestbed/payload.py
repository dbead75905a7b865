# SPDX-License-Identifier: GPL-2.0-or-later
"""The payload disk: what one run puts into an emulated PC.

The PC's own disk is the same for all runs. Its boot menu reads grub.cfg from this small disk,
which the control domain then finds at /nxtop. So a new Engine or driver is in the PC at once.
"""

import shutil
import tempfile
from pathlib import Path

from .disk import MIB, make_ext4
from .errors import TestbedError

LABEL = "NXTOP-PAYLOAD"


def make_payload(image, entry, engine, engine_options="", kernel_options="", files=(),
                 menu=""):
    """Makes the disk. files: paths on this machine, which land in /nxtop by their names.

    menu: lines of grub.cfg that come before those of the PC's own menu.
    """
    with tempfile.TemporaryDirectory(prefix="nxtop-payload.") as scratch:
        root = Path(scratch)
        root.chmod(0o755)
        lines = [f"set default={entry}", f"set kernel_options={_quote(kernel_options)}"]
        if entry == "engine":
            if not engine.exists():
                raise TestbedError(f"there is no Engine at {engine}: build it with `make engine`, "
                                   "or take the stock entry")
            shutil.copy(engine, root / "nxtop-engine.elf")
            lines += ["set engine=($payload)/nxtop-engine.elf",
                      f"set engine_options={_quote(engine_options)}"]
        (root / "grub.cfg").write_text("\n".join([*lines, menu]) + "\n", encoding="utf-8")
        for file in map(Path, files):
            if file.is_dir():
                shutil.copytree(file, root / file.name)
            else:
                shutil.copy(file, root / file.name)
        size = sum(p.stat().st_size for p in root.rglob("*") if p.is_file())
        make_ext4(image, root, LABEL, size // MIB + 4)


def _quote(text):
    if "'" in text or "\n" in text:
        raise TestbedError(f"boot options cannot hold quotes or line ends: {text}")
    return f"'{text}'"
