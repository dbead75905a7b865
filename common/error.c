/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>

int nxt_fail(struct nxt_error *error, int r, const char *format, ...)
{
	va_list arguments;

	if (!error)
		return r;

	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	for (unsigned char *p = (unsigned char *)error->text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
	return r;
}
