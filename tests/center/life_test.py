#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Center's life: restarts, backups, wrong permissions, a forgotten password, the console's files."""
import os
import shutil
import socket
import sqlite3
import subprocess
import time
import unittest

from center import PASSWORD, Author, Center, Pc, program, run
from fleet import Fleet


class Restarts(Fleet):
    def test_nothing_is_lost(self):
        center = self.center()
        admin = center.set_up()
        self.addCleanup(admin.close)
        pc = self.fleet(center, admin)
        for kill in (False, True, True):
            order = self.order(admin, pc)
            pc.report(pc.event(message="before"))
            pc.wait_for_news()
            pc.take_news()
            center.stop(kill=kill)
            center.start()
            self.follow(center, admin, pc.client, pc.waiting)
            self.assertEqual(admin.get(f"/api/v1/orders/{order['id']}")["state"], "sent")
            self.assertEqual(len(admin.items("/api/v1/events")), pc.sequence)
            self.assertIsNone(pc.news())
        self.assertTrue(admin.get("/api/v1/log/check")["whole"])

    def test_stops_while_pcs_wait(self):
        center = self.center()
        admin = center.set_up()
        self.addCleanup(admin.close)
        pc = self.fleet(center, admin)
        pc.wait_for_news(300)
        admin.send("GET", "/api/v1/changes?wait=300&after=" + admin.get("/api/v1/changes")["position"])
        began = time.monotonic()
        center.stop()
        self.assertLess(time.monotonic() - began, 15)
        center.start()

    def test_restored_from_a_backup(self):
        """The PC knows more than Center does: Center goes on from there, so that the PC need not refuse."""
        center = self.center()
        admin = center.set_up()
        self.addCleanup(admin.close)
        pc = self.fleet(center, admin)
        center.stop()
        shutil.copytree(center.data, self.folder / "backup")
        center.start()
        self.follow(center, admin, pc.client, pc.waiting)
        workspace = admin.items(f"/api/v1/pcs/{pc.id}/workspaces")[0]["id"]
        for title in ("B", "C"):
            etag = admin.ask("GET", f"/api/v1/workspaces/{workspace}").headers["ETag"]
            admin.ask("PATCH", f"/api/v1/workspaces/{workspace}", {"title": title}, {"If-Match": etag}, status=200)
            self.order(admin, pc)
        pc.news()
        self.assertEqual((pc.generation, pc.orders), (3, 2))
        center.stop()
        shutil.rmtree(center.data)
        shutil.copytree(self.folder / "backup", center.data)
        center.start()
        self.follow(center, admin, pc.client, pc.waiting)
        self.assertIsNotNone(pc.news())
        self.assertEqual((pc.generation, pc.assignment["workspaces"][0]["title"]), (4, "Work"))
        admin = center.sign_in()
        self.addCleanup(admin.close)
        self.order(admin, pc)
        pc.news()
        self.assertEqual(pc.orders, 3)

    def test_log_shows_tampering(self):
        center = self.center()
        admin = center.set_up()
        self.addCleanup(admin.close)
        for number in range(3):
            center.enrolment(admin, title=f"Number {number}")
        self.assertTrue(admin.get("/api/v1/log/check")["whole"])
        center.stop()
        with sqlite3.connect(center.data / "center.sqlite") as database:
            database.execute("UPDATE log SET who = 'eve' WHERE sequence = 3")
        database.close()
        center.start()
        self.follow(center, admin)
        checked = admin.get("/api/v1/log/check")
        self.assertEqual((checked["whole"], checked["broken"]), (False, 3))


