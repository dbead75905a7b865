# SPDX-License-Identifier: GPL-2.0-or-later
"""Golden images for the managed PC: two real Debian 13 guests, sealed as docs/image-author.md says."""

import json

from . import disk, images
from .artefact import Artefact, key_of, run
from .paths import CENTER, TESTBED, TOP

_RECIPE = TESTBED / "images" / "golden"
_CODE = TESTBED / "nxtestbed" / "golden.py"
_SIZE_MIB = 1024

# Each image has a policy of its name: a locked-down workspace, and one that its user may change.
KINDS = {"corporate": "shared", "personal": "custom"}
MEMORY_MIB = 448
USER_DISK_MIB = 64

root = images.Root("golden")


def _build_disk(name, path):
    with images.copy_of(root.get()) as copy:
        images.overlay(copy, _RECIPE / "files")
        images.replace(copy / "etc/hostname", f"{name}\n")
        images.add_boot_files(copy)
        images.systemctl(copy, "disable", images.DISABLED)
        images.systemctl(copy, "enable", ["systemd-networkd.service"])
        images.set_passwordless_root(copy)
        disk.make_disk(path, copy, images.pc_root.get(), "GUEST-ROOT", _SIZE_MIB, lasting=True)


def _disk_key():
    return key_of(root.key(), images.pc_root.key(), _RECIPE / "files", *images.DISK_CODE, _CODE)


def release(*words):
    """Runs the image author's tool."""
    run([CENTER / "release" / "nxtop-release", *words])


def _policy(name):
    return {"format": 1, "policy": name, "generation": 1, "title": name.capitalize(), "kind": KINDS[name], "vcpus": 1,
            "memory_mib": MEMORY_MIB, "user_disk_mib": USER_DISK_MIB, "network": "nat", "autostart": True,
            "snapshots": {"keep": 3, "every_minutes": 0}, "health": {"agent": True, "boot_seconds": 7200}}


def _seal(path):
    """A release key, and what it signs: NAME/ with version 1 of each image, and NAME.policy."""
    path.mkdir()
    release("keygen", "--no-passphrase", path / "release")
    for name in KINDS:
        raw = path / "disk.raw"
        _build_disk(name, raw)
        release("seal", "--image", name, "--version", "1", "--title", f"Debian 13, {name}", "--firmware", "bios",
                "--memory-mib", "256", "--key", path / "release.key", "-o", path / name, raw)
        raw.unlink()
        policy = path / "policy.json"
        policy.write_text(json.dumps(_policy(name)), encoding="utf-8")
        release("policy", "--key", path / "release.key", "-o", path / f"{name}.policy", policy)
        policy.unlink()


def _seal_key():
    return key_of(_disk_key(), TOP / "common", TOP / "center" / "release")


sealed = Artefact("golden", _seal_key, _seal)
