/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/ca/ca.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/ca/x509.h"
#include "common/enrol_text.h"
#include "common/file.h"

#define DAY (24 * 3600)
#define CA_LASTS (30 * INT64_C(365) * DAY)
#define SERVER_LASTS (3 * 365 * DAY)
#define PEM_MAX 16384

struct ca {
	EVP_PKEY *key;
	X509 *certificate;
	char *pem;
};

void ca_close(struct ca *ca)
{
	if (!ca)
		return;
	EVP_PKEY_free(ca->key);
	X509_free(ca->certificate);
	free(ca->pem);
	free(ca);
}

static void wipe_free(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}
NXT_DEFINE_CLEANUP(char *, wipe_free)

/* Key first: a certificate without its key would be found, and be useless. */
static int write_pair(int dir, const char *name, EVP_PKEY *key, X509 *certificate, struct nxt_error *error)
{
	_cleanup_(wipe_freep) char *key_pem = x509_key_to_pem(key);
	_cleanup_free_ char *pem = x509_to_pem(certificate);
	char path[32];
	int r;

	if (!key_pem || !pem)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s.key", name);
	r = nxt_file_write(dir, path, key_pem, strlen(key_pem), 0600, NXT_WRITE_DURABLE);
	if (r < 0)
		return nxt_fail(error, r, "%s cannot be written: %s", path, strerror(-r));
	snprintf(path, sizeof(path), "%s.crt", name);
	r = nxt_file_write(dir, path, pem, strlen(pem), 0644, NXT_WRITE_DURABLE);
	return r < 0 ? nxt_fail(error, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}

/* -ENOENT: the certificate or its key is not there. -EBADMSG: they are no pair. */
static int read_pair(int dir, const char *name, EVP_PKEY **ret_key, X509 **ret_certificate,
		     struct nxt_error *error)
{
	_cleanup_(wipe_freep) char *key_pem = NULL;
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	_cleanup_(X509_freep) X509 *certificate = NULL;
	_cleanup_free_ char *pem = NULL;
	size_t key_size, size;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "%s.crt", name);
	r = nxt_file_read(dir, path, PEM_MAX, &pem, &size);
	if (!r) {
		snprintf(path, sizeof(path), "%s.key", name);
		r = nxt_file_read(dir, path, PEM_MAX, &key_pem, &key_size);
	}
	if (r < 0)
		return nxt_fail(error, r, "%s cannot be read: %s", path, strerror(-r));
	key = x509_key_from_pem(key_pem, key_size);
	certificate = x509_from_pem(pem, size);
	if (!key || !certificate || X509_check_private_key(certificate, key) != 1)
		return nxt_fail(error, -EBADMSG,
				"%s.key and %s.crt are damaged or no pair: restore both from a backup", name,
				name);
	*ret_key = TAKE_PTR(key);
	*ret_certificate = TAKE_PTR(certificate);
	return 0;
}

static int make_ca(int dir, struct ca *ca, struct nxt_error *error)
{
	ca->key = x509_make_key();
	if (!ca->key)
		return nxt_fail(error, -EIO, "no key could be made");
	ca->certificate =
		x509_certify(ca->key, "NxTop Center", NULL, X509_FOR_CA, time(NULL), CA_LASTS, NULL, ca->key);
	if (!ca->certificate)
		return nxt_fail(error, -EIO, "no certificate could be made");
	return write_pair(dir, "ca", ca->key, ca->certificate, error);
}

int ca_open(int dir, struct ca **ret, struct nxt_error *error)
{
	_cleanup_(ca_closep) struct ca *ca = calloc(1, sizeof(*ca));
	int r;

	if (!ca)
		return -ENOMEM;
	r = read_pair(dir, "ca", &ca->key, &ca->certificate, error);
	if (r == -ENOENT)
		r = make_ca(dir, ca, error);
	if (r < 0)
		return r;
	ca->pem = x509_to_pem(ca->certificate);
	if (!ca->pem)
		return -ENOMEM;
	*ret = TAKE_PTR(ca);
	return 0;
}

const char *ca_pem(const struct ca *ca)
{
	return ca->pem;
}

