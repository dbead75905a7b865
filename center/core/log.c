/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void log_line(int priority, const char *what, const char *format, ...)
{
	char line[1024];
	va_list arguments;
	int length;

	length = snprintf(line, sizeof(line), "<%d>%s ", priority, what);
	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof(line) - length, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	for (int i = 0; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[length++] = '\n';
	/* One write, so that lines of several threads do not mix. Nobody could be told if it failed. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}
