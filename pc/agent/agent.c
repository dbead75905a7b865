/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/agent.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

void agent_wake(int counter)
{
	(void)eventfd_write(counter, 1);
}

void agent_wait(int counter, int milliseconds)
{
	struct pollfd fd = {.fd = counter, .events = POLLIN};
	eventfd_t value;

	if (poll(&fd, 1, milliseconds) > 0)
		(void)eventfd_read(counter, &value);
}

int64_t agent_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static void log_line(const char *level, const char *format, va_list ap)
{
	char line[2048];

	vsnprintf(line, sizeof(line), format, ap);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20)
			*c = ' ';
	/* journald takes the level off again. */
	fprintf(stderr, "%s%s\n", level, line);
}

void log_info(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(SD_INFO, format, ap);
	va_end(ap);
}

void log_warning(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(SD_WARNING, format, ap);
	va_end(ap);
}

void log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(SD_ERR, format, ap);
	va_end(ap);
}
