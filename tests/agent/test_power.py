# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody pulls the plug while the agent syncs, snapshots or reverts: the state is the old or the new one, and works.

NXTOP_CUTS says how often (default 10), NXTOP_SEED which moments.
"""

import collections
import os
import random
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import lab
from test_workspaces import Managed


DISK = 3 << 30
AGENT, GUEST, POWER = "agent killed", "guest too", "power cut"
KINDS = (POWER, AGENT, POWER, GUEST)


class Cuts(Managed):
    @classmethod
    def setUpClass(cls):
        # Shared: libvirtd has file systems of its own, and must see the disk come and go.
        cls.place = Path(tempfile.mkdtemp(prefix="nxtop-cuts-", dir="/var/tmp"))
        cls.place.chmod(0o711)
        subprocess.run(["mount", "--bind", cls.place, cls.place], check=True)
        subprocess.run(["mount", "--make-shared", cls.place], check=True)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        subprocess.run(["umount", cls.place], check=True)
        cls.place.rmdir()

    def make_place(self):
        self.agent.state = self.place / "state"
        self.disk = lab.Disk(self.folder / "disk", self.agent.state, DISK)

    def tearDown(self):
        try:
            self.agent.stop()
        finally:
            lab.virsh("destroy", self.work, check=False)
            self.disk.unmount()
            self.agent.state.rmdir()
            super().tearDown()

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("NXTOP_SEED", random.randrange(1 << 32)))
        self.random = random.Random(self.seed)
        self.version = 1
        self.kinds = collections.Counter()
        self.caught = 0  # cuts before the command had its answer
        self.assign(both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        self.make_base()

    def make_base(self):
        """The state that cut_revert() goes back to."""
        lab.found(self.work)
        with lab.Serial(self.work) as serial:
            serial.write("a")
        self.agent.nxtop("snapshot", "Work", "base")

    def cut(self, begin, within):
        """Begins something, and cuts the power within so many seconds, or only kills the agent, or the guest as well."""
        kind = KINDS[self.kinds.total() % len(KINDS)]
        # What the guest has written before is on the disk.
        subprocess.run(["sync", "-f", self.agent.state], check=True)
        thread = threading.Thread(target=begin)
        thread.start()
        # Most that is done here is done early.
        time.sleep(within * self.random.random() ** 3)
        self.caught += thread.is_alive()
        if kind == POWER:
            self.disk.cut_power()
        self.agent.kill()
        thread.join()
        if kind != AGENT:
            lab.virsh("destroy", self.work, check=False)
        if kind == POWER:
            self.disk.unmount()
            self.disk.mount()
        if kind != AGENT:
            # Another boot.
            with sqlite3.connect(self.agent.state / "state.db") as db:
                db.execute("UPDATE facts SET value = 'another' WHERE name = 'boot'")
            db.close()
        self.kinds[kind] += 1
        self.agent.start()

    def check_whole(self):
        """What must hold whatever happened: the workspace runs, every overlay is whole, and there is no rubbish."""
        self.agent.wait_state(self.work, "running")
        folder = self.agent.state / "workspaces" / self.work
        lab.wait_for("no rubbish", lambda: {int(p.stem.split("-")[1]) for p in folder.glob("system-*")} ==
                     {row[0] for row in self.agent.query("SELECT id FROM overlays")})
        for path in folder.glob("system-*.qcow2"):
            done = subprocess.run(["qemu-img", "check", "-q", "-U", path], capture_output=True, text=True, check=False)
            # One that is gone by now was replaced by an update.
            self.assertTrue(done.returncode == 0 or not path.exists(), done.stdout + done.stderr)
        self.assertEqual(self.agent.query("PRAGMA integrity_check"), [("ok",)])
        return lab.found(self.work)

    def quietly(self, *words):
        return lambda: self.agent.nxtop(*words, check=False)

    def cut_snapshot(self, number):
        letter = self.random.choice("bcdefg")
        with lab.Serial(self.work) as serial:
            serial.write(letter)
        name = f"cut-{number}"
        self.cut(self.quietly("snapshot", "Work", name), 0.5)
        self.assertEqual(self.check_whole(), letter)
        made = [s["name"] for s in self.agent.workspace(self.work)["snapshots"]]
        if name in made:
            with lab.Serial(self.work) as serial:
                serial.write("h")
            self.agent.nxtop("revert", "Work", name)
            self.assertEqual(self.check_whole(), letter)
            self.agent.nxtop("forget", "Work", name)
        return "new" if name in made else "old"

    def cut_revert(self, number):
        letter = self.random.choice("bcdefg")
        with lab.Serial(self.work) as serial:
            serial.write(letter)
        self.cut(self.quietly("revert", "Work", "base"), 2.5)
        seen = self.check_whole()
        self.assertIn(seen, ("a", letter))
        return "new" if seen == "a" else "old"

    def cut_sync(self, number):
        self.version += 1
        disk = lab.boot_disk(str(self.version % 10), filling=16, seed=self.version)
        manifest = self.center.add_image("tiny", self.version, disk)
        self.center.delay = 0.05  # for each block
        self.cut(lambda: self.assign(self.version, manifest, both=False), 1.5)
        self.center.delay = 0
        self.check_whole()
        path = self.agent.state / f"images/tiny/{self.version}.raw"
        early = path.exists()
        self.center.wait_event(lambda e: e["kind"] == "fetched" and f"version {self.version} " in e["message"], 120) \
            if not early else None
        lab.wait_for("the version", lambda: self.agent.query("SELECT 1 FROM images WHERE version = ?", self.version))
        self.assertEqual(path.read_bytes(), disk)
        # Applied now, and not by some later cut.
        self.agent.nxtop("restart", "Work")
        lab.wait_for("the update", lambda: self.agent.workspace(self.work)["version"] == self.version)
        self.assertEqual(self.check_whole(), "0")
        self.agent.nxtop("forget", "Work", "base")
        self.make_base()
        return "new" if early else "old"

    def test_cuts(self):
        cuts = [self.cut_snapshot, self.cut_revert, self.cut_sync]
        results = {}
        for number in range(int(os.environ.get("NXTOP_CUTS", 10))):
            cut = cuts[number % len(cuts)]
            try:
                result = cut(number)
            except BaseException:
                print(f"seed {self.seed}, cut {number}, {cut.__name__}\n{self.agent.log()}")
                raise
            results.setdefault(cut.__name__, []).append(result)
        print(f"power cuts, seed {self.seed}: {dict(self.kinds)}; {self.caught} before the command had its answer;",
              {name: {r: found.count(r) for r in set(found)} for name, found in results.items()})


if __name__ == "__main__":
    unittest.main()
