# SPDX-License-Identifier: GPL-2.0-or-later
"""The errors that the commands print as one message, without a traceback."""


class TestbedError(Exception):
    """Something that the reader of the message can act on."""

    __test__ = False
