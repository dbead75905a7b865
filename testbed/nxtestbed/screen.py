# SPDX-License-Identifier: GPL-2.0-or-later
"""What Engine wrote on a PC's screen, from a screenshot."""

import re

from .paths import TOP

_FONT = TOP / "engine" / "console" / "font.c"
# As engine/console/screen.c draws: each of a glyph's 8 lines twice.
_WIDTH, _HEIGHT = 8, 16


def _glyphs():
    """{8 bytes: character}"""
    entry = re.compile(r"\['(\\?.)' - FIRST\] = \{([^}]*)\}")
    return {bytes(int(byte, 16) for byte in lines.split(",")): name[-1]
            for name, lines in entry.findall(_FONT.read_text(encoding="utf-8"))}


def read_screen(screenshot):
    """The lines of text in a PPM file. What is no letter of Engine's is a space."""
    magic, size, _, pixels = screenshot.read_bytes().split(b"\n", 3)
    assert magic == b"P6", magic
    width, height = map(int, size.split())
    glyphs = _glyphs()

    def bits(x, y):
        """Eight pixels as a byte: the white ones are 1."""
        at = (y * width + x) * 3
        return sum((pixels[at + 3 * i] == 0xff) << (7 - i) for i in range(_WIDTH))

    def letter(x, y):
        return glyphs.get(bytes(bits(x, y + 2 * line) for line in range(_HEIGHT // 2)), " ")

    return ["".join(letter(x, y) for x in range(0, width - _WIDTH + 1, _WIDTH)).rstrip()
            for y in range(0, height - _HEIGHT + 1, _HEIGHT)]