int ca_fingerprint(const struct ca *ca, const struct nxt_public_key *release, uint8_t ret[NXT_SHA256_SIZE])
{
	unsigned char *der = NULL;
	int size = i2d_X509(ca->certificate, &der);

	if (size < 0)
		return -ENOMEM;
	nxt_enrol_fingerprint(der, size, release, ret);
	OPENSSL_free(der);
	return 0;
}

int ca_certify_pc(const struct ca *ca, const char *csr, const char *pc, int64_t now, int64_t lasts,
		  char **ret_pem, uint8_t ret_hash[NXT_SHA256_SIZE], struct nxt_error *error)
{
	_cleanup_(X509_REQ_freep) X509_REQ *request = x509_request_from_pem(csr, strlen(csr));
	_cleanup_(X509_freep) X509 *certificate = NULL;
	EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
	unsigned int size = NXT_SHA256_SIZE;
	char *pem;

	if (!key)
		return nxt_fail(error, -EBADMSG, "the certificate request is none in PEM");
	if (!x509_key_is_p256(key))
		return nxt_fail(error, -EBADMSG, "the certificate request's key is not ECDSA P-256");
	if (X509_REQ_verify(request, key) != 1)
		return nxt_fail(error, -EBADMSG, "the certificate request is not signed by its own key");
	certificate = x509_certify(key, pc, NULL, X509_FOR_PC, now, lasts, ca->certificate, ca->key);
	if (!certificate || X509_digest(certificate, EVP_sha256(), ret_hash, &size) != 1)
		return -ENOMEM;
	pem = x509_to_pem(certificate);
	if (!pem)
		return -ENOMEM;
	*ret_pem = pem;
	return 0;
}

/* "DNS:center.example,IP:192.0.2.1"; an IPv6 address may stand in brackets. NULL: no memory. */
static char *alternative_names(const char *const *names, size_t n_names)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	for (size_t i = 0; i < n_names; i++) {
		char name[256];
		struct in6_addr address;

		snprintf(name, sizeof(name), "%s", names[i] + (*names[i] == '['));
		name[strcspn(name, "]")] = 0;
		fprintf(stream, "%s%s:%s", i ? "," : "",
			inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1
				? "IP"
				: "DNS",
			name);
	}
	if (fclose(stream)) {
		free(text);
		return NULL;
	}
	return text;
}

static bool server_good(X509 *certificate, const struct ca *ca, const char *names, int64_t now)
{
	time_t later = now + SERVER_LASTS / 3;

	return x509_has_names(certificate, names) &&
	       X509_verify(certificate, X509_get0_pubkey(ca->certificate)) == 1 &&
	       X509_cmp_time(X509_get0_notAfter(certificate), &later) > 0;
}

int ca_server(const struct ca *ca, int dir, const char *const *names, size_t n_names, int64_t now,
	      char **ret_certificate, char **ret_key, struct nxt_error *error)
{
	_cleanup_free_ char *alternative = alternative_names(names, n_names);
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	_cleanup_(X509_freep) X509 *certificate = NULL;
	_cleanup_(wipe_freep) char *key_pem = NULL;
	_cleanup_free_ char *pem = NULL;
	int r;

	if (!alternative)
		return -ENOMEM;
	/* What is damaged here is simply made anew. */
	r = read_pair(dir, "server", &key, &certificate, error);
	if (r < 0 || !server_good(certificate, ca, alternative, now)) {
		EVP_PKEY_free(key);
		X509_free(certificate);
		certificate = NULL;
		key = x509_make_key();
		if (key)
			certificate = x509_certify(key, "NxTop Center server", alternative, X509_FOR_SERVER,
						   now, SERVER_LASTS, ca->certificate, ca->key);
		if (!certificate)
			return nxt_fail(error, -EINVAL,
					"no server certificate can be made for %s: check --name",
					alternative);
		r = write_pair(dir, "server", key, certificate, error);
		if (r < 0)
			return r;
	}
	pem = x509_to_pem(certificate);
	key_pem = x509_key_to_pem(key);
	if (!pem || !key_pem)
		return -ENOMEM;
	*ret_certificate = TAKE_PTR(pem);
	*ret_key = TAKE_PTR(key_pem);
	return 0;
}
