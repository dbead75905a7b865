/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/log.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define LOG_MAGIC 0x676f4c706f54784eULL /* "NxTopLog" */

static struct log_ring boot_ring = {.magic = LOG_MAGIC, .check = ~LOG_MAGIC};
static struct log_ring *current = &boot_ring;
static struct log_ring *crash;
static struct spinlock lock;
static bool unlocked;
static void (*echo)(const char *text, size_t len);

void log_init(struct log_ring *ring, struct log_ring *crash_ring)
{
	if (ring->magic == LOG_MAGIC && ring->panicked == 1 && ring->check == (~LOG_MAGIC ^ 1)) {
		memcpy(crash_ring, ring, sizeof(*ring));
		crash = crash_ring;
	}
	memcpy(ring, &boot_ring, sizeof(*ring));
	current = ring;
}

static void append(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		current->text[(current->end + i) % LOG_TEXT_SIZE] = text[i];
	/* Whoever reads without the lock and sees the new end also sees the text. */
	__atomic_store_n(&current->end, current->end + len, __ATOMIC_RELEASE);
}

void log_line_v(const char *fmt, va_list args)
{
	char line[256];
	size_t len = format_v(line, sizeof(line) - 1, fmt, args);

	line[len++] = '\n';
	if (!unlocked)
		spin_lock(&lock);
	append(line, len);
	if (echo)
		echo(line, len);
	if (!unlocked)
		spin_unlock(&lock);
}

void log_line(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line_v(fmt, args);
	va_end(args);
}

void log_panic(void)
{
	unlocked = true;
	current->panicked = 1;
	current->check = ~LOG_MAGIC ^ 1;
}

void log_set_echo(void (*function)(const char *text, size_t len))
{
	echo = function;
}

size_t log_read(const struct log_ring *ring, u64 *pos, char *buf, size_t size, u64 *ret_lost)
{
	u64 end = __atomic_load_n(&ring->end, __ATOMIC_ACQUIRE);
	u64 from = *pos;
	size_t n;

	*ret_lost = 0;
	if (from > end)
		from = end;
	if (end - from > LOG_TEXT_SIZE) {
		*ret_lost = end - from - LOG_TEXT_SIZE;
		from += *ret_lost;
	}
	n = MIN(size, end - from);
	for (size_t i = 0; i < n; i++)
		buf[i] = ring->text[(from + i) % LOG_TEXT_SIZE];
	*pos = from + n;
	return n;
}

const struct log_ring *log_current(void)
{
	return current;
}

const struct log_ring *log_crash(void)
{
	return crash;
}
