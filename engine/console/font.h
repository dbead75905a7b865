/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_CONSOLE_FONT_H
#define ENGINE_CONSOLE_FONT_H

#include "lib/types.h"

/* Eight lines of eight pixels, the leftmost in bit 7. Characters without a glyph show as a box. */
const u8 *font_glyph(char c);

#endif
