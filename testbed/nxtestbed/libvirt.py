# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests of the control domain's libvirt, for scenarios."""

import base64
import json

from .agent import wait_until
from .guest import load_kvm

_DISKS = "/var/lib/libvirt/images"


def start_libvirt(pc):
    """Brings up /dev/kvm, as udev would give it to libvirt's users, and libvirt."""
    load_kvm(pc)
    pc.run("chgrp kvm /dev/kvm && chmod 660 /dev/kvm; systemctl start virtlogd libvirtd && "
           "virsh net-start default")


class Domain:
    """A guest made by virt-install with its defaults, around an installed disk; it is starting."""

    def __init__(self, pc, name, options=""):
        self._pc, self.name = pc, name
        disk = f"{_DISKS}/{name}.qcow2"
        pc.run(f"qemu-img create -q -f qcow2 -F qcow2 -b /guests/debian.qcow2 {disk}")
        pc.run(f"virt-install --name {name} --memory 512 --import --disk {disk} --osinfo debian12 "
               f"--noautoconsole {options}", timeout=600)

    def virsh(self, command, arguments="", timeout=600):
        """What `virsh COMMAND NAME ARGUMENTS` printed."""
        return self._pc.run(f"virsh {command} {self.name} {arguments}", timeout=timeout).output

    def state(self):
        return self.virsh("domstate").strip()

    def answers(self):
        """Does the guest's agent?"""
        ping = """'{"execute": "guest-ping"}'"""
        return self._pc.run(f"virsh qemu-agent-command {self.name} {ping}", check=False).code == 0

    def comes_up(self, timeout=1500):
        assert wait_until(self.answers, timeout, 3), \
            self._pc.run(f"virsh list --all; tail -n 20 /var/log/libvirt/qemu/{self.name}.log", check=False).output
        return self

    def run(self, command):
        """Runs a shell command in the guest through its agent; what it printed."""
        def ask(what, **arguments):
            request = json.dumps({"execute": what, "arguments": arguments})
            return json.loads(self.virsh("qemu-agent-command", f"'{request}'"))["return"]

        # Whatever the command holds, neither of the shells on the way there sees it.
        script = base64.b64encode(command.encode()).decode()
        process = ask("guest-exec", path="/bin/sh", arg=["-c", f"echo {script} | base64 -d | sh"],
                      **{"capture-output": True})["pid"]
        status = {}

        def ended():
            # What it printed is handed out once, together with its end.
            status.update(ask("guest-exec-status", pid=process))
            return status["exited"]

        assert wait_until(ended, 300, 0.5), command
        return base64.b64decode(status.get("out-data", "")).decode()
