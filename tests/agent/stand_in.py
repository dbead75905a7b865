# SPDX-License-Identifier: GPL-2.0-or-later
"""A Center for tests of the agent, which can also lie: keys, documents, images, and a server that hands them out.

The real one is tested with the agent in test_center.py; most of what this one can send, it never would.
"""

import base64
import hashlib
import http.server
import json
import re
import ssl
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

BLOCK = 262144


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True, capture_output=True).stdout


class Key:
    """An Ed25519 key."""

    def __init__(self, folder, name):
        self._path = Path(folder) / f"{name}.pem"
        openssl("genpkey", "-algorithm", "ed25519", "-out", self._path)
        self.raw = openssl("pkey", "-in", self._path, "-pubout", "-outform", "DER")[-32:]
        self.id = hashlib.sha256(self.raw).hexdigest()

    def sign(self, data):
        with tempfile.NamedTemporaryFile(dir=self._path.parent) as file:
            file.write(data)
            file.flush()
            return openssl("pkeyutl", "-sign", "-inkey", self._path, "-rawin", "-in", file.name)


def envelope(kind, payload, key):
    """A signed document, as bytes."""
    kind = f"application/vnd.nxtop.{kind}+json"
    body = json.dumps(payload).encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)
    return json.dumps({"payloadType": kind, "payload": base64.b64encode(body).decode(), "signatures": [
        {"keyid": key.id, "sig": base64.b64encode(key.sign(signed)).decode()}]}).encode()


def name_of(data):
    return hashlib.sha256(data).hexdigest()


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def compress(pieces):
    """Each as one zstd frame with its size."""
    if not pieces:
        return []
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, piece in enumerate(pieces):
            path = Path(folder) / f"{number:08}"
            path.write_bytes(piece)
            paths.append(path)
        for start in range(0, len(paths), 500):
            subprocess.run(["zstd", "-q", "-3", "--no-check", *paths[start:start + 500]], check=True)
        return [path.with_suffix(".zst").read_bytes() for path in paths]


