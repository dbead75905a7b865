#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What presses on Center: full disks, slow and vanishing clients, many objects."""
import contextlib
import os
import socket
import subprocess
import threading
import time
import unittest

from center import Client, Pc
from fleet import Fleet


class Load(Fleet):
    def test_full_disk(self):
        """Refused with 507, nothing of it stored, and everything works again when there is space."""
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", str(data)], stderr=-3).returncode:
            self.skipTest("mounting needs root")
        self.addCleanup(subprocess.run, ["umount", str(data)], check=True)
        center = self.center()
        admin = center.set_up()
        self.addCleanup(admin.close)
        pc = self.fleet(center, admin)
        pc.report(pc.event(message="before"))
        folder = self.author.image(2, [os.urandom(262144)])
        with open(data / "ballast", "wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(4096))
        # SQLite has some room left in its files: it is used up in the end.
        big = [pc.event(message="x" * 500) for _ in range(100)]
        statuses = []
        while 507 not in statuses:
            statuses.append(pc.client.ask("POST", "/pc/v1/events", {"events": big}).status)
            self.assertLess(len(statuses), 200)
            if statuses[-1] == 200:
                big = [pc.event(message="x" * 500) for _ in range(100)]
        stored = len(admin.items("/api/v1/events"))
        self.assertEqual(stored, 1 + 100 * (len(statuses) - 1))
        with self.assertRaises(AssertionError):
            center.upload(admin, folder, 2)
        self.assertIn("status=507", center.log_text())
        (data / "ballast").unlink()
        pc.report(*big)
        self.assertEqual(len(admin.items("/api/v1/events")), stored + 100)
        center.upload(admin, folder, 2)

    def test_slow_clients(self):
        """Those who dawdle are ended, and nobody else notices."""
        center = self.center()
        admin = center.set_up()
        self.addCleanup(admin.close)
        silent = [socket.create_connection(("127.0.0.1", center.port)) for _ in range(50)]
        trickling = center.context.wrap_socket(socket.create_connection(("127.0.0.1", center.port)),
                                               server_hostname="localhost")
        ends = {}

        def trickle():
            began = time.monotonic()
            try:
                for byte in b"GET /enrol/v1/trust HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1000:
                    trickling.send(bytes([byte]))
                    time.sleep(0.25)
            except OSError:
                pass
            ends["after"] = time.monotonic() - began
        thread = threading.Thread(target=trickle)
        thread.start()
        worst = 0
        while thread.is_alive():
            began = time.monotonic()
            admin.get("/api/v1/overview")
            worst = max(worst, time.monotonic() - began)
            time.sleep(0.2)
        thread.join()
        self.assertLess(ends["after"], 60)
        # The handshake that never came, too.
        for connection in silent:
            connection.settimeout(30)
            self.assertEqual(connection.recv(100), b"")
            connection.close()
        trickling.close()
        self.assertLess(worst, 5)
        self.assertIn("slow phase=head", center.log_text())

    def test_clients_that_vanish(self):
        """A PC whose connection breaks while it waits is no longer online for long, and its place is free."""
        center = self.center()
        admin = center.set_up()
        self.addCleanup(admin.close)
        pc = self.fleet(center, admin)
        open_files = lambda: len(os.listdir(f"/proc/{center.process.pid}/fd"))
        before = open_files()
        for _ in range(20):
            pc.wait_for_news(300)
            pc.waiting.close()
        deadline = time.monotonic() + 30
        while open_files() > before + 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertLessEqual(open_files(), before + 2)

        # Two at once: the newer one is the PC's, the older one is answered.
        second = Client(center.port, pc.waiting.context)
        self.addCleanup(second.close)
        pc.wait_for_news(300)
        time.sleep(0.2)
        second.send("GET", pc.news_path(300))
        self.assertEqual(pc.waiting.receive().status, 204)
        self.order(admin, pc)
        self.assertEqual(len(second.receive().json["orders"]), 1)

    def test_pages_and_changes(self):
        center = self.center()
        admin = center.set_up()
        self.addCleanup(admin.close)
        names = ["Ä", "b", "B", "b", "c"]
        text = center.enrolment(admin)["text"]
        pcs = []
        position = admin.get("/api/v1/changes")["position"]
        for number, name in enumerate(names):
            pcs.append(Pc(center, self.folder / str(number), text, name))
            self.addCleanup(pcs[-1].close)
        self.assertEqual([p["name"] for p in admin.items("/api/v1/pcs?limit=2")], sorted(names))
        self.assertEqual([p["name"] for p in admin.items("/api/v1/pcs?limit=1&search=B")], ["B", "b", "b"])
        pcs[0].report(*[pcs[0].event(message=str(n)) for n in range(10)])
        self.assertEqual([e["sequence"] for e in admin.items("/api/v1/events?limit=3")], list(range(10, 0, -1)))
        pcs[1].report(pcs[1].event(severity="warning"), pcs[1].event(severity="error"))
        self.assertEqual(len(admin.items("/api/v1/events?severity=warning")), 2)
        self.assertEqual(len(admin.items("/api/v1/events?severity=error")), 1)
        self.assertEqual(len(admin.items("/api/v1/log?limit=2")), 2 + 1 + len(names))

        changes = admin.get(f"/api/v1/changes?after={position}")
        self.assertEqual({c["id"] for c in changes["changes"] if c["what"] == "pc"}, {pc.id for pc in pcs})
        admin.send("GET", f"/api/v1/changes?wait=20&after={changes['position']}")
        pcs[2].report(pcs[2].event())
        self.assertEqual(admin.receive().json["changes"], [{"what": "event", "id": pcs[2].id}])
        self.assertTrue(admin.get("/api/v1/changes?after=elsewhere-1")["reset"])
        self.assertEqual(admin.get(f"/api/v1/changes?wait=0&after={admin.get('/api/v1/changes')['position']}")["changes"], [])

        # Those who only have certificates that say so are online; a search for the others finds nobody.
        self.assertEqual(admin.items("/api/v1/pcs?online=false"), [])
        self.assertEqual(admin.get("/api/v1/overview")["online"], len(names))


if __name__ == "__main__":
    unittest.main()
