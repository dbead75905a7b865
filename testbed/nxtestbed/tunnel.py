# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections from this machine to Unix sockets in an emulated PC: a guest's QMP, agent, gdb stub.

The PC has virtio-serial ports for them (qemu.py). In the control domain socat joins a port and a socket.
"""

import shlex
import socket

from .errors import TestbedError


def connect(path):
    """A connection to a Unix socket on this machine."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


class Tunnels:
    """The ports of one PC."""

    def __init__(self, pc, count):
        self._pc = pc
        self._free = list(range(count))

    def open(self, path):
        if not self._free:
            raise TestbedError("all tunnels into the PC are in use: close one, or raise qemu.TUNNELS")
        return Tunnel(self._pc, path, self._free)


class Tunnel:
    """One connection. The other end need not listen yet."""

    def __init__(self, pc, path, free):
        self._free = free
        self._number = free.pop()
        # First: a port whose other end is not there reads as ended.
        self.socket = connect(pc.directory / f"tunnel{self._number}")
        port = f"/dev/virtio-ports/nxtop.tunnel{self._number}"
        self._command = pc.spawn(f"exec socat {port} UNIX-CONNECT:{shlex.quote(path)},retry=600,interval=0.1")

    def close(self):
        self.socket.close()
        # Only one program can have the port open.
        self._command.kill()
        self._command.wait(60)
        self._free.append(self._number)
