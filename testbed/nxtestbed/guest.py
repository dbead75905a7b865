# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests in an emulated PC, for scenarios."""

import shlex
import time

from .errors import TestbedError

_QEMU = ("qemu-system-x86_64 -accel kvm -M q35 -nodefaults -no-user-config -display none "
         "-monitor none -no-reboot")


def load_kvm(pc):
    """Brings /dev/kvm up in the control domain: Engine's driver, or Debian's own KVM."""
    pc.run("test -e /sys/module/nxtop || insmod /nxtop/nxtop.ko"
           if pc.options.entry == "engine" else "modprobe kvm_amd")
    pc.run("test -c /dev/kvm")


class Guest:
    """One QEMU in the control domain, and its serial console in a file there."""

    def __init__(self, pc, options, name="guest"):
        self._pc = pc
        self._log = f"/tmp/{name}.log"
        self._command = pc.spawn(f"exec {_QEMU} -serial file:{self._log} {options}")

    def console(self):
        return self._pc.run(f"cat {self._log} 2>/dev/null", check=False).output

    def wait_for(self, text, timeout=1200):
        """Waits until the guest's console shows the text."""
        end = time.monotonic() + timeout
        while text not in (shown := self.console()):
            self._fail_on("Kernel panic", shown)
            if not self._command.is_running():
                if text in self.console():
                    return
                result = self._command.wait(1)
                raise TestbedError(f"QEMU ended with {result.code} and the guest never showed "
                                   f"{text!r}:\n{result.all}\n{shown[-2000:]}")
            if time.monotonic() > end:
                raise TestbedError(f"the guest did not show {text!r} within {timeout} s:\n"
                                   f"{shown[-2000:]}")
            time.sleep(1)

    def wait_end(self, timeout=1200):
        """Waits for QEMU's own end; what the console showed."""
        result = self._command.wait(timeout)
        if result.code:
            raise TestbedError(f"QEMU ended with {result.code}:\n{result.all}")
        return self.console()

    def kill(self):
        self._command.kill()

    @staticmethod
    def _fail_on(text, shown):
        if text in shown:
            raise TestbedError(f"the guest: {text}\n{shown[-3000:]}")


def mini_guest(pc, command="true", smp=1, memory=256, options="", name="mini"):
    """Starts the mini guest (testbed/images/guest/mini-init), which runs a shell command."""
    append = f'console=ttyS0 no_timer_check panic=-1 mini.run="{command}"'
    return Guest(pc, f"-smp {smp} -m {memory} -kernel /guests/vmlinuz -initrd /guests/mini.img "
                     f"-append {shlex.quote(append)} {options}", name)


def debian_guest(pc, smp=1, memory=512, options="", name="debian"):
    """Starts the Debian guest from its disk, whose changes are thrown away."""
    return Guest(pc, f"-smp {smp} -m {memory} {options} -drive file=/guests/debian.qcow2,"
                     "if=virtio,format=qcow2,snapshot=on", name)
