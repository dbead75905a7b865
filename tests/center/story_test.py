#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job, over real TLS: enrol, upload, assign, wait, report, order, outcome."""
import hashlib
import os
import pathlib
import unittest

from center import Author, Center, Pc, key, payload, temporary

BLOCK = 262144


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = temporary()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.author = Author(cls.folder / "author")
        cls.center = Center(cls.folder, cls.author)
        cls.addClassCleanup(cls.center.stop)
        cls.admin = cls.center.set_up()
        cls.addClassCleanup(cls.admin.close)

    def test_whole(self):
        admin, author, center = self.admin, self.author, self.center
        same, first, second = os.urandom(BLOCK), os.urandom(BLOCK), os.urandom(BLOCK)

        # An image with a hole, a policy, and a PC.
        folder = author.image(1, [same, first, bytes(BLOCK)])
        self.assertEqual(center.upload(admin, folder, 1), 2)
        admin.ask("POST", "/api/v1/policies", author.policy(), status=201)
        pc = Pc(center, self.folder / "pc", center.enrolment(admin)["text"])
        self.addCleanup(pc.close)
        self.assertIsNone(pc.news())

        # Assigned before anything is deployed: nothing to do yet. The deployment wakes the PC.
        workspace = admin.ask("POST", f"/api/v1/pcs/{pc.id}/workspaces",
                              {"title": "Work", "image": "debian", "policy": "office"}, status=201).json
        self.assertIsNone(workspace["version"])
        pc.wait_for_news()
        done = admin.ask("POST", "/api/v1/images/debian/versions/1/deploy", {}, status=200).json
        self.assertEqual((done["assigned"], done["version"]["state"]), (1, "deployed"))
        news = pc.take_news()
        self.assertEqual(payload(news["operations"])["may"], ["assign", "order"])
        self.assertEqual([w["workspace"] for w in pc.assignment["workspaces"]], [workspace["id"]])
        self.assertEqual(pc.assignment["pc"], pc.id)

        # It fetches what it is told, and all of it has the name that it should.
        wanted = pc.assignment["workspaces"][0]
        for name in (wanted["manifest"], wanted["policy"]):
            document = pc.client.ask("GET", f"/pc/v1/documents/{name}", status=200).body
            self.assertEqual(hashlib.sha256(document).hexdigest(), name)
        index = payload(pc.client.ask("GET", f"/pc/v1/documents/{wanted['manifest']}").body)["disks"][0]["index"]
        pc.client.ask("GET", f"/pc/v1/indexes/{index}", status=200)
        for block in (same, first):
            pc.client.ask("GET", f"/pc/v1/blocks/{hashlib.sha256(block).hexdigest()}", status=200)

        # It says how things are.
        report = {"workspace": workspace["id"], "state": "running", "health": "healthy", "version": 1,
                  "snapshots": [{"name": "before", "created": "2026-11-24T12:00:00Z", "version": 1, "why": "update"}]}
        pc.client.ask("PUT", "/pc/v1/status", pc.status([report]), status=204)
        self.assertEqual(admin.get(f"/api/v1/workspaces/{workspace['id']}")["reported"], report)
        self.assertEqual(admin.get("/api/v1/images/debian/versions/1")["running"], 1)
        shown = admin.get(f"/api/v1/pcs/{pc.id}")
        self.assertEqual((shown["online"], shown["status"]["generation"]), (True, pc.generation))

        # An order reaches it at once, and its outcome comes back.
        pc.wait_for_news()
        order = admin.ask("POST", f"/api/v1/pcs/{pc.id}/orders", {"workspace": workspace["id"], "do": "revert"},
                          {"Idempotency-Key": key()}, status=201).json
        got = payload(pc.take_news()["orders"][0])
        self.assertEqual((got["order"], got["do"], got["snapshot"]), (order["id"], "revert", ""))
        self.assertEqual(admin.get(f"/api/v1/orders/{order['id']}")["state"], "sent")
        pc.report(pc.event(kind="order", order=order["id"], outcome="done", workspace=workspace["id"], message="as new"))
        ended = admin.get(f"/api/v1/orders/{order['id']}")
        self.assertEqual((ended["state"], ended["message"]), ("done", "as new"))

        # The next version needs only its new block; deploying it wakes the PC, and so does going back.
        self.assertEqual(center.upload(admin, author.image(2, [same, second, bytes(BLOCK)]), 2), 1)
        for version in (2, 1):
            pc.wait_for_news()
            admin.ask("POST", f"/api/v1/images/debian/versions/{version}/deploy", {}, status=200)
            before = pc.generation
            pc.take_news()
            self.assertEqual((pc.assignment["workspaces"][0]["version"], pc.generation), (version, before + 1))
        states = {v["version"]: v["state"] for v in admin.items("/api/v1/images/debian/versions")}
        self.assertEqual(states, {1: "deployed", 2: "deployable"})

        # A higher generation of the policy goes out by itself.
        pc.wait_for_news()
        admin.ask("POST", "/api/v1/policies", author.policy(2, vcpus=2), status=201)
        pc.take_news()
        changed = payload(pc.client.ask("GET", f"/pc/v1/documents/{pc.assignment['workspaces'][0]['policy']}").body)
        self.assertEqual((changed["generation"], changed["vcpus"]), (2, 2))

        # Removed from the PC, then the PC from the fleet: it is out at once, also the request that waits.
        pc.wait_for_news()
        admin.ask("DELETE", f"/api/v1/workspaces/{workspace['id']}", status=204)
        pc.take_news()
        self.assertEqual(pc.assignment["workspaces"], [])
        pc.wait_for_news()
        admin.ask("DELETE", f"/api/v1/pcs/{pc.id}", status=204)
        self.assertEqual(pc.waiting.receive().status, 401)
        pc.client.ask("PUT", "/pc/v1/status", pc.status(), status=401)

        actions = [entry["action"] for entry in reversed(admin.items("/api/v1/log"))]
        self.assertEqual(actions[:2], ["administrator.setup", "operations.certify"])
        self.assertEqual(actions[-2:], ["workspace.remove", "pc.remove"])
        self.assertTrue(admin.get("/api/v1/log/check")["whole"])


if __name__ == "__main__":
    unittest.main()
