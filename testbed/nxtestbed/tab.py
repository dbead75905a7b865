# SPDX-License-Identifier: GPL-2.0-or-later
"""A PC's screen in a tab of a browser: QEMU speaks VNC, also by a websocket, and noVNC's page shows it."""

import functools
import socket
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from .errors import TestbedError

_PAGES = "/usr/share/novnc"  # of Debian's package
_VNC, _WEBSOCKET = 5900, 5700  # QEMU's own numbers for display 0


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def _is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_display():
    for number in range(10, 100):
        if _is_free(_VNC + number) and _is_free(_WEBSOCKET + number):
            return number
    raise TestbedError("no free port for the PC's screen between 5910 and 5999")


class ScreenTab:
    """Give the PC's QEMU the options, and a browser the address. Everything is on loopback, for as long as `with` lasts."""

    def __init__(self):
        self._display = _free_display()
        self._server = None

    @property
    def options(self):
        return ["-vnc", f"127.0.0.1:{self._display},websocket={_WEBSOCKET + self._display}"]

    @property
    def address(self):
        host, port = self._server.server_address
        # No path: QEMU has its websocket at the top.
        return f"http://{host}:{port}/vnc_lite.html?host={host}&port={_WEBSOCKET + self._display}&path=&scale=true"

    @property
    def viewer(self):
        """The same for a VNC viewer."""
        return f"127.0.0.1:{_VNC + self._display}"

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=_PAGES))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
