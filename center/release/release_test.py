#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: release_test.py PROGRAM

Tests of nxtop-release as its user has it. What it writes is read here with other tools (openssl, zstd, qemu-img) by what
docs/formats.md says, not with the library that wrote it.
"""
import base64
import fcntl
import hashlib
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BLOCK = 262144
PROGRAM = ""


def output(*command, data=None):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True, timeout=60).stdout


class Release(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nxtop-release-test.")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.run_tool("keygen", "--no-passphrase", "release")
        self.images = self.folder / "images"

    def run_tool(self, *arguments, status=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def seal_arguments(self, version, disk, **changes):
        options = {"image": "debian", "version": version, "title": "Débian", "firmware": "uefi", "memory-mib": 512,
                   "key": "release.key", "output": self.images, **changes}
        return ["seal", *[f"--{name}={value}" for name, value in options.items() if value is not None], disk]

    def seal(self, version, disk, status=0, **changes):
        return self.run_tool(*self.seal_arguments(version, disk, **changes), status=status)

    def make_disk(self, name, size, pieces):
        """A sparse raw disk with pieces (offset, bytes)."""
        with open(self.folder / name, "wb") as disk:
            disk.truncate(size)
            for offset, data in pieces:
                disk.seek(offset)
                disk.write(data)
        return self.folder / name

    def open_document(self, path, key="release.pub"):
        """Verifies an envelope with openssl; gives its payload."""
        envelope = json.loads(path.read_bytes())
        payload = base64.b64decode(envelope["payload"], validate=True)
        kind = envelope["payloadType"].encode()
        (self.folder / "signed").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
        (self.folder / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"], validate=True))
        output("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", self.folder / key, "-rawin", "-in",
               self.folder / "signed", "-sigfile", self.folder / "sig")
        raw = output("openssl", "pkey", "-pubin", "-in", self.folder / key, "-outform", "DER")[-32:]
        self.assertEqual(envelope["signatures"][0]["keyid"], hashlib.sha256(raw).hexdigest())
        return envelope["payloadType"], json.loads(payload)

    def block_path(self, name):
        return self.images / "blocks" / name[:2] / name

    def assemble(self, version):
        """The disk that a version stands for."""
        kind, manifest = self.open_document(self.images / f"{version}.json")
        self.assertEqual(kind, "application/vnd.nxtop.image+json")
        disk = manifest["disks"][0]
        index = output("zstd", "-dc", self.images / "indexes" / disk["index"])
        self.assertEqual(hashlib.sha256(index).hexdigest(), disk["index"])
        self.assertEqual(len(index), 32 * -(-disk["size"] // BLOCK))
        data, filled = b"", 0
        for at in range(0, len(index), 32):
            size = min(BLOCK, disk["size"] - at // 32 * BLOCK)
            name = index[at:at + 32]
            if name == bytes(32):
                data += bytes(size)
                continue
            block = output("zstd", "-dc", self.block_path(name.hex()))
            self.assertEqual(hashlib.sha256(block).digest(), name)
            self.assertEqual(len(block), size)
            data += block
            filled += size
        self.assertEqual(filled, disk["filled"])
        return manifest, data

    def blocks(self):
        return sorted(path for path in (self.images / "blocks").rglob("*") if path.is_file())

    # Keys

    def test_keygen(self):
        key, public = self.folder / "release.key", self.folder / "release.pub"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        self.assertEqual(output("openssl", "pkey", "-in", key, "-pubout"), public.read_bytes())
        before = key.read_bytes()
        self.assertIn("release.key: File exists", self.run_tool("keygen", "--no-passphrase", "release", status=1))
        self.assertEqual(key.read_bytes(), before)
        # With the public half in the way, no private one is left behind.
        (self.folder / "half.pub").write_text("mine")
        self.run_tool("keygen", "--no-passphrase", "half", status=1)
        self.assertFalse((self.folder / "half.key").exists())
        self.run_tool("keygen", status=2)

    def test_passphrase(self):
        for name, text in (("right", "correct horse\n"), ("wrong", "battery staple\n"), ("short", "abc\n")):
            (self.folder / name).write_text(text)
        self.run_tool("keygen", "--passphrase-file", "short", "x", status=1)
        self.run_tool("keygen", "--passphrase-file", "right", "safe")
        self.assertIn("ENCRYPTED", (self.folder / "safe.key").read_text())
        output("openssl", "pkey", "-in", self.folder / "safe.key", "-passin", "pass:correct horse", "-noout")
        disk = self.make_disk("disk", 512, [(0, b"x")])
        told = self.seal(1, disk, status=1, key="safe.key", **{"passphrase-file": "wrong"})
        self.assertIn("passphrase does not open", told)
        self.seal(1, disk, key="safe.key", **{"passphrase-file": "right"})

    # Images

    def test_seal(self):
        text = b"a workspace " * 40000
        disk = self.make_disk("disk", 20 * BLOCK + 512, [
            (0, text), (5 * BLOCK + 7, b"\1"), (7 * BLOCK, text[:BLOCK]), (9 * BLOCK, bytes(BLOCK)), (20 * BLOCK, b"end")])
        told = self.seal(1, disk)
        manifest, data = self.assemble(1)
        self.assertEqual(data, disk.read_bytes())
        self.assertEqual({name: manifest[name] for name in ("format", "image", "version", "title", "firmware", "memory_mib")},
                         {"format": 1, "image": "debian", "version": 1, "title": "Débian", "firmware": "uefi",
                          "memory_mib": 512})
        self.assertEqual(manifest["disks"][0]["filled"], 4 * BLOCK + 512)
        # The block at 7 is the first one again; the written zeros at 9 are a hole like those never written.
        self.assertEqual(len(self.blocks()), 4)
        self.assertIn(hashlib.sha256((self.images / "1.json").read_bytes()).hexdigest(), told)
        self.assertIn("1 versions, 4 blocks: all are whole", self.run_tool("verify", "--public-key=release.pub", self.images))

        # A version stays as it is.
        before = (self.images / "1.json").read_bytes()
        self.assertIn("take a higher one", self.seal(1, disk, status=1))
        self.assertEqual((self.images / "1.json").read_bytes(), before)

    def test_qcow2(self):
        disk = self.make_disk("disk", 8 * BLOCK, [(0, b"a" * 1000), (3 * BLOCK - 1, b"bc"), (8 * BLOCK - 1, b"d")])
        output("qemu-img", "convert", "-O", "qcow2", "-c", disk, self.folder / "disk.qcow2")
        output("qemu-img", "create", "-q", "-f", "qcow2", "-b", "disk.qcow2", "-F", "qcow2", self.folder / "overlay.qcow2")
        output("qemu-img", "convert", "-O", "vmdk", disk, self.folder / "disk:1.vmdk")
        self.seal(1, disk)
        self.seal(2, "disk.qcow2")
        self.seal(3, "overlay.qcow2")
        self.seal(4, "disk:1.vmdk", format="vmdk")
        indexes = {self.open_document(self.images / f"{version}.json")[1]["disks"][0]["index"] for version in (1, 2, 3, 4)}
        self.assertEqual(len(indexes), 1)
        self.assertEqual(self.assemble(4)[1], disk.read_bytes())

    def test_goes_on_after_a_kill(self):
        noise = random.Random(1)
        disk = self.make_disk("disk", 200 * BLOCK, [(0, noise.randbytes(200 * BLOCK))])
        killed = subprocess.Popen([PROGRAM, *map(str, self.seal_arguments(1, disk))], cwd=self.folder,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (self.images / "blocks").exists() or len(self.blocks()) < 20:
            self.assertIsNone(killed.poll(), "it finished before it was killed")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        self.assertFalse((self.images / "1.json").exists())
        (self.images / "blocks" / "00" / ".nxt-tmp.0123456789abcdef").write_bytes(b"cut short")
        there = [path for path in self.blocks() if not path.name.startswith(".")]
        cut, damaged = there[0], there[1]
        cut.write_bytes(b"")
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
        before = {path: path.stat().st_ino for path in there}

        told = self.seal(1, disk)
        self.assertIn(f"{200 - len(there) + 2} new blocks", told)
        rewritten = {path for path, inode in before.items() if path.stat().st_ino != inode}
        self.assertEqual(rewritten, {cut, damaged})
        self.assertEqual(self.assemble(1)[1], disk.read_bytes())
        self.assertEqual([path for path in self.images.rglob(".*")], [])

    def test_failed_write(self):
        """As on a full disk: a clear error, no version, and the next run ends well."""
        disk = self.make_disk("disk", 4 * BLOCK, [(0, random.Random(2).randbytes(4 * BLOCK))])

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK // 2, BLOCK // 2))

        failed = subprocess.run([PROGRAM, *map(str, self.seal_arguments(1, disk))], cwd=self.folder, preexec_fn=limit,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(failed.returncode, 1)
        self.assertRegex(failed.stderr, "cannot write blocks/.*: File too large")
        self.assertEqual([path for path in self.images.rglob("*") if path.is_file()], [])
        self.seal(1, disk)
        self.assertEqual(self.assemble(1)[1], disk.read_bytes())

    def test_one_at_a_time(self):
        disk = self.make_disk("disk", 512, [(0, b"x")])
        self.images.mkdir()
        folder = os.open(self.images, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        self.assertIn("another nxtop-release is writing", self.seal(1, disk, status=1))
        os.close(folder)
        self.seal(1, disk)

    def test_seal_refuses(self):
        disk = self.make_disk("disk", 512, [(0, b"x")])
        for status, changes in ((2, {"image": "Debian"}), (2, {"title": ""}), (2, {"firmware": "coreboot"}),
                                (2, {"memory-mib": "1"}), (2, {"memory-mib": "0x100"}), (2, {"key": None}),
                                (1, {"key": "release.pub"}), (1, {"key": "absent"}), (1, {"output": "absent/images"}),
                                (1, {"format": "qcow2"})):
            with self.subTest(changes):
                self.seal(1, disk, status=status, **changes)
        for version in ("0", "-1", "1.5", "9007199254740992", "99999999999999999999"):
            self.seal(version, disk, status=2)
        self.seal(1, "absent", status=1)
        self.seal(1, self.make_disk("empty", 0, []), status=1)
        self.seal(1, self.make_disk("huge", (4 << 40) + 512, []), status=1)
        self.assertFalse(self.images.exists() and list(self.images.glob("*.json")))

    def test_largest_disk(self):
        """4 TiB of nothing but its two ends: holes are not read."""
        disk = self.make_disk("disk", 4 << 40, [(0, b"x"), ((4 << 40) - 1, b"y")])
        self.seal(1, disk)
        self.assertIn("2 blocks", self.run_tool("verify", "--public-key=release.pub", self.images))

    def test_verify(self):
        disk = self.make_disk("disk", 3 * BLOCK, [(0, b"a"), (BLOCK, b"b"), (2 * BLOCK, b"c")])
        self.seal(1, disk)
        self.seal(2, disk)
        verify = ["verify", "--public-key=release.pub", self.images]
        self.run_tool(*verify)
        self.run_tool("verify", self.images, status=2)
        self.run_tool("verify", "--public-key=release.pub", self.folder, status=1)

        absent, damaged, _ = self.blocks()
        kept = absent.read_bytes(), damaged.read_bytes()
        absent.unlink()
        damaged.write_bytes(bytes([kept[1][0]]) + kept[1][2:])
        told = self.run_tool(*verify, status=1)
        self.assertIn(f"{absent.name}: No such file", told)
        self.assertIn(f"{damaged.name}: a block that is no zstd frame", told)
        self.assertIn("2 versions or blocks", told)
        absent.write_bytes(kept[1])  # a whole block, under another's name
        damaged.write_bytes(kept[1])
        self.assertIn(f"{absent.name}: a block whose bytes do not hash to its name", self.run_tool(*verify, status=1))
        absent.write_bytes(kept[0])
        self.run_tool(*verify)

        self.run_tool("keygen", "--no-passphrase", "other")
        self.assertIn("not signed by key", self.run_tool("verify", "--public-key=other.pub", self.images, status=1))
        (self.images / "2.json").rename(self.images / "3.json")
        self.assertIn("3.json: holds version 2", self.run_tool(*verify, status=1))
        (self.images / "3.json").unlink()
        for index in (self.images / "indexes").iterdir():
            index.write_bytes(index.read_bytes() + b"x")
        self.assertIn("1.json: an index", self.run_tool(*verify, status=1))

    # Other documents

    def test_policy(self):
        example = json.loads(self.run_tool("policy", "--example"))
        source = self.folder / "policy.json"
        source.write_text(json.dumps(example))
        self.run_tool("policy", "--key=release.key", "-o", "office.json", source)
        kind, payload = self.open_document(self.folder / "office.json")
        self.assertEqual(kind, "application/vnd.nxtop.policy+json")
        self.assertEqual(payload, example)
        self.assertIn("File exists", self.run_tool("policy", "--key=release.key", "-o", "office.json", source, status=1))

        example["snapshots"]["kept"] = 1
        source.write_text(json.dumps(example))
        told = self.run_tool("policy", "--key=release.key", "-o", "bad.json", source, status=1)
        self.assertIn('"snapshots.kept" is not known here: misspelt?', told)
        self.assertFalse((self.folder / "bad.json").exists())

    def test_operations(self):
        self.run_tool("keygen", "--no-passphrase", "center")
        common = ["operations", "--key=release.key", "--center-key=center.pub"]
        self.run_tool(*common, "--days=30", "-o", "operations.json")
        kind, payload = self.open_document(self.folder / "operations.json")
        self.assertEqual(kind, "application/vnd.nxtop.operations+json")
        raw = output("openssl", "pkey", "-pubin", "-in", self.folder / "center.pub", "-outform", "DER")[-32:]
        self.assertEqual(base64.b64decode(payload["key"]), raw)
        self.assertEqual(payload["may"], ["assign", "order"])
        begin, end = (time.mktime(time.strptime(payload[name], "%Y-%m-%dT%H:%M:%SZ")) for name in ("not_before", "not_after"))
        self.assertIn(end - begin, (30 * 86400 + 3600, 30 * 86400 + 3601))

        self.run_tool(*common, "--may=order", "-o", "orders.json")
        self.assertEqual(self.open_document(self.folder / "orders.json")[1]["may"], ["order"])
        self.run_tool(*common, "--days=0", "-o", "x", status=2)
        self.run_tool(*common, "--days=100000", "-o", "x", status=2)
        self.run_tool(*common, "--may=sign", "-o", "x", status=2)
        self.run_tool("operations", "--key=release.key", "--center-key=center.key", "-o", "x", status=1)
        self.assertFalse((self.folder / "x").exists())

    def test_show(self):
        (self.folder / "policy.json").write_text(self.run_tool("policy", "--example"))
        self.run_tool("policy", "--key=release.key", "-o", "office.json", "policy.json")
        shown = json.loads(self.run_tool("show", "--public-key=release.pub", "office.json"))
        self.assertTrue(shown["verified"])
        self.assertEqual(shown["name"], hashlib.sha256((self.folder / "office.json").read_bytes()).hexdigest())
        self.assertEqual(shown["payload"]["policy"], "office")
        self.assertFalse(json.loads(self.run_tool("show", "office.json"))["verified"])
        self.run_tool("keygen", "--no-passphrase", "other")
        told = self.run_tool("show", "--public-key=other.pub", "office.json", status=1)
        self.assertIn('"verified": false', told)
        self.assertIn("not signed by key", told)

        # Hostile: terminal control in a document that is not even valid.
        payload = base64.b64encode('{"format": 1, "policy": "\u009b2J\u202e"}'.encode()).decode()
        (self.folder / "hostile.json").write_text(json.dumps(
            {"payloadType": "application/vnd.nxtop.policy+json", "payload": payload, "signatures": []}))
        told = self.run_tool("show", "hostile.json", status=1)
        self.assertTrue(told.isascii())
        self.assertIn("is no name", told)

    def test_command_line(self):
        for verb in ("keygen", "seal", "policy", "operations", "show", "verify"):
            self.assertIn(f"usage: nxtop-release {verb}", self.run_tool(verb, "--help"))
            self.run_tool(verb, "--bogus", status=2)
            self.assertIn(verb, self.run_tool("--help"))
        self.run_tool("bogus", status=2)
        self.run_tool(status=2)


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
