# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands in a PC or in a guest, by way of its agent."""

import shlex
from pathlib import Path

from .errors import TestbedError

# A liveness limit, for a slow and busy machine; it says nothing about speed.
COMMAND_TIMEOUT = 300


class CommandFailed(TestbedError):
    """A command ended with another exit code than 0."""


class Commands:
    """What everything that can spawn() a command can do."""

    def spawn(self, command, stdin=b""):
        """Starts a command and returns an agent.Command to wait() for."""
        raise NotImplementedError

    def run(self, command, timeout=COMMAND_TIMEOUT, check=True, stdin=b""):
        """Runs a shell command as root; see agent.Result."""
        result = self.spawn(command, stdin).wait(timeout)
        if check and result.code:
            raise CommandFailed(f"exit code {result.code} from: {command}\n{result.all[-4000:]}")
        return result

    def push(self, source, target, mode=None):
        """Copies a file in."""
        quoted = shlex.quote(str(target))
        self.run(f"cat > {quoted}" + (f" && chmod {mode} {quoted}" if mode else ""),
                 stdin=Path(source).read_bytes())

    def read(self, source):
        """The content of a file there, as bytes."""
        command = self.spawn(f"cat {shlex.quote(str(source))}")
        result = command.wait(COMMAND_TIMEOUT)
        if result.code:
            raise CommandFailed(result.error)
        return bytes(command.output)

    def pull(self, source, target):
        """Copies a file out."""
        Path(target).write_bytes(self.read(source))
