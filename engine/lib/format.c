/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/format.h"

struct sink {
	char *buf;
	size_t size, len;
};

static void put(struct sink *sink, char c)
{
	if (sink->len + 1 < sink->size)
		sink->buf[sink->len++] = c;
}

static void put_padded(struct sink *sink, const char *s, size_t n, size_t width, bool left, char pad)
{
	size_t fill = width > n ? width - n : 0;

	for (; !left && fill; fill--)
		put(sink, pad);
	while (n--)
		put(sink, *s++);
	for (; fill; fill--)
		put(sink, ' ');
}

static void put_number(struct sink *sink, u64 value, unsigned int base, bool negative, size_t width,
		       bool left, char pad)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative)
		digits[--at] = '-';
	put_padded(sink, digits + at, sizeof(digits) - at, width, left, pad);
}

size_t format_v(char *buf, size_t size, const char *fmt, va_list args)
{
	struct sink sink = {.buf = buf, .size = size};

	for (; *fmt; fmt++) {
		size_t width = 0;
		int longs = 0;
		bool left = false;
		char pad = ' ';

		if (*fmt != '%') {
			put(&sink, *fmt);
			continue;
		}
		fmt++;
		for (; *fmt == '-' || *fmt == '0'; fmt++) {
			if (*fmt == '-')
				left = true;
			else
				pad = '0';
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (size_t)(*fmt - '0');
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs++;

		switch (*fmt) {
		case 's': {
			const char *s = va_arg(args, const char *);
			size_t n = 0;

			if (!s)
				s = "(null)";
			while (s[n])
				n++;
			put_padded(&sink, s, n, width, left, ' ');
			break;
		}
		case 'c':
			put(&sink, (char)va_arg(args, int));
			break;
		case 'd': {
			s64 v = longs ? va_arg(args, s64) : va_arg(args, int);

			put_number(&sink, v < 0 ? 0 - (u64)v : (u64)v, 10, v < 0, width, left, pad);
			break;
		}
		case 'u':
		case 'x': {
			u64 v = longs ? va_arg(args, u64) : va_arg(args, unsigned int);

			put_number(&sink, v, *fmt == 'u' ? 10 : 16, false, width, left, pad);
			break;
		}
		case 'p':
			put_number(&sink, (u64)(uintptr_t)va_arg(args, void *), 16, false, 16, false, '0');
			break;
		case '\0':
			fmt--;
			break;
		default:
			put(&sink, *fmt);
		}
	}
	sink.buf[sink.len] = '\0';
	return sink.len;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = format_v(buf, size, fmt, args);
	va_end(args);
	return n;
}
