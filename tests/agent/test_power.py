# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody pulls the plug while the agent syncs, snapshots or reverts: the state is the old or the new one, and works.

NXTOP_CUTS says how often (default 10), NXTOP_SEED which moments.
"""

import os
import random
import sqlite3
import subprocess
import threading
import time
import unittest

import lab
from test_workspaces import Managed


class Cuts(Managed):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("NXTOP_SEED", random.randrange(1 << 32)))
        self.random = random.Random(self.seed)
        self.version = 1
        self.disks = {}
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
        """Begins something, and kills the agent within so many seconds; half of the time the guest, too."""
        thread = threading.Thread(target=begin)
        thread.start()
        time.sleep(self.random.uniform(0, within))
        self.agent.kill()
        thread.join()
        whole = self.random.random() < 0.5
        if whole:
            lab.virsh("destroy", self.work, check=False)
            # Another boot.
            with sqlite3.connect(self.agent.state / "state.db") as db:
                db.execute("UPDATE facts SET value = 'another' WHERE name = 'boot'")
            db.close()
        self.agent.start()
        return whole

    def check_whole(self):
        """What must hold whatever happened: the workspace runs, every overlay is whole, and there is no rubbish."""
        self.agent.wait_state(self.work, "running")
        folder = self.agent.state / "workspaces" / self.work
        lab.wait_for("no rubbish", lambda: {int(p.stem.split("-")[1]) for p in folder.glob("system-*")} ==
                     {row[0] for row in self.agent.query("SELECT id FROM overlays")})
        for path in folder.glob("system-*.qcow2"):
            subprocess.run(["qemu-img", "check", "-q", "-U", path], check=True)
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
        print("power cuts, seed", self.seed, {name: {r: found.count(r) for r in set(found)}
                                              for name, found in results.items()})


if __name__ == "__main__":
    unittest.main()
