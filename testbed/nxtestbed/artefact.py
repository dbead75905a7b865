# SPDX-License-Identifier: GPL-2.0-or-later
"""Things that are built once and kept under build/images until their recipe changes.

An artefact is a file or a directory next to a stamp file with the key of the recipe that made it.
It is built under another name and renamed when complete, so an interrupted build leaves nothing
that looks finished. A lock keeps a second builder waiting until the first is done.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from .errors import TestbedError
from .paths import IMAGES


def key_of(*parts):
    """A key over strings, files and directories (names, modes and contents)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(p for p in part.rglob("*") if not p.is_dir()) if part.is_dir() else [part]
            for file in files:
                content = file.read_bytes()
                digest.update(f"{file.relative_to(part)} {file.stat().st_mode:o} ".encode())
                digest.update(f"{len(content)}\n".encode() + content)
        else:
            digest.update(f"{len(part)}:{part}\n".encode())
    return digest.hexdigest()


class Artefact:
    """One file or directory under build/images, and how to make it."""

    def __init__(self, name, key, build):
        """key() gives the recipe's key; build(path) makes the artefact at path."""
        self.name = name
        self.path = IMAGES / name
        self._stamp = IMAGES / f"{name}.stamp"
        self._key = key
        self._build = build

    def is_current(self, key):
        return (self.path.exists() and self._stamp.exists()
                and self._stamp.read_text() == key)

    def get(self):
        """The path of the artefact, which is built first where needed."""
        # Building is for root; without it, an existing artefact still serves.
        key = self._key()
        if self.is_current(key):
            return self.path
        IMAGES.mkdir(parents=True, exist_ok=True)
        with self._lock():
            if not self.is_current(key):
                self._rebuild(key)
        return self.path

    def _rebuild(self, key):
        print(f"==> Building {self.path.relative_to(IMAGES.parent.parent)}", file=sys.stderr,
              flush=True)
        started = time.monotonic()
        new = IMAGES / f".{self.name}.new"
        remove(new)
        try:
            self._build(new)
            self._stamp.unlink(missing_ok=True)
            remove(self.path)
            os.rename(new, self.path)
            self._stamp.write_text(key)
        except BaseException:
            remove(new)
            raise
        print(f"==> Built {self.name} in {time.monotonic() - started:.0f} s", file=sys.stderr,
              flush=True)

    @contextmanager
    def _lock(self):
        with open(IMAGES / f".{self.name}.lock", "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"==> Waiting: another process is building {self.name}", file=sys.stderr,
                      flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def remove(path):
    """Removes a file or a tree, but never what is mounted inside it."""
    if path.is_dir() and not path.is_symlink():
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
        if any(line.split()[1].startswith(f"{path}/") for line in mounts.splitlines()):
            raise TestbedError(f"something is mounted below {path}: unmount it, then try again")
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def run(command, log=None, **kwargs):
    """Runs a build command. Its output goes to a log, whose end an error shows."""
    command = [str(word) for word in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False, stdin=subprocess.DEVNULL, **kwargs)
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(command)}\n{done.stdout}\n")
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-20:])
        raise TestbedError(f"this command failed with {done.returncode}:\n"
                           f"  {' '.join(command)}\n{end}"
                           + (f"\nIts whole output is in {log}" if log else ""))
    return done.stdout
