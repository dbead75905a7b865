/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printf formatting without a libc: %s %c %d %u %x %lu %lx %lld %llu %llx %p %%, with width, '0' and '-'. */
#ifndef ENGINE_LIB_FORMAT_H
#define ENGINE_LIB_FORMAT_H

#include <stdarg.h>

#include "lib/types.h"

/*
 * Writes at most size bytes with the terminating NUL into buf. Returns the length without the NUL of what was
 * written, which unlike snprintf's never exceeds size - 1. size must not be 0.
 */
size_t format_v(char *buf, size_t size, const char *fmt, va_list args);
size_t format(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);

#endif
