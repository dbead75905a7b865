/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where Engine's messages go besides the log: a serial port, and the screen until the control domain draws on
 * it.
 */
#ifndef ENGINE_CONSOLE_CONSOLE_H
#define ENGINE_CONSOLE_CONSOLE_H

#include "lib/types.h"

/* The UART at this I/O port is used from now on; a port with no UART behind it is left alone. */
void serial_init(u16 port, u32 baud);
void serial_write(const char *text, size_t len);

/* VGA text mode at its fixed place: the PC was started by a BIOS that left it on. */
void screen_init_text(void);
/*
 * A linear framebuffer. base is a pointer to its mapped memory; pixels are white where all of their bits are
 * set.
 */
void screen_init_pixels(void *base, u32 pitch, u32 width, u32 height, u32 bytes_per_pixel);
void screen_write(const char *text, size_t len);
/* The screen belongs to the control domain now: only a panic writes again. */
void screen_release(void);
void screen_regain(void);

#endif
