/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "center/cli/ctl.h"
#include "common/base64.h"
#include "common/cleanup.h"
#include "common/enrol_text.h"
#include "common/problem.h"

#define ANSWER_MAX (64 * 1024 * 1024)

struct answer {
	char *data;
	size_t size;
	char etag[64];
	char *cookie;
};

static size_t take(char *data, size_t size, size_t n, void *closure)
{
	struct answer *answer = closure;
	char *larger;

	size *= n;
	if (answer->size + size > ANSWER_MAX)
		return 0;
	larger = realloc(answer->data, answer->size + size + 1);
	if (!larger)
		return 0;
	memcpy(larger + answer->size, data, size);
	answer->data = larger;
	answer->size += size;
	answer->data[answer->size] = 0;
	return size;
}

static size_t take_header(char *data, size_t size, size_t n, void *closure)
{
	struct answer *answer = closure;
	int length = size * n;

	while (length && (data[length - 1] == '\n' || data[length - 1] == '\r'))
		length--;
	if (length > 6 && !strncasecmp(data, "etag: ", 6))
		snprintf(answer->etag, sizeof(answer->etag), "%.*s", length - 6, data + 6);
	if (length > 12 && !strncasecmp(data, "set-cookie: ", 12)) {
		free(answer->cookie);
		answer->cookie = strndup(data + 12, strcspn(data + 12, ";\r\n"));
	}
	return size * n;
}

static bool add(struct curl_slist **list, const char *format, ...)
{
	_cleanup_free_ char *line = NULL;
	struct curl_slist *longer;
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (r < 0) {
		line = NULL;
		return false;
	}
	longer = curl_slist_append(*list, line);
	if (!longer)
		return false;
	*list = longer;
	return true;
}

static bool add_headers(const struct ctl *ctl, const struct call *call, struct curl_slist **list)
{
	bool good = add(list, "Expect:");

	if (ctl->place.token)
		good &= add(list, "Authorization: Bearer %s", ctl->place.token);
	if (ctl->cookie)
		good &= add(list, "Cookie: %s", ctl->cookie);
	if (ctl->csrf)
		good &= add(list, "X-CSRF-Token: %s", ctl->csrf);
	if (call->body)
		good &= add(list, "Content-Type: application/json");
	if (call->type)
		good &= add(list, "Content-Type: %s", call->type);
	if (call->key)
		good &= add(list, "Idempotency-Key: %s", call->key);
	if (call->match)
		good &= add(list, "If-Match: %s", call->match);
	return good;
}

