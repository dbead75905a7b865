# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux's own tests of KVM, tools/testing/selftests/kvm, built from Debian's source package, unmodified."""

import os
import shutil
import subprocess
import sys

from . import debian
from .artefact import Artefact, key_of, run
from .errors import TestbedError
from .paths import IMAGES, TESTBED

_PACKAGES = TESTBED / "images" / "selftests" / "packages"
_SOURCE = "usr/src/linux-source-6.12"
_KVM = "tools/testing/selftests/kvm"


def _root_key():
    return key_of(_PACKAGES, "trixie", TESTBED / "nxtestbed" / "debian.py")


def _build_root(path):
    debian.bootstrap(path, "trixie", debian.read_packages(_PACKAGES))
    # Only what the tests are built from: all of Linux is 1.5 GB.
    folder = os.path.basename(_SOURCE)
    run(["tar", "-C", path / "usr/src", "-xf", path / f"{_SOURCE}.tar.xz",
         *(f"{folder}/{part}" for part in ("tools", "scripts", "include", "arch/x86"))])
    (path / f"{_SOURCE}.tar.xz").unlink()


root = Artefact("selftests-root", _root_key, _build_root)


def _build(path):
    sources = root.get()
    log = IMAGES / "selftests.log"
    # Beside the sources, whose folder is thrown away afterwards: the next build starts from nothing.
    # -k: a test that does not compile costs no other; which are missing shows in the results.
    with open(log, "w", encoding="utf-8") as out:
        done = subprocess.run(
            ["chroot", sources, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
             "make", "-k", f"-j{min(2, os.cpu_count())}", "-C", f"/{_SOURCE}/{_KVM}",
             "OUTPUT=/selftests"], check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    built = sources / "selftests"
    tests = sorted(file for file in built.rglob("*") if _is_program(file))
    if not tests:
        raise TestbedError(f"no test was built: see {log}")
    if done.returncode:
        print(f"==> Some tests do not compile: see {log}", file=sys.stderr)
    path.mkdir()
    for test in tests:
        target = path / test.relative_to(built)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(test, target)
        run(["strip", "--strip-debug", target])
    shutil.rmtree(built)


def _is_program(file):
    return file.is_file() and not file.suffix and os.access(file, os.X_OK)


# A folder of programs, by the names that the sources' Makefile gives them: x86_64/cpuid_test, ...
programs = Artefact("selftests", lambda: key_of(_root_key(), TESTBED / "nxtestbed" / "selftests.py"),
                    _build)
