/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

#include "center/release/release.h"
#include "common/cleanup.h"
#include "common/file.h"

static const char help[] =
	"usage: nxtop-release keygen [OPTION...] NAME\n"
	"\n"
	"Makes a release key: NAME.key, which signs and stays with you, and NAME.pub, which Center and the "
	"PCs get. Nothing\n"
	"is overwritten. Keep a copy of NAME.key in a safe place: PCs pin it, so without it they take no new "
	"images.\n"
	"\n"
	"  --passphrase-file FILE  take the passphrase from FILE's first line instead of asking for it\n"
	"  --no-passphrase         do not protect NAME.key: for tests\n";

static int write_pair(const char *name, const char *private_pem, size_t private_size, const char *public_pem,
		      size_t public_size, struct nxt_error *error)
{
	_cleanup_free_ char *private_path = NULL, *public_path = NULL;
	int r;

	if (asprintf(&private_path, "%s.key", name) < 0 || asprintf(&public_path, "%s.pub", name) < 0)
		return -ENOMEM;
	r = nxt_file_write(AT_FDCWD, private_path, private_pem, private_size, 0600, NXT_WRITE_NEW);
	if (r < 0)
		return fail_file(error, r, "cannot write", private_path);
	r = nxt_file_write(AT_FDCWD, public_path, public_pem, public_size, 0644, NXT_WRITE_NEW);
	if (r < 0) {
		(void)unlink(private_path); /* ours, and of no use alone */
		return fail_file(error, r, "cannot write", public_path);
	}
	printf("%s signs: keep it secret, and keep a copy.\n%s is for Center.\n", private_path, public_path);
	return 0;
}

int verb_keygen(int argc, char **argv, struct nxt_error *error)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"passphrase-file", required_argument, NULL, 'f'},
		{"no-passphrase", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = NULL;
	_cleanup_(forget) char *passphrase = NULL, *private_pem = NULL;
	_cleanup_free_ char *public_pem = NULL;
	const char *passphrase_file = NULL;
	size_t private_size, public_size;
	struct nxt_public_key public;
	bool protect = true;
	char id[NXT_SHA256_HEX];
	int c, r;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			return fputs(help, stdout) < 0 ? -EIO : 0;
		case 'f':
			passphrase_file = optarg;
			break;
		case 'n':
			protect = false;
			break;
		default:
			return nxt_fail(error, -EINVAL, "keygen does not know that option");
		}
	}
	if (optind + 1 != argc)
		return nxt_fail(error, -EINVAL, "keygen takes one NAME");

	if (protect) {
		r = new_passphrase(passphrase_file, &passphrase, error);
		if (r < 0)
			return r;
	}
	r = nxt_private_key_generate(&key);
	if (r < 0)
		return r;
	nxt_private_key_public(key, &public);
	r = nxt_private_key_to_pem(key, passphrase, &private_pem, &private_size);
	if (r < 0)
		return r;
	r = nxt_public_key_to_pem(&public, &public_pem, &public_size);
	if (r < 0)
		return r;
	r = write_pair(argv[optind], private_pem, private_size, public_pem, public_size, error);
	if (r < 0)
		return r;
	nxt_key_id(&public, id);
	printf("Its key id is %s.\n", id);
	return 0;
}
