/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_HEX_H
#define NXT_HEX_H

#include <stddef.h>

/* A SHA-256: raw, and as text with its terminating NUL. */
#define NXT_SHA256_SIZE 32
#define NXT_SHA256_HEX 65

/* Writes 2 * size lower-case digits and a NUL. */
void nxt_hex_encode(const void *data, size_t size, char *ret);

/* Reads exactly size bytes from exactly 2 * size lower-case digits. -EINVAL for anything else. */
int nxt_hex_decode(const char *text, void *ret, size_t size);

/* SHA-256 of size bytes, raw and in hex. Neither fails: what OpenSSL would need memory for is aborted on. */
void nxt_sha256(const void *data, size_t size, unsigned char ret[NXT_SHA256_SIZE]);
void nxt_sha256_hex(const void *data, size_t size, char ret[NXT_SHA256_HEX]);

#endif
