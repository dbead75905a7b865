# SPDX-License-Identifier: GPL-2.0-or-later
"""What the agent's integration tests stand on: libvirt, nxtopd, and small guests.

Needs root, what `make engine` builds, and libvirt's packages. libvirtd is started if none runs, and stopped again.
"""

import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AGENT = ROOT / "build/meson/pc/agent"
HERE = Path(__file__).parent
MIB = 1 << 20


def boot_disk(version, size=4 * MIB, resets=False, filling=0, seed=1):
    """A raw disk that starts guest.S; `filling` MiB behind it hold what only seed decides."""
    with tempfile.TemporaryDirectory() as folder:
        flags = [f'-DVERSION="{version}"'] + (["-DRESETS"] if resets else [])
        subprocess.run(["gcc", "-m32", "-c", "-x", "assembler-with-cpp", *flags, "-o", f"{folder}/o", HERE / "guest.S"],
                       check=True)
        subprocess.run(["ld", "-m", "elf_i386", "--oformat", "binary", "-Ttext", "0x7c00", "-o", f"{folder}/b",
                        f"{folder}/o"], check=True)
        sector = Path(f"{folder}/b").read_bytes()
    assert len(sector) == 512
    disk = bytearray(max(size, (2 + filling) * MIB))
    disk[:512] = sector
    for number in range(filling * 4):
        start = 2 * MIB + number * 262144
        disk[start:start + 16] = b"%08d%08d" % (seed, number)
    return bytes(disk)


def wait_for(what, test, seconds=60):
    """Waits until test() is true, and returns that."""
    end = time.time() + seconds
    while True:
        found = test()
        if found:
            return found
        if time.time() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def virsh(*args, check=True):
    return subprocess.run(["virsh", "-q", "-c", "qemu:///system", *args], check=check, capture_output=True,
                          text=True).stdout.strip()


class Libvirt:
    """A running libvirtd; started by us if nobody else did."""

    _started = []

    @classmethod
    def up(cls):
        if subprocess.run(["virsh", "-q", "-c", "qemu:///system", "version"], capture_output=True).returncode == 0:
            return
        os.makedirs("/run/libvirt", exist_ok=True)
        for command in (["/usr/sbin/virtlogd"], [HERE / "reaper", HERE / "libvirtd-without-kvm"]):
            cls._started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.DEVNULL))
        wait_for("libvirtd", lambda: subprocess.run(["virsh", "-q", "-c", "qemu:///system", "version"],
                                                    capture_output=True).returncode == 0)

    @classmethod
    def down(cls):
        for process in reversed(cls._started):
            process.terminate()
            process.wait()
        cls._started.clear()


