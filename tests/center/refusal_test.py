#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What Center must not take: bad certificates, documents, blocks, requests, people. Refused clearly, logged, nothing lost."""
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import ssl
import time
import unittest

from center import ENVELOPE, PASSWORD, ZSTD, Author, Center, Client, Pc, key, later, payload, run, temporary
from contract import CONTRACT


class Base(unittest.TestCase):
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

    def setUp(self):
        self.count = 0

    def pc(self, **changes):
        self.count += 1
        text = self.center.enrolment(self.admin, **changes)["text"]
        pc = Pc(self.center, self.folder / f"{self.id()}-{self.count}", text)
        self.addCleanup(pc.close)
        return pc

    def refuse(self, client, status, method, path, body=None, headers=None, says=None):
        answer = client.ask(method, path, body, headers, status=status)
        self.assertEqual(answer.json["status"], status)
        if says:
            self.assertIn(says, answer.json["title"] + " " + answer.json.get("detail", ""))
        return answer


class Certificates(Base):
    def client_with(self, folder, certificate):
        context = ssl.create_default_context(cafile=str(self.center.data / "ca.crt"))
        context.load_cert_chain(certificate, folder / "pc.key")
        client = Client(self.center.port, context)
        self.addCleanup(client.close)
        return client

    def test_none(self):
        client = self.center.client()
        self.addCleanup(client.close)
        self.refuse(client, 401, "GET", "/pc/v1/news?generation=0&orders=0", says="No client certificate")
        # An administrator's session is no PC, nor the other way round.
        self.refuse(self.admin, 401, "PUT", "/pc/v1/status", {})
        pc = self.pc()
        self.refuse(pc.client, 401, "GET", "/api/v1/pcs", says="Not signed in")

    def test_foreign(self):
        pc = self.pc()
        run("openssl", "req", "-x509", "-key", pc.folder / "pc.key", "-subj", f"/CN={pc.id}", "-days", "30", "-out",
            pc.folder / "own.crt")
        client = self.client_with(pc.folder, pc.folder / "own.crt")
        self.refuse(client, 401, "PUT", "/pc/v1/status", pc.status(), says="was not issued by this Center")
        self.assertIn("was not issued by this Center", self.center.log_text())

    def test_not_enrolled(self):
        """Signed by Center's CA for client use, but for nobody that it knows."""
        self.issue("unknown", later(-3600), later(3600))
        client = self.client_with(self.folder / "unknown", self.folder / "unknown/pc.crt")
        self.refuse(client, 401, "GET", "/pc/v1/news?generation=0&orders=0", says="Certificate not known")

    def test_expired(self):
        self.issue("expired", later(-7200), later(-3600))
        client = self.client_with(self.folder / "expired", self.folder / "expired/pc.crt")
        self.refuse(client, 401, "GET", "/pc/v1/news?generation=0&orders=0", says="Certificate expired")

    def issue(self, name, start, end):
        folder = self.folder / name
        folder.mkdir()
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", folder / "pc.key")
        run("openssl", "req", "-new", "-key", folder / "pc.key", "-subj", "/CN=pc", "-out", folder / "pc.csr")
        (folder / "index").write_text("")
        (folder / "config").write_text(f"[ca]\ndatabase={folder}/index\nnew_certs_dir={folder}\nrand_serial=yes\n"
                                       "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[x]\nextendedKeyUsage=clientAuth\n")
        times = [t.replace("-", "").replace("T", "").replace(":", "") for t in (start, end)]
        run("openssl", "ca", "-batch", "-config", folder / "config", "-name", "ca", "-cert", self.center.data / "ca.crt",
            "-keyfile", self.center.data / "ca.key", "-in", folder / "pc.csr", "-out", folder / "pc.crt", "-notext",
            "-extensions", "x", "-startdate", times[0], "-enddate", times[1], stderr=-3)

    def test_renewed(self):
        """The old one is good until the new one is used first, and then no more."""
        pc = self.pc()
        old = pc.client
        answer = old.ask("POST", "/pc/v1/certificate", {"csr": pc.make_csr("new")}, status=200).json
        old.ask("PUT", "/pc/v1/status", pc.status(), status=204)
        pc.use_certificate(answer["certificate"], "new")
        pc.client.ask("PUT", "/pc/v1/status", pc.status(), status=204)
        self.refuse(old, 401, "PUT", "/pc/v1/status", pc.status(), says="Certificate not known")
        old.close()

    def test_request_for_it(self):
        pc = self.pc()
        self.refuse(pc.client, 422, "POST", "/pc/v1/certificate", {"csr": "nonsense"})
        run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", pc.folder / "rsa.key", "-subj", "/CN=x",
            "-out", pc.folder / "rsa.csr", stderr=-3)
        self.refuse(pc.client, 422, "POST", "/pc/v1/certificate", {"csr": (pc.folder / "rsa.csr").read_text()},
                    says="P-256")

    def test_old_tls(self):
        context = ssl.create_default_context(cafile=str(self.center.data / "ca.crt"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            Client(self.center.port, context).connect()


class Enrolments(Base):
    def attempt(self, text, status, says):
        secret = text.split(":")[3]
        client = self.center.client()
        self.addCleanup(client.close)
        csr = Pc.make_csr(self)
        self.refuse(client, status, "POST", "/enrol/v1", {"secret": secret, "csr": csr, "hardware": {}}, says=says)

    def test_tokens(self):
        once = self.center.enrolment(self.admin, uses=1)
        Pc(self.center, self.folder / "first", once["text"]).close()
        self.attempt(once["text"], 401, "used up")
        removed = self.center.enrolment(self.admin)
        self.admin.ask("DELETE", f"/api/v1/enrolments/{removed['id']}", status=204)
        self.attempt(removed["text"], 401, "not known")
        short = self.center.enrolment(self.admin, expires=later(2))
        time.sleep(2.5)
        self.attempt(short["text"], 401, "expired")
        self.refuse(self.admin, 422, "POST", "/api/v1/enrolments", {"title": "x", "expires": later(-1), "uses": 1})
        listed = {e["id"]: e for e in self.admin.items("/api/v1/enrolments")}
        self.assertEqual(listed[once["id"]]["used"], 1)
        self.assertNotIn("text", listed[once["id"]])

    def test_bad_request_takes_no_use(self):
        token = self.center.enrolment(self.admin, uses=1)
        client = self.center.client()
        self.addCleanup(client.close)
        body = {"secret": token["text"].split(":")[3], "csr": "x", "hardware": {}}
        self.refuse(client, 422, "POST", "/enrol/v1", body)
        Pc(self.center, self.folder / "after", token["text"]).close()


class Documents(Base):
    def test_versions(self):
        admin, author = self.admin, self.author
        blocks = [os.urandom(262144), os.urandom(262144)]
        folder = author.image(1, blocks)
        manifest = (folder / "1.json").read_bytes()

        stranger = Author(self.folder / "stranger")
        foreign = (stranger.image(1, blocks) / "1.json").read_bytes()
        self.refuse(admin, 422, "POST", "/api/v1/images", foreign, ENVELOPE, says="Not signed by the release key")
        unsigned = json.loads(manifest)
        unsigned["signatures"] = []
        self.refuse(admin, 422, "POST", "/api/v1/images", json.dumps(unsigned), ENVELOPE)
        self.refuse(admin, 422, "POST", "/api/v1/images", author.policy(), ENVELOPE)
        self.refuse(admin, 422, "POST", "/api/v1/images", b"", ENVELOPE)
        self.refuse(admin, 413, "POST", "/api/v1/images", bytes(1024 * 1024 + 1), ENVELOPE)

        version = admin.ask("POST", "/api/v1/images", manifest, ENVELOPE, status=201).json
        path = "/api/v1/images/debian/versions/1"
        self.assertEqual(version["state"], "draft")
        admin.ask("POST", "/api/v1/images", manifest, ENVELOPE, status=200)
        self.refuse(admin, 409, "GET", path + "/missing", says="Index is missing")
        self.refuse(admin, 409, "POST", path + "/complete")
        self.refuse(admin, 409, "POST", path + "/deploy", {}, says="draft")
        packed = (folder / "indexes" / version["index"]).read_bytes()
        self.refuse(admin, 422, "PUT", path + "/index", packed[:-1] + bytes([packed[-1] ^ 1]), ZSTD)
        admin.ask("PUT", path + "/index", packed, ZSTD, status=204)

        names = admin.get(path + "/missing")["blocks"]
        self.assertEqual(len(names), 2)
        data = [(folder / "blocks" / name[:2] / name).read_bytes() for name in names]
        damaged = bytearray(data[0])
        damaged[len(damaged) // 2] ^= 1
        self.refuse(admin, 422, "PUT", f"/api/v1/blocks/{names[0]}", bytes(damaged), ZSTD, says="Block refused")
        self.refuse(admin, 422, "PUT", f"/api/v1/blocks/{names[0]}", data[1], ZSTD, says="Block refused")
        self.refuse(admin, 413, "PUT", f"/api/v1/blocks/{names[0]}", bytes(262144 + 1025), ZSTD)
        admin.ask("PUT", f"/api/v1/blocks/{names[0]}", data[0], ZSTD, status=204)
        self.refuse(admin, 409, "POST", path + "/complete", says="1 blocks")
        admin.ask("PUT", f"/api/v1/blocks/{names[1]}", data[1], ZSTD, status=204)

        # What a power cut may leave of a block that was not flushed is found before the version is deployable.
        stored = self.center.data / "blocks" / names[1][:2] / names[1]
        stored.write_bytes(data[1][:1000])
        self.refuse(admin, 409, "POST", path + "/complete", says="1 blocks")
        self.assertEqual(admin.get(path + "/missing")["blocks"], [names[1]])
        admin.ask("PUT", f"/api/v1/blocks/{names[1]}", data[1], ZSTD, status=204)
        admin.ask("POST", path + "/complete", status=200)

        # The same number with other content.
        shutil.rmtree(folder)
        other = author.image(1, blocks, title="Another") / "1.json"
        self.refuse(admin, 409, "POST", "/api/v1/images", other.read_bytes(), ENVELOPE, says="Version is taken")

        # Removed: its blocks go, those that another version has stay.
        self.center.upload(admin, author.image(2, [blocks[0], os.urandom(262144)]), 2)
        admin.ask("POST", "/api/v1/images/debian/versions/2/deploy", {}, status=200)
        self.refuse(admin, 409, "DELETE", "/api/v1/images/debian/versions/2", says="in use")
        admin.ask("DELETE", path, status=204)
        self.assertEqual([(self.center.data / "blocks" / n[:2] / n).exists() for n in sorted(names, key=self.is_second(blocks))],
                         [True, False])
        self.refuse(admin, 404, "GET", path)

    @staticmethod
    def is_second(blocks):
        second = hashlib.sha256(blocks[1]).hexdigest()
        return lambda name: name == second

    def test_policies(self):
        admin, author = self.admin, self.author
        admin.ask("POST", "/api/v1/policies", author.policy(2, policy="lab"), status=201)
        admin.ask("POST", "/api/v1/policies", author.policy(2, policy="lab"), status=200)
        self.refuse(admin, 409, "POST", "/api/v1/policies", author.policy(1, policy="lab"), says="too low")
        self.refuse(admin, 409, "POST", "/api/v1/policies", author.policy(2, policy="lab", vcpus=4), says="too low")
        self.assertEqual([p["generation"] for p in admin.items("/api/v1/policies") if p["policy"] == "lab"], [2])

    def test_operations(self):
        stranger = Author(self.folder / "other")
        own = self.admin.get("/api/v1/operations")["key"]
        self.refuse(self.admin, 422, "PUT", "/api/v1/operations", stranger.certificate(own), ENVELOPE)
        another = run("openssl", "genpkey", "-algorithm", "ed25519")
        another = run("openssl", "pkey", "-pubout", input=another).decode()
        self.refuse(self.admin, 422, "PUT", "/api/v1/operations", self.author.certificate(another), ENVELOPE,
                    says="another key")
        older = self.author.certificate(own)
        time.sleep(1.1)  # certificates tell the second in which they were made
        self.admin.ask("PUT", "/api/v1/operations", self.author.certificate(own, "--days", 60), ENVELOPE, status=200)
        self.refuse(self.admin, 409, "PUT", "/api/v1/operations", older, ENVELOPE, says="Older")
        self.assertEqual(self.admin.get("/api/v1/operations")["state"], "valid")


class Requests(Base):
    def test_malformed(self):
        admin, pc = self.admin, self.pc()
        json_type = {"Content-Type": "application/json"}
        for body in (b"", b"{", b"[]", b"null", b'{"a":1}x', b'{"name":"a","name":"b"}', b"\xff\xfe", b'{"name":"\\u0000"}',
                     b"[" * 100000, b'{"name":' * 20 + b"1" + b"}" * 20, b'{"colour":"red"}', b'{"name":5}', b'{"name":""}'):
            self.refuse(admin, 413 if len(body) > 8192 else 400, "PATCH", f"/api/v1/pcs/{pc.id}", body, json_type)
        self.refuse(admin, 415, "PATCH", f"/api/v1/pcs/{pc.id}", b"name=x",
                    {"Content-Type": "application/x-www-form-urlencoded"})
        for path, status in (("/api/v1/nothing", 404), ("/api/v2/pcs", 404), ("/api/v1/pcs/1", 404), ("/", 404),
                             ("/api/v1/pcs/../pcs", 404), ("/api/v1/images/debian/versions/01", 404)):
            self.refuse(admin, status, "GET", path)
        self.refuse(admin, 405, "DELETE", "/api/v1/overview")
        for query in ("limit=0", "limit=1001", "limit=x", "limit=-1", "limit=99999999999999999999", "limit="):
            self.refuse(admin, 400, "GET", "/api/v1/events?" + query, says="limit")
        self.refuse(admin, 400, "GET", "/api/v1/events?severity=loud")
        for query in ("", "?generation=1", "?generation=x&orders=0", "?generation=-1&orders=0", "?generation=0&orders=0&wait=301",
                      f"?generation={2 ** 53 - 2}&orders=0", f"?generation=0&orders={2 ** 53 - 2}"):
            self.refuse(pc.client, 400, "GET", "/pc/v1/news" + query)

    def test_statuses(self):
        pc = self.pc()
        good = pc.status([{"workspace": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "state": "running"}])
        pc.client.ask("PUT", "/pc/v1/status", good, status=204)
        for change in ({"time": "now"}, {"generation": -1}, {"generation": 1.5}, {"workspaces": [1]}, {"space": {}},
                       {"extra": 1}, {"versions": {"nxtop": "a\nb"}}, {"workspaces": [{"workspace": "x", "state": "running"}]},
                       {"workspaces": [{**good["workspaces"][0], "state": "dancing"}]}):
            self.refuse(pc.client, 400, "PUT", "/pc/v1/status", {**good, **change})
        self.refuse(pc.client, 413, "PUT", "/pc/v1/status", {**good, "extra": "x" * (2 << 20)})
        self.assertEqual(self.admin.get(f"/api/v1/pcs/{pc.id}")["status"], good)

    def test_too_large(self):
        """Also when the size is not said before."""
        pc = self.pc()
        def begin():
            pc.client.connect()
            connection = pc.client.connection
            connection.putrequest("POST", "/pc/v1/certificate")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.putheader("Content-Type", "application/json")
            connection.endheaders()
            return connection
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        connection = begin()
        connection.send(chunk + chunk + b"0\r\n\r\n")
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.load(answer)["title"]), (413, "Body too large"))
        # And one that does not end is ended.
        connection = begin()
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            for _ in range(1000):
                connection.send(chunk)

        pc.client.close()
        self.assertIn("status=413", self.center.log_text())
        # A head that does not fit.
        client = self.center.client({"X-Large": "x" * 20000})
        self.addCleanup(client.close)
        try:
            client.send("GET", "/enrol/v1/trust")
            self.assertGreaterEqual(client.connection.getresponse().status, 400)
        except (ConnectionError, http.client.HTTPException, ssl.SSLError):
            pass

    def test_events_once(self):
        pc = self.pc()
        first, second = pc.event(message="one"), pc.event(message="two")
        self.assertEqual(pc.report(first).json["confirmed"], 1)
        changed = {**first, "message": "changed"}
        self.assertEqual(pc.report(changed, second).json["confirmed"], 2)
        pc.report(first, second, second)
        events = self.admin.items(f"/api/v1/events?pc={pc.id}")
        self.assertEqual([(e["sequence"], e["message"]) for e in events], [(2, "two"), (1, "one")])
        pc.report({**pc.event(), "outcome": "done"}, status=400)
        pc.report(*[pc.event() for _ in range(101)], status=400)

    def test_orders(self):
        admin, pc, other = self.admin, self.pc(), self.pc()
        admin.ask("POST", "/api/v1/policies", self.author.policy(), status=201)
        self.center.upload(admin, self.author.image(1, [os.urandom(262144)]), 1)
        workspace = admin.ask("POST", f"/api/v1/pcs/{pc.id}/workspaces",
                              {"title": "Work", "image": "debian", "policy": "office"}, status=201).json["id"]
        self.refuse(admin, 422, "POST", f"/api/v1/pcs/{pc.id}/workspaces", {"title": "x", "image": "no", "policy": "office"})
        path = f"/api/v1/pcs/{pc.id}/orders"
        body = {"workspace": workspace, "do": "snapshot"}
        self.refuse(admin, 400, "POST", path, body, says="Idempotency-Key")
        mine = {"Idempotency-Key": key()}
        order = admin.ask("POST", path, body, mine, status=201).json
        self.assertEqual(admin.ask("POST", path, body, mine, status=200).json["id"], order["id"])
        self.refuse(admin, 409, "POST", path, {**body, "do": "start"}, mine)
        fresh = lambda: {"Idempotency-Key": key()}
        self.refuse(admin, 422, "POST", f"/api/v1/pcs/{other.id}/orders", body, fresh())
        self.refuse(admin, 422, "POST", path, {**body, "do": "forget"}, fresh())
        self.refuse(admin, 422, "POST", path, {**body, "do": "start", "snapshot": "x"}, fresh())
        self.refuse(admin, 422, "POST", path, {**body, "expires": later(-1)}, fresh())
        self.refuse(admin, 400, "POST", path, {**body, "do": "explode"}, fresh())

        # It waits for the PC, comes again until the PC has it, and only that PC ends it, once.
        self.assertEqual(order["state"], "waiting")
        pc.news()
        pc.orders = 0
        self.assertEqual(len(pc.news()["orders"]), 1)
        end = {"kind": "order", "order": order["id"], "outcome": "done"}
        other.report(other.event(**end))
        self.assertEqual(admin.get(f"/api/v1/orders/{order['id']}")["state"], "sent")
        pc.report(pc.event(**end, message="first"))
        pc.report(pc.event(**{**end, "outcome": "failed"}, message="second"))
        ended = admin.get(f"/api/v1/orders/{order['id']}")
        self.assertEqual((ended["state"], ended["message"]), ("done", "first"))
        short = admin.ask("POST", path, {**body, "expires": later(2)}, fresh(), status=201).json
        time.sleep(3.1)
        self.assertEqual(admin.get(f"/api/v1/orders/{short['id']}")["state"], "expired")
        self.assertEqual(admin.items(f"/api/v1/orders?pc={pc.id}&open=true"), [])

        # Two administrators at once: the second is told.
        got = admin.ask("GET", f"/api/v1/workspaces/{workspace}", status=200)
        self.refuse(admin, 428, "PATCH", f"/api/v1/workspaces/{workspace}", {"title": "A"})
        match = {"If-Match": got.headers["ETag"]}
        admin.ask("PATCH", f"/api/v1/workspaces/{workspace}", {"title": "A"}, match, status=200)
        self.refuse(admin, 412, "PATCH", f"/api/v1/workspaces/{workspace}", {"title": "B"}, match)
        self.assertEqual(admin.get(f"/api/v1/workspaces/{workspace}")["title"], "A")


class People(Base):
    def test_sign_in(self):
        client = self.center.client()
        self.addCleanup(client.close)
        self.refuse(client, 401, "POST", "/api/v1/setup", {"code": self.center.code, "name": "eve", "password": PASSWORD},
                    says="One-time code refused")
        self.refuse(client, 401, "GET", "/api/v1/session")
        self.refuse(client, 401, "POST", "/api/v1/session", {"name": "ada", "password": "wrong password"})
        self.refuse(client, 401, "POST", "/api/v1/session", {"name": "nobody", "password": PASSWORD})
        client.headers = {"Cookie": "nxtop_session=" + "a" * 26}
        self.refuse(client, 401, "GET", "/api/v1/session")
        client.headers = {"Authorization": "Bearer nxtop_" + "a" * 26}
        self.refuse(client, 401, "GET", "/api/v1/session")

        signed_in = self.center.sign_in()
        self.addCleanup(signed_in.close)
        cookie = {"Cookie": signed_in.headers["Cookie"]}
        client.headers = cookie
        client.get("/api/v1/session")
        self.refuse(client, 403, "POST", "/api/v1/tokens", {"title": "x", "expires": later(60)}, says="X-CSRF-Token")
        client.headers = {**cookie, "X-CSRF-Token": "0" * 64}
        self.refuse(client, 403, "POST", "/api/v1/tokens", {"title": "x", "expires": later(60)})
        self.refuse(signed_in, 400, "POST", "/api/v1/administrators", {"name": "bob", "password": "short"})
        signed_in.ask("POST", "/api/v1/administrators", {"name": "bob", "password": PASSWORD}, status=201)
        self.refuse(signed_in, 409, "POST", "/api/v1/administrators", {"name": "bob", "password": PASSWORD})
        self.refuse(signed_in, 403, "PUT", "/api/v1/password", {"old": "wrong password", "new": PASSWORD})

        # Removing a person ends their sessions and tokens at once.
        bob = self.center.client()
        self.addCleanup(bob.close)
        self.center.use_session(bob, bob.ask("POST", "/api/v1/session", {"name": "bob", "password": PASSWORD}, status=201))
        token = bob.ask("POST", "/api/v1/tokens", {"title": "script", "expires": later(60)}, status=201).json["secret"]
        signed_in.ask("DELETE", "/api/v1/administrators/bob", status=204)
        self.refuse(bob, 401, "GET", "/api/v1/pcs")
        bob.headers = {"Authorization": f"Bearer {token}"}
        self.refuse(bob, 401, "GET", "/api/v1/pcs")
        self.refuse(signed_in, 409, "DELETE", "/api/v1/administrators/ada", says="Last administrator")
        signed_in.ask("DELETE", "/api/v1/session", status=204)
        self.refuse(signed_in, 401, "GET", "/api/v1/session")

    def test_z_guessing(self):
        """The last of this class: afterwards this address has to wait."""
        client = self.center.client()
        self.addCleanup(client.close)
        statuses = [client.ask("POST", "/api/v1/session", {"name": "ada", "password": "wrong"}).status for _ in range(12)]
        self.assertEqual(statuses[-1], 429)
        self.assertEqual(client.ask("POST", "/api/v1/session", {"name": "ada", "password": PASSWORD}).status, 429)
        self.admin.get("/api/v1/session")


class Rest(Base):
    """What Center does for whoever asks rightly, of all that the tests above do not come to."""

    def test_a_pc_and_what_it_fetches(self):
        admin, author = self.admin, self.author
        content = os.urandom(262144)
        self.center.upload(admin, author.image(1, [content]), 1)
        admin.ask("POST", "/api/v1/policies", author.policy(), status=201)
        admin.ask("POST", "/api/v1/images/debian/versions/1/deploy", {}, status=200)
        pc = self.pc(workspaces=[{"title": "Work", "image": "debian", "policy": "office"}])
        pc.news()
        wanted = pc.assignment["workspaces"][0]
        manifest = payload(pc.client.ask("GET", f"/pc/v1/documents/{wanted['manifest']}", status=200).body)
        pc.client.ask("GET", f"/pc/v1/indexes/{manifest['disks'][0]['index']}", status=200)
        pc.client.ask("GET", f"/pc/v1/blocks/{hashlib.sha256(content).hexdigest()}", status=200)

        self.assertEqual([i["image"] for i in admin.items("/api/v1/images")], ["debian"])
        self.assertEqual([v["version"] for v in admin.items("/api/v1/images/debian/versions")], [1])
        self.assertEqual(admin.get("/api/v1/images/debian/versions/1")["state"], "deployed")
        workspaces = [w["id"] for w in admin.items("/api/v1/workspaces")]
        self.assertEqual(workspaces, [wanted["workspace"]])
        self.assertEqual([w["id"] for w in admin.items(f"/api/v1/pcs/{pc.id}/workspaces")], workspaces)
        self.assertEqual([p["id"] for p in admin.items("/api/v1/pcs")], [pc.id])
        got = admin.ask("GET", f"/api/v1/pcs/{pc.id}", status=200)
        changed = admin.ask("PATCH", f"/api/v1/pcs/{pc.id}", {"name": "Front desk", "note": "by the door"},
                            {"If-Match": got.headers["ETag"]}, status=200).json
        self.assertEqual((changed["name"], changed["note"]), ("Front desk", "by the door"))
        admin.ask("DELETE", f"/api/v1/workspaces/{workspaces[0]}", status=204)
        self.assertEqual(admin.items("/api/v1/workspaces"), [])
        admin.ask("DELETE", f"/api/v1/pcs/{pc.id}", status=204)
        self.refuse(admin, 404, "GET", f"/api/v1/pcs/{pc.id}")
        self.refuse(pc.client, 401, "PUT", "/pc/v1/status", pc.status(), says="Certificate not known")

    def test_people_and_what_they_see(self):
        admin = self.admin
        self.assertEqual([a["name"] for a in admin.items("/api/v1/administrators")], ["ada"])
        token = admin.ask("POST", "/api/v1/tokens", {"title": "script", "expires": later(60)}, status=201).json
        self.assertEqual([t["id"] for t in admin.items("/api/v1/tokens")], [token["id"]])
        admin.ask("DELETE", f"/api/v1/tokens/{token['id']}", status=204)
        self.assertEqual(admin.items("/api/v1/tokens"), [])
        another = self.center.sign_in()
        self.addCleanup(another.close)
        admin.ask("PUT", "/api/v1/password", {"old": PASSWORD, "new": "another password"}, status=204)
        self.refuse(another, 401, "GET", "/api/v1/session")
        self.assertEqual(admin.get("/api/v1/overview")["operations"], "valid")
        self.assertFalse(admin.get("/api/v1/changes")["reset"])
        self.assertTrue(admin.get("/api/v1/log/check")["whole"])
        self.assertEqual([e["action"] for e in admin.items("/api/v1/log")][-1], "administrator.setup")


class ZContract(unittest.TestCase):
    def test_nothing_left_out(self):
        """Runs last: every operation that there is has done its work here, and its answer was as the contract says."""
        self.assertEqual(CONTRACT.operations() - CONTRACT.used, set())


if __name__ == "__main__":
    unittest.main()
