# SPDX-License-Identifier: GPL-2.0-or-later
"""An emulated PC that starts from the appliance's disk, and its workspaces."""

import base64
import json
import re
import shlex
import time

from . import appliance, qemu
from .agent import wait_until
from .artefact import run
from .disk import MIB
from .errors import TestbedError
from .machine import PC
from .tunnel import connect

UUID = "6e78746f-7020-4d61-8e61-676564205043"  # of the PC, in its firmware
# Liveness limits for what takes minutes on an idle machine.
_TIMEOUT = 3600
_WORKSPACES = "/var/lib/nxtop/workspaces"
# Text mode's memory, as its 2,000 letters with their colours.
_SCREEN_AT, _SCREEN_SIZE = 0xb8000, 4000


class ManagedPC(PC):
    """A PC with the appliance on its disk.

    It finds its enrolment text on a second disk, or with by_option on the kernel's command line.
    """

    def __init__(self, entry, enrolment_text, by_option=False, devices=(), name="managed"):
        super().__init__(qemu.Options(entry=entry, qemu=qemu.for_guests(entry), smp=2, memory="4G", payload=False,
                                      devices=list(devices)), name)
        self._enrolment_text = enrolment_text
        self._by_option = by_option

    def _make_disks(self):
        system = self.directory / "system.qcow2"
        run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", appliance.image.get(), system])
        # Without an option ROM: this PC does not start from its network.
        self.options.devices += ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
                                 "-uuid", UUID]
        if self._by_option:
            self._set_boot_variables(system)
        else:
            self._add_medium()

    def _set_boot_variables(self, system):
        block = self.directory / "grubenv"
        block.write_bytes(appliance.boot_variables(f"nxtop.enrol={self._enrolment_text}"))
        size = block.stat().st_size
        run(["qemu-io", "-f", "qcow2", "-c", f"write -s {block} {appliance.boot_variables_at()} {size}", system])

    def _add_medium(self):
        medium, text = self.directory / "enrol.img", self.directory / "nxtop-enrol"
        text.write_text(self._enrolment_text + "\n", encoding="utf-8")
        medium.write_bytes(bytes(2 * MIB))
        run(["mformat", "-i", medium, "-v", "NXTOP-ENROL", "-T", "4096", "-h", "16", "-s", "32", "::"])
        run(["mcopy", "-i", medium, text, "::/nxtop-enrol"])
        self.options.devices += qemu.disk("enrol", medium, "raw", read_only=True)

    def choose_entry(self):
        """At the boot menu: Engine is what comes by itself, another entry has a key."""
        self.wait_for("Linux KVM")
        if self.options.entry != "engine":
            self.type(self.options.entry[0])

    def type(self, text):
        """As somebody at its console."""
        with connect(self.directory / "serial") as keyboard:
            for key in text:
                keyboard.sendall(key.encode())
                time.sleep(0.1)  # a serial port holds 16 of them, and what is on its way is lost with the line

    def recover(self):
        """Chooses the entry for recovery, and looks at what it offers: a shell, and nothing that runs beside it."""
        self.wait_for("Recovery: a shell")
        self.type("r")
        self.wait_for("Press Enter for .*maintenance", _TIMEOUT)
        self.type("\n")
        self.wait_for("root@", _TIMEOUT)
        self.type("echo agent $(systemctl is-active nxtopd), state $(findmnt -n -o FSTYPE /state), $((40 + 2))\n")
        self.wait_for(r"agent inactive, state ext4, 42", _TIMEOUT)

    def check_entry(self):
        """The control domain is up, as chosen."""
        self.wait_ready(_TIMEOUT)
        line = self.run("cat /proc/cmdline").output
        if f"nxtop.entry={self.options.entry}" not in line.split():
            raise TestbedError(f"not the entry {self.options.entry} was started, but: {line}")

    def workspace(self, title):
        for found in json.loads(self.run("nxtop --json status", _TIMEOUT).output)["workspaces"]:
            if found["title"] == title:
                return Workspace(self, found["workspace"], title)
        raise TestbedError(f"the PC has no workspace {title}")


class Workspace:
    """A workspace on a managed PC, seen from its control domain."""

    def __init__(self, pc, identity, title):
        self.id = identity
        self.title = title
        self._pc = pc
        self._log = f"{_WORKSPACES}/{identity}/serial.log"
        self._log_from = 0

    def virsh(self, *words, check=True):
        """Of its domain: words[0] is virsh's command."""
        command, *rest = map(shlex.quote, words)
        return self._pc.run(" ".join(["virsh -q", command, f"nxtop-{self.id}", *rest]), _TIMEOUT, check)

    def accelerator(self):
        """libvirt's word for what runs it."""
        return re.search(r"<domain type='(\w+)'", self.virsh("dumpxml").output)[1]

    # Its console

    def console(self):
        """What its serial port has said since forget_console()."""
        return self._pc.run(f"tail -c +{self._log_from + 1} {self._log}", check=False).output

    def forget_console(self):
        self._log_from = int(self._pc.run(f"stat -c %s {self._log}").output)

    def wait_login(self):
        """Until its serial port shows the login prompt."""
        prompt = f"{self.title.lower()} login:"
        if not wait_until(lambda: prompt in self.console(), _TIMEOUT, 3):
            raise TestbedError(f"{self.title} did not show its login prompt within {_TIMEOUT} s:\n"
                               f"{self.console()[-2000:]}\n{self.screen()}")

    def screen(self):
        """What it shows in text mode."""
        dump = self.virsh("qemu-monitor-command", "--hmp", f"xp /{_SCREEN_SIZE}bx {_SCREEN_AT:#x}", check=False).output
        found = bytes(int(byte, 16) for line in dump.splitlines() for byte in line.partition(":")[2].split())
        letters = found[::2].decode("cp437", errors="replace").replace("\0", " ")
        return "\n".join(letters[at:at + 80].rstrip() for at in range(0, len(letters), 80))

    def wait_screen(self, text):
        """Until its screen shows the text."""
        if not wait_until(lambda: text in self.screen(), _TIMEOUT, 3):
            raise TestbedError(f"the screen of {self.title} did not show {text!r} within {_TIMEOUT} s, but:\n"
                               + self.screen())

    # Inside it, by its guest agent

    def answers(self):
        return self._ask("guest-ping", check=False).code == 0

    def run(self, script):
        """Runs a shell script as root inside, and returns what it printed."""
        pid = self.spawn(script)
        end = time.monotonic() + _TIMEOUT
        while True:
            status = json.loads(self._ask("guest-exec-status", pid=pid).output)["return"]
            if status["exited"]:
                break
            if time.monotonic() > end:
                raise TestbedError(f"still running in {self.title} after {_TIMEOUT} s: {script}")
            time.sleep(1)
        if status["exitcode"]:
            raise TestbedError(f"exit code {status['exitcode']} in {self.title} from: {script}")
        return base64.b64decode(status.get("out-data", "")).decode(errors="replace")

    def spawn(self, script):
        """Starts a shell script as root inside; its pid there."""
        answer = self._ask("guest-exec", path="/bin/sh", arg=["-c", script], **{"capture-output": True})
        return json.loads(answer.output)["return"]["pid"]

    def _ask(self, command, check=True, **arguments):
        request = json.dumps({"execute": command, "arguments": arguments})
        return self.virsh("qemu-agent-command", "--timeout", "300", request, check=check)