class Starts(Fleet):
    def refuse(self, says, *arguments):
        done = subprocess.run([str(program("center/nxtop-center")), "--data", str(self.folder / "data"), "--listen",
                               "127.0.0.1:0", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=30)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(says, done.stderr)

    def test_refuses(self):
        center = self.center()
        self.refuse("another nxtop-center runs")
        center.stop()
        center.data.chmod(0o755)
        self.refuse("chmod 700")
        center.data.chmod(0o700)
        for name in ("ca.key", "operations.key", "center.sqlite"):
            mode = (center.data / name).stat().st_mode & 0o777
            (center.data / name).chmod(0o640)
            self.refuse("chmod 600")
            (center.data / name).chmod(mode)
        other = Author(self.folder / "other")
        self.refuse("trusts another release key", "--release-key", other.public)
        self.refuse("cannot be read", "--release-key", self.folder / "nothing")
        self.refuse("no address", "--listen", "everywhere")
        (center.data / "ca.crt").rename(self.folder / "ca.crt")
        (center.data / "ca.crt").write_text("damaged")
        self.refuse("ca.crt are damaged")
        (self.folder / "ca.crt").rename(center.data / "ca.crt")
        with sqlite3.connect(center.data / "center.sqlite") as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        self.refuse("newer nxtop-center")
        (center.data / "center.sqlite").write_bytes(b"x" * 8192)
        for leftover in ("center.sqlite-wal", "center.sqlite-shm"):
            (center.data / leftover).unlink(missing_ok=True)
        self.refuse("damaged, or no database")

    def test_forgotten_password(self):
        center = self.center()
        center.set_up().close()
        out = run(program("center/nxtop-center"), "signin", "--data", center.data).decode()
        code = out.split("\n")[0].split(": ")[1]
        client = center.client()
        self.addCleanup(client.close)
        client.ask("POST", "/api/v1/setup", {"code": code, "name": "ada", "password": "another password"}, status=201)
        client.ask("POST", "/api/v1/session", {"name": "ada", "password": PASSWORD}, status=401)
        client.ask("POST", "/api/v1/session", {"name": "ada", "password": "another password"}, status=201)

    def test_no_release_key(self):
        center = Center(self.folder)
        self.addCleanup(center.stop)
        admin = center.set_up()
        self.addCleanup(admin.close)
        self.assertIsNone(admin.get("/api/v1/overview")["release_key"])
        for method, path, body in (("GET", "/enrol/v1/trust", None), ("POST", "/api/v1/policies", self.author.policy())):
            self.assertIn("nxtop-center trust", admin.ask(method, path, body, status=409).json["hint"])
        center.stop()
        run(program("center/nxtop-center"), "trust", "--data", center.data, "--release-key", self.author.public)
        center.start()
        self.follow(center, admin)
        admin.ask("POST", "/api/v1/policies", self.author.policy(), status=201)

    def test_held_back_without_certificate(self):
        """Assignments and orders wait for the certificate of Center's key, for PCs would refuse them."""
        center = self.center()
        admin = center.client()
        self.addCleanup(admin.close)
        center.use_session(admin, admin.ask("POST", "/api/v1/setup",
                                            {"code": center.code, "name": "ada", "password": PASSWORD}, status=201))
        operations = admin.get("/api/v1/operations")
        self.assertEqual((operations["state"], admin.get("/api/v1/overview")["operations"]), ("missing", "missing"))
        center.upload(admin, self.author.image(1, [os.urandom(262144)]), 1)
        admin.ask("POST", "/api/v1/policies", self.author.policy(), status=201)
        admin.ask("POST", "/api/v1/images/debian/versions/1/deploy", {}, status=200)
        pc = Pc(center, self.folder / "pc", center.enrolment(
            admin, workspaces=[{"title": "Work", "image": "debian", "policy": "office"}])["text"])
        self.addCleanup(pc.close)
        self.assertIsNone(pc.news())
        pc.wait_for_news()
        admin.ask("PUT", "/api/v1/operations", self.author.certificate(operations["key"]), status=200)
        self.assertIsNotNone(pc.take_news()["assignment"])


class Console(Fleet):
    def test_files(self):
        web = self.folder / "web"
        (web / "assets").mkdir(parents=True)
        (web / "index.html").write_text("<!doctype html>")
        (web / "assets/app.js").write_text("1")
        (self.folder / "secret.txt").write_text("secret")
        (web / "link.txt").symlink_to(self.folder / "secret.txt")
        center = self.center(arguments=["--console", web])

        def get(path):
            with center.context.wrap_socket(socket.create_connection(("127.0.0.1", center.port)),
                                            server_hostname="localhost") as tls:
                tls.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                data = b""
                while chunk := tls.recv(65536):
                    data += chunk
            head, body = data.split(b"\r\n\r\n", 1)
            return int(head.split()[1]), head.decode(), body
        for path in ("/", "/pcs/1234", "/index.html"):
            status, head, body = get(path)
            self.assertEqual((status, body), (200, b"<!doctype html>"))
            self.assertIn("Content-Type: text/html", head)
            self.assertIn("Cache-Control: no-cache", head)
            for part in ("script-src 'self'", "frame-ancestors 'none'", "default-src 'none'"):
                self.assertIn(part, head)
        status, head, _ = get("/assets/app.js")
        self.assertIn("text/javascript", head)
        self.assertIn("immutable", head)
        for path in ("/assets/none.js", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt", "/link.txt",
                     "//etc/passwd.txt", "/assets"):
            self.assertNotIn(b"secret", get(path)[2])
        self.assertEqual(get("/link.txt")[0], 404)
        self.assertEqual(get("/api/v1/pcs")[0], 401)


if __name__ == "__main__":
    unittest.main()
