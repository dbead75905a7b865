/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/ca/x509.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

EVP_PKEY *x509_make_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	ERR_clear_error();
	return key;
}

bool x509_key_is_p256(EVP_PKEY *key)
{
	char group[32];
	size_t length;

	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &length) == 1 &&
	       !strcmp(group, "prime256v1");
}

static bool extend(X509 *certificate, X509 *issuer, int what, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool good;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
	good = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool set_serial(X509 *certificate)
{
	uint8_t bytes[16];
	BIGNUM *number;
	bool good;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return good;
}

static bool fill(X509 *certificate, EVP_PKEY *key, const char *common_name, const char *names,
		 enum x509_use use, int64_t now, int64_t lasts, X509 *issuer)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	if (!set_serial(certificate) || X509_set_version(certificate, X509_VERSION_3) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1,
				       0) != 1 ||
	    X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1 ||
	    X509_set_pubkey(certificate, key) != 1 ||
	    !ASN1_TIME_set(X509_getm_notBefore(certificate), now - 3600) ||
	    !ASN1_TIME_set(X509_getm_notAfter(certificate), now + lasts))
		return false;
	if (!extend(certificate, issuer, NID_basic_constraints,
		    use == X509_FOR_CA ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") ||
	    !extend(certificate, issuer, NID_key_usage,
		    use == X509_FOR_CA ? "critical,keyCertSign" : "critical,digitalSignature") ||
	    !extend(certificate, issuer, NID_subject_key_identifier, "hash") ||
	    !extend(certificate, issuer, NID_authority_key_identifier, "keyid:always"))
		return false;
	if (use != X509_FOR_CA &&
	    !extend(certificate, issuer, NID_ext_key_usage, use == X509_FOR_PC ? "clientAuth" : "serverAuth"))
		return false;
	return !names || extend(certificate, issuer, NID_subject_alt_name, names);
}

X509 *x509_certify(EVP_PKEY *key, const char *common_name, const char *names, enum x509_use use, int64_t now,
		   int64_t lasts, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = X509_new();

	if (certificate &&
	    (!fill(certificate, key, common_name, names, use, now, lasts, issuer ? issuer : certificate) ||
	     !X509_sign(certificate, issuer_key, EVP_sha256()))) {
		X509_free(certificate);
		certificate = NULL;
	}
	ERR_clear_error();
	return certificate;
}

static char *take(BIO *bio, int written)
{
	char *data, *text = NULL;
	long size;

	if (bio && written == 1) {
		size = BIO_get_mem_data(bio, &data);
		text = strndup(data, size);
		OPENSSL_cleanse(data, size);
	}
	BIO_free_all(bio);
	ERR_clear_error();
	return text;
}

char *x509_to_pem(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return take(bio, bio && PEM_write_bio_X509(bio, certificate));
}

char *x509_key_to_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return take(bio, bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
}

X509 *x509_from_pem(const char *pem, size_t size)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, size);
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	return certificate;
}

/* Nobody is there to be asked for a passphrase: a key that has one is refused. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

EVP_PKEY *x509_key_from_pem(const char *pem, size_t size)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, size);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	ERR_clear_error();
	return key;
}

X509_REQ *x509_request_from_pem(const char *pem, size_t size)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, size);
	X509_REQ *request = bio ? PEM_read_bio_X509_REQ(bio, NULL, no_passphrase, NULL) : NULL;

	ERR_clear_error();
	return request;
}

bool x509_has_names(X509 *certificate, const char *names)
{
	GENERAL_NAMES *have = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	GENERAL_NAMES *want = NULL;
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	bool same;

	if (extension)
		want = X509V3_EXT_d2i(extension);
	same = have && want && sk_GENERAL_NAME_num(have) == sk_GENERAL_NAME_num(want);
	for (int i = 0; same && i < sk_GENERAL_NAME_num(want); i++)
		same = !GENERAL_NAME_cmp(sk_GENERAL_NAME_value(have, i), sk_GENERAL_NAME_value(want, i));
	X509_EXTENSION_free(extension);
	GENERAL_NAMES_free(have);
	GENERAL_NAMES_free(want);
	ERR_clear_error();
	return same;
}
