/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs read: numbers, keys, passphrases. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "center/release/release.h"
#include "common/cleanup.h"
#include "common/file.h"

#define KEY_FILE_MAX 65536
#define PASSPHRASE_MAX 1000
#define PASSPHRASE_MIN 8

int read_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
		struct nxt_error *error)
{
	bool digits = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
	uint64_t n;

	errno = 0;
	n = strtoull(text, NULL, 10);
	if (!digits || errno != 0 || n < min || n > max)
		return nxt_fail(error, -EINVAL, "%s %s is no whole number from %" PRIu64 " to %" PRIu64,
				option, text, min, max);
	*ret = n;
	return 0;
}

int demand(const char *option, const char *value, struct nxt_error *error)
{
	return value ? 0 : nxt_fail(error, -EINVAL, "%s is missing", option);
}

int fail_file(struct nxt_error *error, int r, const char *what, const char *path)
{
	return nxt_fail(error, r == -EINVAL ? -EIO : r, "%s %s: %s", what, path, strerror(-r));
}

void forget(char **secret)
{
	if (*secret)
		OPENSSL_cleanse(*secret, strlen(*secret));
	free(*secret);
}

static int passphrase_from_file(const char *path, char **ret, struct nxt_error *error)
{
	char *text;
	size_t size;
	int r;

	r = nxt_file_read(AT_FDCWD, path, PASSPHRASE_MAX, &text, &size);
	if (r < 0)
		return fail_file(error, r, "cannot read the passphrase from", path);
	text[strcspn(text, "\r\n")] = '\0';
	*ret = text;
	return 0;
}

static int ask(const char *prompt, bool twice, char **ret, struct nxt_error *error)
{
	char *text = calloc(1, PASSPHRASE_MAX + 1);

	if (!text)
		return -ENOMEM;
	if (EVP_read_pw_string_min(text, twice ? PASSPHRASE_MIN : 0, PASSPHRASE_MAX, prompt, twice) != 0) {
		forget(&text);
		return nxt_fail(error, -EIO,
				"no passphrase was given: type it on a terminal, or use --passphrase-file");
	}
	*ret = text;
	return 0;
}

int new_passphrase(const char *passphrase_file, char **ret, struct nxt_error *error)
{
	_cleanup_(forget) char *text = NULL;
	int r;

	if (passphrase_file)
		r = passphrase_from_file(passphrase_file, &text, error);
	else
		r = ask("Passphrase for the new key: ", true, &text, error);
	if (r < 0)
		return r;
	if (strlen(text) < PASSPHRASE_MIN)
		return nxt_fail(error, -EPERM, "the passphrase is shorter than %d characters",
				PASSPHRASE_MIN);
	*ret = TAKE_PTR(text);
	return 0;
}

int load_private_key(const char *path, const char *passphrase_file, struct nxt_private_key **ret,
		     struct nxt_error *error)
{
	_cleanup_(forget) char *pem = NULL, *passphrase = NULL;
	struct nxt_error why = {.text = "out of memory"};
	size_t size;
	int r;

	r = nxt_file_read(AT_FDCWD, path, KEY_FILE_MAX, &pem, &size);
	if (r < 0)
		return fail_file(error, r, "cannot read the key", path);
	if (passphrase_file) {
		r = passphrase_from_file(passphrase_file, &passphrase, error);
		if (r < 0)
			return r;
	}
	r = nxt_private_key_from_pem(pem, size, passphrase, ret, &why);
	if (r == -ENOKEY) {
		r = ask("Passphrase of the release key: ", false, &passphrase, error);
		if (r < 0)
			return r;
		r = nxt_private_key_from_pem(pem, size, passphrase, ret, &why);
	}
	return r < 0 ? nxt_fail(error, r, "%s: %s", path, why.text) : 0;
}

int load_public_key(const char *path, struct nxt_public_key *ret, struct nxt_error *error)
{
	_cleanup_free_ char *pem = NULL;
	struct nxt_error why = {.text = "out of memory"};
	size_t size;
	int r;

	r = nxt_file_read(AT_FDCWD, path, KEY_FILE_MAX, &pem, &size);
	if (r < 0)
		return fail_file(error, r, "cannot read the key", path);
	r = nxt_public_key_from_pem(pem, size, ret, &why);
	return r < 0 ? nxt_fail(error, r, "%s: %s", path, why.text) : 0;
}
