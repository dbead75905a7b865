# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent's life with a Center that behaves: enrol, fetch, run, wreck, revert, update."""

import hashlib
import os
import unittest
import uuid

import lab
from stand_in import BLOCK, Center


class Managed(lab.TestCase):
    """One enrolled PC with two workspaces: "Work", custom, and "Lab", shared."""

    def setUp(self):
        super().setUp()
        self.make_place()
        self.center = Center(self.folder / "center")
        self.center.start()
        self.addCleanup(self.center.stop)
        self.work, self.lab = str(uuid.uuid4()), str(uuid.uuid4())
        self.v1 = self.center.add_image("tiny", 1, lab.boot_disk("1", filling=4))
        self.custom = self.center.add_policy("custom", boot_seconds=3)
        self.shared = self.center.add_policy("shared", kind="shared", boot_seconds=3)
        self.agent.start()
        self.agent.nxtop("enrol", self.center.enrol_text())

    def make_place(self):
        """For the agent's state, before it starts."""

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
        return self.agent.state / "workspaces" / self.work / "user.qcow2"


class Story(Managed):
    def test_wreck_and_revert(self):
        self.run_both()
        with lab.Serial(self.work) as serial:
            self.assertEqual(serial.found(), "0")
            serial.write("a")
            lab.write_user_disk(self.work, "-P 85 1M 1M")
            serial.write("z")
        order = self.center.order(self.work, "revert")
        event = self.center.wait_event(lambda e: e.get("order") == order)
        self.assertEqual(event["outcome"], "done", event)
        self.assertEqual(lab.found(self.work), "0")
        self.agent.wait_state(self.work, "running", health="healthy")
        lab.check_user_disk(self.user_disk(), "-P 85 1M 1M")

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
            serial.power_off()
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

    def chain(self):
        """How many overlays the running guest's disk stands on."""
        return lab.virsh("dumpxml", self.work).count("/system-")

    def test_chain_stays_short(self):
        self.assign(both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        for letter in "abcdef":
            with lab.Serial(self.work) as serial:
                serial.write(letter)
            self.agent.nxtop("snapshot", "Work", f"with-{letter}")
        self.assertEqual(self.chain(), 7)
        for letter in "abde":
            self.agent.nxtop("forget", "Work", f"with-{letter}")
        lab.wait_for("a short chain", lambda: self.chain() == 3)
        for letter in "cf":
            self.agent.nxtop("revert", "Work", f"with-{letter}")
            self.assertEqual(lab.found(self.work), letter)
        lab.wait_for("no rubbish", lambda: self.agent.query("SELECT count(*) FROM overlays WHERE spare = 0") == [(3,)])

    def test_schedule(self):
        self.custom = self.center.add_policy("custom", generation=2, boot_seconds=3, every_minutes=1, keep=1)
        self.assign(both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        self.center.wait_event(lambda e: e["kind"] == "snapshot", 90)
        first = self.agent.workspace(self.work)["snapshots"]
        self.assertEqual([s["why"] for s in first], ["schedule"])
        lab.wait_for("the next", lambda: self.agent.workspace(self.work)["snapshots"] != first, 90)
        self.assertEqual(len(self.agent.workspace(self.work)["snapshots"]), 1)

    def test_stop_and_hang(self):
        self.run_both()
        self.agent.nxtop("stop", "Lab")
        self.assertEqual(self.agent.workspace("Lab")["state"], "stopped")
        # One that hangs is reverted without asking it, and switched off a minute after it was asked.
        with lab.Serial(self.work) as serial:
            serial.hang()
        self.agent.nxtop("revert", "Work")
        self.assertEqual(lab.found(self.work), "0")
        with lab.Serial(self.work) as serial:
            serial.hang()
        self.agent.nxtop("stop", "Work")
        self.assertEqual(self.agent.workspace("Work")["state"], "stopped")

    def test_dead_guest_is_started_again(self):
        self.run_both()
        lab.virsh("destroy", self.work)
        self.center.wait_event(lambda e: e["kind"] == "died")
        self.agent.wait_state(self.work, "running", health="healthy")

    def test_shared_starts_clean(self):
        self.run_both()
        with lab.Serial(self.lab) as serial:
            serial.write("d")
        with lab.Serial(self.work) as serial:
            serial.write("e")
        for workspace in ("Work", "Lab"):
            with lab.Serial(self.agent.workspace(workspace)["workspace"]) as serial:
                serial.power_off()
            self.agent.wait_state(workspace, "stopped")
            self.agent.nxtop("start", workspace)
        self.assertEqual(lab.found(self.lab), "0")
        self.assertEqual(lab.found(self.work), "e")


class Others(Managed):
    def test_uefi(self):
        self.assign(2, self.center.add_image("efi", 2, lab.boot_disk("2"), firmware="uefi"), both=False)
        # assign() says that it is an image "tiny": that is refused.
        self.center.wait_event(lambda e: e["kind"] == "refused" and "its manifest is version 2 of efi" in e["message"])
        manifest = self.center.add_image("tiny", 2, lab.boot_disk("2"), firmware="uefi")
        self.assign(2, manifest, both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        nvram = self.agent.state / "workspaces" / self.work / "nvram.fd"
        self.assertTrue(nvram.exists())
        self.agent.nxtop("revert", "Work")
        self.agent.wait_state(self.work, "running", health="healthy")

    def test_certificate_is_renewed(self):
        (self.folder / "second").mkdir()
        agent = lab.Agent(self.folder / "second")
        agent.start()
        self.addCleanup(agent.stop)
        self.center.certificate_age = 61
        agent.nxtop("enrol", self.center.enrol_text())
        self.center.certificate_age = 0
        self.center.wait_event(lambda e: e["kind"] == "certificate")
        self.assertIn(("POST", "/pc/v1/certificate"), self.center.requests)
        lab.wait_for("contact", lambda: agent.nxtop("status")["center"]["connected"])

    def test_too_little_memory(self):
        self.assign(2, self.center.add_image("tiny", 2, lab.boot_disk("2"), memory_mib=4096), both=False)
        self.agent.wait_state(self.work, "failed")
        self.assertIn("needs 4096 MiB", self.agent.workspace(self.work)["message"])


class Fetching(Managed):
    def blocks(self):
        return [path for _, path in self.center.requests if "/blocks/" in path]

    def test_network_cut(self):
        """What came before the cut is not fetched again, nor what another version has."""
        self.assign(both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        self.center.requests.clear()
        disk = lab.boot_disk("2", filling=20, seed=2)
        manifest = self.center.add_image("tiny", 2, disk)
        self.center.delay = 0.1
        self.assign(2, manifest, both=False)
        lab.wait_for("some blocks", lambda: len(self.blocks()) > 20)
        self.center.stop()
        early = len(self.blocks())
        self.assertLess(early, 70)
        lab.wait_for("the cut", lambda: not self.agent.nxtop("status")["center"]["connected"])
        self.center.delay = 0
        self.center.start()
        self.center.wait_event(lambda e: e["kind"] == "fetched" and "version 2" in e["message"], 120)
        self.assertEqual((self.agent.state / "images/tiny/2.raw").read_bytes(), disk)
        # 80 blocks and the boot sector's; twice at most those that were on their way.
        self.assertEqual(len(set(self.blocks())), 81)
        self.assertLessEqual(len(self.blocks()), 81 + 12)

    def test_too_little_space(self):
        """Known before the first block is asked for, told, and no end of what runs."""
        self.assign(both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        self.center.requests.clear()
        disk = os.statvfs(self.agent.state)
        blocks = 2 * disk.f_bavail * disk.f_frsize // BLOCK
        index = hashlib.sha256(bytes([1]) * BLOCK).digest() * blocks
        huge = self.center.add_manifest("tiny", 2, index, blocks * BLOCK, blocks * BLOCK)
        self.assign(2, huge, both=False)
        event = self.center.wait_event(lambda e: e["kind"] == "space", 120)
        self.assertIn("MiB more on the disk", event["message"])
        self.assertIn("MiB more", self.agent.nxtop("status")["fetch"]["trouble"])
        self.assertEqual(self.blocks(), [])
        self.assertEqual(self.agent.wait_state(self.work, "running")["version"], 1)
        # One that fits is not held up by it.
        self.assign(3, self.center.add_image("tiny", 3, lab.boot_disk("3", filling=4, seed=3)), both=False)
        self.center.wait_event(lambda e: e["kind"] == "fetched" and "version 3" in e["message"])
        self.assertEqual(self.agent.nxtop("status")["fetch"]["trouble"], "")


class Updates(Managed):
    def second_version(self, **disk):
        return self.center.add_image("tiny", 2, lab.boot_disk("2", filling=4, **disk))

    def restart(self):
        with lab.Serial(self.work) as serial:
            serial.power_off()
        self.agent.wait_state(self.work, "stopped")
        self.agent.nxtop("start", "Work")

    def test_update_and_back(self):
        self.assign(both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        with lab.Serial(self.work) as serial:
            serial.write("a")
        v2 = self.second_version()
        before = sum("/blocks/" in path for _, path in self.center.requests)
        self.assign(2, v2, both=False)
        self.center.wait_event(lambda e: e["kind"] == "fetched" and "version 2" in e["message"])
        # Only the block with the boot sector differs from what is there.
        self.assertEqual(sum("/blocks/" in path for _, path in self.center.requests), before + 1)
        self.assertEqual(self.agent.workspace(self.work)["version"], 1)
        self.restart()
        self.agent.wait_state(self.work, "running", health="healthy")
        self.assertEqual(self.agent.workspace(self.work)["version"], 2)
        self.assertEqual(lab.found(self.work), "0")
        # What it was before the update can be gone back to, and stays so over a restart.
        (snapshot,) = self.agent.workspace(self.work)["snapshots"]
        self.assertEqual((snapshot["why"], snapshot["version"]), ("update", 1))
        self.agent.nxtop("revert", "Work", snapshot["name"])
        self.assertEqual(lab.found(self.work), "a")
        self.restart()
        self.agent.wait_state(self.work, "running")
        self.assertEqual(lab.found(self.work), "a")
        self.assertIn("held back", self.agent.workspace(self.work)["message"])
        # Going back is deploying an older version.
        self.assign(1, self.v1, both=False)
        wait = lambda: self.agent.query("SELECT 1 FROM facts WHERE name = 'assignment-next'") == []
        lab.wait_for("the assignment", wait)
        self.assertEqual(self.agent.workspace(self.work)["version"], 1)

    def test_bad_version_goes_back_by_itself(self):
        self.run_both()
        with lab.Serial(self.work) as serial:
            serial.write("a")
        v2 = self.second_version(resets=True)
        self.custom = self.center.add_policy("custom", generation=2, boot_seconds=40)
        self.shared = self.center.add_policy("shared", generation=2, kind="shared", boot_seconds=40)
        self.assign(2, v2)
        self.center.wait_event(lambda e: e["kind"] == "fetched" and "version 2" in e["message"])
        for workspace in (self.work, self.lab):
            with lab.Serial(workspace) as serial:
                serial.power_off()
            self.agent.wait_state(workspace, "stopped")
            self.agent.nxtop("start", workspace)
            event = self.center.wait_event(lambda e: e["kind"] == "update-failed" and e["workspace"] == workspace)
            self.assertIn("restarted again and again", event["message"])
            self.agent.wait_state(workspace, "running", health="healthy")
            self.assertEqual(self.agent.workspace(workspace)["version"], 1)
        self.assertEqual(lab.found(self.work), "a")
        # It is not tried again.
        self.restart()
        self.agent.wait_state(self.work, "running", health="healthy")
        self.assertEqual(self.agent.workspace(self.work)["version"], 1)
        self.assertIn("did not become healthy", self.agent.workspace(self.work)["message"])

    def test_no_answer_of_the_agent_goes_back(self):
        self.assign(both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        self.custom = self.center.add_policy("custom", generation=2, agent=True, boot_seconds=5)
        self.assign(2, self.second_version(), both=False)
        self.center.wait_event(lambda e: e["kind"] == "fetched" and "version 2" in e["message"])
        self.restart()
        event = self.center.wait_event(lambda e: e["kind"] == "update-failed")
        self.assertIn("guest agent did not answer", event["message"])
        self.agent.wait_state(self.work, "running", health="unhealthy")
        self.assertEqual(self.agent.workspace(self.work)["version"], 1)

    def test_removed_and_erased(self):
        self.run_both()
        self.assign(both=False)
        lab.wait_for("the assignment", lambda: not self.agent.workspace(self.lab)["assigned"])
        self.agent.wait_state(self.lab, "stopped")
        folder = self.agent.state / "workspaces" / self.lab
        self.assertTrue(folder.is_dir())
        self.assertIn("Center first", self.agent.nxtop("erase", "Work", check=False)["error"])
        self.agent.nxtop("erase", "Lab")
        self.assertFalse(folder.exists())
        self.assertIsNone(self.agent.workspace(self.lab))


if __name__ == "__main__":
    unittest.main()
