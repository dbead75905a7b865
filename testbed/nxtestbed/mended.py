# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian 13's QEMU with one fault of its emulated processor mended, for guests on stock KVM: docs/decisions/0010."""

import os
import re
import shutil

from . import debian
from .artefact import Artefact, key_of, run
from .errors import TestbedError
from .images import Root
from .paths import IMAGES, TESTBED

_root = Root("mended-qemu")
_SOURCE = "root/qemu"
# After an interrupt was injected, the emulator's loop must not find it a second time.
_FILE = "target/i386/tcg/system/svm_helper.c"
_INJECTED = re.compile(r"^( *)do_interrupt_x86_hardirq\(env, vector, 1\);\n", re.MULTILINE)
_FORGOTTEN = r"\g<0>\g<1>cs->exception_index = -1;\n"
_CONFIGURE = ("--target-list=x86_64-softmmu --without-default-features --enable-tcg --enable-slirp --enable-pixman "
              "--enable-fdt=system --disable-docs --disable-werror --disable-install-blobs")


def _mend(file):
    text, count = _INJECTED.subn(_FORGOTTEN, file.read_text(encoding="utf-8"))
    if count != 1:
        raise TestbedError(f"{file} is not as expected: QEMU has changed, and decision 0010 is to be read again")
    file.write_text(text, encoding="utf-8")


def _build(path):
    log = IMAGES / "mended-qemu.log"
    log.unlink(missing_ok=True)

    def shell(root, script):
        run(["chroot", root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "sh", "-ec", script], log)

    root = _root.get()
    source = root / _SOURCE
    shutil.rmtree(source, ignore_errors=True)
    (root / "etc/apt/sources.list.d/source.list").write_text(f"deb-src {debian.mirror()} trixie main\n", encoding="utf-8")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    try:
        shell(root, "apt-get -q update && cd /root && apt-get -q source --download-only qemu && "
                    "dpkg-source --no-check -x qemu_*.dsc qemu && rm qemu_*")
        _mend(source / _FILE)
        jobs = min(2, os.cpu_count())
        shell(root, f"mkdir /{_SOURCE}/build && cd /{_SOURCE}/build && ../configure {_CONFIGURE} && "
                    f"ninja -j{jobs} qemu-system-x86_64")
        shutil.copy(source / "build/qemu-system-x86_64", path)
        run(["strip", path])
    finally:
        shutil.rmtree(source, ignore_errors=True)


# The program. Its libraries, firmware and ROMs are those of Debian's, in the PC's root file system.
qemu = Artefact("mended-qemu", lambda: key_of(_root.key(), TESTBED / "nxtestbed" / "mended.py"), _build)
