# SPDX-License-Identifier: GPL-2.0-or-later
"""A real nxtop-center on a loopback port, an administrator, an image author, and PCs, for the tests and the bench."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.parse

from contract import CONTRACT

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("NXTOP_BUILD", ROOT / "build" / "meson"))
PASSWORD = "correct horse battery"
JSON = {"Content-Type": "application/json"}
ENVELOPE = {"Content-Type": "application/vnd.nxtop.envelope+json"}
ZSTD = {"Content-Type": "application/zstd"}


def program(name, checked=True):
    """One of the build's programs, by its path there: under sanitizers, or, to be measured, as its users have it."""
    return BUILD / (f"{name}-checked" if checked else name)


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, timeout=60, **options).stdout


def later(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def payload(envelope):
    """Of an envelope, not verified."""
    return json.loads(base64.b64decode(json.loads(envelope)["payload"]))


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """One keep-alive connection; each answer is checked against the contract."""

    def __init__(self, port, context, headers=None):
        self.port, self.context, self.headers = port, context, headers or {}
        self.connection = None

    def connect(self):
        self.close()
        self.connection = http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=30)
        self.connection.connect()

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def send(self, method, path, body=None, headers=None):
        if not self.connection:
            self.connect()
        request = None
        headers = {**self.headers, **(headers or {})}
        if body is not None and not isinstance(body, (bytes, str)):
            request = body
            body = json.dumps(body)
            headers = {**JSON, **headers}
        self.sent = (method, path, request)
        self.connection.request(method, path, body, headers)

    def receive(self):
        response = self.connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        method, path, request = self.sent
        CONTRACT.check(method, path, request, answer.status, answer.headers, answer.body)
        if response.will_close:
            self.close()
        return answer

    def ask(self, method, path, body=None, headers=None, status=None):
        try:
            self.send(method, path, body, headers)
            answer = self.receive()
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError):
            self.close()
            raise
        if status is not None and answer.status != status:
            raise AssertionError(f"{method} {path}: {answer.status} instead of {status}: {answer.body[:600]}")
        return answer

    def get(self, path, status=200):
        return self.ask("GET", path, status=status).json

    def items(self, path):
        """All pages of a list."""
        found, after = [], None
        while True:
            mark = "&" if "?" in path else "?"
            page = self.get(path + (f"{mark}after={urllib.parse.quote(after)}" if after else ""))
            found += page["items"]
            after = page["next"]
            if after is None:
                return found


class Author:
    """Holds a release key, and makes images and policies with the real tool."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tool("keygen", "--no-passphrase", "release")
        self.key, self.public = self.folder / "release.key", self.folder / "release.pub"

    def tool(self, *arguments):
        return run(program("center/release/nxtop-release"), *arguments, cwd=self.folder, stderr=subprocess.PIPE)

    def image(self, version, blocks, image="debian", title="Debian"):
        """blocks: the bytes of each. The folder that the tool made."""
        disk = self.folder / "disk.raw"
        disk.write_bytes(b"".join(blocks))
        self.tool("seal", "--image", image, "--version", version, "--title", title, "--firmware", "bios",
                  "--memory-mib", 256, "--key", self.key, "-o", image, disk)
        return self.folder / image

    def policy(self, generation=1, **changes):
        policy = {"format": 1, "policy": "office", "generation": generation, "title": "Office", "kind": "custom", "vcpus": 1,
                  "memory_mib": 512, "user_disk_mib": 0, "network": "none", "autostart": True,
                  "snapshots": {"keep": 5, "every_minutes": 0}, "health": {"agent": False, "boot_seconds": 60}, **changes}
        source, sealed = self.folder / "policy.json", self.folder / f"{policy['policy']}-{generation}.sealed"
        source.write_text(json.dumps(policy))
        sealed.unlink(missing_ok=True)
        self.tool("policy", "--key", self.key, "-o", sealed, source)
        return sealed.read_bytes()

    def certificate(self, center_key, *options):
        (self.folder / "center.pub").write_text(center_key)
        sealed = self.folder / "operations.sealed"
        sealed.unlink(missing_ok=True)
        self.tool("operations", "--key", self.key, "--center-key", "center.pub", "-o", sealed, *options)
        return sealed.read_bytes()


class Center:
    """A server process, and its administrator."""

    def __init__(self, folder, author=None, arguments=(), start=True, checked=True):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.author = author
        self.arguments = list(arguments)
        self.program = program("center/nxtop-center", checked)
        self.process = None
        self.code = None
        if start:
            self.start()

    def start(self):
        if self.author and "--release-key" not in self.arguments:
            self.arguments += ["--release-key", self.author.public]
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [str(part) for part in (self.program, "--data", self.data, "--listen", "127.0.0.1:0", "--name", "localhost",
                                    *self.arguments)],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        match = re.match(r"NxTop Center is at https://localhost:(\d+)/$", line)
        if not match:
            self.process.wait(10)
            raise AssertionError(f"nxtop-center did not start: {line!r} {self.log_text()[-6000:]}")
        self.port = int(match[1])
        if not self.code:
            line = self.process.stdout.readline()
            self.code = re.match(r"One-time code, for a day: (\S+)$", line)[1]
        self.context = ssl.create_default_context(cafile=str(self.data / "ca.crt"))
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3

    def stop(self, kill=False):
        if self.process:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            status = self.process.wait(20)
            self.process.stdout.close()
            self.log.close()
            self.process = None
            if not kill and status:
                raise AssertionError(f"nxtop-center ended with {status}: {self.log_text()[-6000:]}")

    def log_text(self):
        return (self.folder / "log").read_text()

    def client(self, headers=None):
        return Client(self.port, self.context, headers)

    def set_up(self):
        """The first administrator, signed in with a session, and a certificate for Center's key."""
        admin = self.client()
        session = admin.ask("POST", "/api/v1/setup", {"code": self.code, "name": "ada", "password": PASSWORD}, status=201)
        self.use_session(admin, session)
        if self.author:
            certificate = self.author.certificate(admin.get("/api/v1/operations")["key"])
            admin.ask("PUT", "/api/v1/operations", certificate, ENVELOPE, status=200)
        return admin

    @staticmethod
    def use_session(admin, answer):
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        admin.headers = {"Cookie": cookie, "X-CSRF-Token": answer.json["csrf"]}

    def sign_in(self):
        admin = self.client()
        self.use_session(admin, admin.ask("POST", "/api/v1/session", {"name": "ada", "password": PASSWORD}, status=201))
        return admin

    def upload(self, admin, folder, version):
        """As nxtopctl does. How many blocks were sent."""
        answer = admin.ask("POST", "/api/v1/images", (folder / f"{version}.json").read_bytes(), ENVELOPE)
        assert answer.status in (200, 201), answer.body
        made = answer.json
        path = f"/api/v1/images/{made['image']}/versions/{made['version']}"
        index = (folder / "indexes" / made["index"]).read_bytes()
        admin.ask("PUT", path + "/index", index, ZSTD, status=204)
        missing = admin.get(path + "/missing")["blocks"]
        for name in missing:
            admin.ask("PUT", f"/api/v1/blocks/{name}", (folder / "blocks" / name[:2] / name).read_bytes(), ZSTD, status=204)
        assert admin.ask("POST", path + "/complete", status=200).json["state"] == "deployable"
        return len(missing)

    def enrolment(self, admin, **changes):
        request = {"title": "Test PCs", "expires": later(3600), "uses": 100, **changes}
        return admin.ask("POST", "/api/v1/enrolments", request, status=201).json


