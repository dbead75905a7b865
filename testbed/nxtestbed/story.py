# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job, on real parts: Center delivers two workspaces to a PC, one is wrecked, and reverted out of band.

`make run` tells it to somebody who watches; tests/managed plays it on each boot entry.
"""

import shutil
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from . import golden
from .agent import wait_until
from .center import ADMINISTRATOR, Center
from .control import engine_info
from .errors import TestbedError
from .managed import UUID, ManagedPC
from .paths import CONSOLE, RUNS

_TIMEOUT = 3600
CORPORATE, PERSONAL = "Corporate", "Personal"
_LETTER = "/home/letter"
# Bootloader and kernel; then the partition table, GRUB, and the root file system's start; and a restart that no
# program of that system is needed for.
_WRECK = "rm -rf /boot/*; dd if=/dev/zero of=/dev/vda bs=1M count=96 conv=fsync 2>&1; echo b > /proc/sysrq-trigger"


class Story:
    """Use it in a with statement: at its end PC and Center are gone. say(text) is called as things happen."""

    def __init__(self, entry, say, devices=()):
        self._entry = entry
        self._say = say
        self._devices = devices
        self._stack = ExitStack()
        self._started = time.monotonic()
        self.center = self.pc = None

    def __enter__(self):
        RUNS.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=f"{time.strftime('%H%M%S')}-center-", dir=RUNS))
        self._stack.push(partial(_clean_up, directory))
        self.center = self._stack.enter_context(Center(directory, golden.sealed.get()))
        return self

    def __exit__(self, *failure):
        if failure[0] and self.pc:
            self.say(f"Logs: {self.pc.directory}. The end of its console:\n{self.pc.tail(20)}")
        self._stack.__exit__(*failure)

    def tell(self):
        """All of it, or an error."""
        self.open_center()
        self.start_pc()
        self.receive_workspaces()
        self.wreck()
        self.revert_from_center()
        self.wreck()
        self.revert_without_center()
        self.hear_of_it()

    def say(self, text):
        self._say(f"[{time.monotonic() - self._started:4.0f} s] {text}")

    def open_center(self):
        self.center.set_up()
        self.say("NxTop Center runs on this machine" + ("" if CONSOLE.exists() else " (no console: make console)"))
        self.say(f"    {self.center.url}/  sign in as {ADMINISTRATOR}, password {self.center.password}")
        for name in golden.KINDS:
            self.center.publish(name)
            self.say(f"Image {name}, version 1, is uploaded and deployed: Debian 13, signed by the image author")

    def start_pc(self):
        text = self.center.enrolment_text([f"{title}:{title.lower()}:{title.lower()}" for title in (CORPORATE, PERSONAL)])
        # Both ways are used: one on each entry.
        by_option = self._entry == "stock"
        self.pc = self._stack.enter_context(ManagedPC(self._entry, text, by_option, self._devices))
        self.say("The PC is on. It has the appliance on its disk, and an enrolment text "
                 + ("on its kernel's command line" if by_option else "on a second disk"))
        self.pc.choose_entry()
        self.pc.check_entry()
        if self._entry == "engine":
            info = engine_info(self.pc)
            self.say(f"Its control domain is up, on NxTop Engine {info['version']} with {info['cpus']} CPUs")
        else:
            self.say("Its control domain is up, on Linux' own KVM")
        self._check_root()
        if self._entry == "engine":
            # Past the file system's cache: another one has written it.
            noted = "dd if=/dev/disk/by-partlabel/NXTOP-BOOT iflag=direct bs=1M status=none | grep -aq nxtop_try=ok"
            self._wait("GRUB is told that Engine came up", lambda: not self.pc.run(noted, check=False).code)
        self.say(f"    its console: socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:{self.pc.directory}/serial (root)")
        self._wait("the PC enrols", lambda: self.center.ctl("pc", "list", "--json"))
        self.say("The PC has enrolled: Center knows it, and it knows whom to believe")

    def _check_root(self):
        """The root file system is mounted read-only, and what is written goes elsewhere."""
        mounts = [line.split() for line in self.pc.run("cat /proc/mounts").output.splitlines()]
        system = next(mount for mount in mounts if mount[2] == "ext4" and mount[1] != "/state"
                      and not mount[1].startswith("/var"))
        if "ro" not in system[3].split(",") or not any(m[1] == "/" and m[2] == "overlay" for m in mounts):
            raise TestbedError(f"the root file system can be written: {mounts}")
        if (found := self.pc.run("cat /etc/machine-id").output.strip()) != UUID.replace("-", ""):
            raise TestbedError(f"the machine id is {found}, and will be another one at the next start")

    def receive_workspaces(self):
        for title in (CORPORATE, PERSONAL):
            self._wait(f"{title} starts", partial(self._has_started, title), self._tell_progress)
            workspace = self.pc.workspace(title)
            if workspace.accelerator() != "kvm":
                raise TestbedError(f"{title} runs without KVM:\n{workspace.virsh('dumpxml').output}")
            self.say(f"{title} has started. Its console, from the PC's: virsh console nxtop-{workspace.id}")
        for title in (CORPORATE, PERSONAL):
            self.pc.workspace(title).wait_login()
            self.say(f"{title} shows its login prompt")
        self._wait_healthy(CORPORATE)
        self._wait_healthy(PERSONAL)
        self.say("Both are healthy, says Center")
        for title in (CORPORATE, PERSONAL):
            workspace = self.pc.workspace(title)
            self._wait(f"{title} has an address", partial(workspace.run, "ip -4 -o address show scope global"))
        self.pc.workspace(PERSONAL).run(f"mountpoint -q /home && echo 'Dear diary' > {_LETTER} && sync")
        self.say("The user of Personal writes a letter, on their own disk")

    def wreck(self):
        """Of Personal, from inside, so that it cannot start."""
        self._untouched = self._corporate_boot()
        personal = self.pc.workspace(PERSONAL)
        personal.spawn(_WRECK)
        self.say("Personal is wrecked from inside: bootloader and kernel deleted, disk overwritten, restarted")
        personal.wait_screen("No bootable device")
        if personal.answers():
            raise TestbedError("Personal still answers")
        self.say("Personal is dead; its screen says: No bootable device")

    def revert_from_center(self):
        workspace = self._prepare_revert()
        self.center.ctl("order", "revert", workspace.id, "--wait", timeout=_TIMEOUT)
        self.say(f"The administrator has reverted it, in Center: nxtopctl order revert {workspace.id}")
        self._check_reverted(workspace)

    def revert_without_center(self):
        self.center.stop()
        self.say("Center is switched off")
        workspace = self._prepare_revert()
        self.pc.run(f"nxtop revert {PERSONAL}", _TIMEOUT)
        self.say(f"The user has reverted it, at the PC: nxtop revert {PERSONAL}")
        self._check_reverted(workspace)

    def hear_of_it(self):
        self.center.start()
        self.say("Center is on again")
        self._wait("Center hears of both reverts", lambda: sum(
            event["kind"] == "reverted" for event in self.center.ctl("event", "list", "--limit", "100", "--json")) == 2)
        self._wait_healthy(PERSONAL)
        self.say("Center has heard what happened meanwhile: Personal was reverted, and is healthy")

    # Steps of steps

    def _prepare_revert(self):
        workspace = self.pc.workspace(PERSONAL)
        workspace.forget_console()
        return workspace

    def _check_reverted(self, workspace):
        """It comes up from its image, with its user's data, and the other workspace noticed nothing."""
        workspace.wait_login()
        self.say("Personal shows its login prompt again")
        self._wait("Personal answers", workspace.answers)
        workspace.run("test -e /boot/vmlinuz && mountpoint -q /home")
        if (letter := workspace.run(f"cat {_LETTER}").strip()) != "Dear diary":
            raise TestbedError(f"the user's letter has become {letter!r}")
        if self._corporate_boot() != self._untouched:
            raise TestbedError("Corporate was restarted as well")
        self.say("The letter is there. Corporate never stopped")

    def _corporate_boot(self):
        return self.pc.workspace(CORPORATE).run("cat /proc/sys/kernel/random/boot_id")

    def _reported(self, title):
        """How Center says that a workspace is."""
        for workspace in self.center.ctl("workspace", "list", "--json"):
            if workspace["title"] == title:
                return workspace.get("reported") or {}
        return {}

    def _has_started(self, title):
        reported = self._reported(title)
        if reported.get("state") == "failed":
            raise TestbedError(f"{title} has failed: {reported}")
        return reported.get("state") in ("starting", "running")

    def _wait_healthy(self, title):
        self._wait(f"{title} is healthy", lambda: self._reported(title).get("health") == "healthy")

    def _tell_progress(self):
        for title in (CORPORATE, PERSONAL):
            found = self._reported(title)
            if found.get("fetching"):
                self.say(f"    {title}: {found['fetched'] >> 20} of {found['fetching'] >> 20} MiB fetched")

    def _wait(self, what, condition, meanwhile=None):
        """Until it is so; meanwhile() is called each 15 seconds."""
        end = time.monotonic() + _TIMEOUT
        while not wait_until(condition, 15, 1):
            if time.monotonic() > end or (self.pc and not self.pc.is_running()):
                raise TestbedError(f"not within {_TIMEOUT} s: {what}\n" + self._explain())
            if meanwhile:
                meanwhile()

    def _explain(self):
        if not self.pc or not self.pc.is_running():
            return "the PC is off"
        return self.pc.run("nxtop status; nxtop log; systemctl --failed; journalctl -u nxtopd -n 40 --no-pager",
                           check=False).all


def _clean_up(directory, failure, *_):
    """Of Center's directory, its log is left for whoever looks for a failure's reason."""
    shutil.rmtree(directory / "center" if failure else directory, ignore_errors=True)