class Center:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.release = Key(self.folder, "release")
        self.operations = Key(self.folder, "operations")
        self._make_ca()
        self.lock = threading.Condition()
        self.documents, self.indexes, self.blocks = {}, {}, {}
        self.pcs = {}
        self.secret = "a" * 26
        self.certificate = self.certify(self.operations)
        self.assignment, self.generation, self.orders = None, 0, []
        self.sequence = 0
        self.ordered = None
        self.events, self.status = {}, None
        self.requests = []
        self.damage = lambda path, body: body
        self.delay = 0
        self.certificate_age = 0
        self.server = None
        self.port = None

    # --------------------------------------------------------------------------------------- keys and documents

    def _make_ca(self):
        f = self.folder
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=Test Center", "-keyout", f / "ca.key", "-out", f / "ca.pem")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=localhost", "-keyout", f / "server.key", "-out", f / "server.csr")
        (f / "server.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f / "server.csr", "-CA", f / "ca.pem", "-CAkey", f / "ca.key", "-CAcreateserial",
                "-days", "30", "-extfile", f / "server.ext", "-out", f / "server.pem")

    def certify(self, key, start=-3600, end=86400, may=("assign", "order")):
        now = time.time()
        return envelope("operations", {"format": 1, "key": base64.b64encode(key.raw).decode(),
                                       "not_before": utc(now + start), "not_after": utc(now + end),
                                       "may": list(may)}, self.release)

    def enrol_text(self):
        der = openssl("x509", "-in", self.folder / "ca.pem", "-outform", "DER")
        fingerprint = hashlib.sha256(der + self.release.raw).digest()
        text = base64.b32encode(fingerprint).decode().lower().rstrip("=")
        return f"nxtop1:127.0.0.1:{self.port}:{self.secret}:{text}"

    def add_image(self, image, version, disk, size=None, **manifest):
        """Seals a raw disk (bytes), with nothing behind it up to `size`; the manifest's name."""
        names, plain = [], {}
        for start in range(0, len(disk), BLOCK):
            piece = disk[start:start + BLOCK]
            if not any(piece):
                names.append(bytes(32))
                continue
            names.append(hashlib.sha256(piece).digest())
            plain[names[-1].hex()] = piece
        filled = sum(len(disk[i * BLOCK:(i + 1) * BLOCK]) for i, name in enumerate(names) if any(name))
        new = [name for name in plain if name not in self.blocks]
        for name, packed in zip(new, compress([plain[name] for name in new])):
            self.blocks[name] = packed
        size = size or len(disk)
        names += [bytes(32)] * (-(-size // BLOCK) - len(names))
        return self.add_manifest(image, version, b"".join(names), size, filled, **manifest)

    def add_manifest(self, image, version, index, size, filled, key=None, memory_mib=64, firmware="bios"):
        """Of a disk that consists of these blocks; nobody looks whether they are here."""
        self.indexes[name_of(index)] = compress([index])[0]
        return self.add_document("image", {
            "format": 1, "image": image, "version": version, "title": f"{image} {version}", "created": utc(time.time()),
            "firmware": firmware, "memory_mib": memory_mib,
            "disks": [{"role": "system", "size": size, "block": BLOCK, "index": name_of(index),
                       "filled": filled}]}, key)

    def add_policy(self, policy, generation=1, key=None, kind="custom", user_disk_mib=16, autostart=True, keep=5,
                   every_minutes=0, agent=False, boot_seconds=10, memory_mib=64):
        return self.add_document("policy", {
            "format": 1, "policy": policy, "generation": generation, "title": policy, "kind": kind, "vcpus": 1,
            "memory_mib": memory_mib, "user_disk_mib": user_disk_mib, "network": "none", "autostart": autostart,
            "snapshots": {"keep": keep, "every_minutes": every_minutes},
            "health": {"agent": agent, "boot_seconds": boot_seconds}}, key)

    def add_document(self, kind, payload, key=None):
        data = envelope(kind, payload, key or self.release)
        self.documents[name_of(data)] = data
        return name_of(data)

    def only_pc(self):
        return next(iter(self.pcs))

    def assign(self, workspaces, generation=None, key=None, pc=None):
        """workspaces: (id, title, image, version, manifest, policy)."""
        names = ("workspace", "title", "image", "version", "manifest", "policy")
        with self.lock:
            self.generation = generation or self.generation + 1
            self.assignment = envelope("assignment", {
                "format": 1, "pc": pc or self.only_pc(), "generation": self.generation, "issued": utc(time.time()),
                "workspaces": [dict(zip(names, w)) for w in workspaces]}, key or self.operations)
            self.lock.notify_all()

    def order(self, workspace, do, snapshot="", expires=3600, key=None, pc=None, sequence=None):
        with self.lock:
            self.sequence = sequence or self.sequence + 1
            order = str(uuid.uuid4())
            self.orders.append((self.sequence, envelope("order", {
                "format": 1, "pc": pc or self.only_pc(), "order": order, "sequence": self.sequence,
                "issued": utc(time.time() - 3600), "expires": utc(time.time() + expires), "workspace": workspace, "do": do,
                "snapshot": snapshot}, key or self.operations)))
            self.ordered = time.time()  # from here on its PC can have it
            self.lock.notify_all()
            return order

    # ------------------------------------------------------------------------------------------------- server

    def start(self):
        center = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are sent one after the other

            def setup(self):
                self.request.do_handshake()
                super().setup()

            def _answer(self, status, body=b"", kind="application/json"):
                if isinstance(body, dict):
                    body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _handle(self):
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size)
                certificate = self.connection.getpeercert()
                pc = dict(x[0] for x in certificate["subject"]).get("commonName") if certificate else None
                center.requests.append((self.command, self.path))
                status, answer = center.answer(self.command, self.path, body, pc)
                if isinstance(answer, bytes) and status == 200:
                    answer = center.damage(self.path, answer)
                self._answer(status, answer)

            do_GET = do_POST = do_PUT = _handle

            def log_message(self, *args):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        context.load_verify_locations(self.folder / "ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # a PC that is killed hangs up in the middle

        self.server = Server(("127.0.0.1", self.port or 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self._stopped = False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        if not self.server:
            return
        with self.lock:
            self._stopped = True
            self.lock.notify_all()
        self.server.shutdown()
        self.server.server_close()
        self.server = None

    def answer(self, method, path, body, pc):
        if self._stopped:
            return 503, {"status": 503, "title": "off"}
        if path == "/enrol/v1/trust":
            return 200, {"ca": (self.folder / "ca.pem").read_text(),
                         "release_key": base64.b64encode(self.release.raw).decode()}
        if path == "/enrol/v1" and method == "POST":
            return self._enrol(json.loads(body))
        if pc not in self.pcs:
            return 401, {"status": 401, "title": "No such PC"}
        path, _, query = path.partition("?")
        if path == "/pc/v1/news":
            return self._news(dict(re.findall(r"(\w+)=(\d+)", query)))
        if path == "/pc/v1/events":
            with self.lock:
                for event in json.loads(body)["events"]:
                    self.events.setdefault(event["sequence"], event)
                self.lock.notify_all()
                return 200, {"confirmed": max(self.events)}
        if path == "/pc/v1/certificate":
            return 200, {"certificate": self.sign_request(json.loads(body)["csr"], pc),
                         "expires": utc(time.time() + 90 * 86400)}
        if path == "/pc/v1/status":
            self.status = json.loads(body)
            return 204, b""
        match = re.fullmatch(r"/pc/v1/(documents|indexes|blocks)/([0-9a-f]{64})", path)
        data = match and getattr(self, match[1]).get(match[2])
        if data is None or data is False:
            return 404, {"status": 404, "title": "Not here"}
        if self.delay and match[1] == "blocks":
            time.sleep(self.delay)
        return 200, data

    def _enrol(self, request):
        if request["secret"] != self.secret:
            return 401, {"status": 401, "title": "Token unknown", "hint": "ask for a new one"}
        pc = str(uuid.uuid4())
        certificate = self.sign_request(request["csr"], pc)
        self.pcs[pc] = request
        return 201, {"pc": pc, "certificate": certificate, "expires": utc(time.time() + 90 * 86400)}

    def sign_request(self, csr, pc):
        """A certificate that began `self.certificate_age` days ago."""
        start = time.time() - self.certificate_age * 86400
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            (path / "csr").write_text(csr)
            (path / "index").touch()
            (path / "conf").write_text(f"[ca]\ndefault_ca=us\n[us]\ndatabase={path}/index\nnew_certs_dir={path}\n"
                                       "rand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n")
            return openssl("ca", "-config", path / "conf", "-batch", "-notext", "-in", path / "csr",
                           "-cert", self.folder / "ca.pem", "-keyfile", self.folder / "ca.key", "-subj", f"/CN={pc}",
                           "-startdate", time.strftime("%Y%m%d%H%M%SZ", time.gmtime(start)),
                           "-enddate", time.strftime("%Y%m%d%H%M%SZ", time.gmtime(start + 90 * 86400))).decode()

    def _news(self, query):
        end = time.time() + int(query.get("wait", 300))
        generation, orders = int(query["generation"]), int(query["orders"])
        with self.lock:
            while True:
                new = [text.decode() for sequence, text in self.orders if sequence > orders][:100]
                assignment = self.assignment if self.generation > generation else None
                if self._stopped:
                    return 503, {"status": 503, "title": "off"}
                if new or assignment:
                    return 200, {"operations": self.certificate.decode(),
                                 "assignment": assignment.decode() if assignment else None, "orders": new}
                if time.time() >= end:
                    return 204, b""
                self.lock.wait(max(0.05, min(1, end - time.time())))

    def wait_event(self, test, seconds=60):
        """The first event that passes the test."""
        end = time.time() + seconds
        with self.lock:
            while True:
                for event in list(self.events.values()):
                    if test(event):
                        return event
                if time.time() > end:
                    raise AssertionError("no such event; there are: " + json.dumps(list(self.events.values()), indent=1))
                self.lock.wait(1)
