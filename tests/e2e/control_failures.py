# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is wrong with a PC or its files: Engine says so, and the PC comes up."""

import random
import re

from nxtestbed import images
from nxtestbed.control import (SELFTEST, SELFTEST_FAULT, engine_info, load_driver, load_test_module,
                               services_run)
from nxtestbed.scenario import scenario
from nxtestbed.screen import read_screen

_CONSOLE = "console=ttyS0"
_NATIVE = "starting the control domain without Engine beneath it: "


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


def _shows(pc, *texts):
    """The texts, as a pattern each, have just come on serial, and are on the screen."""
    for text in texts:
        pc.wait_for(text)
    shown = "\n".join(read_screen(pc.screenshot("message")))
    for text in texts:
        assert re.search(text, shown), shown


def _is_up_without_engine(pc):
    """Its user space is up, every service runs, and nothing is beneath."""
    services_run(pc)
    assert pc.run("insmod /nxtop/nxtop.ko", check=False).code, "Engine is there"


@scenario(on="engine", smp=2, devices=["-cpu", "EPYC,-svm"], engine_options=_CONSOLE)
def no_virtualization(pc):
    """On a PC without SVM, the control domain starts without Engine."""
    _shows(pc, _NATIVE + "the processor does not offer SVM")
    _is_up_without_engine(pc)


@scenario(on="engine", smp=1, engine_options=f"{_CONSOLE} native", soak=True)
def native_option(pc):
    """The option native starts the control domain without Engine."""
    pc.wait_for(_NATIVE + 'the option "native"')
    pc.wait_for("Linux version")


@scenario(on="engine", smp=1, engine_options=f"{_CONSOLE} native", firmware="uefi")
def native_option_on_uefi(pc):
    """The option native starts the control domain without Engine, from UEFI."""
    pc.wait_for(_NATIVE + 'the option "native"')
    _is_up_without_engine(pc)


@scenario(on="engine", smp=1, memory="380M", engine_options=_CONSOLE)
def too_little_memory(pc):
    """A PC with too little memory for Engine starts without it."""
    _shows(pc, _NATIVE + "the machine has too little memory")
    _is_up_without_engine(pc)


@scenario(on="engine", smp=1, engine_options=f"{_CONSOLE} colour=red cpus=many")
def unknown_options(pc):
    """Options that Engine does not know are named and ignored."""
    _shows(pc, "unknown option or value, ignored: colour=red", "unknown option or value, ignored: cpus=many")
    load_driver(pc)
    assert engine_info(pc)["cpus"] == "1"


def _next_start_is_without_engine(pc):
    pc.wait_restart("starting without it")
    _is_up_without_engine(pc)


def _falls_back(pc, why):
    """Engine says why nothing can be started, restarts the PC, and GRUB takes its fallback, where Linux starts."""
    _shows(pc, "cannot start the PC: " + why)
    pc.wait_restart("starting without it")
    pc.wait_for("Linux version")


@scenario(on="engine", smp=1, engine_options=_CONSOLE, files=[_damaged("vmlinuz", 0.5)],
          menu=_menu(kernel="($payload)/damaged-vmlinuz $common"))
def damaged_kernel(pc):
    """A kernel with flipped bits is found out, and the fallback entry starts the PC."""
    _falls_back(pc, "kernel: the image is damaged")
    _is_up_without_engine(pc)


@scenario(on="engine", smp=1, engine_options=_CONSOLE, files=[_damaged("initrd.img", 0)],
          menu=_menu(initrd="($payload)/damaged-initrd.img"))
def damaged_initrd(pc):
    """A damaged initrd is found out, and the fallback entry starts the PC."""
    _falls_back(pc, "initrd: ")


@scenario(on="engine", smp=1, engine_options=_CONSOLE, files=[_damaged("initrd.img", 0.5)],
          menu=_menu(kernel="/boot/vmlinuz $common panic=15", initrd="($payload)/damaged-initrd.img"))
def initrd_damaged_inside(pc):
    """An initrd that is damaged where only Linux can see it ends in a restart, and in the fallback entry."""
    pc.wait_for("Initramfs unpacking failed")
    _next_start_is_without_engine(pc)


@scenario(on="engine", smp=1, engine_options=f"{_CONSOLE} selftest",
          kernel_options="systemd.mask=nxtop-boot-ok.service")
def fault_inside_engine(pc):
    """A fault of Engine's own names itself; where the start was not confirmed, the next is without Engine."""
    load_driver(pc)
    load_test_module(pc)
    pc.run("sync")  # the PC's file system has no journal
    pc.spawn(f"echo {SELFTEST} {SELFTEST_FAULT} > /sys/kernel/debug/nxtest/hypercall")
    pc.wait_for("PANIC on CPU 0")
    pc.wait_for("exception 6, ")
    pc.wait_for("The PC must be restarted")
    pc.reset()
    _next_start_is_without_engine(pc)


@scenario(on="engine", smp=1, engine_options=_CONSOLE, files=[_garbage],
          menu=_menu("($payload)/garbage", "($payload)/garbage"), soak=True)
def garbage_modules(pc):
    """Modules that are no kernel and no initrd are found out; the fallback entry starts the PC."""
    _falls_back(pc, "kernel: not a Linux kernel")
