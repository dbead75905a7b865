/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_ENROL_TEXT_H
#define NXT_ENROL_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/hex.h"
#include "common/key.h"

/* nxtop1:<host>:<port>:<secret>:<fingerprint>, see docs/protocol.md. Sizes count the NUL. */
#define NXT_HOST_SIZE 254
#define NXT_SECRET_SIZE 27
#define NXT_ENROL_TEXT_SIZE 350

struct nxt_enrol_text {
	/* Host name, IPv4 address, or IPv6 address in brackets: as in a URL. */
	char host[NXT_HOST_SIZE];
	uint16_t port;
	char secret[NXT_SECRET_SIZE];
	uint8_t fingerprint[NXT_SHA256_SIZE];
};

/*
 * White space around the text is ignored: it comes from files and keyboards. -EINVAL, with the part that
 * is wrong.
 */
int nxt_enrol_text_parse(const char *text, struct nxt_enrol_text *ret, struct nxt_error *error);

/* -EINVAL if it could not be parsed again. */
int nxt_enrol_text_format(const struct nxt_enrol_text *text, char ret[NXT_ENROL_TEXT_SIZE]);

/* A new random secret. -EIO when there is no entropy. */
int nxt_enrol_secret_make(char ret[NXT_SECRET_SIZE]);

/* SHA-256 of Center's CA certificate in DER followed by the raw release key. */
void nxt_enrol_fingerprint(const void *ca_der, size_t size, const struct nxt_public_key *release,
			   uint8_t ret[NXT_SHA256_SIZE]);

#endif
