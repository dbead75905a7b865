/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/names.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/hex.h"

static bool lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool hex_digit(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
}

bool nxt_name_valid(const char *text)
{
	size_t length = strnlen(text, NXT_NAME_SIZE);

	if (length == 0 || length >= NXT_NAME_SIZE || !lower_or_digit(text[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!lower_or_digit(text[i]) && text[i] != '-')
			return false;
	return true;
}

bool nxt_id_valid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strnlen(text, NXT_ID_SIZE) != NXT_ID_SIZE - 1)
		return false;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == '-' ? text[i] != '-' : !hex_digit(text[i]))
			return false;
	return true;
}

/* Reads one character of UTF-8 and steps over it; -EINVAL if there is none that the standard allows. */
static int32_t next_character(const unsigned char **text)
{
	static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *p = *text;
	int32_t c = *p++;
	int more = 0;

	if (c >= 0x80) {
		if (c >= 0xf8 || c < 0xc0)
			return -EINVAL;
		more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		c &= 0x3f >> more;
	}
	for (int i = 0; i < more; i++) {
		if ((*p & 0xc0) != 0x80)
			return -EINVAL;
		c = c << 6 | (*p++ & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -EINVAL;
	*text = p;
	return c;
}

/*
 * Line and paragraph separators, and what turns the direction of writing: a title must not disturb the
 * line it is in.
 */
static bool control_character(int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

bool nxt_title_valid(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	int characters = 0;

	while (*p) {
		int32_t c = next_character(&p);

		if (c < 0 || control_character(c) || ++characters > 100)
			return false;
	}
	return characters > 0;
}

bool nxt_sha256_valid(const char *text)
{
	if (strnlen(text, NXT_SHA256_HEX) != NXT_SHA256_HEX - 1)
		return false;
	for (; *text; text++)
		if (!hex_digit(*text))
			return false;
	return true;
}

int nxt_id_make(char ret[NXT_ID_SIZE])
{
	unsigned char random[16];
	char hex[33];

	if (RAND_bytes(random, sizeof(random)) != 1)
		return -EIO;
	random[6] = (unsigned char)((random[6] & 0x0f) | 0x40); /* version 4 */
	random[8] = (unsigned char)((random[8] & 0x3f) | 0x80); /* of RFC 4122's variant */
	nxt_hex_encode(random, sizeof(random), hex);
	snprintf(ret, NXT_ID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	return 0;
}

static int number(const char *digits, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n = 10 * n + digits[i] - '0';
	return n;
}

int nxt_time_parse(const char *text, int64_t *ret)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	char again[NXT_TIME_SIZE];
	struct tm tm = {0};
	int64_t seconds;

	if (strnlen(text, NXT_TIME_SIZE) != NXT_TIME_SIZE - 1)
		return -EINVAL;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return -EINVAL;

	tm.tm_year = number(text, 4) - 1900;
	tm.tm_mon = number(text + 5, 2) - 1;
	tm.tm_mday = number(text + 8, 2);
	tm.tm_hour = number(text + 11, 2);
	tm.tm_min = number(text + 14, 2);
	tm.tm_sec = number(text + 17, 2);
	seconds = timegm(&tm);
	/* timegm() takes the 31st of February for the 3rd of March. */
	if (nxt_time_format(seconds, again) < 0 || strcmp(text, again) != 0)
		return -EINVAL;
	*ret = seconds;
	return 0;
}

int nxt_time_format(int64_t seconds, char ret[NXT_TIME_SIZE])
{
	time_t t = seconds;
	struct tm tm;

	if (seconds < 0 || seconds > INT64_C(253402300799)) /* the end of 9999 */
		return -ERANGE;
	if (!gmtime_r(&t, &tm))
		return -ERANGE;
	strftime(ret, NXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return 0;
}
