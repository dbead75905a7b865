/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is an envelope. The seeds are signed by the key below; nothing else may pass as a policy that
 * it signed.
 */
#include <string.h>

#include "common/document.h"
#include "common/envelope.h"
#include "common/trust.h"

static const struct nxt_trust trust = {
	.release = {{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
		     0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
		     0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a}},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(nxt_envelope_freep) struct nxt_envelope *envelope = NULL;
	static struct nxt_document document;
	struct nxt_trust mine = trust;

	if (nxt_envelope_parse(data, size, &envelope, NULL) >= 0 &&
	    (envelope->n_signatures > NXT_ENVELOPE_SIGNATURES ||
	     envelope->payload[envelope->payload_size] != '\0'))
		abort();
	for (enum nxt_type type = 0; type < NXT_TYPES; type++)
		if (nxt_trust_open(&trust, type, data, size, 0, &document, NULL) >= 0 &&
		    strcmp(envelope->type, nxt_type_text(type)) != 0)
			abort();
	(void)nxt_trust_certify(&mine, data, size, NULL);
	return 0;
}
