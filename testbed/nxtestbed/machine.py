# SPDX-License-Identifier: GPL-2.0-or-later
"""An emulated PC: starts it, talks to it, and always ends it."""

import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import images, qemu
from .agent import Agent, wait_until
from .artefact import run as run_command
from .commands import COMMAND_TIMEOUT, Commands
from .errors import TestbedError
from .paths import DRIVER, ENGINE, RUNS
from .payload import make_payload
from .qmp import Qmp
from .tunnel import Tunnels, connect

_PR_SET_PDEATHSIG = 1
# Liveness limits, for a slow and busy machine; they say nothing about speed.
_BOOT_TIMEOUT = 600


class PC(Commands):
    """One emulated PC. Use it in a with statement: at its end, QEMU is gone.

    The run's directory holds serial.log, qemu.log and screenshots. It goes away with the PC
    unless keep is set or an exception passed.
    """

    def __init__(self, options=None, name="pc", keep=False, engine=None, driver=None):
        self.options = options or qemu.Options()
        self.options.check()
        self.keep = keep
        self.engine = Path(engine or ENGINE)
        self._driver = Path(driver or DRIVER)
        self._name = name
        self._process = None
        self._agent = None
        self._qmp = None
        self._tunnels = None
        self._seen = 0  # how far wait_for() has read the serial console
        self._started_at = 0  # where on the console the last start began
        self.directory = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, _):
        self.stop()
        if not kind and not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        """Starts the PC and returns at once."""
        RUNS.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%H%M%S")
        self.directory = Path(tempfile.mkdtemp(prefix=f"{stamp}-{self._name}-", dir=RUNS))
        try:
            self._make_disks()
            self._start_qemu()
        except BaseException:
            self.stop()
            raise

    def _make_disks(self):
        run = self.directory
        files = [file(run) if callable(file) else file for file in self.options.files]
        if self._driver.exists():
            files.append(self._driver)
        make_payload(run / "payload.img", self.options.entry, self.engine,
                     self.options.engine_options, self.options.kernel_options, files,
                     self.options.menu)
        run_command(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw",
                     "-b", images.pc_disk.get(), run / "system.qcow2"])
        if self.options.firmware == "uefi":
            shutil.copy(qemu.ovmf("OVMF_VARS_4M.fd"), run / "ovmf-vars.fd")

    def _start_qemu(self):
        words, env = qemu.program(self.options)
        words += qemu.command_line(self.options, self.directory)
        log = self.directory / "qemu.log"
        with open(log, "w", encoding="utf-8") as file:
            file.write(shlex.join(words) + "\n")
            file.flush()
            # A session of its own: Ctrl-C is for us, and then we end QEMU.
            self._process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL,
                                             stdout=file, stderr=file, start_new_session=True,
                                             preexec_fn=die_with_parent)
        agent = self.directory / "agent"
        if not wait_until(lambda: agent.exists() or not self.is_running(), 60):
            raise TestbedError(f"QEMU does not start; see {log}")
        if not self.is_running():
            raise TestbedError(f"QEMU ended at once:\n{log.read_text(encoding='utf-8')}")
        # Before the firmware is through: the port must have its other end when the agent starts.
        self._agent = Agent(_retry(lambda: connect(agent)))
        self._qmp = Qmp(_retry(lambda: connect(self.directory / "qmp")))
        self._tunnels = Tunnels(self, qemu.TUNNELS if self.options.guests else 0)

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def pull_plug(self):
        """Ends QEMU, from any thread: whoever waits for the PC then gets an error."""
        if self._process:
            self._process.kill()

    def stop(self):
        """Ends QEMU as if the plug were pulled."""
        for connection in (self._agent, self._qmp):
            if connection:
                connection.close()
        self._agent = self._qmp = None
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        # Only the logs are worth keeping.
        for name in ("system.qcow2", "payload.img", "ovmf-vars.fd"):
            if self.directory and not self.keep:
                (self.directory / name).unlink(missing_ok=True)

    # The serial console

    def serial(self):
        """Everything that the serial console has shown."""
        log = self.directory / "serial.log"
        return log.read_bytes().decode(errors="replace") if log.exists() else ""

    def wait_for(self, pattern, timeout=_BOOT_TIMEOUT):
        """Waits until the console shows pattern after what was waited for last; the match."""
        found = None

        def look():
            nonlocal found
            found = re.compile(pattern, re.MULTILINE).search(self.serial(), self._seen)
            return found or not self.is_running()

        wait_until(look, timeout)
        if not found:
            why = f"within {timeout} s" if self.is_running() else "before QEMU ended"
            raise TestbedError(f"the console did not show /{pattern}/ {why}")
        self._seen = found.end()
        return found

    def tail(self, lines=40):
        """The end of the console, without escape sequences, for messages."""
        plain = re.sub(r"\x1b(\[[0-9;?=]*[a-zA-Z]|[()][A-Z0-9]|[A-Z=>])", "", self.serial())
        return "\n".join(line.rstrip() for line in plain.splitlines()[-lines:])

    # Commands in the control domain

    def wait_ready(self, timeout=_BOOT_TIMEOUT):
        """Waits until the control domain runs commands."""
        end = time.monotonic() + timeout
        while not self._agent.wait_ready(0.5):
            if not self.is_running():
                raise TestbedError("QEMU ended before the control domain was up")
            if "Kernel panic" in self.serial()[self._started_at:]:
                raise TestbedError("the control domain's kernel panicked")
            if time.monotonic() > end:
                raise TestbedError(f"the control domain was not up after {timeout} s")
        return self

    def spawn(self, command, stdin=b""):
        """Starts a command and returns a Command to wait() for."""
        self.wait_ready()
        return self._agent.start(command, stdin)

    def tunnel(self, path):
        """A connection to the Unix socket at path in the control domain: its .socket is the end here.

        The PC must have been started with guests.
        """
        return self._tunnels.open(path)

    # The machine

    @property
    def qmp(self):
        return self._qmp

    def reset(self):
        """Presses the reset button."""
        self._agent.forget()
        self._started_at = len(self.serial())
        self._qmp.execute("system_reset")

    def reboot(self, command="systemctl reboot", timeout=_BOOT_TIMEOUT):
        """Restarts the control domain by a command, and waits until it is back.

        A kernel that panics on its way down is fine: a crash kernel may follow it.
        """
        self.wait_ready()
        self._agent.forget()
        self._seen = len(self.serial())
        self._agent.start(command)
        self.wait_for("Linux version", timeout)
        self._started_at = self._seen
        self.wait_ready(timeout)

    def wait_restart(self, pattern, timeout=_BOOT_TIMEOUT):
        """Waits until the console of a PC that restarts by itself shows pattern: what was before counts no more."""
        self.wait_for(pattern, timeout)
        self._started_at = self._seen

    def wait_off(self, timeout=_BOOT_TIMEOUT):
        """Waits until the PC has switched itself off: QEMU ended, and with success."""
        if not wait_until(lambda: not self.is_running(), timeout):
            raise TestbedError(f"the PC is still on after {timeout} s")
        if self._process.returncode:
            raise TestbedError(f"QEMU ended with {self._process.returncode}")

    def screenshot(self, name):
        """Writes what the PC's screen shows to name.ppm in the run's directory."""
        file = self.directory / f"{name}.ppm"
        self._qmp.execute("screendump", filename=str(file))
        return file


def die_with_parent(number=signal.SIGKILL):
    """In the child: it must not outlive us, however we end. number: the signal that it gets."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def _retry(connect, timeout=30):
    end = time.monotonic() + timeout
    while True:
        try:
            return connect()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
