/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Engine's log: a ring of text in memory that the control domain can read, echoed to the consoles. The ring
 * lies in memory that a warm reset does not clear, at a place that depends only on the machine's memory map,
 * so that the last words before a panic can be read after it.
 */
#ifndef ENGINE_LIB_LOG_H
#define ENGINE_LIB_LOG_H

#include <stdarg.h>

#include "lib/types.h"

#define LOG_TEXT_SIZE KIB(32)

/* What lies in memory. The check word tells a ring from whatever else a reset left there. */
struct log_ring {
	u64 magic;
	u64 check;    /* ~magic ^ panicked, or the ring is damaged */
	u64 panicked; /* 1: a panic ended this boot */
	u64 end;      /* bytes ever written; the text holds the last LOG_TEXT_SIZE of them */
	char text[LOG_TEXT_SIZE];
};

/*
 * Moves the log into ring, keeping what was logged before. If ring holds the log of a boot that ended in a
 * panic, that is copied to crash first, which log_crash returns from then on. Both must be mapped for good.
 */
void log_init(struct log_ring *ring, struct log_ring *crash);

/* Adds a line; "\n" is added. Also to the consoles. Any CPU. */
void log_line(const char *fmt, ...) PRINTF(1, 2);
void log_line_v(const char *fmt, va_list args);

/* Marks the ring as the log of a panicked boot, and stops locking: the last CPU alone goes on. */
void log_panic(void);

/* Echo of each line: set once at boot. */
void log_set_echo(void (*echo)(const char *text, size_t len));

/*
 * Copies up to size bytes of the ring from position *pos on, and advances it. Returns the bytes copied;
 * *ret_lost is how many before them were overwritten already. Use log_current() or log_crash() (NULL: none)
 * as ring.
 */
size_t log_read(const struct log_ring *ring, u64 *pos, char *buf, size_t size, u64 *ret_lost);
const struct log_ring *log_current(void);
const struct log_ring *log_crash(void);

#endif
