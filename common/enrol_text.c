/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/enrol_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"

#define PREFIX "nxtop1:"
#define SECRET_BYTES 16

static const char host_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

/* Fit to stand in a URL, and nothing else in one: no user, path or port can be smuggled in. */
static bool host_valid(const char *host)
{
	size_t length = strlen(host);
	char address[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (host[0] == '[') {
		if (length - 2 >= sizeof(address) || host[length - 1] != ']')
			return false;
		memcpy(address, host + 1, length - 2);
		address[length - 2] = '\0';
		return inet_pton(AF_INET6, address, &in6) == 1;
	}
	return length > 0 && length < NXT_HOST_SIZE && strspn(host, host_characters) == length &&
	       host[0] != '-' && host[0] != '.';
}

/* Copies what is before the next colon, or the end if it is the last part, and steps over it. */
static bool take_part(const char **text, char *ret, size_t size, bool last)
{
	/* The colons of an IPv6 address end no part. */
	const char *from = **text == '[' ? *text + strcspn(*text, "]") : *text;
	const char *end = from + strcspn(from, ":");
	size_t length = (size_t)(end - *text);

	if (last != (*end == '\0') || length >= size)
		return false;
	memcpy(ret, *text, length);
	ret[length] = '\0';
	*text = last ? end : end + 1;
	return true;
}

static int port_parse(const char *text, uint16_t *ret)
{
	unsigned long port;

	/* Digits only: strtoul() would take signs and spaces. */
	if (text[0] == '\0' || text[0] == '0' || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	port = strtoul(text, NULL, 10);
	if (port > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)port;
	return 0;
}

static int parse(const char *text, struct nxt_enrol_text *ret, struct nxt_error *error)
{
	char port[6], fingerprint[NXT_BASE32_LENGTH(NXT_SHA256_SIZE) + 1];
	uint8_t secret[SECRET_BYTES];
	struct nxt_enrol_text parts;

	memset(&parts, 0, sizeof(parts));
	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return nxt_fail(error, -EINVAL, "no enrolment text: it begins with " PREFIX);
	text += strlen(PREFIX);
	if (!take_part(&text, parts.host, sizeof(parts.host), false) || !host_valid(parts.host))
		return nxt_fail(error, -EINVAL,
				"the enrolment text's host is none: copy the whole text again");
	if (!take_part(&text, port, sizeof(port), false) || port_parse(port, &parts.port) < 0)
		return nxt_fail(error, -EINVAL,
				"the enrolment text's port is none: copy the whole text again");
	if (!take_part(&text, parts.secret, sizeof(parts.secret), false) ||
	    nxt_base32_decode(parts.secret, secret, sizeof(secret)) < 0)
		return nxt_fail(
			error, -EINVAL,
			"the enrolment text's secret is not 26 base32 characters: copy the whole text "
			"again");
	if (!take_part(&text, fingerprint, sizeof(fingerprint), true) ||
	    nxt_base32_decode(fingerprint, parts.fingerprint, sizeof(parts.fingerprint)) < 0)
		return nxt_fail(
			error, -EINVAL,
			"the enrolment text's fingerprint is not 52 base32 characters: copy the whole "
			"text again");
	*ret = parts;
	return 0;
}

int nxt_enrol_text_parse(const char *text, struct nxt_enrol_text *ret, struct nxt_error *error)
{
	static const char space[] = " \t\r\n";
	char trimmed[NXT_ENROL_TEXT_SIZE];
	size_t length;

	text += strspn(text, space);
	length = strlen(text);
	while (length > 0 && strchr(space, text[length - 1]))
		length--;
	if (length >= sizeof(trimmed))
		return nxt_fail(error, -EINVAL, "no enrolment text: it is longer than any");
	memcpy(trimmed, text, length);
	trimmed[length] = '\0';
	return parse(trimmed, ret, error);
}

int nxt_enrol_text_format(const struct nxt_enrol_text *text, char ret[NXT_ENROL_TEXT_SIZE])
{
	char fingerprint[NXT_BASE32_LENGTH(NXT_SHA256_SIZE) + 1], written[NXT_ENROL_TEXT_SIZE];
	struct nxt_enrol_text again;
	int n;

	nxt_base32_encode(text->fingerprint, sizeof(text->fingerprint), fingerprint);
	n = snprintf(written, sizeof(written), PREFIX "%s:%u:%s:%s", text->host, text->port, text->secret,
		     fingerprint);
	if (n < 0 || (size_t)n >= sizeof(written) || nxt_enrol_text_parse(written, &again, NULL) < 0)
		return -EINVAL;
	memcpy(ret, written, (size_t)n + 1);
	return 0;
}

int nxt_enrol_secret_make(char ret[NXT_SECRET_SIZE])
{
	uint8_t random[SECRET_BYTES];

	if (RAND_bytes(random, sizeof(random)) != 1)
		return -EIO;
	nxt_base32_encode(random, sizeof(random), ret);
	OPENSSL_cleanse(random, sizeof(random));
	return 0;
}

void nxt_enrol_fingerprint(const void *ca_der, size_t size, const struct nxt_public_key *release,
			   uint8_t ret[NXT_SHA256_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	/* As in nxt_sha256(): it fails for want of memory only. */
	if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(context, ca_der, size) ||
	    !EVP_DigestUpdate(context, release->raw, sizeof(release->raw)) ||
	    !EVP_DigestFinal_ex(context, ret, NULL))
		abort();
	EVP_MD_CTX_free(context);
}
