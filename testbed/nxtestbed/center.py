# SPDX-License-Identifier: GPL-2.0-or-later
"""NxTop Center on this machine, and its administrator, who has nxtopctl only."""

import json
import os
import re
import secrets
import signal
import subprocess

from .errors import TestbedError
from .golden import release
from .machine import die_with_parent
from .paths import CENTER, CONSOLE

# How an emulated PC calls this machine: QEMU's user network.
HOST = "10.0.2.2"
ADMINISTRATOR = "ada"


class Center:
    """One nxtop-center in a directory. Use it in a with statement: at its end, it is gone."""

    def __init__(self, directory, author):
        """author: the folder with the release key."""
        self.directory = directory
        self.password = secrets.token_hex(6)
        self.url = None
        self._author = author
        self._listen = "127.0.0.1:0"
        self._process = None
        self._code = None
        self._log = directory / "center.log"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Returns when it listens; after a stop(), where it did before."""
        words = [CENTER / "nxtop-center", "--data", self.directory / "center", "--listen", self._listen,
                 "--name", "localhost", "--name", HOST, "--release-key", self._author / "release.pub"]
        if CONSOLE.exists():
            words += ["--console", CONSOLE]
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=log, text=True,
                                             start_new_session=True, preexec_fn=die_with_parent)
        self.url = self._expect(r"NxTop Center is at (https://\S+?)/?$")
        if not self._code:
            self._code = self._expect(r"One-time code, for a day: (\S+)$")
        self._listen = "127.0.0.1:" + self.url.rsplit(":", 1)[1]

    def _expect(self, pattern):
        line = self._process.stdout.readline()
        if not (found := re.match(pattern, line)):
            self.stop()
            raise TestbedError(f"nxtop-center did not start: {line!r}\n" + self._log.read_text(encoding="utf-8")[-2000:])
        return found[1]

    def stop(self):
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
            self._process = None

    def ctl(self, *words, timeout=600):
        """Runs nxtopctl. What it prints, without --json as text."""
        command = [str(word) for word in (CENTER / "nxtopctl", *words)]
        env = dict(os.environ, NXTOPCTL_CONFIG=str(self.directory / "nxtopctl.json"))
        try:
            done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise TestbedError(f"not done after {timeout} s: {' '.join(command)}") from None
        if done.returncode:
            raise TestbedError(f"exit code {done.returncode} from: {' '.join(command)}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout) if "--json" in words else done.stdout.strip()

    def set_up(self):
        """The first administrator, and the certificate by which Center may sign."""
        password, key, certificate = (self.directory / name for name in ("password", "center.pub", "operations"))
        password.write_text(self.password + "\n", encoding="utf-8")
        self.ctl("setup", self.url, "--code", self._code, "--name", ADMINISTRATOR, "--password-file", password,
                 "--ca", self.directory / "center" / "ca.crt")
        self.ctl("operations", "show", "--key-out", key)
        release("operations", "--key", self._author / "release.key", "--center-key", key, "-o", certificate)
        self.ctl("operations", "certify", certificate)

    def publish(self, name):
        """Uploads and deploys version 1 of an image, and adds the policy of the same name."""
        self.ctl("image", "upload", self._author / name, "1")
        self.ctl("image", "deploy", name, "1")
        self.ctl("policy", "add", self._author / f"{name}.policy")

    def enrolment_text(self, workspaces):
        """What a PC is enrolled with. workspaces: TITLE:IMAGE:POLICY of each that it gets."""
        words = [word for workspace in workspaces for word in ("--workspace", workspace)]
        return self.ctl("enrolment", "create", "--title", "Emulated PC", "--uses", "1", "--host", HOST, *words)