class Disk:
    """A file system on a disk of its own, whose power can be cut: what was not flushed to it is gone."""

    SHUTDOWN, NOTHING_FLUSHED = 0x8004587d, struct.pack("I", 2)  # EXT4_IOC_SHUTDOWN; its own flag for a cut

    def __init__(self, image, at, size):
        self._image, self._at = image, at
        with open(image, "xb") as file:
            file.truncate(size)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", image], check=True)
        at.mkdir()
        self.mount()
        at.chmod(0o711)

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self._image, self._at], check=True)

    def cut_power(self):
        """From now on nothing is written any more, and everybody gets an error."""
        folder = os.open(self._at, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.ioctl(folder, self.SHUTDOWN, self.NOTHING_FLUSHED)
        os.close(folder)

    def unmount(self):
        """Once nobody uses it any more."""
        wait_for("the disk to be free",
                 lambda: subprocess.run(["umount", self._at], capture_output=True).returncode == 0)


class Agent:
    """nxtopd and nxtop: under sanitizers, or, to be measured, as a PC has them."""

    def __init__(self, folder, checked=True):
        self.program, self.command = (AGENT / (name + ("-checked" if checked else "")) for name in ("nxtopd", "nxtop"))
        self.folder = Path(folder)
        self.folder.chmod(0o711)
        self.state = self.folder / "state"
        self.socket = self.folder / "socket"
        self.within = []  # what runs it
        self.process = None

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*self.within, self.program, "--state", self.state, "--socket",
                                             self.socket], stderr=log)
        wait_for("nxtopd", lambda: self.nxtop("status", check=False).get("ok"))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self):
        if not self.process:
            return
        self.process.terminate()
        status = self.process.wait(60)
        self.process = None
        if status:
            raise AssertionError(f"nxtopd ended with {status}: {self.log()}")

    def log(self):
        return (self.folder / "log").read_text()

    def nxtop(self, *args, check=True):
        done = subprocess.run([self.command, "--json", "--socket", self.socket, *args], capture_output=True, text=True)
        if done.returncode not in ((0,) if check else (0, 1)):
            raise AssertionError(f"nxtop {' '.join(args)}: {done.stdout}{done.stderr}\n{self.log()}")
        return json.loads(done.stdout) if done.stdout else {"ok": False, "error": done.stderr}

    def workspace(self, workspace):
        for found in self.nxtop("status")["workspaces"]:
            if workspace in (found["workspace"], found["title"]):
                return found
        return None

    def wait_state(self, workspace, *states, seconds=90, health=None):
        def reached():
            found = self.workspace(workspace)
            return found and found["state"] in states and health in (None, found["health"]) and found
        try:
            return wait_for(f"{workspace} {states}", reached, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{json.dumps(self.nxtop('status'), indent=1)}\n{self.log()}") from None

    def query(self, sql, *args):
        with contextlib.closing(sqlite3.connect(f"file:{self.state}/state.db?mode=ro", uri=True)) as db:
            return db.execute(sql, args).fetchall()


def write_user_disk(workspace, what):
    """As if the running guest wrote it: guest.S cannot."""
    said = virsh("qemu-monitor-command", f"nxtop-{workspace}", "--hmp",
                 f'qemu-io -d /machine/peripheral/virtio-disk1/virtio-backend "write {what}"')
    assert not said, said


def check_user_disk(path, what):
    """What a guest that runs has there."""
    done = subprocess.run(["qemu-io", "-r", "-U", "-f", "qcow2", "-c", f"read {what}", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Serial:
    """The serial port of a running guest.S."""

    def __init__(self, workspace):
        self.domain = workspace
        xml = virsh("dumpxml", workspace)
        self.path = re.search(r"<serial type='pty'>\s*<source path='([^']+)'", xml)[1]
        self.fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
        self.seen = b""

    def close(self):
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def tell(self, letter):
        os.write(self.fd, letter.encode())

    def expect(self, pattern, seconds=60):
        end = time.time() + seconds
        while True:
            match = re.search(pattern.encode(), self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match
            if time.time() > end:
                raise AssertionError(f"the guest did not say {pattern}, but {self.seen}")
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += os.read(self.fd, 4096)

    def found(self):
        """The letter on its system disk, "0" for none."""
        self.tell("r")
        return self.expect(r"found (.)")[1].decode()

    def write(self, letter):
        self.tell(letter)
        self.expect("done")

    def hang(self):
        """With interrupts off. It is the only place where it halts its processor."""
        self.tell("q")
        wait_for("a halted processor", lambda: "HLT=1" in virsh("qemu-monitor-command", self.domain, "--hmp", "info registers"))

    def power_off(self):
        """Until the other end is gone: what a terminal still holds when it is closed is lost."""
        self.tell("x")
        with contextlib.suppress(OSError):
            while os.read(self.fd, 4096):
                pass


def found(workspace):
    """The same, of a guest that may not have come up yet."""
    end = time.time() + 60
    while True:
        try:
            with Serial(workspace) as serial:
                serial.tell("r")
                return serial.expect(r"found (.)", 3)[1].decode()
        except (AssertionError, TypeError, OSError):
            if time.time() > end:
                raise


class TestCase(unittest.TestCase):
    """Each test has its own folder, agent and workspaces; what runs at its end is ended."""

    @classmethod
    def setUpClass(cls):
        Libvirt.up()

    @classmethod
    def tearDownClass(cls):
        Libvirt.down()

    def setUp(self):
        # QEMU, which is not root, must get there: not below a private folder.
        self.folder = Path(tempfile.mkdtemp(prefix="nxtop-agent-", dir="/var/tmp"))
        self.agent = Agent(self.folder)

    def tearDown(self):
        try:
            self.agent.stop()
        finally:
            if self.agent.state.exists():
                for (workspace,) in self.agent.query("SELECT id FROM workspaces"):
                    virsh("destroy", workspace, check=False)
            shutil.rmtree(self.folder)
