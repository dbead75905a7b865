# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian root file systems, made by mmdebstrap."""

import subprocess

from .artefact import run
from .errors import TestbedError
from .paths import IMAGES

# Nobody reads manuals in an emulated PC.
_LEFT_OUT = ["/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*"]


def read_packages(file):
    """The package names in a file: one a line, # starts a comment."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def mirror():
    """The Debian mirror that this machine's own apt uses."""
    out = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)",
                          "Created-By: Packages", "Origin: Debian", "Component: main"],
                         capture_output=True, text=True, check=False).stdout
    uris = [uri for uri in out.split() if "security" not in uri]
    if not uris:
        raise TestbedError("apt knows no Debian mirror: check /etc/apt/sources.list*, "
                           "then run apt-get update")
    return uris[0]


def bootstrap(path, suite, packages, arch="amd64", hooks=(), variant="apt"):
    """Makes a root file system with the packages at path."""
    command = ["mmdebstrap", f"--variant={variant}", "--mode=root", f"--architectures={arch}",
               "--format=directory", f"--include={','.join(packages)}"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    command += hooks
    command += [suite, path, mirror()]
    log = IMAGES / f"{path.name.strip('.').removesuffix('.new')}.log"
    log.unlink(missing_ok=True)
    run(command, log=log)
