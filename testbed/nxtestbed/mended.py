# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian 13's QEMU with four faults of its emulated processor mended, for guests on stock KVM: docs/decisions/0010."""

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
_TCG = "target/i386/tcg/system"
# (file, what is there, what is to be there instead)
_MENDS = (
    # After an interrupt was injected, the emulator's loop must not find it a second time.
    (f"{_TCG}/svm_helper.c",
     re.compile(r"^( *)do_interrupt_x86_hardirq\(env, vector, 1\);\n", re.MULTILINE),
     r"\g<0>\g<1>cs->exception_index = -1;\n"),
    # A write to CR8 may find a virtual interrupt due: who asks the loop for it must have the emulator's lock.
    (f"{_TCG}/misc_helper.c",
     re.compile(r"^( *)cpu_interrupt\(cs, CPU_INTERRUPT_VIRQ\);\n", re.MULTILINE),
     r"\1bql_lock();\n\g<0>\1bql_unlock();\n"),
    # A page-directory-pointer entry of PAE paging has no accessed bit: stock KVM finds a reserved bit set.
    (f"{_TCG}/excp_helper.c",
     re.compile(r"^ *restart_3_nolma:\n(.*?)^ *if \(!ptw_setl\([^{]*\{\n *goto restart_3_nolma;\n *\}\n",
                re.MULTILINE | re.DOTALL),
     r"\1"),
    # The task register that VMRUN loads holds a busy TSS, as LTR leaves it: without this bit, stock's 32-bit guests end
    # the emulator at their first page fault of a program.
    ("target/i386/tcg/seg_helper.c",
     re.compile(r"^( *if \(\(type & )7(\) != 1\) \{\n *cpu_abort\(CPU\(cpu\), \"invalid tss type\"\);)", re.MULTILINE),
     r"\g<1>5\g<2>"),
)
_CONFIGURE = ("--target-list=x86_64-softmmu --without-default-features --enable-tcg --enable-slirp --enable-pixman "
              "--enable-fdt=system --enable-vnc --disable-docs --disable-werror --disable-install-blobs")


def _mend(source):
    for name, there, instead in _MENDS:
        file = source / name
        text, count = there.subn(instead, file.read_text(encoding="utf-8"))
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
        _mend(source)
        jobs = min(2, os.cpu_count())
        shell(root, f"mkdir /{_SOURCE}/build && cd /{_SOURCE}/build && ../configure {_CONFIGURE} && "
                    f"ninja -j{jobs} qemu-system-x86_64")
        shutil.copy(source / "build/qemu-system-x86_64", path)
        run(["strip", path])
    finally:
        shutil.rmtree(source, ignore_errors=True)


# The program. Its libraries, firmware and ROMs are those of Debian's, in the PC's root file system.
qemu = Artefact("mended-qemu", lambda: key_of(_root.key(), TESTBED / "nxtestbed" / "mended.py"), _build)
