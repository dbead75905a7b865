/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/envelope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base64.h"
#include "common/json.h"
#include "common/names.h"

/*
 * What is signed: type and payload, each with its length before it, so that no other type and payload give
 * the same bytes.
 */
static int pre_authentication(const char *type, const void *payload, size_t size, char **ret,
			      size_t *ret_size)
{
	char *bytes;
	int head;

	bytes = malloc(strlen(type) + size + 64);
	if (!bytes)
		return -ENOMEM;
	head = sprintf(bytes, "DSSEv1 %zu %s %zu ", strlen(type), type, size);
	memcpy(bytes + head, payload, size);
	*ret = bytes;
	*ret_size = (size_t)head + size;
	return 0;
}

/* Keeps the signature if it could be by a key of ours; others may be of any kind and are not our business. */
static int take_signature(struct nxt_envelope *envelope, json_t *signature)
{
	const char *keyid = json_string_value(json_object_get(signature, "keyid"));
	json_t *sig = json_object_get(signature, "sig");
	_cleanup_free_ void *bytes = NULL;
	size_t size;
	int r;

	if (!json_is_object(signature) || !json_is_string(sig))
		return -EBADMSG;
	if (!keyid || !nxt_sha256_valid(keyid))
		return 0;
	r = nxt_base64_decode(json_string_value(sig), json_string_length(sig), &bytes, &size);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || size != NXT_SIGNATURE_SIZE)
		return 0;

	strcpy(envelope->signatures[envelope->n_signatures].keyid, keyid);
	memcpy(envelope->signatures[envelope->n_signatures].bytes, bytes, size);
	envelope->n_signatures++;
	return 0;
}

int nxt_envelope_parse(const void *bytes, size_t size, struct nxt_envelope **ret, struct nxt_error *error)
{
	_cleanup_(nxt_envelope_freep) struct nxt_envelope *envelope = NULL;
	_cleanup_(nxt_json_unrefp) json_t *object = NULL;
	json_t *type, *payload, *signatures, *signature;
	size_t i;
	int r;

	if (size > NXT_ENVELOPE_MAX)
		return nxt_fail(error, -E2BIG, "an envelope larger than %d bytes", NXT_ENVELOPE_MAX);
	r = nxt_json_load(bytes, size, &object, error);
	if (r < 0)
		return r;

	type = json_object_get(object, "payloadType");
	payload = json_object_get(object, "payload");
	signatures = json_object_get(object, "signatures");
	if (!json_is_string(type) || !json_is_string(payload) || !json_is_array(signatures))
		return nxt_fail(error, -EBADMSG,
				"no envelope: payloadType, payload or signatures is missing");
	if (json_array_size(signatures) > NXT_ENVELOPE_SIGNATURES)
		return nxt_fail(error, -E2BIG, "an envelope with more than %d signatures",
				NXT_ENVELOPE_SIGNATURES);

	envelope = calloc(1, sizeof(*envelope));
	if (!envelope)
		return -ENOMEM;
	envelope->type = strdup(json_string_value(type));
	if (!envelope->type)
		return -ENOMEM;
	r = nxt_base64_decode(json_string_value(payload), json_string_length(payload),
			      (void **)&envelope->payload, &envelope->payload_size);
	if (r == -EINVAL)
		return nxt_fail(error, -EBADMSG, "the envelope's payload is no base64");
	if (r < 0)
		return r;
	json_array_foreach(signatures, i, signature)
	{
		r = take_signature(envelope, signature);
		if (r == -EBADMSG)
			return nxt_fail(error, r, "the envelope's signature %zu is none", i + 1);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(envelope);
	return 0;
}

void nxt_envelope_free(struct nxt_envelope *envelope)
{
	if (!envelope)
		return;
	free(envelope->type);
	free(envelope->payload);
	free(envelope);
}

int nxt_envelope_check(const struct nxt_envelope *envelope, const char *type,
		       const struct nxt_public_key *key, struct nxt_error *error)
{
	_cleanup_free_ char *signed_bytes = NULL;
	char keyid[NXT_SHA256_HEX];
	size_t size, i;
	int r;

	if (strcmp(envelope->type, type) != 0)
		return nxt_fail(error, -EBADMSG, "of type %.100s, not %s", envelope->type, type);

	nxt_key_id(key, keyid);
	for (i = 0; i < envelope->n_signatures; i++)
		if (strcmp(envelope->signatures[i].keyid, keyid) == 0)
			break;
	if (i == envelope->n_signatures)
		return nxt_fail(error, -ENOKEY, "not signed by key %s", keyid);

	r = pre_authentication(type, envelope->payload, envelope->payload_size, &signed_bytes, &size);
	if (r < 0)
		return r;
	r = nxt_public_key_check(key, signed_bytes, size, envelope->signatures[i].bytes);
	if (r == -EKEYREJECTED)
		return nxt_fail(error, r, "the signature by key %s is wrong: the document was changed",
				keyid);
	return r;
}

int nxt_envelope_sign(const char *type, const void *payload, size_t size, const struct nxt_private_key *key,
		      char **ret, size_t *ret_size)
{
	_cleanup_free_ char *signed_bytes = NULL, *payload64 = NULL, *sig64 = NULL, *text = NULL;
	uint8_t signature[NXT_SIGNATURE_SIZE];
	struct nxt_public_key public;
	char keyid[NXT_SHA256_HEX];
	size_t signed_size;
	int r;

	if (size > NXT_ENVELOPE_MAX)
		return -E2BIG;
	r = pre_authentication(type, payload, size, &signed_bytes, &signed_size);
	if (r < 0)
		return r;
	r = nxt_private_key_sign(key, signed_bytes, signed_size, signature);
	if (r < 0)
		return r;
	nxt_private_key_public(key, &public);
	nxt_key_id(&public, keyid);
	if (nxt_base64_encode(payload, size, &payload64) < 0 ||
	    nxt_base64_encode(signature, sizeof(signature), &sig64) < 0)
		return -ENOMEM;

	/* Nothing in these strings needs escaping in JSON: type is one of our constants. */
	r = asprintf(&text,
		     "{\"payloadType\": \"%s\",\n \"payload\": \"%s\",\n \"signatures\": [{\"keyid\": "
		     "\"%s\", \"sig\": \"%s\"}]}\n",
		     type, payload64, keyid, sig64);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (r > NXT_ENVELOPE_MAX)
		return -E2BIG;
	*ret = TAKE_PTR(text);
	*ret_size = (size_t)r;
	return 0;
}
