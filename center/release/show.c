/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

#include "center/release/release.h"
#include "common/document.h"
#include "common/envelope.h"
#include "common/file.h"
#include "common/json.h"

static const char help[] = "usage: nxtop-release show [--public-key FILE] DOCUMENT\n"
			   "\n"
			   "Prints, as JSON, what a signed document says, who signed it, and what is wrong "
			   "with it. The exit status is 0 only if\n"
			   "nothing is. Without --public-key the signature is not verified.\n"
			   "\n"
			   "  --public-key FILE  the key that must have signed it: the release key, or for "
			   "assignments and orders Center's\n";

/* What is wrong with it, or nothing. Also for a document of a type that is not ours. */
static int judge(const struct nxt_envelope *envelope, const struct nxt_public_key *key,
		 struct nxt_error *error)
{
	struct nxt_document document;
	enum nxt_type type;
	int r;

	if (nxt_type_from_text(envelope->type, &type) < 0)
		return nxt_fail(error, -EBADMSG, "no type of document that is known here");
	if (key) {
		r = nxt_envelope_check(envelope, envelope->type, key, error);
		if (r < 0)
			return r;
	}
	return nxt_document_parse(type, envelope->payload, envelope->payload_size, &document, error);
}

static json_t *signers(const struct nxt_envelope *envelope)
{
	json_t *array = json_array();

	for (size_t i = 0; i < envelope->n_signatures; i++)
		json_array_append_new(array, json_string(envelope->signatures[i].keyid));
	return array;
}

/* ASCII only: whatever is in the document, it cannot steer the terminal. */
static int print(const struct nxt_envelope *envelope, const char *name, bool verified, const char *wrong)
{
	_cleanup_(nxt_json_unrefp) json_t *object = NULL, *payload = NULL;

	if (nxt_json_load(envelope->payload, envelope->payload_size, &payload, NULL) < 0)
		payload = json_null();
	object = json_pack("{s:s, s:s, s:o, s:b, s:s?, s:O}", "name", name, "type", envelope->type,
			   "signed_by", signers(envelope), "verified", verified, "wrong", wrong, "payload",
			   payload);
	if (!object)
		return -ENOMEM;
	return json_dumpf(object, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) < 0 || putchar('\n') < 0 ? -EIO
												       : 0;
}

int verb_show(int argc, char **argv, struct nxt_error *error)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"public-key", required_argument, NULL, 'k'},
		{NULL, 0, NULL, 0},
	};
	_cleanup_(nxt_envelope_freep) struct nxt_envelope *envelope = NULL;
	_cleanup_free_ char *bytes = NULL;
	const char *key_path = NULL;
	char name[NXT_SHA256_HEX];
	struct nxt_public_key key;
	struct nxt_error why = {.text = "out of memory"};
	size_t size;
	int c, r, judgement;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			return fputs(help, stdout) < 0 ? -EIO : 0;
		case 'k':
			key_path = optarg;
			break;
		default:
			return nxt_fail(error, -EINVAL, "show does not know that option");
		}
	}
	if (optind + 1 != argc)
		return nxt_fail(error, -EINVAL, "show takes one DOCUMENT");
	if (key_path) {
		r = load_public_key(key_path, &key, error);
		if (r < 0)
			return r;
	}
	r = nxt_file_read(AT_FDCWD, argv[optind], NXT_ENVELOPE_MAX, &bytes, &size);
	if (r < 0)
		return fail_file(error, r, "cannot read", argv[optind]);
	r = nxt_envelope_parse(bytes, size, &envelope, &why);
	if (r < 0)
		return nxt_fail(error, r, "%s: %s", argv[optind], why.text);

	nxt_sha256_hex(bytes, size, name);
	judgement = judge(envelope, key_path ? &key : NULL, &why);
	r = print(envelope, name, key_path && judgement >= 0, judgement < 0 ? why.text : NULL);
	if (r < 0)
		return r;
	return judgement < 0 ? nxt_fail(error, judgement, "%s: %s", argv[optind], why.text) : 0;
}
