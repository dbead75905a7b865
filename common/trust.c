/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/trust.h"

#include <errno.h>

#include "common/envelope.h"

/* Whether the operations key may sign this now. */
static int check_certificate(const struct nxt_trust *trust, enum nxt_type type, int64_t now,
			     struct nxt_error *error)
{
	const struct nxt_operations *operations = &trust->operations;
	unsigned int need = type == NXT_ASSIGNMENT ? NXT_MAY_ASSIGN : NXT_MAY_ORDER;
	char text[NXT_TIME_SIZE] = "?";

	if (!trust->certified)
		return nxt_fail(error, -ENOKEY,
				"there is no operations certificate: the image author makes one");
	if (!(operations->may & need))
		return nxt_fail(error, -EPERM, "the operations certificate does not allow %s",
				nxt_type_text(type));
	if (now < operations->not_before) {
		(void)nxt_time_format(operations->not_before, text);
		return nxt_fail(error, -EKEYEXPIRED,
				"the operations certificate is valid from %s only: is the clock right?",
				text);
	}
	if (now > operations->not_after) {
		(void)nxt_time_format(operations->not_after, text);
		return nxt_fail(error, -EKEYEXPIRED,
				"the operations certificate ended %s: the image author makes a new one",
				text);
	}
	return 0;
}

int nxt_trust_open(const struct nxt_trust *trust, enum nxt_type type, const void *envelope, size_t size,
		   int64_t now, struct nxt_document *ret, struct nxt_error *error)
{
	_cleanup_(nxt_envelope_freep) struct nxt_envelope *parts = NULL;
	const struct nxt_public_key *key = &trust->release;
	int r;

	r = nxt_envelope_parse(envelope, size, &parts, error);
	if (r < 0)
		return r;
	if (type == NXT_ASSIGNMENT || type == NXT_ORDER) {
		r = check_certificate(trust, type, now, error);
		if (r < 0)
			return r;
		key = &trust->operations.key;
	}
	r = nxt_envelope_check(parts, nxt_type_text(type), key, error);
	if (r < 0)
		return r;
	return nxt_document_parse(type, parts->payload, parts->payload_size, ret, error);
}

int nxt_trust_certify(struct nxt_trust *trust, const void *envelope, size_t size, struct nxt_error *error)
{
	struct nxt_document document;
	int r;

	r = nxt_trust_open(trust, NXT_OPERATIONS, envelope, size, 0, &document, error);
	if (r < 0)
		return r;
	if (trust->certified && document.operations.not_before < trust->operations.not_before)
		return nxt_fail(error, -ESTALE,
				"an operations certificate that is older than the one in force");
	trust->operations = document.operations;
	trust->certified = true;
	return 0;
}
