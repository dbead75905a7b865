/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/password.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "what libsodium writes");

/* A hash of a password that nobody knows. */
static char nobody[PASSWORD_HASH_SIZE];

int password_init(void)
{
	char password[32];

	if (sodium_init() < 0)
		return -EIO;
	randombytes_buf(password, sizeof(password));
	for (size_t i = 0; i < sizeof(password); i++)
		password[i] = 'a' + (password[i] & 15);
	password[sizeof(password) - 1] = 0;
	return password_hash(password, nobody);
}

int password_hash(const char *password, char ret[PASSWORD_HASH_SIZE])
{
	return crypto_pwhash_str(ret, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
				 crypto_pwhash_MEMLIMIT_INTERACTIVE)
		       ? -ENOMEM
		       : 0;
}

int password_check(const char *password, const char *hash)
{
	int r = crypto_pwhash_str_verify(hash ? hash : nobody, password, strlen(password));

	return r || !hash ? -EKEYREJECTED : 0;
}
