/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the unit tests share. */
#ifndef NXT_TEST_H
#define NXT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/key.h"

/* The first key of RFC 8032, section 7.1: no secret, and others can check what we sign with it. */
#define TEST_KEY_PEM                                                                                         \
	"-----BEGIN PRIVATE KEY-----\n"                                                                      \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"                                 \
	"-----END PRIVATE KEY-----\n"
#define TEST_KEY_PUBLIC_PEM                                                                                  \
	"-----BEGIN PUBLIC KEY-----\n"                                                                       \
	"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                                     \
	"-----END PUBLIC KEY-----\n"
#define TEST_KEY_PUBLIC_HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define TEST_KEY_ID "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9"

static inline struct nxt_private_key *test_key(void)
{
	struct nxt_private_key *key;

	assert_int_equal(nxt_private_key_from_pem(TEST_KEY_PEM, strlen(TEST_KEY_PEM), NULL, &key, NULL), 0);
	return key;
}

/* Another key, a new one each time. */
static inline struct nxt_private_key *other_key(void)
{
	struct nxt_private_key *key;

	assert_int_equal(nxt_private_key_generate(&key), 0);
	return key;
}

static inline struct nxt_public_key public_of(const struct nxt_private_key *key)
{
	struct nxt_public_key public;

	nxt_private_key_public(key, &public);
	return public;
}

#define assert_contains(text, part)                                                                          \
	do {                                                                                                 \
		if (!strstr(text, part))                                                                     \
			fail_msg("\"%s\" is not in \"%s\"", part, text);                                     \
	} while (0)

#endif
