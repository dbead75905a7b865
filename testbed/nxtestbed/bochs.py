# SPDX-License-Identifier: GPL-2.0-or-later
"""Bochs as the emulated PC: an independent and stricter AMD processor, and a slow one.

So its control domain is as small as can be: Debian's kernel, and an initrd that is the whole user space
(testbed/images/bochs/init). It does its work and powers off; what it said on the serial port is the result.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from . import disk, images, programs
from .artefact import run
from .errors import TestbedError
from .machine import die_with_parent
from .paths import DRIVER, ENGINE, RUNS, TESTBED

_DISK_MIB = 96
# Emulated time follows the instructions, whatever else this machine does.
_CONFIG = """\
config_interface: textconfig
display_library: term
romimage: file={share}/bochs/BIOS-bochs-latest, options=fastboot
vgaromimage: file={share}/vgabios/vgabios.bin
vga: extension=none
cpu: model=ryzen, ips=50000000, reset_on_triple_fault=1, ignore_bad_msrs=1
memory: guest=1024, host=1024
pci: enabled=1, chipset=i440fx
ata0-master: type=disk, path={run}/disk.img, mode=flat
boot: disk
com1: enabled=1, mode=file, dev={run}/serial.log
clock: sync=none
log: {run}/bochs.log
panic: action=fatal
"""
# no_timer_check: as in the boot menu of the PC that QEMU emulates.
_MENU = """\
serial --unit=0 --speed=115200
terminal_output serial
{commands}
multiboot2 /boot/nxtop-engine.elf console=ttyS0
module2 /boot/vmlinuz console=ttyS0,115200 no_timer_check
module2 --nounzip /boot/initrd.img
boot
"""


def run_pc(name, expected, commands="", timeout=1500, on_line=None):
    """Starts a PC with Engine, waits until it has powered itself off, and looks at its serial console.

    expected: texts that the console must show, in this order. commands: of GRUB, before it starts Engine.
    on_line(text) hears of each line as it comes. The run's directory is kept if this fails.
    """
    RUNS.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{time.strftime('%H%M%S')}-bochs-{name}-", dir=RUNS))
    try:
        _make_disk(folder, commands)
        _run_bochs(folder, timeout, on_line or (lambda _: None))
        _check(_lines(folder), expected)
    except TestbedError as error:
        raise TestbedError(f"{error}\nLogs: {folder}") from error
    finally:
        (folder / "disk.img").unlink(missing_ok=True)
    shutil.rmtree(folder)


def _check(lines, expected):
    console, at = "\n".join(lines), 0
    for text in expected:
        at = console.find(text, at)
        if at < 0:
            raise TestbedError(f"the console did not show, in its place: {text}")


def _make_disk(folder, commands):
    pc = images.pc_root.get()
    for file, target in ((ENGINE, "engine"), (DRIVER, "driver")):
        if not file.exists():
            raise TestbedError(f"there is no {file}: build it with `make {target}`")
    with tempfile.TemporaryDirectory(prefix="nxtop-bochs.") as scratch:
        user, root = Path(scratch) / "user", Path(scratch) / "root"
        user.mkdir()
        shutil.copy(DRIVER, user)
        programs.smoke(user)
        programs.hostile(user)
        grub = root / "boot/grub"
        shutil.copytree(pc / "usr/lib/grub/i386-pc", grub / "i386-pc")
        (grub / "grub.cfg").write_text(_MENU.format(commands=commands), encoding="utf-8")
        shutil.copy(ENGINE, root / "boot")
        shutil.copy(max((pc / "boot").glob("vmlinuz-*")), root / "boot/vmlinuz")
        images.make_initrd(pc, images.BUSYBOX, TESTBED / "images/bochs/init", root / "boot/initrd.img", user)
        disk.make_disk(folder / "disk.img", root, pc, "NXTOP-ROOT", _DISK_MIB)


def _run_bochs(folder, timeout, on_line):
    """Debian 13's Bochs with its own loader and libraries. Its screen is a terminal that it makes for itself."""
    root = images.bochs_root.get()
    library = root / "usr/lib/x86_64-linux-gnu"
    plugins = library / "bochs/plugins"
    (folder / "bochsrc").write_text(_CONFIG.format(share=root / "usr/share", run=folder), encoding="utf-8")
    # It has a debugger, which waits for commands: continue.
    (folder / "debugger").write_text("c\n", encoding="utf-8")
    words = [root / "lib64/ld-linux-x86-64.so.2", "--library-path", f"{library}:{plugins}",
             root / "usr/bin/bochs-bin", "-q", "-f", folder / "bochsrc", "-rc", folder / "debugger"]
    env = dict(os.environ, TERM="vt100", LTDL_LIBRARY_PATH=str(plugins), BXSHARE=str(root / "usr/share/bochs"))
    # Nobody types: where somebody could, it waits for a key a millisecond at a time.
    with open(folder / "screen.log", "wb") as screen:
        with subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen,
                              start_new_session=True, preexec_fn=die_with_parent) as bochs:
            try:
                _watch(bochs, folder, timeout, on_line)
            finally:
                bochs.kill()


def _watch(bochs, folder, timeout, on_line):
    end = time.monotonic() + timeout
    seen = 0
    while True:
        ended = bochs.poll() is not None  # before the look: what it said last must not be missed
        lines = _lines(folder)
        complete = len(lines) if ended else max(len(lines) - 1, seen)
        for line in lines[seen:complete]:
            on_line(line)
        seen = complete
        if ended:
            break
        panic = any("end Kernel panic" in line or "The PC must be restarted" in line for line in lines)
        if panic or time.monotonic() > end:
            why = "Engine or the kernel panicked" if panic else f"the PC is still on after {timeout} s"
            raise TestbedError(f"{why}; its console ends:\n"
                               + "\n".join(lines[-20:]))
        time.sleep(0.5)
    # Bochs ends with an error code whenever the PC is switched off. Its last words tell it from a crash.
    said = (folder / "screen.log").read_text(encoding="utf-8", errors="replace")
    if "soft power off" not in said:
        raise TestbedError(f"Bochs ended, and said:\n{said[-400:]}\nThe PC's console ends:\n"
                           + "\n".join(lines[-20:]))


def _lines(folder):
    log = folder / "serial.log"
    text = log.read_bytes().decode(errors="replace") if log.exists() else ""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", text).split("\n")
