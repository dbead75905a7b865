/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_ENVELOPE_H
#define NXT_ENVELOPE_H

#include <stddef.h>

#include "common/error.h"
#include "common/key.h"

/*
 * DSSE envelopes (docs/formats.md). Most code wants common/trust.h or nxt_document_seal(), which stand on
 * these.
 */
#define NXT_ENVELOPE_MAX (1024 * 1024)
#define NXT_ENVELOPE_SIGNATURES 8

/* An envelope taken apart, and not verified: nothing in it may be believed, only shown. */
struct nxt_envelope {
	char *type;
	char *payload; /* with a NUL after its payload_size bytes */
	size_t payload_size;
	size_t n_signatures; /* those that could be ours: a key id and 64 bytes */
	struct {
		char keyid[NXT_SHA256_HEX];
		uint8_t bytes[NXT_SIGNATURE_SIZE];
	} signatures[NXT_ENVELOPE_SIGNATURES];
};

/* -E2BIG: over a limit. -EBADMSG: no envelope. -ENOMEM. */
int nxt_envelope_parse(const void *bytes, size_t size, struct nxt_envelope **ret, struct nxt_error *error);
void nxt_envelope_free(struct nxt_envelope *envelope);
NXT_DEFINE_CLEANUP(struct nxt_envelope *, nxt_envelope_free)

/*
 * Whether it is of this type and signed by this key. -EBADMSG: another type. -ENOKEY: no signature by this
 * key. -EKEYREJECTED: its signature is wrong.
 */
int nxt_envelope_check(const struct nxt_envelope *envelope, const char *type,
		       const struct nxt_public_key *key, struct nxt_error *error);

/*
 * *ret is the envelope's JSON, terminated, for free(). -E2BIG if it came out larger than NXT_ENVELOPE_MAX.
 * -ENOMEM.
 */
int nxt_envelope_sign(const char *type, const void *payload, size_t size, const struct nxt_private_key *key,
		      char **ret, size_t *ret_size);

/* What a document is called: nxt_sha256_hex() of the envelope's bytes, as they were received. */

#endif
