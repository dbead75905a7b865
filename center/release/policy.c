/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "center/release/release.h"
#include "common/document.h"
#include "common/envelope.h"
#include "common/file.h"

static const char help[] = "usage: nxtop-release policy --key FILE -o OUTPUT POLICY.json\n"
			   "       nxtop-release policy --example\n"
			   "\n"
			   "Checks and signs a policy: what workspaces may be. POLICY.json is an object as "
			   "--example prints it; what each member\n"
			   "means is in docs/image-author.md. Each change of a policy needs a higher "
			   "generation. OUTPUT is not overwritten.\n"
			   "\n"
			   "  --key FILE              the release key\n"
			   "  --passphrase-file FILE  take the key's passphrase from FILE's first line "
			   "instead of asking for it\n"
			   "  -o, --output OUTPUT     where the signed policy goes\n"
			   "  --example               print a policy to start from\n";

static const char example[] = "{\n"
			      "  \"format\": 1,\n"
			      "  \"policy\": \"office\",\n"
			      "  \"generation\": 1,\n"
			      "  \"title\": \"Office\",\n"
			      "  \"kind\": \"custom\",\n"
			      "  \"vcpus\": 2,\n"
			      "  \"memory_mib\": 4096,\n"
			      "  \"user_disk_mib\": 10240,\n"
			      "  \"network\": \"nat\",\n"
			      "  \"autostart\": true,\n"
			      "  \"snapshots\": {\"keep\": 10, \"every_minutes\": 1440},\n"
			      "  \"health\": {\"agent\": false, \"boot_seconds\": 600}\n"
			      "}\n";

static int sign(const char *input, const char *output, const struct nxt_private_key *key,
		struct nxt_error *error)
{
	_cleanup_free_ char *text = NULL, *envelope = NULL;
	char name[NXT_SHA256_HEX];
	struct nxt_document document;
	struct nxt_error why = {.text = "out of memory"};
	size_t size;
	int r;

	r = nxt_file_read(AT_FDCWD, input, NXT_ENVELOPE_MAX, &text, &size);
	if (r < 0)
		return fail_file(error, r, "cannot read", input);
	r = nxt_document_parse(NXT_POLICY, text, size, &document, &why);
	if (r < 0)
		return nxt_fail(error, r, "%s: %s", input, why.text);
	r = nxt_document_seal(&document, key, &envelope, &size, error);
	if (r < 0)
		return r;
	r = nxt_file_write(AT_FDCWD, output, envelope, size, 0644, NXT_WRITE_NEW);
	if (r < 0)
		return fail_file(error, r, "cannot write", output);
	nxt_sha256_hex(envelope, size, name);
	printf("Policy %s, generation %" PRIu64 ": %s, named %s.\n", document.policy.policy,
	       document.policy.generation, output, name);
	return 0;
}

int verb_policy(int argc, char **argv, struct nxt_error *error)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"key", required_argument, NULL, 'k'},
		{"passphrase-file", required_argument, NULL, 'p'},
		{"output", required_argument, NULL, 'o'},
		{"example", no_argument, NULL, 'e'},
		{NULL, 0, NULL, 0},
	};
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = NULL;
	const char *key_path = NULL, *passphrase_file = NULL, *output = NULL;
	int c, r;

	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			return fputs(help, stdout) < 0 ? -EIO : 0;
		case 'e':
			return fputs(example, stdout) < 0 ? -EIO : 0;
		case 'k':
			key_path = optarg;
			break;
		case 'p':
			passphrase_file = optarg;
			break;
		case 'o':
			output = optarg;
			break;
		default:
			return nxt_fail(error, -EINVAL, "policy does not know that option");
		}
	}
	if (optind + 1 != argc)
		return nxt_fail(error, -EINVAL, "policy takes one POLICY.json");
	r = demand("--key", key_path, error);
	if (r < 0)
		return r;
	r = demand("--output", output, error);
	if (r < 0)
		return r;
	r = load_private_key(key_path, passphrase_file, &key, error);
	if (r < 0)
		return r;
	return sign(argv[optind], output, key, error);
}
