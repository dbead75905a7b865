/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_REQUEST_H
#define CENTER_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/hex.h"
#include "common/names.h"
#include "common/problem.h"

struct center;
struct request;
struct route;

/* What TLS says of the client's certificate. */
enum certificate_state {
	CERTIFICATE_NONE,
	CERTIFICATE_GOOD, /* signed by Center's CA, and valid now */
	CERTIFICATE_EXPIRED,
	CERTIFICATE_FOREIGN,
};

/* How a request reaches the network; in unit tests and the fuzzer: how it does not. */
struct transport {
	const char *(*header)(struct request *request, const char *name);   /* NULL: absent */
	const char *(*argument)(struct request *request, const char *name); /* of the query */
	/* Fills certificate and certificate_hash. */
	void (*identify)(struct request *request);
	/* Lays the request aside; it is handled again after wake(). Both with the waiters' lock. */
	void (*lay_aside)(struct request *request);
	void (*wake)(struct request *request);
};

struct reply {
	int status; /* of HTTP */
	const char *type;
	void *body; /* for free() */
	size_t size;
	int fd; /* instead of body: size bytes of this file; or -1 */
	char etag[32];
	char cookie[200]; /* a whole Set-Cookie value */
	struct nxt_problem problem;
};

#define REQUEST_PARAMETERS 3

struct request {
	struct center *center;
	const struct transport *transport;
	void *connection; /* the transport's */

	const char *method, *path;
	const struct route *route;
	char parameters[REQUEST_PARAMETERS][NXT_SHA256_HEX]; /* what stands in the path's {}, checked */
	char *body;
	size_t body_size, body_room;
	json_t *json; /* the body, checked by the route's shape */

	char address[46];
	int64_t now; /* seconds since 1970 */
	enum certificate_state certificate;
	uint8_t certificate_hash[NXT_SHA256_SIZE];
	char pc[NXT_ID_SIZE];		  /* the PC that asks, or "" */
	char who[NXT_NAME_SIZE];	  /* the administrator who asks, or "" */
	uint8_t session[NXT_SHA256_SIZE]; /* hash of the session's secret, if it is one */
	char csrf[NXT_SHA256_HEX];	  /* "" with an API token */
	int64_t session_expires;

	/* See core/waiters.h. */
	struct request *next, *previous;
	const void *waits_in;
	int64_t deadline; /* milliseconds of CLOCK_MONOTONIC; 0: it has not waited */
	bool superseded, gone;
	/* See core/work.h. */
	int (*work)(struct request *request);
	int work_result;
	bool worked; /* the handler has asked for it */

	struct reply reply;
};

/* A handler's answer when the request was laid aside: it is called again when there may be news. */
#define REQUEST_WAITS 0

/*
 * Each writes the reply and returns the status, for a handler to return. JSON is taken over; NULL is "no
 * memory".
 */
int reply_json(struct request *request, int status, json_t *json);
int reply_empty(struct request *request, int status);
int reply_file(struct request *request, const char *type, int fd, size_t size);
int reply_problem(struct request *request, int status, const char *title, const char *hint,
		  const char *detail, ...) __attribute__((format(printf, 5, 6)));
/* What a negative errno means to a client: -ENOSPC is 507, anything else 500. */
int reply_errno(struct request *request, int r);
int reply_not_found(struct request *request, const char *what);
int reply_no_release_key(struct request *request);

/*
 * A number in the query, from min to max; false: it is none, and the reply says so. And a text, which is
 * "" when it is absent.
 */
bool request_number(struct request *request, const char *name, int64_t min, int64_t max, int64_t otherwise,
		    int64_t *ret);
const char *request_text(struct request *request, const char *name);

/* Frees what it holds, not itself. */
void request_done(struct request *request);

#endif
