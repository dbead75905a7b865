/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/options.h"

#include "lib/string.h"

#define DEFAULT_BAUD 115200

/* A piece of the command line; not NUL-terminated. */
struct text {
	const char *start;
	u32 len;
};

static bool equals(struct text text, const char *word)
{
	return text.len == strlen(word) && !memcmp(text.start, word, text.len);
}

/* Cuts the text at the first separator and returns what is in front; rest is what is behind, {NULL, 0} if
 * none. */
static struct text cut(struct text text, char separator, struct text *rest)
{
	for (u32 i = 0; i < text.len; i++) {
		if (text.start[i] != separator)
			continue;
		*rest = (struct text){text.start + i + 1, text.len - i - 1};
		return (struct text){text.start, i};
	}
	*rest = (struct text){NULL, 0};
	return text;
}

/* A decimal number without sign. */
static bool parse_number(struct text text, u64 *number)
{
	u64 value = 0;

	if (!text.len)
		return false;
	for (u32 i = 0; i < text.len; i++) {
		char c = text.start[i];

		if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, c - '0', &value))
			return false;
	}
	*number = value;
	return true;
}

static bool parse_cpus(struct text value, struct options *options)
{
	u64 cpus;

	if (!parse_number(value, &cpus) || !cpus || cpus > UINT32_MAX)
		return false;
	options->cpus = cpus;
	return true;
}

static bool parse_memory(struct text value, struct options *options)
{
	u64 size;
	u32 shift = 0;

	if (!value.len)
		return false;
	switch (value.start[value.len - 1]) {
	case 'G':
		shift += 10;
		/* fallthrough */
	case 'M':
		shift += 10;
		/* fallthrough */
	case 'K':
		shift += 10;
		value.len--;
	}
	if (!parse_number(value, &size) || !size || size > (UINT64_MAX >> shift))
		return false;
	options->memory = size << shift;
	return true;
}

/* The I/O ports that PCs give their first four UARTs. */
static u16 parse_port(struct text name)
{
	static const struct {
		const char *linux_name;
		const char *name;
		u16 port;
	} uart[] = {
		{"ttyS0", "com1", 0x3f8},
		{"ttyS1", "com2", 0x2f8},
		{"ttyS2", "com3", 0x3e8},
		{"ttyS3", "com4", 0x2e8},
	};

	for (u32 i = 0; i < ARRAY_SIZE(uart); i++)
		if (equals(name, uart[i].linux_name) || equals(name, uart[i].name))
			return uart[i].port;
	return 0;
}

static bool parse_console(struct text value, struct options *options)
{
	struct text baud_text;
	struct text name = cut(value, ',', &baud_text);
	u16 port = parse_port(name);
	u64 baud = DEFAULT_BAUD;

	if (equals(value, "none")) {
		options->console_port = 0;
		return true;
	}
	/* The UART divides 115200 Hz. */
	if (!port || (baud_text.start && (!parse_number(baud_text, &baud) || !baud || DEFAULT_BAUD % baud)))
		return false;
	options->console_port = port;
	options->console_baud = baud;
	return true;
}

static bool parse_screen(struct text value, struct options *options)
{
	if (equals(value, "on"))
		options->screen = true;
	else if (equals(value, "off"))
		options->screen = false;
	else
		return false;
	return true;
}

static bool parse_word(struct text word, struct options *options)
{
	struct text value;
	struct text name = cut(word, '=', &value);

	if (equals(word, "selftest"))
		return options->selftest = true;
	if (equals(word, "native"))
		return options->native = true;
	if (!value.start)
		return false;
	if (equals(name, "console"))
		return parse_console(value, options);
	if (equals(name, "screen"))
		return parse_screen(value, options);
	if (equals(name, "cpus"))
		return parse_cpus(value, options);
	if (equals(name, "memory"))
		return parse_memory(value, options);
	return false;
}

static void keep_bad(struct text word, struct options *options)
{
	if (options->bad_count < OPTIONS_BAD_MAX) {
		char *bad = options->bad[options->bad_count];
		u32 len = MIN(word.len, OPTIONS_WORD_MAX - 1);

		for (u32 i = 0; i < len; i++)
			bad[i] = word.start[i] > ' ' && word.start[i] <= '~' ? word.start[i] : '?';
		bad[len] = '\0';
	}
	options->bad_count++;
}

void options_parse(const char *line, struct options *options)
{
	struct text rest = {line, strlen(line)};

	memset(options, 0, sizeof(*options));
	options->console_baud = DEFAULT_BAUD;
	options->screen = true;

	while (rest.start) {
		struct text word = cut(rest, ' ', &rest);

		if (word.len && !parse_word(word, options))
			keep_bad(word, options);
	}
}