/* The handle is kept, so that the connection is: an upload is thousands of requests. */
static int prepare(struct ctl *ctl, char *words)
{
	struct curl_blob ca = {.data = ctl->place.ca, .len = strlen(ctl->place.ca), .flags = CURL_BLOB_COPY};

	if (!ctl->curl)
		ctl->curl = curl_easy_init();
	if (!ctl->curl)
		return -ENOMEM;
	curl_easy_reset(ctl->curl);
	*words = 0;
	curl_easy_setopt(ctl->curl, CURLOPT_ERRORBUFFER, words);
	curl_easy_setopt(ctl->curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(ctl->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(ctl->curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(ctl->curl, CURLOPT_CAINFO_BLOB, &ca);
	curl_easy_setopt(ctl->curl, CURLOPT_CONNECTTIMEOUT, 30L);
	/* No limit for all of it: the end of a large upload takes its time. A dead server is noticed. */
	curl_easy_setopt(ctl->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	return 0;
}

static int refused(struct ctl *ctl, int status, const struct answer *answer, struct nxt_error *error)
{
	struct nxt_problem problem;

	(void)ctl;
	nxt_problem_parse(status, answer->data ? answer->data : "", answer->size, &problem);
	return nxt_fail(error, status == 404 ? -ENOENT : -EREMOTEIO, "%s (%d)%s%s%s%s", problem.title, status,
			*problem.detail ? ": " : "", problem.detail, *problem.hint ? " " : "", problem.hint);
}

static int perform(struct ctl *ctl, struct call *call, struct answer *answer, struct nxt_error *error)
{
	_cleanup_free_ char *body = call->body ? json_dumps(call->body, JSON_COMPACT) : NULL;
	_cleanup_free_ char *url = NULL;
	struct curl_slist *headers = NULL;
	char words[CURL_ERROR_SIZE];
	bool sends = call->body || call->bytes;
	CURLcode code;
	long status;
	int r;

	if ((call->body && !body) || asprintf(&url, "%s%s", ctl->place.url, call->path) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	r = prepare(ctl, words);
	if (r < 0)
		return r;
	if (!add_headers(ctl, call, &headers)) {
		curl_slist_free_all(headers);
		return -ENOMEM;
	}
	curl_easy_setopt(ctl->curl, CURLOPT_URL, url);
	if (sends || !strcmp(call->method, "POST")) {
		curl_easy_setopt(ctl->curl, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)(body ? strlen(body) : call->size));
		curl_easy_setopt(ctl->curl, CURLOPT_POSTFIELDS, body ? body : call->bytes ? call->bytes : "");
	}
	curl_easy_setopt(ctl->curl, CURLOPT_CUSTOMREQUEST, call->method);
	curl_easy_setopt(ctl->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(ctl->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(ctl->curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(ctl->curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(ctl->curl, CURLOPT_HEADERDATA, answer);
	code = curl_easy_perform(ctl->curl);
	curl_slist_free_all(headers);
	if (code != CURLE_OK)
		return nxt_fail(error, -EIO, "%s cannot be asked: %s%s", ctl->place.url,
				*words ? words : curl_easy_strerror(code),
				code == CURLE_PEER_FAILED_VERIFICATION
					? "; if Center was set up anew, sign in again"
					: "");
	curl_easy_getinfo(ctl->curl, CURLINFO_RESPONSE_CODE, &status);
	return status >= 400 ? refused(ctl, status, answer, error) : 0;
}

int ctl_call(struct ctl *ctl, struct call *call, json_t **ret, struct nxt_error *error)
{
	struct answer answer = {};
	json_t *json = NULL;
	int r = perform(ctl, call, &answer, error);

	if (!r && answer.size) {
		json = json_loadb(answer.data, answer.size, 0, NULL);
		if (!json)
			r = nxt_fail(error, -EBADMSG, "%s gave an answer that is no JSON", ctl->place.url);
	}
	snprintf(call->etag, sizeof(call->etag), "%s", answer.etag);
	if (answer.cookie) {
		free(ctl->cookie);
		ctl->cookie = answer.cookie;
	}
	free(answer.data);
	if (ret && !r)
		*ret = json;
	else
		json_decref(json);
	return r;
}

int ctl_get(struct ctl *ctl, json_t **ret, struct nxt_error *error, const char *path, ...)
{
	_cleanup_free_ char *whole = NULL;
	struct call call = {.method = "GET"};
	va_list arguments;
	int r;

	va_start(arguments, path);
	r = vasprintf(&whole, path, arguments);
	va_end(arguments);
	if (r < 0) {
		whole = NULL;
		return -ENOMEM;
	}
	call.path = whole;
	return ctl_call(ctl, &call, ret, error);
}

char *ctl_escape(struct ctl *ctl, const char *text)
{
	if (!ctl->curl)
		ctl->curl = curl_easy_init();
	return ctl->curl ? curl_easy_escape(ctl->curl, text, 0) : NULL;
}

int ctl_list(struct ctl *ctl, const char *path, int64_t limit, json_t **ret, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *all = json_array();
	char *after = NULL;
	int r;

	do {
		_cleanup_(nxt_json_unrefp) json_t *page = NULL;
		const char *next;

		r = ctl_get(ctl, &page, error, "%s%slimit=%d%s%s", path, strchr(path, '?') ? "&" : "?",
			    limit && limit < 1000 ? (int)limit : 1000, after ? "&after=" : "",
			    after ? after : "");
		curl_free(after);
		after = NULL;
		if (r < 0)
			return r;
		json_array_extend(all, json_object_get(page, "items"));
		next = json_string_value(json_object_get(page, "next"));
		if (next && (!limit || (int64_t)json_array_size(all) < limit))
			after = ctl_escape(ctl, next);
	} while (after);
	*ret = TAKE_PTR(all);
	return 0;
}

static int fingerprint_of(json_t *trust, char **ret_ca, char ret[65], struct nxt_error *error)
{
	const char *pem = json_string_value(json_object_get(trust, "ca"));
	BIO *bio = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	int good = certificate && X509_digest(certificate, EVP_sha256(), raw, &size) == 1;

	X509_free(certificate);
	BIO_free_all(bio);
	if (!good || size != 32)
		return nxt_fail(error, -EBADMSG,
				"it gave no CA certificate: it is no NxTop Center, or has no release key "
				"yet; use --ca");
	nxt_hex_encode(raw, size, ret);
	*ret_ca = strdup(pem);
	return *ret_ca ? 0 : -ENOMEM;
}

int ctl_fetch_trust(const char *url, char **ret_ca, char ret_fingerprint[65], struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *trust = NULL;
	_cleanup_free_ char *whole = NULL;
	char words[CURL_ERROR_SIZE] = "";
	struct answer answer = {};
	CURLcode code;
	CURL *curl;
	int r;

	if (asprintf(&whole, "%s/enrol/v1/trust", url) < 0) {
		whole = NULL;
		return -ENOMEM;
	}
	curl = curl_easy_init();
	if (!curl)
		return -ENOMEM;
	curl_easy_setopt(curl, CURLOPT_URL, whole);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	/* What comes is only believed when its fingerprint is the one that a person confirms. */
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	code = curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	if (code == CURLE_OK && answer.data)
		trust = json_loadb(answer.data, answer.size, 0, NULL);
	free(answer.data);
	if (code != CURLE_OK)
		return nxt_fail(error, -EIO, "%s cannot be asked: %s", url,
				*words ? words : curl_easy_strerror(code));
	r = fingerprint_of(trust, ret_ca, ret_fingerprint, error);
	return r;
}

void ctl_disconnect(struct ctl *ctl)
{
	curl_easy_cleanup(ctl->curl);
	free(ctl->cookie);
	free(ctl->csrf);
}
