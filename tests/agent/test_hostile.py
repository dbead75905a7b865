# SPDX-License-Identifier: GPL-2.0-or-later
"""A Center that was taken over, a network that lies, a user who plays with the socket: what the agent refuses."""

import base64
import json
import socket
import time
import unittest
import uuid

import lab
from stand_in import BLOCK, Center, Key, envelope, name_of, utc
from test_workspaces import Managed


class Refused(Managed):
    def setUp(self):
        super().setUp()
        self.assign(both=False)
        self.agent.wait_state(self.work, "running", health="healthy")
        self.thief = Key(self.folder / "center", "thief")

    def expect_refused(self, text, kind="refused"):
        return self.center.wait_event(lambda e: e["kind"] == kind and text in e["message"])

    def in_force(self):
        self.assertEqual(self.agent.wait_state(self.work, "running")["version"], 1)
        return self.agent.query("SELECT id, wanted_manifest FROM workspaces")

    def test_stolen_center(self):
        """Whoever has Center's own key can assign and order, but neither choose an image or a policy, nor get more time."""
        stolen = self.center.operations
        good = self.in_force()
        for number, key in enumerate((self.thief, stolen), 2):
            manifest = self.center.add_image("tiny", number, lab.boot_disk("2"), key=key)
            self.assign(number, manifest, both=False)
            self.expect_refusals("an image's manifest", number - 1)
        mine = self.custom
        for number, key in enumerate((self.thief, stolen), 2):
            self.custom = self.center.add_policy("custom", generation=number, key=key)
            self.assign(both=False)
            self.expect_refusals("a policy", number - 1)
        self.custom = mine
        certificate = self.center.certificate
        now = time.time()
        self.center.certificate = envelope("operations", {
            "format": 1, "key": base64.b64encode(stolen.raw).decode(), "not_before": utc(now),
            "not_after": utc(now + 9 * 365 * 86400), "may": ["assign", "order"]}, stolen)
        self.assign(both=False)
        self.expect_refused("an operations certificate")
        self.center.certificate = certificate
        self.assertEqual(self.in_force(), good)
        self.assertEqual(self.agent.query("SELECT version FROM images"), [(1,)])

    def expect_refusals(self, text, count):
        lab.wait_for(f"refusal {count} of {text}", lambda: sum(
            e["kind"] == "refused" and text in e["message"] for e in list(self.center.events.values())) == count)

    def test_older_policy(self):
        old = self.custom
        self.custom = self.center.add_policy("custom", generation=2)
        self.assign(both=False)
        lab.wait_for("generation 2", lambda: self.agent.query("SELECT 1 FROM workspaces WHERE wanted_policy = ?", self.custom))
        self.custom = old
        self.assign(both=False)
        self.expect_refused("generation 2 is known")

    def test_assignments(self):
        good = self.in_force()
        self.center.assign([], key=self.thief)
        self.expect_refused("an assignment was refused")
        self.center.assign([], generation=self.center.generation + 1, pc=str(uuid.uuid4()))
        self.expect_refused("it is for PC")
        # The certificate of the operations key is over.
        self.center.certificate = self.center.certify(self.center.operations, start=-1800, end=-60)
        self.center.assign([], generation=self.center.generation + 1)
        lab.wait_for("two more refusals", lambda: sum(
            e["kind"] == "refused" for e in self.center.events.values()) >= 3)
        self.assertEqual(self.in_force(), good)

    def test_older_assignment(self):
        good = self.in_force()
        # A replayed one: Center shows it as news although the PC knows a later one.
        real = self.center._news
        stale = envelope("assignment", {"format": 1, "pc": self.center.only_pc(), "generation": 1,
                                        "issued": "2026-01-01T00:00:00Z", "workspaces": []}, self.center.operations)
        self.assign(both=False)
        lab.wait_for("generation 2", lambda: self.agent.nxtop("status")["generation"] == 2)
        self.center._news = lambda query: (200, {"operations": self.center.certificate.decode(),
                                                 "assignment": stale.decode(), "orders": []})
        self.agent.stop()
        self.agent.start()
        self.expect_refused("is older than number 2")
        self.center._news = real
        self.assertEqual(self.in_force(), good)

    def test_orders(self):
        self.center.order(self.work, "stop", key=self.thief)
        self.expect_refused("an order was refused")
        self.center.orders.clear()
        self.center.order(self.work, "stop", pc=str(uuid.uuid4()))
        self.expect_refused("it is for PC")
        self.center.orders.clear()
        late = self.center.order(self.work, "stop", expires=-5)
        event = self.center.wait_event(lambda e: e.get("order") == late)
        self.assertEqual(event["outcome"], "expired")
        unknown = self.center.order(str(uuid.uuid4()), "stop")
        event = self.center.wait_event(lambda e: e.get("order") == unknown)
        self.assertEqual(event["outcome"], "refused")
        again = self.center.order(self.work, "snapshot", "once")
        self.assertEqual(self.center.wait_event(lambda e: e.get("order") == again)["outcome"], "done")
        missing = self.center.order(self.work, "revert", "nothing")
        event = self.center.wait_event(lambda e: e.get("order") == missing)
        self.assertEqual(event["outcome"], "failed")
        self.assertIn("no snapshot nothing", event["message"])
        self.in_force()

    def test_damaged_and_foreign_blocks(self):
        disk = lab.boot_disk("2", filling=8, seed=2)
        manifest = self.center.add_image("tiny", 2, disk)
        victim = name_of(disk[4 * BLOCK * 2:4 * BLOCK * 2 + BLOCK])
        other = name_of(disk[4 * BLOCK * 3:4 * BLOCK * 3 + BLOCK])
        good = self.center.blocks[victim]
        damaged = bytearray(good)
        damaged[len(damaged) // 2] ^= 1
        for bad in (bytes(damaged), self.center.blocks[other], good[:-1], good + b"x", b"", bytes(BLOCK * 2)):
            self.center.blocks[victim] = bad
            self.assign(2, manifest, both=False)
            lab.wait_for("the trouble", lambda: victim[:16] in self.agent.nxtop("status")["fetch"]["trouble"])
            self.assertEqual(self.agent.query("SELECT version FROM images"), [(1,)])
            self.assertEqual(list((self.agent.state / "images/tiny").glob("2.raw")), [])
        self.center.blocks[victim] = good
        self.center.wait_event(lambda e: e["kind"] == "fetched" and "version 2" in e["message"], 120)
        self.assertEqual((self.agent.state / "images/tiny/2.raw").read_bytes(), disk)
        self.in_force()

    def test_another_center(self):
        """The same address, other keys."""
        port = self.center.port
        self.center.stop()
        other = Center(self.folder / "other")
        other.port = port
        other.start()
        self.addCleanup(other.stop)
        lab.wait_for("the trouble", lambda: "certificate" in self.agent.nxtop("status")["center"]["trouble"])
        self.assertEqual(other.requests, [])
        self.in_force()


class Socket(lab.TestCase):
    def say(self, data):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.agent.socket))
            client.settimeout(30)
            client.sendall(data)
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        return json.loads(answer) if answer else None

    def test_nonsense(self):
        self.agent.start()
        for line in (b"\n", b"{}\n", b"[" * 4000 + b"\n", b"x" * 5000, b'{"do":"status","extra":1}\n',
                     b'{"do":"start"}\n', b'{"do":"start","workspace":""}\n', b'{"do":"log","lines":0}\n',
                     b'{"do":"snapshot","workspace":"x","snapshot":"../x"}\n', b'{"do":"start","workspace":"x"}\n'):
            answer = self.say(line)
            self.assertFalse(answer["ok"], line)
            self.assertTrue(answer["error"])
        self.assertTrue(self.say(b'{"do":"status"}\n')["ok"])
        self.assertEqual(self.agent.socket.stat().st_mode & 0o777, 0o660)

    def test_many_who_say_nothing(self):
        self.agent.start()
        clients = []
        for _ in range(40):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(self.agent.socket))
            clients.append(client)
        self.addCleanup(lambda: [client.close() for client in clients])
        # The silent are dropped after a while; then there is room again.
        lab.wait_for("room", lambda: self.agent.nxtop("status", check=False).get("ok"))


if __name__ == "__main__":
    unittest.main()
