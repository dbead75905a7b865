/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_TRUST_H
#define NXT_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/document.h"
#include "common/error.h"
#include "common/key.h"

/*
 * Whom a PC or Center believes: the pinned release key, and the operations key that it certified. A plain
 * value.
 */
struct nxt_trust {
	struct nxt_public_key release;
	bool certified; /* whether operations is there */
	struct nxt_operations operations;
};

/*
 * Verifies an envelope of this type by the key that the type demands, and parses it. That key is the
 * release key for images, policies and operations certificates; for assignments and orders the operations
 * key, if its certificate allows this type and is valid at now (seconds since 1970).
 *
 * -ENOKEY: not signed by that key, or there is no operations certificate. -EKEYREJECTED: signature wrong.
 * -EKEYEXPIRED: the certificate is not valid at now. -EPERM: it does not allow this type. Else as
 * nxt_envelope_parse() and nxt_document_parse().
 */
int nxt_trust_open(const struct nxt_trust *trust, enum nxt_type type, const void *envelope, size_t size,
		   int64_t now, struct nxt_document *ret, struct nxt_error *error);

/*
 * Verifies an operations certificate by the release key and puts it in place of the one there is. Whether it
 * is valid now is not asked: nxt_trust_open() does. -ESTALE: it begins earlier than the one there is, so it
 * could be that of a key which was replaced because it was stolen. On failure the old one stays. Else as
 * nxt_trust_open().
 */
int nxt_trust_certify(struct nxt_trust *trust, const void *envelope, size_t size, struct nxt_error *error);

#endif
