# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of a Center with a PC begin with."""
import os
import pathlib
import unittest

from center import Author, Center, Pc, key, temporary


class Fleet(unittest.TestCase):
    def setUp(self):
        folder = temporary()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.author = Author(self.folder / "author")

    def center(self, **options):
        center = Center(self.folder, self.author, **options)
        self.addCleanup(center.stop)
        return center

    def fleet(self, center, admin):
        """A PC with a workspace of a deployed image."""
        center.upload(admin, self.author.image(1, [os.urandom(262144)]), 1)
        admin.ask("POST", "/api/v1/policies", self.author.policy(), status=201)
        admin.ask("POST", "/api/v1/images/debian/versions/1/deploy", {}, status=200)
        text = center.enrolment(admin, workspaces=[{"title": "Work", "image": "debian", "policy": "office"}])["text"]
        pc = Pc(center, self.folder / "pc", text)
        self.addCleanup(pc.close)
        pc.news()
        return pc

    def order(self, admin, pc, what="start"):
        return admin.ask("POST", f"/api/v1/pcs/{pc.id}/orders",
                         {"workspace": pc.assignment["workspaces"][0]["workspace"], "do": what},
                         {"Idempotency-Key": key()}, status=201).json

    def follow(self, center, *clients):
        """After a restart the port is another one."""
        for client in clients:
            client.close()
            client.port = center.port
