/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_BASE64_H
#define NXT_BASE64_H

#include <stddef.h>

/* RFC 4648 base64 with padding. *ret is terminated, for free(). -ENOMEM. */
int nxt_base64_encode(const void *data, size_t size, char **ret);

/*
 * The reverse, strict: only the form that nxt_base64_encode() would have written, so that no two texts
 * mean the same. *ret has a NUL after its size bytes, for free(). -EINVAL, -ENOMEM.
 */
int nxt_base64_decode(const char *text, size_t length, void **ret, size_t *ret_size);

/* RFC 4648 base32, lower case, without padding: (8 * size + 4) / 5 characters and a NUL. */
#define NXT_BASE32_LENGTH(size) ((8 * (size) + 4) / 5)
void nxt_base32_encode(const void *data, size_t size, char *ret);

/* Reads exactly size bytes from exactly as many characters as they need; -EINVAL for anything else. */
int nxt_base32_decode(const char *text, void *ret, size_t size);

#endif
