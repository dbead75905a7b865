# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends in order on signals, so that every PC that runs is ended too."""

import signal


def raise_on_signals():
    """Makes SIGTERM and SIGHUP do what Ctrl-C does."""

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
