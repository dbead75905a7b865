# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is wrong with a PC or its files: Engine says so, and the PC comes up."""

import random
import re

from nxtestbed import images
from nxtestbed.scenario import scenario
from nxtestbed.screen import read_screen

_CONSOLE = "console=ttyS0"
_NATIVE = "starting the control domain without Engine beneath it: "
# Linux' own start is proof enough in most cases: its user space is the same as ever.
_LINUX = "Linux version"


def _damaged(name, at):
    """Makes a copy of a file in /boot with some bits flipped, at that part of its length."""

    def make(folder):
        content = bytearray(next((images.pc_root.get() / "boot").glob(f"{name}-*")).read_bytes())
        for offset in range(8):
            content[int(len(content) * at) + offset] ^= 0x55
        path = folder / f"damaged-{name}"
        path.write_bytes(content)
        return path

    return make


def _garbage(folder):
    path = folder / "garbage"
    path.write_bytes(random.Random(1).randbytes(1 << 20))
    return path


def _menu(kernel="/boot/vmlinuz $common", initrd="/boot/initrd.img"):
    """A boot menu whose entry of Engine has other modules; its fallback is the PC's own."""
    return ("menuentry 'Engine with other modules' --id engine {\n"
            "\tmultiboot2 $engine $engine_options\n"
            f"\tmodule2 {kernel}\n"
            f"\tmodule2 --nounzip {initrd}\n"
            "}")


def _is_native(pc, why):
    """Engine says why it starts Linux without itself, and Linux comes up."""
    pc.wait_for(_LINUX)
    assert re.search(_NATIVE + ".*" + why, pc.serial()), pc.serial()[:2000]


def _is_up_without_engine(pc):
    assert pc.run("insmod /nxtop/nxtop.ko", check=False).code, "Engine is there"


@scenario(on="engine", smp=2, devices=["-cpu", "EPYC,-svm"], engine_options=_CONSOLE)
def no_virtualization(pc):
    """On a PC without SVM, the control domain starts without Engine."""
    _is_native(pc, "the processor does not offer SVM")
    _is_up_without_engine(pc)


@scenario(on="engine", smp=1, engine_options=f"{_CONSOLE} native")
def native_option(pc):
    """The option native starts the control domain without Engine."""
    _is_native(pc, "native")


@scenario(on="engine", smp=1, engine_options=f"{_CONSOLE} native", firmware="uefi")
def native_option_on_uefi(pc):
    """The option native starts the control domain without Engine, from UEFI."""
    _is_native(pc, "native")


@scenario(on="engine", smp=1, memory="380M", engine_options=_CONSOLE)
def too_little_memory(pc):
    """A PC with too little memory for Engine starts without it."""
    _is_native(pc, "too little memory")


@scenario(on="engine", smp=1, engine_options=f"{_CONSOLE} colour=red cpus=many")
def unknown_options(pc):
    """Options that Engine does not know are named and ignored."""
    pc.wait_for(_LINUX)
    for text in ("unknown option or value, ignored: colour=red",
                 "unknown option or value, ignored: cpus=many", "1 of 1 CPUs run"):
        assert text in pc.serial(), pc.serial()[:2000]


def _falls_back(pc, why):
    """Engine says why nothing can be started, restarts the PC, and GRUB takes its fallback."""
    pc.wait_for(f"cannot start the PC|{_LINUX}")
    shown = "\n".join(read_screen(pc.screenshot("message")))
    pc.wait_for(_LINUX)
    assert "cannot start the PC: " + why in shown, shown
    for text in ("cannot start the PC: " + why, "starting without it"):
        assert text in pc.serial(), pc.serial()[:2000]


@scenario(on="engine", smp=1, engine_options=_CONSOLE, files=[_damaged("vmlinuz", 0.5)],
          menu=_menu(kernel="($payload)/damaged-vmlinuz $common"))
def damaged_kernel(pc):
    """A kernel with flipped bits is found out, and the fallback entry starts the PC."""
    _falls_back(pc, "kernel: the image is damaged")


@scenario(on="engine", smp=1, engine_options=_CONSOLE, files=[_damaged("initrd.img", 0)],
          menu=_menu(initrd="($payload)/damaged-initrd.img"))
def damaged_initrd(pc):
    """A damaged initrd is found out, and the fallback entry starts the PC."""
    _falls_back(pc, "initrd: ")


@scenario(on="engine", smp=1, engine_options=_CONSOLE, files=[_garbage],
          menu=_menu("($payload)/garbage", "($payload)/garbage"))
def garbage_modules(pc):
    """Modules that are no kernel and no initrd are found out; the fallback entry starts the PC."""
    _falls_back(pc, "kernel: not a Linux kernel")
