# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's end of the agent (testbed/agent/agent.c describes the protocol)."""

import itertools
import queue
import socket
import struct
import threading
import time
from dataclasses import dataclass

from .errors import TestbedError

_FRAME = struct.Struct("<4I")
_MAGIC = 0x4E585431
_MAGIC_BYTES = struct.pack("<I", _MAGIC)
_PAYLOAD_MAX = 32 * 1024

_RUN, _INPUT, _KILL = b"XIK"
_HELLO, _OUTPUT, _ERROR, _EXIT = b"HORQ"


@dataclass
class Result:
    """What a command did."""

    command: str
    code: int
    output: str
    error: str

    @property
    def all(self):
        return self.output + self.error


class AgentError(TestbedError):
    """The agent did not do what was asked: it is gone, or too late."""


class Command:
    """A command that runs in the PC."""

    def __init__(self, agent, channel, text):
        self._agent = agent
        self._channel = channel
        self._events = queue.Queue()
        self._result = None
        self.text = text
        self.output = bytearray()
        self.error = bytearray()

    def take(self, kind, payload):
        """Called by the agent's reader thread."""
        if kind == _OUTPUT:
            self.output += payload
        elif kind == _ERROR:
            self.error += payload
        elif kind == _EXIT:
            self._events.put(int(payload))

    def lost(self):
        """Called when the agent started anew: this command is gone."""
        self._events.put(None)

    def wait(self, timeout):
        """The command's Result, or an error after timeout seconds, with the command killed."""
        if self._result:
            return self._result
        try:
            code = self._events.get(timeout=timeout)
        except queue.Empty:
            self.kill()
            raise AgentError(f"still running after {timeout} s: {self.text}\n"
                             f"{self._text_so_far()}") from None
        if code is None:
            raise AgentError(f"the PC restarted while this ran: {self.text}")
        self._result = Result(self.text, code, self.output.decode(errors="replace"),
                              self.error.decode(errors="replace"))
        return self._result

    def is_running(self):
        return self._result is None and self._events.empty()

    def kill(self):
        self._agent.send(_KILL, self._channel)

    def _text_so_far(self):
        return (self.output + self.error).decode(errors="replace")[-2000:]


class Agent:
    """A connection to the agent in one PC or guest. It outlives restarts of it."""

    def __init__(self, connection):
        self._socket = connection
        self._commands = {}
        self._channels = itertools.count(1)
        self._hello = threading.Event()
        self._sending = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_ready(self, timeout):
        return self._hello.wait(timeout)

    def forget(self):
        """The PC is about to restart: what was said so far does not count any more."""
        self._hello.clear()

    def start(self, text, stdin=b""):
        """Starts a shell command in the PC."""
        channel = next(self._channels)
        command = Command(self, channel, text)
        self._commands[channel] = command
        self.send(_RUN, channel, text.encode())
        for at in range(0, len(stdin), _PAYLOAD_MAX):
            self.send(_INPUT, channel, stdin[at:at + _PAYLOAD_MAX])
        self.send(_INPUT, channel)
        return command

    def send(self, kind, channel, payload=b""):
        if len(payload) > _PAYLOAD_MAX:
            raise AgentError("this command is too long: push a script and run that")
        with self._sending:
            self._socket.sendall(_FRAME.pack(_MAGIC, kind, channel, len(payload)) + payload)

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def _read(self):
        data = bytearray()
        while True:
            try:
                more = self._socket.recv(65536)
            except OSError:
                more = b""
            if not more:
                break
            data += more
            self._take_frames(data)
        for command in list(self._commands.values()):
            command.lost()

    def _take_frames(self, data):
        while len(data) >= _FRAME.size:
            magic, kind, channel, length = _FRAME.unpack_from(data)
            if magic != _MAGIC or length > _PAYLOAD_MAX:
                # A restart cut the last frame off: go on at the next one.
                at = data.find(_MAGIC_BYTES, 1)
                del data[:at if at > 0 else len(data) - len(_MAGIC_BYTES) + 1]
                continue
            if len(data) < _FRAME.size + length:
                hello = data.find(_MAGIC_BYTES, 1)
                if hello < 0:
                    return
                # A frame inside a frame: the outer one was cut off by a restart, or it is data
                # that holds our magic number, which only this protocol's own tests would send.
                del data[:hello]
                continue
            payload = bytes(data[_FRAME.size:_FRAME.size + length])
            del data[:_FRAME.size + length]
            self._take(kind, channel, payload)

    def _take(self, kind, channel, payload):
        if kind == _HELLO:
            for command in list(self._commands.values()):
                command.lost()
            self._commands.clear()
            self._hello.set()
        elif channel in self._commands:
            self._commands[channel].take(kind, payload)
            if kind == _EXIT:
                del self._commands[channel]


def wait_until(condition, timeout, interval=0.1):
    """Polls until condition() is true; False after timeout seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True
