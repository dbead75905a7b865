# SPDX-License-Identifier: GPL-2.0-or-later
"""A PC's serial console on this terminal."""

import os
import select
import socket
import sys
import termios
import tty

_LEAVE = b"\x1d"  # Ctrl-]


def attach(path):
    """Copies between the terminal and the console until Ctrl-] or the PC's end."""
    console = socket.socket(socket.AF_UNIX)
    console.connect(str(path))
    print("==> Serial console. Ctrl-] ends the PC.", file=sys.stderr)
    terminal = sys.stdin.isatty()
    before = termios.tcgetattr(sys.stdin) if terminal else None
    sources = [console, sys.stdin]
    try:
        if terminal:
            tty.setraw(sys.stdin)
        while True:
            ready, _, _ = select.select(sources, [], [])
            if console in ready:
                data = console.recv(4096)
                if not data:
                    return 0
                os.write(sys.stdout.fileno(), data)
            if sys.stdin in ready:
                data = os.read(sys.stdin.fileno(), 4096)
                if _LEAVE in data:
                    return 0
                if data:
                    console.sendall(data)
                else:
                    sources.remove(sys.stdin)  # a pipe that ended: only show the console
    finally:
        if terminal:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
