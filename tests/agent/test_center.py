# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent with the real nxtop-center and the real nxtop-release: from an empty PC to a reverted workspace."""

import secrets
import socket
import subprocess
import sys
import unittest

import lab

sys.path.append(str(lab.ROOT / "tests/center"))
import center as real  # noqa: E402


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Real(lab.TestCase):
    def setUp(self):
        super().setUp()
        self.author = real.Author(self.folder / "author")
        self.center = real.Center(self.folder, self.author,
                                  ["--listen", f"127.0.0.1:{free_port()}"])
        self.addCleanup(self.center.stop)
        self.admin = self.center.set_up()
        self.addCleanup(self.admin.close)
        self.upload(1)
        for policy in ("office", "kiosk"):
            sealed = self.author.policy(policy=policy, memory_mib=64, user_disk_mib=16,
                                        kind="custom" if policy == "office" else "shared",
                                        health={"agent": False, "boot_seconds": 3})
            self.admin.ask("POST", "/api/v1/policies", sealed, real.ENVELOPE, status=201)
        self.deploy(1)

    def upload(self, version):
        disk = self.folder / "author/disk.raw"
        disk.write_bytes(lab.boot_disk(str(version), filling=4))
        self.author.tool("seal", "--image", "tiny", "--version", version, "--title", "Tiny", "--firmware", "bios",
                         "--memory-mib", 64, "--key", self.author.key, "-o", "tiny", disk)
        return self.center.upload(self.admin, self.folder / "author/tiny", version)

    def deploy(self, version):
        self.admin.ask("POST", f"/api/v1/images/tiny/versions/{version}/deploy", {}, status=200)

    def order(self, do, workspace, snapshot=None):
        body = {"workspace": workspace, "do": do, **({"snapshot": snapshot} if snapshot else {})}
        return self.admin.ask("POST", f"/api/v1/pcs/{self.pc}/orders", body,
                              {"Idempotency-Key": secrets.token_hex(8)}, status=201).json["id"]

    def wait_order(self, order, state="done"):
        def ended():
            found = self.admin.get(f"/api/v1/orders/{order}")
            return found["state"] not in ("waiting", "sent") and found
        found = lab.wait_for("the order", ended, 120)
        self.assertEqual(found["state"], state, found)
        return found

    def reported(self, workspace):
        return self.admin.get(f"/api/v1/workspaces/{workspace}")["reported"]

    def check_words(self):
        """What people read who use nxtop without --json."""
        status, log = (subprocess.run([self.agent.command, "--socket", self.agent.socket, word], check=True,
                                      capture_output=True, text=True).stdout for word in ("status", "log"))
        for words in ("Work", "Kiosk", "running, healthy", "1 of tiny"):
            self.assertIn(words, status)
        for words in ("this PC was enrolled", "Work was started on version 1 of tiny"):
            self.assertIn(words, log)

    def test_story(self):
        text = self.center.enrolment(self.admin, workspaces=[
            {"title": "Work", "image": "tiny", "policy": "office"},
            {"title": "Kiosk", "image": "tiny", "policy": "kiosk"}])["text"]
        self.agent.start()
        self.agent.nxtop("enrol", text)
        self.pc = self.admin.items("/api/v1/pcs")[0]["id"]
        work = self.agent.wait_state("Work", "running", health="healthy")["workspace"]
        kiosk = self.agent.wait_state("Kiosk", "running", health="healthy")["workspace"]
        for workspace in (work, kiosk):
            lab.wait_for("the report", lambda: (self.reported(workspace) or {}).get("health") == "healthy")

        # What the PC is, and how it is.
        pc = self.admin.get(f"/api/v1/pcs/{self.pc}")
        self.assertGreater(pc["status"]["hardware"]["memory_mib"], 100)
        self.assertGreater(pc["status"]["space"]["free"], 0)
        self.assertEqual(pc["status"]["versions"]["nxtop"], self.agent.nxtop("status")["versions"]["nxtop"])
        self.assertIn("QEMU", pc["status"]["versions"]["engine"])
        self.check_words()

        # A snapshot by order; then it is wrecked from inside, and reverted by order.
        with lab.Serial(work) as serial:
            serial.write("a")
        self.wait_order(self.order("snapshot", work, "good"))
        with lab.Serial(work) as serial:
            serial.write("z")
        lab.write_user_disk(work, "-P 85 1M 1M")
        self.wait_order(self.order("revert", work, "good"))
        self.assertEqual(lab.found(work), "a")
        lab.check_user_disk(self.agent.state / "workspaces" / work / "user.qcow2", "-P 85 1M 1M")
        lab.wait_for("the snapshot's report", lambda: [s["name"] for s in self.reported(work)["snapshots"]] == ["good"])
        failed = self.wait_order(self.order("revert", work, "missing"), "failed")
        self.assertIn("no snapshot missing", failed["message"])
        for do in ("stop", "start", "restart"):
            self.wait_order(self.order(do, kiosk))

        # With Center off, from the PC itself; what happened is told when it is back.
        self.admin.close()
        self.center.stop()
        with lab.Serial(work) as serial:
            serial.write("z")
        self.agent.nxtop("revert", "Work")
        self.assertEqual(lab.found(work), "0")
        self.center.start()
        self.admin = self.center.sign_in()
        lab.wait_for("what happened", lambda: sum(
            e["kind"] == "reverted" for e in self.admin.items(f"/api/v1/events?pc={self.pc}")) == 2, 180)

        # A new version, and back.
        self.assertEqual(self.upload(2), 1)
        for version in (2, 1):
            self.deploy(version)
            lab.wait_for("the version", lambda: self.agent.query(
                "SELECT 1 FROM workspaces AS w JOIN facts WHERE name = 'assignment-next'") == [] and self.agent.query(
                "SELECT 1 FROM images WHERE version = ?", version) != [] and
                self.agent.nxtop("status")["generation"] == self.admin.get(f"/api/v1/pcs/{self.pc}")["generation"])
            self.wait_order(self.order("restart", work))
            lab.wait_for("the report", lambda: (self.reported(work)["version"], self.reported(work)["health"]) ==
                         (version, "healthy"), 90)
        self.assertNotIn("error", {e["severity"] for e in self.admin.items(f"/api/v1/events?pc={self.pc}")})
        self.assertEqual(self.reported(work)["state"], "running")


if __name__ == "__main__":
    unittest.main()
