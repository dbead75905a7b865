# SPDX-License-Identifier: GPL-2.0-or-later
"""QMP: the protocol by which QEMU is controlled."""

import json
import socket

from .errors import TestbedError


class Qmp:
    """A connection to one QEMU."""

    def __init__(self, path, timeout=60):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._read()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        """Runs one QMP command and returns what it returned. Events are skipped."""
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise TestbedError(f"QMP {command}: {answer['error']['desc']}")

    def monitor(self, line):
        """Runs a command of QEMU's human monitor, such as "info registers -a"."""
        return self.execute("human-monitor-command", **{"command-line": line})

    def close(self):
        self._lines.close()
        self._socket.close()

    def _read(self):
        line = self._lines.readline()
        if not line:
            raise TestbedError("QEMU closed its QMP connection")
        return json.loads(line)
