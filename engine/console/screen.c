/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text on the screen: VGA text mode, or glyphs drawn into a linear framebuffer. Scrolls by starting again at
 * the top.
 */
#include "console/console.h"
#include "console/font.h"
#include "lib/string.h"
#include "mem/phys.h"

#define TEXT_BASE 0xb8000
#define TEXT_COLUMNS 80
#define TEXT_ROWS 25
#define TEXT_ATTR 0x0f00
#define CELL_WIDTH 8
#define CELL_HEIGHT 16

static struct {
	enum { SCREEN_NONE, SCREEN_TEXT, SCREEN_PIXELS } kind;
	bool released;
	u32 columns, rows, column, row;
	u8 *base;
	u32 pitch, bytes_per_pixel;
} screen;

void screen_init_text(void)
{
	screen.kind = SCREEN_TEXT;
	screen.columns = TEXT_COLUMNS;
	screen.rows = TEXT_ROWS;
	screen.base = phys_to_virt(TEXT_BASE);
}

void screen_init_pixels(void *base, u32 pitch, u32 width, u32 height, u32 bytes_per_pixel)
{
	if (width < CELL_WIDTH || height < CELL_HEIGHT || bytes_per_pixel < 2 || bytes_per_pixel > 4 ||
	    pitch < width * bytes_per_pixel)
		return;
	screen.kind = SCREEN_PIXELS;
	screen.columns = width / CELL_WIDTH;
	screen.rows = height / CELL_HEIGHT;
	screen.base = base;
	screen.pitch = pitch;
	screen.bytes_per_pixel = bytes_per_pixel;
}

static void draw_pixels(u32 column, u32 row, char c)
{
	const u8 *glyph = font_glyph(c);
	u8 *line = screen.base + (size_t)row * CELL_HEIGHT * screen.pitch +
		   (size_t)column * CELL_WIDTH * screen.bytes_per_pixel;

	/* Each of the glyph's 8 lines is drawn twice. */
	for (u32 y = 0; y < CELL_HEIGHT; y++, line += screen.pitch) {
		for (u32 x = 0; x < CELL_WIDTH; x++)
			memset(line + x * screen.bytes_per_pixel, glyph[y / 2] & 0x80 >> x ? 0xff : 0,
			       screen.bytes_per_pixel);
	}
}

static void draw(u32 column, u32 row, char c)
{
	if (screen.kind == SCREEN_PIXELS)
		draw_pixels(column, row, c);
	else
		((u16 *)screen.base)[row * screen.columns + column] = (u16)(TEXT_ATTR | (u8)c);
}

/* A new line starts blank, whatever the boot menu left there. */
static void new_line(void)
{
	screen.column = 0;
	screen.row = (screen.row + 1) % screen.rows;
	for (u32 i = 0; i < screen.columns; i++)
		draw(i, screen.row, ' ');
}

void screen_write(const char *text, size_t len)
{
	if (screen.kind == SCREEN_NONE || screen.released)
		return;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' || screen.column == screen.columns)
			new_line();
		if (text[i] != '\n')
			draw(screen.column++, screen.row, text[i]);
	}
}

void screen_release(void)
{
	screen.released = true;
}

void screen_regain(void)
{
	screen.released = false;
	if (screen.kind != SCREEN_NONE)
		new_line();
}
