/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "center/release/release.h"
#include "common/document.h"
#include "common/file.h"

#define DAY (24 * 60 * 60)
#define DAYS_DEFAULT "90"
#define DAYS_MAX 3660

/* A PC whose clock is a little late must not refuse a new certificate. */
#define BACKDATE (60 * 60)

static const char help[] =
	"usage: nxtop-release operations --key FILE --center-key FILE -o OUTPUT [OPTION...]\n"
	"\n"
	"Certifies Center's operations key: until the certificate ends, Center may say which PC gets which "
	"of your images and\n"
	"policies, and order PCs to start, stop, snapshot and revert workspaces. Give Center a new one in "
	"time: PCs keep\n"
	"working without, but take no new assignments and orders. OUTPUT is not overwritten.\n"
	"\n"
	"  --key FILE              the release key\n"
	"  --passphrase-file FILE  take the key's passphrase from FILE's first line instead of asking for "
	"it\n"
	"  --center-key FILE       Center's public operations key (PEM)\n"
	"  --days N                how long it is valid (default " DAYS_DEFAULT ")\n"
	"  --may assign|order      only this, not both\n"
	"  -o, --output OUTPUT     where the certificate goes\n";

struct operations_options {
	const char *key, *passphrase_file, *center_key, *days, *may, *output;
	bool help;
};

static int parse_options(int argc, char **argv, struct operations_options *ret, struct nxt_error *error)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"key", required_argument, NULL, 'k'},
		{"passphrase-file", required_argument, NULL, 'p'},
		{"center-key", required_argument, NULL, 'c'},
		{"days", required_argument, NULL, 'd'},
		{"may", required_argument, NULL, 'm'},
		{"output", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			ret->help = true;
			return 0;
		case 'k':
			ret->key = optarg;
			break;
		case 'p':
			ret->passphrase_file = optarg;
			break;
		case 'c':
			ret->center_key = optarg;
			break;
		case 'd':
			ret->days = optarg;
			break;
		case 'm':
			ret->may = optarg;
			break;
		case 'o':
			ret->output = optarg;
			break;
		default:
			return nxt_fail(error, -EINVAL, "operations does not know that option");
		}
	}
	if (optind != argc)
		return nxt_fail(error, -EINVAL, "operations takes options only, not %s", argv[optind]);
	return 0;
}

static int check_options(const struct operations_options *options, uint64_t *ret_days, unsigned int *ret_may,
			 struct nxt_error *error)
{
	int r;

	r = demand("--key", options->key, error);
	if (r >= 0)
		r = demand("--center-key", options->center_key, error);
	if (r >= 0)
		r = demand("--output", options->output, error);
	if (r >= 0)
		r = read_number("--days", options->days, 1, DAYS_MAX, ret_days, error);
	if (r < 0)
		return r;

	*ret_may = NXT_MAY_ASSIGN | NXT_MAY_ORDER;
	if (!options->may)
		return 0;
	if (strcmp(options->may, "assign") == 0)
		*ret_may = NXT_MAY_ASSIGN;
	else if (strcmp(options->may, "order") == 0)
		*ret_may = NXT_MAY_ORDER;
	else
		return nxt_fail(error, -EINVAL, "--may is neither assign nor order");
	return 0;
}

int verb_operations(int argc, char **argv, struct nxt_error *error)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = NULL;
	struct operations_options options = {.days = DAYS_DEFAULT};
	struct nxt_document document = {.type = NXT_OPERATIONS};
	_cleanup_free_ char *envelope = NULL;
	char until[NXT_TIME_SIZE], id[NXT_SHA256_HEX];
	uint64_t days;
	size_t size;
	int r;

	r = parse_options(argc, argv, &options, error);
	if (r < 0)
		return r;
	if (options.help)
		return fputs(help, stdout) < 0 ? -EIO : 0;
	r = check_options(&options, &days, &document.operations.may, error);
	if (r < 0)
		return r;
	r = load_public_key(options.center_key, &document.operations.key, error);
	if (r < 0)
		return r;
	r = load_private_key(options.key, options.passphrase_file, &key, error);
	if (r < 0)
		return r;

	document.operations.not_before = time(NULL) - BACKDATE;
	document.operations.not_after = time(NULL) + (int64_t)days * DAY;
	r = nxt_document_seal(&document, key, &envelope, &size, error);
	if (r < 0)
		return r;
	r = nxt_file_write(AT_FDCWD, options.output, envelope, size, 0644, NXT_WRITE_NEW);
	if (r < 0)
		return fail_file(error, r, "cannot write", options.output);
	r = nxt_time_format(document.operations.not_after, until);
	if (r < 0)
		return r;
	nxt_key_id(&document.operations.key, id);
	printf("%s certifies Center's key %s until %s.\n", options.output, id, until);
	return 0;
}
