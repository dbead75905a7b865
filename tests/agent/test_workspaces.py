# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent's life with a Center that behaves: enrol, fetch, run, wreck, revert, update."""

import unittest
import uuid

import lab
from center import Center


class Managed(lab.TestCase):
    """One enrolled PC with two workspaces: "Work", custom, and "Lab", shared."""

    def setUp(self):
        super().setUp()
        self.center = Center(self.folder / "center")
        self.center.start()
        self.addCleanup(self.center.stop)
        self.work, self.lab = str(uuid.uuid4()), str(uuid.uuid4())
        self.v1 = self.center.add_image("tiny", 1, lab.boot_disk("1", filling=4))
        self.custom = self.center.add_policy("custom", boot_seconds=3)
        self.shared = self.center.add_policy("shared", kind="shared", boot_seconds=3)
        self.agent.start()
        self.agent.nxtop("enrol", self.center.enrol_text())

    def assign(self, version=1, manifest=None, both=True):
        manifest = manifest or self.v1
        workspaces = [(self.work, "Work", "tiny", version, manifest, self.custom)]
        if both:
            workspaces.append((self.lab, "Lab", "tiny", version, manifest, self.shared))
        self.center.assign(workspaces)

    def run_both(self):
        self.assign()
        for workspace in (self.work, self.lab):
            self.agent.wait_state(workspace, "running", health="healthy")


    def user_disk(self):
        return (self.agent.state / "workspaces" / self.work / "user.qcow2").read_bytes()


class Story(Managed):
    def test_wreck_and_revert(self):
        self.run_both()
        with lab.Serial(self.work) as serial:
            self.assertEqual(serial.found(), "0")
            serial.write("a")
            serial.write("z")
        user = self.user_disk()
        order = self.center.order(self.work, "revert")
        event = self.center.wait_event(lambda e: e.get("order") == order)
        self.assertEqual(event["outcome"], "done", event)
        self.assertEqual(lab.found(self.work), "0")
        self.agent.wait_state(self.work, "running", health="healthy")
        self.assertEqual(self.user_disk(), user)

        # The same with Center off, from the PC itself; the agent has been restarted meanwhile.
        self.center.stop()
        self.agent.stop()
        self.agent.start()
        with lab.Serial(self.work) as serial:
            serial.write("z")
        self.agent.nxtop("revert", "Work")
        self.assertEqual(lab.found(self.work), "0")
        # What happened meanwhile is told later, once.
        told = len(self.center.events)
        self.center.start()
        self.center.wait_event(lambda e: e["kind"] == "reverted" and e["sequence"] > told, 120)
        self.assertEqual(sorted(self.center.events), list(range(1, max(self.center.events) + 1)))

    def test_snapshots(self):
        self.run_both()
        with lab.Serial(self.work) as serial:
            serial.write("a")
            # Running: without a pause that the guest would notice.
            self.agent.nxtop("snapshot", "Work", "first")
            serial.write("b")
        answer = self.agent.nxtop("snapshot", "Work", "first", check=False)
        self.assertIn("has a snapshot first already", answer["error"])
        self.agent.nxtop("snapshot", "Work", "second")
        with lab.Serial(self.work) as serial:
            serial.write("c")
            serial.tell("x")
        self.agent.wait_state("Work", "stopped")
        self.agent.nxtop("snapshot", "Work", "third")
        for name, letter in (("first", "a"), ("second", "b"), ("third", "c"), ("first", "a")):
            self.agent.nxtop("revert", "Work", name)
            self.assertEqual(lab.found(self.work), letter, name)
        self.assertEqual({s["name"] for s in self.agent.workspace("Work")["snapshots"]}, {"first", "second", "third"})
        self.agent.nxtop("revert", "Work")
        self.assertEqual(lab.found(self.work), "0")
        self.agent.nxtop("forget", "Work", "second")
        self.agent.nxtop("revert", "Work", "third")
        self.assertEqual(lab.found(self.work), "c")
        answer = self.agent.nxtop("snapshot", "Lab", "no", check=False)
        self.assertIn("shared workspace", answer["error"])

    def test_shared_starts_clean(self):
        self.run_both()
        with lab.Serial(self.lab) as serial:
            serial.write("d")
        with lab.Serial(self.work) as serial:
            serial.write("e")
        for workspace in ("Work", "Lab"):
            with lab.Serial(self.agent.workspace(workspace)["workspace"]) as serial:
                serial.tell("x")
            self.agent.wait_state(workspace, "stopped")
            self.agent.nxtop("start", workspace)
        self.assertEqual(lab.found(self.lab), "0")
        self.assertEqual(lab.found(self.work), "e")


if __name__ == "__main__":
    unittest.main()
