/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_HTTP_H
#define NXT_AGENT_HTTP_H

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "pc/agent/agent.h"
#include "pc/agent/state.h"

/*
 * Requests to Center: TLS 1.3, checked against the pinned CA, with the PC's certificate. One for each
 * thread; it keeps its connection. A request ends early when the agent stops.
 */
struct http {
	struct agent *agent;
	const struct state_pc *pc; /* the caller's, as long as this is used */
	CURL *easy;
	struct curl_slist *headers;
};

/* How long a request may stand still, and what an answer may have at most, unless something else is said. */
#define HTTP_STALL_SECONDS 60
#define HTTP_CONNECT_SECONDS 20
#define HTTP_ANSWER_MAX (4 * 1024 * 1024)

int http_open(struct agent *agent, const struct state_pc *pc, struct http *ret);
void http_close(struct http *http); /* may be given one that is all zero */

struct http_answer {
	long status;
	char *body; /* terminated */
	size_t size;
};

void http_answer_done(struct http_answer *answer);

/*
 * method "GET", or "POST" and "PUT" with a JSON body. `wait` is added to the seconds that it may stand
 * still. Any HTTP status is success here. -EFBIG: the answer is larger than limit. -ECANCELED: the agent
 * stops. -ECONNREFUSED: Center cannot be reached, or is not who it should be.
 */
int http_request(struct http *http, const char *method, const char *path, const char *json, size_t limit,
		 unsigned wait, struct http_answer *ret, struct nxt_error *error);

/*
 * Whether the status is one of success; else -EREMOTEIO, or -ESTALE when asking again is of no use, and
 * why.
 */
int http_check(const struct http_answer *answer, struct nxt_error *error);

/* Sets what every request of this PC has in common, for requests that run side by side. */
int http_set_up(struct agent *agent, const struct state_pc *pc, CURL *easy, const char *path);

/* A buffer that curl writes into: set CURLOPT_WRITEFUNCTION to http_collect, CURLOPT_WRITEDATA to it. */
struct http_buffer {
	char *data;
	size_t size, limit;
	bool too_large;
};

size_t http_collect(char *data, size_t size, size_t n, void *buffer);

#endif
