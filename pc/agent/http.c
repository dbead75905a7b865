/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/problem.h"

size_t http_collect(char *data, size_t size, size_t n, void *userdata)
{
	struct http_buffer *buffer = userdata;
	size_t bytes = size * n;
	char *larger;

	if (bytes > buffer->limit - buffer->size) {
		buffer->too_large = true;
		return 0;
	}
	larger = realloc(buffer->data, buffer->size + bytes + 1);
	if (!larger)
		return 0;
	memcpy(larger + buffer->size, data, bytes);
	buffer->data = larger;
	buffer->size += bytes;
	buffer->data[buffer->size] = 0;
	return bytes;
}

static int on_progress(void *data, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
	const struct agent *agent = data;

	(void)total;
	(void)now;
	(void)up_total;
	(void)up;
	return atomic_load(&agent->stop);
}

static struct curl_blob blob(char *text)
{
	return (struct curl_blob){.data = text, .len = strlen(text), .flags = CURL_BLOB_COPY};
}

int http_set_up(struct agent *agent, const struct state_pc *pc, CURL *easy, const char *path)
{
	struct curl_blob ca = blob(pc->ca);
	char url[1024];

	if ((size_t)snprintf(url, sizeof(url), "https://%s:%u%s", pc->host, pc->port, path) >= sizeof(url))
		return -ENAMETOOLONG;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "nxtopd");
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	/* The pinned CA, and no other that the system may know. */
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
	if (pc->certificate) {
		struct curl_blob certificate = blob(pc->certificate), key = blob(pc->private_key);

		curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &certificate);
		curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
	}
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_SECONDS);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALL_SECONDS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, agent);
	return 0;
}

int http_open(struct agent *agent, const struct state_pc *pc, struct http *ret)
{
	struct http http = {.agent = agent, .pc = pc, .easy = curl_easy_init()};

	if (!http.easy)
		return -ENOMEM;
	/* Without "Expect", which would only cost a round trip. */
	http.headers = curl_slist_append(NULL, "Content-Type: application/json");
	http.headers = curl_slist_append(http.headers, "Expect:");
	*ret = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http->easy)
		return;
	curl_easy_cleanup(http->easy);
	curl_slist_free_all(http->headers);
	*http = (struct http){0};
}

void http_answer_done(struct http_answer *answer)
{
	free(answer->body);
	*answer = (struct http_answer){0};
}

int http_request(struct http *http, const char *method, const char *path, const char *json, size_t limit,
		 unsigned wait, struct http_answer *ret, struct nxt_error *error)
{
	struct http_buffer buffer = {.limit = limit};
	char why[CURL_ERROR_SIZE] = "";
	CURLcode code;
	int r;

	curl_easy_reset(http->easy);
	r = http_set_up(http->agent, http->pc, http->easy, path);
	if (r < 0)
		return r;
	if (json) {
		curl_easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST, method);
		curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, json);
		curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(json));
		curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers);
	}
	curl_easy_setopt(http->easy, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALL_SECONDS + (long)wait);
	curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, http_collect);
	curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, &buffer);
	curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, why);
	code = curl_easy_perform(http->easy);
	if (code != CURLE_OK) {
		free(buffer.data);
		if (atomic_load(&http->agent->stop))
			return -ECANCELED;
		if (buffer.too_large)
			return nxt_fail(error, -EFBIG, "the answer to %s has more than %zu bytes", path,
					limit);
		return nxt_fail(error, -ECONNREFUSED, "Center at %s:%u: %s", http->pc->host, http->pc->port,
				why[0] ? why : curl_easy_strerror(code));
	}
	if (!buffer.data) {
		buffer.data = strdup("");
		if (!buffer.data)
			return -ENOMEM;
	}
	*ret = (struct http_answer){.body = buffer.data, .size = buffer.size};
	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &ret->status);
	return 0;
}

int http_check(const struct http_answer *answer, struct nxt_error *error)
{
	struct nxt_problem problem;

	if (answer->status >= 200 && answer->status < 300)
		return 0;
	nxt_problem_parse(answer->status, answer->body, answer->size, &problem);
	return nxt_fail(error,
			answer->status >= 500 || answer->status == 429 || answer->status == 408 ? -EREMOTEIO
												: -ESTALE,
			"Center says: %s%s%s%s%s", problem.title, problem.detail[0] ? ": " : "",
			problem.detail, problem.hint[0] ? "; " : "", problem.hint);
}
