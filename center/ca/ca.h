/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_CA_H
#define CENTER_CA_H

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/hex.h"
#include "common/key.h"

/*
 * Center's certificate authority, ECDSA P-256: it says which PC is who, and that Center is Center. It lies in
 * the data directory as ca.key and ca.crt. All sizes in bytes; text is terminated and for free().
 */
struct ca;

/* Reads the two files in the directory, or makes them if neither is there. */
int ca_open(int dir, struct ca **ret, struct nxt_error *error);
void ca_close(struct ca *ca);
NXT_DEFINE_CLEANUP(struct ca *, ca_close)

const char *ca_pem(const struct ca *ca);

/* SHA-256 of the CA's certificate and the release key, for enrolment texts. */
int ca_fingerprint(const struct ca *ca, const struct nxt_public_key *release, uint8_t ret[NXT_SHA256_SIZE]);

/*
 * A client certificate for a PC, for the P-256 key of a certificate request in PEM, of which nothing else
 * counts. hash is the certificate's SHA-256, expires is in seconds since 1970. -EBADMSG: the request is
 * none, is not signed by its key, or the key is another kind.
 */
int ca_certify_pc(const struct ca *ca, const char *csr, const char *pc, int64_t now, int64_t lasts,
		  char **ret_pem, uint8_t ret_hash[NXT_SHA256_SIZE], struct nxt_error *error);

/*
 * Server certificate and key for these names (DNS names and IP addresses), as server.crt and server.key in
 * the directory: made anew when they are not there, are for other names, or have less than a third of their
 * time left. *ret_key is to be wiped.
 */
int ca_server(const struct ca *ca, int dir, const char *const *names, size_t n_names, int64_t now,
	      char **ret_certificate, char **ret_key, struct nxt_error *error);

#endif
