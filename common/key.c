/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/key.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdbool.h>
#include <string.h>

/* So that a mistaken path to something huge is refused before it is parsed. */
#define PEM_MAX 16384

/* What OWASP asked for PBKDF2 with SHA-256 in 2023. */
#define PBKDF2_ITERATIONS 600000

struct nxt_private_key {
	EVP_PKEY *pkey;
};

NXT_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
NXT_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
NXT_DEFINE_CLEANUP(BIO *, BIO_free_all)
NXT_DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free)
NXT_DEFINE_CLEANUP(X509_SIG *, X509_SIG_free)

void nxt_key_id(const struct nxt_public_key *key, char ret[NXT_SHA256_HEX])
{
	nxt_sha256_hex(key->raw, sizeof(key->raw), ret);
}

static int wrap(EVP_PKEY **pkey, struct nxt_private_key **ret)
{
	struct nxt_private_key *key = malloc(sizeof(*key));

	if (!key)
		return -ENOMEM;
	key->pkey = TAKE_PTR(*pkey);
	*ret = key;
	return 0;
}

int nxt_private_key_generate(struct nxt_private_key **ret)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	return pkey ? wrap(&pkey, ret) : -ENOMEM;
}

void nxt_private_key_public(const struct nxt_private_key *key, struct nxt_public_key *ret)
{
	size_t size = sizeof(ret->raw);

	/* It copies 32 bytes out of a key that is known to be Ed25519. */
	if (!EVP_PKEY_get_raw_public_key(key->pkey, ret->raw, &size))
		abort();
}

void nxt_private_key_free(struct nxt_private_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

static int take_pem(BIO *bio, char **ret, size_t *ret_size)
{
	char *data, *copy;
	long size = BIO_get_mem_data(bio, &data);

	copy = malloc((size_t)size + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, (size_t)size);
	copy[size] = '\0';
	*ret = copy;
	*ret_size = (size_t)size;
	return 0;
}

int nxt_private_key_to_pem(const struct nxt_private_key *key, const char *passphrase, char **ret,
			   size_t *ret_size)
{
	_cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key->pkey);
	_cleanup_(X509_SIG_freep) X509_SIG *encrypted = NULL;
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_secmem());

	if (!bio || !plain)
		return -ENOMEM;
	if (!passphrase) {
		if (!PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, plain))
			return -ENOMEM;
		return take_pem(bio, ret, ret_size);
	}
	/* PBES2 with a random salt; PEM_write_bio_PKCS8PrivateKey() would take 2048 iterations. */
	encrypted = PKCS8_encrypt(-1, EVP_aes_256_cbc(), passphrase, (int)strlen(passphrase), NULL, 16,
				  PBKDF2_ITERATIONS, plain);
	if (!encrypted || !PEM_write_bio_PKCS8(bio, encrypted))
		return -ENOMEM;
	return take_pem(bio, ret, ret_size);
}

struct ask {
	const char *passphrase;
	bool asked;
};

static int passphrase_callback(char *buffer, int size, int writing, void *userdata)
{
	struct ask *ask = userdata;
	size_t length;

	(void)writing;
	ask->asked = true;
	if (!ask->passphrase)
		return -1;
	length = strlen(ask->passphrase);
	if (length > (size_t)size)
		return -1;
	memcpy(buffer, ask->passphrase, length);
	return (int)length;
}

int nxt_private_key_from_pem(const void *pem, size_t size, const char *passphrase,
			     struct nxt_private_key **ret, struct nxt_error *error)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
	_cleanup_(BIO_free_allp) BIO *bio = NULL;
	struct ask ask = {.passphrase = passphrase};

	if (size > PEM_MAX)
		return nxt_fail(error, -EBADMSG, "no private key in PEM: it is larger than any");
	bio = BIO_new_mem_buf(pem, (int)size);
	if (!bio)
		return -ENOMEM;
	pkey = PEM_read_bio_PrivateKey(bio, NULL, passphrase_callback, &ask);
	ERR_clear_error();
	if (!pkey && ask.asked && !passphrase)
		return nxt_fail(error, -ENOKEY, "the private key is protected by a passphrase");
	if (!pkey && ask.asked)
		return nxt_fail(error, -EKEYREJECTED, "the passphrase does not open the private key");
	if (!pkey || !EVP_PKEY_is_a(pkey, "ED25519"))
		return nxt_fail(error, -EBADMSG, "no Ed25519 private key in PEM");
	return wrap(&pkey, ret);
}

int nxt_public_key_to_pem(const struct nxt_public_key *key, char **ret, size_t *ret_size)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->raw, sizeof(key->raw));
	if (!bio || !pkey || !PEM_write_bio_PUBKEY(bio, pkey))
		return -ENOMEM;
	return take_pem(bio, ret, ret_size);
}

int nxt_public_key_from_pem(const void *pem, size_t size, struct nxt_public_key *ret, struct nxt_error *error)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
	_cleanup_(BIO_free_allp) BIO *bio = NULL;
	struct nxt_public_key key;
	size_t raw_size = sizeof(key.raw);

	if (size > PEM_MAX)
		return nxt_fail(error, -EBADMSG, "no public key in PEM: it is larger than any");
	bio = BIO_new_mem_buf(pem, (int)size);
	if (!bio)
		return -ENOMEM;
	pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	ERR_clear_error();
	if (!pkey || !EVP_PKEY_is_a(pkey, "ED25519") ||
	    !EVP_PKEY_get_raw_public_key(pkey, key.raw, &raw_size))
		return nxt_fail(error, -EBADMSG, "no Ed25519 public key in PEM");
	*ret = key;
	return 0;
}

int nxt_private_key_sign(const struct nxt_private_key *key, const void *data, size_t size,
			 uint8_t ret[NXT_SIGNATURE_SIZE])
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length = NXT_SIGNATURE_SIZE;

	if (!context || EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) != 1 ||
	    EVP_DigestSign(context, ret, &length, data, size) != 1)
		return -ENOMEM;
	return 0;
}

int nxt_public_key_check(const struct nxt_public_key *key, const void *data, size_t size,
			 const uint8_t signature[NXT_SIGNATURE_SIZE])
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
	int r;

	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->raw, sizeof(key->raw));
	if (!context || !pkey || EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) != 1)
		return -ENOMEM;
	r = EVP_DigestVerify(context, signature, NXT_SIGNATURE_SIZE, data, size);
	ERR_clear_error();
	return r == 1 ? 0 : -EKEYREJECTED;
}
