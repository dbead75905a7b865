/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/enrol.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/enrol_text.h"
#include "common/file.h"
#include "common/json.h"
#include "pc/agent/hardware.h"
#include "pc/agent/http.h"
#include "pc/agent/identity.h"
#include "pc/agent/news_parse.h"

#define RENEW_AFTER_DAYS 60

/* Before anything is trusted: an answer that only its fingerprint can vouch for. */
static int ask_trust(struct agent *agent, const struct nxt_enrol_text *text, struct http_answer *ret,
		     struct nxt_error *error)
{
	struct http_buffer buffer = {.limit = 65536};
	char url[512], why[CURL_ERROR_SIZE] = "";
	CURL *easy = curl_easy_init();
	CURLcode code;

	if (!easy)
		return -ENOMEM;
	snprintf(url, sizeof(url), "https://%s:%u/enrol/v1/trust", text->host, text->port);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)HTTP_STALL_SECONDS);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_collect);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &buffer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
	code = curl_easy_perform(easy);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &ret->status);
	curl_easy_cleanup(easy);
	(void)agent;
	if (code == CURLE_OK && buffer.data) {
		ret->body = buffer.data;
		ret->size = buffer.size;
		return 0;
	}
	free(buffer.data);
	return nxt_fail(error, -ECONNREFUSED, "Center at %s:%u: %s", text->host, text->port,
			why[0] ? why : curl_easy_strerror(code));
}

static int get_trust(struct agent *agent, const struct nxt_enrol_text *text, struct state_pc *pc,
		     struct nxt_error *error)
{
	_cleanup_(http_answer_done) struct http_answer answer = {0};
	uint8_t fingerprint[NXT_SHA256_SIZE];
	_cleanup_free_ void *der = NULL;
	size_t size;
	int r;

	r = ask_trust(agent, text, &answer, error);
	if (r < 0)
		return r;
	r = http_check(&answer, error);
	if (r < 0)
		return r;
	r = trust_parse(answer.body, answer.size, &pc->ca, pc->release.raw, error);
	if (r < 0)
		return r;
	r = identity_certificate_der(pc->ca, &der, &size);
	if (r < 0)
		return nxt_fail(error, r, "what Center shows as its CA is no certificate");
	nxt_enrol_fingerprint(der, size, &pc->release, fingerprint);
	if (memcmp(fingerprint, text->fingerprint, sizeof(fingerprint)))
		return nxt_fail(
			error, -EKEYREJECTED,
			"the keys that %s:%u shows are not those that the enrolment text was made with: "
			"ask your administrator for a new text",
			text->host, text->port);
	return 0;
}

static int get_certificate(struct agent *agent, const struct nxt_enrol_text *text, struct state_pc *pc,
			   struct nxt_error *error)
{
	_cleanup_(http_answer_done) struct http_answer answer = {0};
	_cleanup_free_ char *request = NULL, *key = NULL, *body = NULL;
	_cleanup_(nxt_json_unrefp) json_t *json = NULL;
	_cleanup_(http_close) struct http http = {0};
	int r;

	r = identity_make(&key, &request);
	if (r < 0)
		return r;
	json = json_pack("{s:s, s:s, s:o}", "secret", text->secret, "csr", request, "hardware",
			 hardware_describe());
	body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!body)
		return -ENOMEM;
	r = http_open(agent, pc, &http);
	if (r < 0)
		return r;
	r = http_request(&http, "POST", "/enrol/v1", body, 65536, 0, &answer, error);
	if (r < 0)
		return r;
	r = http_check(&answer, error);
	if (r < 0)
		return r;
	r = certificate_parse(answer.body, answer.size, pc->id, &pc->certificate, error);
	if (r < 0)
		return r;
	if (identity_matches(pc->certificate, key) < 0)
		return nxt_fail(error, -EBADMSG, "the certificate that Center made is not for this PC's key");
	pc->private_key = TAKE_PTR(key);
	return 0;
}

int enrol(struct agent *agent, struct state *state, const char *typed, struct nxt_error *error)
{
	_cleanup_(state_pc_done) struct state_pc pc = {0};
	struct nxt_enrol_text text;
	int64_t one;
	int r;

	r = nxt_enrol_text_parse(typed, &text, error);
	if (r < 0)
		return r;
	if (db_get_number(state->db, &one, "SELECT 1 FROM pc", "") >= 0)
		return nxt_fail(error, -EALREADY, "this PC is enrolled already");
	snprintf(pc.host, sizeof(pc.host), "%s", text.host);
	pc.port = text.port;
	r = get_trust(agent, &text, &pc, error);
	if (r < 0)
		return r;
	r = get_certificate(agent, &text, &pc, error);
	if (r < 0)
		return r;
	r = state_pc_save(state, &pc);
	if (r < 0)
		return nxt_fail(error, r, "the enrolment cannot be saved: %s", strerror(-r));
	log_info("enrolled at %s:%u as %s", pc.host, pc.port, pc.id);
	agent_wake(agent->wake_news);
	agent_wake(agent->wake_reporter);
	return event_add(state, "info", "enrolled", NULL, NULL, NULL, "this PC was enrolled");
}

int enrol_renew(struct agent *agent, struct state *state, struct nxt_error *error)
{
	_cleanup_(http_answer_done) struct http_answer answer = {0};
	_cleanup_free_ char *request = NULL, *body = NULL, *certificate = NULL;
	_cleanup_(nxt_json_unrefp) json_t *json = NULL;
	_cleanup_(state_pc_done) struct state_pc pc = {0};
	_cleanup_(http_close) struct http http = {0};
	int64_t from, until;
	int r;

	r = state_pc_load(state, &pc);
	if (r < 0)
		return r;
	r = identity_certificate_times(pc.certificate, &from, &until);
	if (r < 0)
		return r;
	if (time(NULL) < from + RENEW_AFTER_DAYS * 86400)
		return 0;
	r = identity_request(pc.private_key, &request);
	if (r < 0)
		return r;
	json = json_pack("{s:s}", "csr", request);
	body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!body)
		return -ENOMEM;
	r = http_open(agent, &pc, &http);
	if (r < 0)
		return r;
	r = http_request(&http, "POST", "/pc/v1/certificate", body, 65536, 0, &answer, error);
	if (r < 0)
		return r;
	r = http_check(&answer, error);
	if (r < 0)
		return r;
	r = certificate_parse(answer.body, answer.size, NULL, &certificate, error);
	if (r < 0)
		return r;
	if (identity_matches(certificate, pc.private_key) < 0)
		return nxt_fail(error, -EBADMSG, "the certificate that Center made is not for this PC's key");
	r = db_run(state->db, "UPDATE pc SET certificate = ?", "s", certificate);
	if (r < 0)
		return r;
	r = event_add(state, "info", "certificate", NULL, NULL, NULL, "this PC's certificate was renewed");
	return r < 0 ? r : 1;
}
