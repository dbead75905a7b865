/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/identity.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"

NXT_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
NXT_DEFINE_CLEANUP(X509 *, X509_free)
NXT_DEFINE_CLEANUP(X509_REQ *, X509_REQ_free)
NXT_DEFINE_CLEANUP(BIO *, BIO_free_all)

static int bio_text(BIO *bio, char **ret)
{
	char *data, *text;
	long size = BIO_get_mem_data(bio, &data);

	text = strndup(data, size);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static int key_text(EVP_PKEY *key, char **ret)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_secmem());

	if (!bio || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return -ENOMEM;
	return bio_text(bio, ret);
}

static EVP_PKEY *read_key(const char *pem)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, -1);

	return bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
}

static X509 *read_certificate(const char *pem)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	return certificate;
}

static int request_text(EVP_PKEY *key, char **ret)
{
	_cleanup_(X509_REQ_freep) X509_REQ *request = X509_REQ_new();
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	X509_NAME *name;

	if (!request || !bio)
		return -ENOMEM;
	name = X509_REQ_get_subject_name(request);
	if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"nxtop", -1, -1, 0) !=
		    1 ||
	    X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_sign(request, key, EVP_sha256()) <= 0 ||
	    PEM_write_bio_X509_REQ(bio, request) != 1)
		return -EIO;
	return bio_text(bio, ret);
}

int identity_make(char **ret_key, char **ret_request)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
	_cleanup_free_ char *text = NULL;
	int r;

	if (!key)
		return -EIO;
	r = key_text(key, &text);
	if (r < 0)
		return r;
	r = request_text(key, ret_request);
	if (r < 0)
		return r;
	*ret_key = TAKE_PTR(text);
	return 0;
}

int identity_request(const char *pem, char **ret_request)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = read_key(pem);

	return key ? request_text(key, ret_request) : -EBADMSG;
}

int identity_certificate_der(const char *pem, void **ret, size_t *ret_size)
{
	_cleanup_(X509_freep) X509 *certificate = read_certificate(pem);
	unsigned char *der = NULL;
	void *copy;
	int size;

	if (!certificate)
		return -EBADMSG;
	size = i2d_X509(certificate, &der);
	if (size < 0)
		return -ENOMEM;
	copy = malloc(size);
	if (copy)
		memcpy(copy, der, size);
	OPENSSL_free(der);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	*ret_size = size;
	return 0;
}

int identity_certificate_times(const char *pem, int64_t *ret_not_before, int64_t *ret_not_after)
{
	_cleanup_(X509_freep) X509 *certificate = read_certificate(pem);
	struct tm before, after;

	if (!certificate || ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &before) != 1 ||
	    ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &after) != 1)
		return -EBADMSG;
	*ret_not_before = timegm(&before);
	*ret_not_after = timegm(&after);
	return 0;
}

int identity_matches(const char *pem, const char *key_pem)
{
	_cleanup_(X509_freep) X509 *certificate = read_certificate(pem);
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = read_key(key_pem);

	return certificate && key && X509_check_private_key(certificate, key) == 1 ? 0 : -EBADMSG;
}
