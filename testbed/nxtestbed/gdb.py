# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of gdb's remote protocol as it takes to debug a guest through QEMU's stub."""

import struct

from .errors import TestbedError

_INTERRUPT = b"\x03"
_RIP = 16  # its number among the registers of QEMU's x86_64


class Gdb:
    """A debugger's connection. Addresses are virtual ones of the guest."""

    HARDWARE, WRITE_WATCH = 1, 2

    def __init__(self, connection, timeout=300):
        self._socket = connection
        self._socket.settimeout(timeout)
        self._data = b""

    def ask(self, request):
        """Sends one request and returns the stub's answer."""
        self._send(request)
        return self._packet()

    def stop_reason(self):
        """Waits until the guest stops; how the stub puts it."""
        return self._packet()

    def interrupt(self):
        self._socket.sendall(_INTERRUPT)

    def go_on(self):
        """Lets the guest run; stop_reason() waits for its next stop."""
        self._send("c")

    def step(self):
        """Executes one instruction; how the stub puts the stop."""
        return self.ask("s")

    def insert(self, kind, address, length=1):
        """Inserts a break- or watchpoint: HARDWARE or WRITE_WATCH."""
        self._done(f"Z{kind},{address:x},{length}")

    def remove(self, kind, address, length=1):
        self._done(f"z{kind},{address:x},{length}")

    def rip(self):
        return struct.unpack("<17Q", bytes.fromhex(self.ask("g"))[:17 * 8])[_RIP]

    def read(self, address, length):
        return bytes.fromhex(self.ask(f"m{address:x},{length:x}"))

    def detach(self):
        """Lets the guest run on without a debugger."""
        self._done("D")

    def _done(self, request):
        answer = self.ask(request)
        if answer != "OK":
            raise TestbedError(f"the debugger's stub answers {answer!r} to {request}")

    def _send(self, request):
        self._socket.sendall(b"$%b#%02x" % (request.encode(), sum(request.encode()) & 0xff))

    def _packet(self):
        while True:
            start, end = self._data.find(b"$"), self._data.find(b"#")
            if 0 <= start < end and len(self._data) >= end + 3:
                break
            more = self._socket.recv(4096)
            if not more:
                raise TestbedError("QEMU closed its debugger's connection")
            self._data += more
        packet = self._data[start + 1:end]
        self._data = self._data[end + 3:]
        self._socket.sendall(b"+")
        return packet.decode()
