/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nxtop-release: the image author's tool. It holds the release key and runs off Center. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/release/release.h"
#include "common/cleanup.h"

static const char help[] =
	"usage: nxtop-release VERB [OPTION...]\n"
	"\n"
	"Makes what PCs run and obey: keys, images, policies, and the certificate of Center's key. It needs "
	"the release\n"
	"key, so run it where that lies: not on Center. `nxtop-release VERB --help` tells more about each.\n"
	"\n"
	"  keygen       make a release key\n"
	"  seal         make an image version out of a disk\n"
	"  policy       sign a policy\n"
	"  operations   certify Center's key for a while\n"
	"  show         show what is in a signed document\n"
	"  verify       check a directory of image versions, with all blocks\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct nxt_error *error);
} verbs[] = {
	{"keygen", verb_keygen},	 {"seal", verb_seal}, {"policy", verb_policy},
	{"operations", verb_operations}, {"show", verb_show}, {"verify", verb_verify},
};

static int run(int argc, char **argv)
{
	struct nxt_error error = {.text = ""};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[0], verbs[i].name) != 0)
			continue;
		r = verbs[i].run(argc, argv, &error);
		if (r >= 0)
			return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		fprintf(stderr, "nxtop-release: %s\n", error.text[0] ? error.text : strerror(-r));
		if (r != -EINVAL)
			return EXIT_FAILURE;
		fprintf(stderr, "See: nxtop-release %s --help\n", verbs[i].name);
		return 2;
	}
	fprintf(stderr, "nxtop-release: there is no verb %s. See: nxtop-release --help\n", argv[0]);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs(help, stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		fputs(help, stdout);
		return EXIT_SUCCESS;
	}
	return run(argc - 1, argv + 1);
}
