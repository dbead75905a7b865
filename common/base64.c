/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char digits32[] = "abcdefghijklmnopqrstuvwxyz234567";

int nxt_base64_encode(const void *data, size_t size, char **ret)
{
	const uint8_t *in = data;
	size_t length = 0;
	char *text;

	text = malloc((size + 2) / 3 * 4 + 1);
	if (!text)
		return -ENOMEM;

	for (size_t i = 0; i < size; i += 3) {
		size_t n = size - i < 3 ? size - i : 3;
		uint32_t bits = (uint32_t)in[i] << 16;

		if (n > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (n > 2)
			bits |= in[i + 2];
		text[length++] = digits64[bits >> 18];
		text[length++] = digits64[bits >> 12 & 63];
		text[length++] = n > 1 ? digits64[bits >> 6 & 63] : '=';
		text[length++] = n > 2 ? digits64[bits & 63] : '=';
	}
	text[length] = '\0';
	*ret = text;
	return 0;
}

static int digit64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

int nxt_base64_decode(const char *text, size_t length, void **ret, size_t *ret_size)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size, padding = 0, out = 0;

	if (length % 4 != 0)
		return -EINVAL;
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	size = length / 4 * 3 - padding;

	bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;

	for (size_t i = 0; i < length; i += 4) {
		size_t n = i + 4 == length ? 4 - padding : 4;
		uint32_t bits = 0;

		for (size_t j = 0; j < 4; j++) {
			int d = j < n ? digit64(text[i + j]) : 0;

			if (d < 0)
				return -EINVAL;
			bits = bits << 6 | (uint32_t)d;
		}
		/* Bits that belong to no byte must be zero, or two texts would mean the same. */
		if ((n == 3 && bits & 0xff) || (n == 2 && bits & 0xffff))
			return -EINVAL;
		for (size_t j = 0; j < n - 1; j++)
			bytes[out++] = (uint8_t)(bits >> (16 - 8 * j));
	}
	bytes[size] = '\0';
	*ret = TAKE_PTR(bytes);
	*ret_size = size;
	return 0;
}

void nxt_base32_encode(const void *data, size_t size, char *ret)
{
	const uint8_t *in = data;
	unsigned int bits = 0, n = 0;

	for (size_t i = 0; i < size; i++) {
		bits = (bits << 8 | in[i]) & 0xfff;
		for (n += 8; n >= 5; n -= 5)
			*ret++ = digits32[bits >> (n - 5) & 31];
	}
	if (n > 0)
		*ret++ = digits32[bits << (5 - n) & 31];
	*ret = '\0';
}

int nxt_base32_decode(const char *text, void *ret, size_t size)
{
	uint8_t *out = ret;
	unsigned int bits = 0, n = 0;

	if (strlen(text) != NXT_BASE32_LENGTH(size) || strspn(text, digits32) != strlen(text))
		return -EINVAL;
	/* The last digit's spare bits must be zero, or two texts would mean the same. */
	if (size > 0) {
		unsigned int spare = (unsigned int)(5 * strlen(text) - 8 * size);
		const char *last = strchr(digits32, text[strlen(text) - 1]);

		if ((unsigned int)(last - digits32) & ((1U << spare) - 1))
			return -EINVAL;
	}

	for (; *text; text++) {
		bits = (bits << 5 | (unsigned int)(strchr(digits32, *text) - digits32)) & 0xfff;
		n += 5;
		if (n >= 8) {
			n -= 8;
			*out++ = (uint8_t)(bits >> n);
		}
	}
	return 0;
}
