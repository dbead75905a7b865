/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_X509_H
#define CENTER_X509_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

/* What ca.c needs of OpenSSL. NULL or false: no memory, or OpenSSL refused; its error queue is emptied. */
NXT_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
NXT_DEFINE_CLEANUP(X509 *, X509_free)
NXT_DEFINE_CLEANUP(X509_REQ *, X509_REQ_free)
NXT_DEFINE_CLEANUP(BIO *, BIO_free_all)

EVP_PKEY *x509_make_key(void); /* ECDSA P-256 */
bool x509_key_is_p256(EVP_PKEY *key);

enum x509_use {
	X509_FOR_CA,
	X509_FOR_SERVER,
	X509_FOR_PC,
};

/*
 * A certificate for a key: valid from an hour before now, for clocks that are slow. issuer NULL: it is its
 * own. names: "DNS:center.example,IP:192.0.2.1", or NULL.
 */
X509 *x509_certify(EVP_PKEY *key, const char *common_name, const char *names, enum x509_use use, int64_t now,
		   int64_t lasts, X509 *issuer, EVP_PKEY *issuer_key);

/* PEM, terminated, for free(). */
char *x509_to_pem(X509 *certificate);
char *x509_key_to_pem(EVP_PKEY *key);
X509 *x509_from_pem(const char *pem, size_t size);
EVP_PKEY *x509_key_from_pem(const char *pem, size_t size);
X509_REQ *x509_request_from_pem(const char *pem, size_t size);

/* The names as x509_certify() took them. */
bool x509_has_names(X509 *certificate, const char *names);

#endif
