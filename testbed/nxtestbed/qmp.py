# SPDX-License-Identifier: GPL-2.0-or-later
"""QMP: the protocol by which QEMU is controlled."""

import json
import time

from .errors import TestbedError


class Qmp:
    """A connection to one QEMU."""

    def __init__(self, connection, timeout=60):
        self._socket = connection
        self._socket.settimeout(timeout)
        self._events = []
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._read()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        """Runs one QMP command and returns what it returned. Events are kept for wait_event()."""
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise TestbedError(f"QMP {command}: {answer['error']['desc']}")
            self._events.append(answer)

    def monitor(self, line):
        """Runs a command of QEMU's human monitor, such as "info registers -a"."""
        return self.execute("human-monitor-command", **{"command-line": line})

    def wait_event(self, name, timeout=300):
        """Waits for an event that was not waited for yet; its data."""
        end = time.monotonic() + timeout
        while True:
            for event in self._events:
                if event["event"] == name:
                    self._events.remove(event)
                    return event.get("data", {})
            if time.monotonic() > end:
                raise TestbedError(f"QEMU did not tell of {name} within {timeout} s")
            time.sleep(0.2)
            self.execute("query-status")  # what it has to tell comes before the answer

    def close(self):
        self._lines.close()
        self._socket.close()

    def _read(self):
        line = self._lines.readline()
        if not line:
            raise TestbedError("QEMU closed its QMP connection")
        return json.loads(line)
