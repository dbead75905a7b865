#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""nxtopctl against a real Center: a fleet from set-up to an order's outcome, by its commands alone."""
import json
import os
import pathlib
import stat
import subprocess
import unittest

from center import PASSWORD, Author, Center, Pc, payload, program, temporary


class Ctl(unittest.TestCase):
    def setUp(self):
        folder = temporary()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.author = Author(self.folder / "author")
        self.center = Center(self.folder, self.author)
        self.addCleanup(self.center.stop)
        self.url = f"https://localhost:{self.center.port}"
        (self.folder / "password").write_text(PASSWORD + "\n")

    def ctl(self, *arguments, status=0, start=False):
        command = [program("center/nxtopctl"), *map(str, arguments)]
        options = {"env": {**os.environ, "NXTOPCTL_CONFIG": str(self.folder / "ctl.json")}, "text": True,
                   "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        if start:
            return subprocess.Popen(command, **options)
        done = subprocess.run(command, timeout=60, **options)
        self.assertEqual(done.returncode, status, (arguments, done.stdout, done.stderr))
        return done.stdout if not status else done.stderr

    def json(self, *arguments):
        return json.loads(self.ctl(*arguments, "--json"))

    def sign_in(self, *trust):
        return self.ctl("setup", self.url, "--code", self.center.code, "--name", "ada", "--password-file",
                        self.folder / "password", *trust)

    def test_fleet(self):
        self.assertIn("not signed in", self.ctl("pc", "list", status=1))
        self.assertIn("another fingerprint", self.ctl("setup", self.url, "--code", self.center.code, "--name", "ada",
                                                      "--fingerprint", "0" * 64, status=1))
        self.sign_in("--ca", self.center.data / "ca.crt")
        self.assertEqual(stat.S_IMODE((self.folder / "ctl.json").stat().st_mode), 0o600)

        self.ctl("operations", "show", "--key-out", self.folder / "center.pub")
        certificate = self.author.certificate((self.folder / "center.pub").read_text())
        (self.folder / "certificate").write_bytes(certificate)
        self.assertEqual(self.json("operations", "certify", self.folder / "certificate")["state"], "valid")

        image = self.author.image(1, [os.urandom(262144), os.urandom(1000 * 512)[:262144]])
        self.assertIn("2 blocks sent", self.ctl("image", "upload", image, 1))
        self.assertIn("0 blocks sent", self.ctl("image", "upload", image, 1))
        (self.folder / "office").write_bytes(self.author.policy())
        self.ctl("policy", "add", self.folder / "office")
        self.assertEqual(self.json("policy", "list")[0]["policy"], "office")

        text = self.ctl("enrolment", "create", "--title", "Lab", "--workspace", "Lab: desk:debian:office").strip()
        pc = Pc(self.center, self.folder / "pc", text, "Lab 1")
        self.addCleanup(pc.close)
        self.assertIn("used up", Problem.of(lambda: Pc(self.center, self.folder / "other", text)))
        workspace = self.json("workspace", "list", "Lab 1")[0]
        self.assertEqual((workspace["title"], workspace["version"]), ("Lab: desk", None))
        self.ctl("image", "deploy", "debian", 1)
        self.assertIn("deployed", self.ctl("image", "versions", "debian"))
        pc.news()

        self.ctl("pc", "rename", "Lab 1", "Lab A")
        self.ctl("pc", "note", "Lab A", "by the window")
        self.assertIn("by the window", self.ctl("pc", "show", "Lab A"))
        self.assertIn("no PC is called", self.ctl("pc", "show", "Lab 1", status=1))

        # The command waits for the PC's word, and ends as the order did.
        for outcome, status in (("done", 0), ("failed", 1)):
            pc.wait_for_news()
            waiting = self.ctl("order", "revert", workspace["id"], "--wait", start=True)
            order = payload(pc.take_news()["orders"][0])["order"]
            pc.report(pc.event(kind="order", order=order, outcome=outcome, message="so it was"))
            out, err = waiting.communicate(timeout=60)
            self.assertEqual(waiting.returncode, status, err)
            self.assertIn("so it was", out)
        self.assertEqual([o["state"] for o in self.json("order", "list", "--pc", "Lab A")], ["failed", "done"])
        self.assertIn("so it was", self.ctl("event", "list", "--limit", 5))

        self.ctl("workspace", "remove", workspace["id"])
        self.ctl("pc", "remove", "Lab A")
        self.assertEqual(self.json("pc", "list"), [])
        self.assertIn("pc.remove", self.ctl("log", "list"))
        self.assertTrue(self.json("log", "check")["whole"])
        self.assertIn("in use", self.ctl("image", "remove", "debian", 1, status=1))

        # What a script uses; and signing out ends the token, not only the file.
        kept = json.loads((self.folder / "ctl.json").read_text())["token"]
        script = self.center.client({"Authorization": "Bearer " + self.ctl("token", "create", "--title", "script").strip()})
        self.addCleanup(script.close)
        self.assertEqual(script.get("/api/v1/session")["administrator"], "ada")
        self.ctl("logout")
        script.headers = {"Authorization": "Bearer " + kept}
        script.ask("GET", "/api/v1/session", status=401)
        self.ctl("login", self.url, "--name", "ada", "--password-file", self.folder / "password", "--ca",
                 self.center.data / "ca.crt")
        self.ctl("overview")

    def test_errors(self):
        self.sign_in("--ca", self.center.data / "ca.crt")
        self.assertIn("usage", self.ctl("pc", status=2))
        self.assertIn("no option", self.ctl("pc", "list", "--colour", "red", status=2))
        self.assertIn("it needs", self.ctl("image", "deploy", "debian", status=2))
        self.assertIn("Not found (404)", self.ctl("image", "deploy", "debian", 1, status=1))
        (self.folder / "file").write_text("{}")
        self.assertIn("(422)", self.ctl("policy", "add", self.folder / "file", status=1))
        self.center.stop()
        self.assertIn("cannot be asked", self.ctl("pc", "list", status=1))
        self.center.start()


class Problem:
    @staticmethod
    def of(action):
        try:
            action()
        except AssertionError as error:
            return str(error)
        return ""


if __name__ == "__main__":
    unittest.main()
