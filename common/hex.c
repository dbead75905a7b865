/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/hex.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

void nxt_hex_encode(const void *data, size_t size, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int nxt_hex_decode(const char *text, void *ret, size_t size)
{
	unsigned char *bytes = ret;

	if (strlen(text) != 2 * size)
		return -EINVAL;
	for (const char *p = text; *p; p++)
		if (digit(*p) < 0)
			return -EINVAL;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return 0;
}

void nxt_sha256(const void *data, size_t size, unsigned char ret[NXT_SHA256_SIZE])
{
	/* It fails for want of memory only, and a caller who went on without a hash would be worse off. */
	if (!EVP_Digest(data, size, ret, NULL, EVP_sha256(), NULL))
		abort();
}

void nxt_sha256_hex(const void *data, size_t size, char ret[NXT_SHA256_HEX])
{
	unsigned char hash[NXT_SHA256_SIZE];

	nxt_sha256(data, size, hash);
	nxt_hex_encode(hash, sizeof(hash), ret);
}