class Pc:
    """A PC as the protocol has it, without workspaces to run."""

    def __init__(self, center, folder, text, name="PC"):
        self.center, self.folder, self.name = center, pathlib.Path(folder), name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.generation = self.orders = self.sequence = 0
        self.enrol(text)

    def make_csr(self, name="pc"):
        key, csr = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        run("openssl", "req", "-new", "-key", key, "-subj", "/CN=pc", "-out", csr)
        return csr.read_text()

    def enrol(self, text):
        mark, host, port, secret, fingerprint = text.split(":")
        assert (mark, host) == ("nxtop1", "localhost"), text
        blind = ssl.create_default_context()
        blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
        client = Client(int(port), blind)
        trust = client.get("/enrol/v1/trust")
        client.close()
        found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(trust["ca"]) + base64.b64decode(trust["release_key"])).digest()
        assert base64.b32encode(found).decode().lower().rstrip("=") == fingerprint
        self.release_key = base64.b64decode(trust["release_key"])
        self.ca = trust["ca"]
        client = Client(int(port), ssl.create_default_context(cadata=self.ca))
        answer = client.ask("POST", "/enrol/v1", {"secret": secret, "csr": self.make_csr(), "name": self.name,
                                                  "hardware": {"model": "Test", "serial": "1", "cpus": 2}})
        client.close()
        if answer.status != 201:
            raise AssertionError(answer.body)
        self.id = answer.json["pc"]
        self.use_certificate(answer.json["certificate"])

    def use_certificate(self, certificate, key="pc"):
        path = self.folder / "pc.crt"
        path.write_text(certificate)
        context = ssl.create_default_context(cadata=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(path, self.folder / f"{key}.key")
        self.client = Client(self.center.port, context)
        self.waiting = Client(self.center.port, context)

    def news_path(self, wait):
        return f"/pc/v1/news?generation={self.generation}&orders={self.orders}&wait={wait}"

    def wait_for_news(self, wait=20):
        """Begins to wait; take_news() ends it."""
        self.waiting.send("GET", self.news_path(wait))

    def take_news(self):
        answer = self.waiting.receive()
        return self.accept(answer.json) if answer.status == 200 else None

    def news(self, wait=0):
        self.wait_for_news(wait)
        return self.take_news()

    def accept(self, news):
        if news["assignment"]:
            self.assignment = payload(news["assignment"])
            self.generation = self.assignment["generation"]
        for order in news["orders"]:
            self.orders = payload(order)["sequence"]
        return news

    def event(self, **members):
        self.sequence += 1
        return {"sequence": self.sequence, "time": later(0), "kind": "test", "severity": "info", "message": "", **members}

    def report(self, *events, status=200):
        return self.client.ask("POST", "/pc/v1/events", {"events": list(events)}, status=status)

    def status(self, workspaces=(), **changes):
        return {"time": later(0), "generation": self.generation, "orders": self.orders, "versions": {"nxtop": "0.1.0"},
                "hardware": {"cpus": 2}, "space": {"total": 10 ** 11, "free": 10 ** 10}, "workspaces": list(workspaces), **changes}

    def close(self):
        self.client.close()
        self.waiting.close()


def temporary():
    return tempfile.TemporaryDirectory(prefix="nxtop-center-test.")


def key():
    return secrets.token_hex(8)
