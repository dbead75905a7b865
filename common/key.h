/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_KEY_H
#define NXT_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/hex.h"

/* Ed25519 keys. */
#define NXT_PUBLIC_KEY_SIZE 32
#define NXT_SIGNATURE_SIZE 64

struct nxt_public_key {
	uint8_t raw[NXT_PUBLIC_KEY_SIZE];
};

/* Opaque: an OpenSSL key, wiped when freed. */
struct nxt_private_key;

/* The key id: SHA-256 of the raw public key, in hex. */
void nxt_key_id(const struct nxt_public_key *key, char ret[NXT_SHA256_HEX]);

int nxt_private_key_generate(struct nxt_private_key **ret);
void nxt_private_key_public(const struct nxt_private_key *key, struct nxt_public_key *ret);
void nxt_private_key_free(struct nxt_private_key *key);
NXT_DEFINE_CLEANUP(struct nxt_private_key *, nxt_private_key_free)

/*
 * PEM: PKCS#8 for the private key, encrypted (AES-256-CBC, PBKDF2) if passphrase is not NULL;
 * SubjectPublicKeyInfo for the public one. *ret is terminated, for free(); wipe a private one first
 * (OPENSSL_cleanse). Reading: -ENOKEY when the key is encrypted and passphrase is NULL, -EKEYREJECTED when
 * the passphrase is wrong, -EBADMSG when it is no PEM of an Ed25519 key. All: -ENOMEM.
 */
int nxt_private_key_to_pem(const struct nxt_private_key *key, const char *passphrase, char **ret,
			   size_t *ret_size);
int nxt_private_key_from_pem(const void *pem, size_t size, const char *passphrase,
			     struct nxt_private_key **ret, struct nxt_error *error);
int nxt_public_key_to_pem(const struct nxt_public_key *key, char **ret, size_t *ret_size);
int nxt_public_key_from_pem(const void *pem, size_t size, struct nxt_public_key *ret,
			    struct nxt_error *error);

/* The bare Ed25519 operations. Check: -EKEYREJECTED when the signature is not the key's over these bytes. */
int nxt_private_key_sign(const struct nxt_private_key *key, const void *data, size_t size,
			 uint8_t ret[NXT_SIGNATURE_SIZE]);
int nxt_public_key_check(const struct nxt_public_key *key, const void *data, size_t size,
			 const uint8_t signature[NXT_SIGNATURE_SIZE]);

#endif
