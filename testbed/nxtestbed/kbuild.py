# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiles kernel modules against the control domain's kernel: driver/, and those of scenarios."""

import fcntl
import os
import shutil
import subprocess
import sys

from . import images
from .artefact import run
from .errors import TestbedError
from .paths import BUILD, DRIVER, MODULES, TOP

# kbuild writes beside its sources: it gets a copy, in the same layout, so that
# #include "../abi/hypercall.h" means the same.
_TREE = BUILD / "driver" / "tree"


def build_driver(arguments=()):
    """Returns the path of nxtop.ko. arguments: words for make, such as W=1."""
    if not (TOP / "driver" / "Kbuild").exists() and not (TOP / "driver" / "Makefile").exists():
        raise TestbedError("driver/ has no Kbuild file: there is no driver to build yet")
    return _build("driver", DRIVER, arguments)


def build_test_module(name="nxtest"):
    """Returns the path of a module of tests/e2e/modules, with which scenarios do what only a kernel can."""
    return _build("tests/e2e/modules", MODULES / f"{name}.ko")


def _build(folder, module, arguments=()):
    root = images.build_root.get()
    kernel = _kernel_of_both(root)
    _TREE.mkdir(parents=True, exist_ok=True)
    with open(_TREE / ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for part in (folder, "driver", "abi"):
            _mirror(TOP / part, _TREE / part)
        _make(root, kernel, folder, arguments)
        _publish(_TREE / folder / module.name, module)
    return module


def _kernel_of_both(root):
    """The version of the control domain's kernel, which the headers must be for."""
    kernels = [p.name for p in (images.pc_root.get() / "usr/lib/modules").iterdir()]
    kernel = max(kernels)
    if not (root / "usr/src" / f"linux-headers-{kernel}").exists():
        raise TestbedError(f"the control domain has kernel {kernel}, and build/images/build-root "
                           "headers for another one: Debian published a new kernel between the "
                           "two. Remove build/images/pc-root.stamp and build-root.stamp, then "
                           "try again")
    return kernel


def _mirror(source, target):
    """Makes target's files those of source; what kbuild made there stays."""
    wanted = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}
    listed = target / ".mirrored"
    before = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    for name in before:
        if not any(str(w) == name for w in wanted):
            (target / name).unlink(missing_ok=True)
    for name in wanted:
        new = target / name
        new.parent.mkdir(parents=True, exist_ok=True)
        # Only what changed, so that make compiles only that.
        if not new.exists() or new.read_bytes() != (source / name).read_bytes():
            shutil.copyfile(source / name, new)
    listed.write_text("".join(f"{name}\n" for name in sorted(map(str, wanted))), encoding="utf-8")


def _make(root, kernel, folder, arguments):
    # A mount namespace of its own: the bind mount goes away with the build, however it ends.
    script = ('set -e; mkdir -p "$1/nxtop"; mount --bind "$2" "$1/nxtop"; root=$1; shift 2; '
              'exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"')
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", root, _TREE,
         "make", "-C", f"/usr/src/linux-headers-{kernel}", f"M=/nxtop/{folder}",
         f"-j{os.cpu_count()}", *arguments, "modules"], check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise TestbedError(f"{folder} does not compile: see above (its paths are those of a copy "
                           f"in {_TREE.relative_to(TOP)})")


def _publish(built, module):
    if not built.exists():
        raise TestbedError(f"kbuild made no {module.name}: Kbuild must say obj-m := "
                           f"{module.stem}.o")
    module.parent.mkdir(parents=True, exist_ok=True)
    new = module.with_suffix(".new")
    # As Debian's modules are: Linux reads the whole file, and most of it is for a debugger, which can take kbuild's.
    run(["strip", "--strip-debug", "-o", new, built])
    os.replace(new, module)
    print(f"==> {module.relative_to(TOP)}: {module.stat().st_size // 1024} KiB", file=sys.stderr)
