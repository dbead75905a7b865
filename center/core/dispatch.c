/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/dispatch.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "center/core/auth.h"
#include "center/core/center.h"
#include "center/core/log.h"
#include "center/core/route.h"
#include "common/json.h"

void dispatch_log(const struct request *request)
{
	const struct reply *reply = &request->reply;

	if (reply->status >= 400)
		log_line(reply->status >= 500 ? LOG_ERR : LOG_WARNING, "refused",
			 "status=%d method=%s path=%.200s peer=%s pc=%s who=%s why=%s: %s", reply->status,
			 request->method, request->path, request->address, request->pc, request->who,
			 reply->problem.title, reply->problem.detail);
}

int dispatch_head(struct request *request)
{
	struct center *center = request->center;
	int r = route_find(request);

	if (r)
		return r;
	if (request->route->who == FOR_ANYBODY)
		return 0;
	pthread_mutex_lock(&center->lock);
	r = request->route->who == FOR_PC ? auth_pc(request) : auth_administrator(request);
	pthread_mutex_unlock(&center->lock);
	return r < 0 ? reply_errno(request, r) : r;
}

static int read_json(struct request *request)
{
	const char *type = request->transport->header(request, "Content-Type");
	struct nxt_error error;
	int r;

	if (!type || strncmp(type, "application/json", 16))
		return reply_problem(request, 415, "Unsupported media type",
				     "Send Content-Type: application/json.", "The body must be JSON.");
	r = nxt_json_load(request->body ? request->body : "", request->body_size, &request->json, &error);
	if (!r)
		r = shape_check(request->json, request->route->shape, &error);
	if (r == -ENOMEM)
		return reply_errno(request, r);
	if (r < 0)
		return reply_problem(request, 400, "Malformed request",
				     "abi/center.yaml says what this request holds.", "%s.", error.text);
	return 0;
}

/* A request that changes something is one transaction: all of it, or after any refusal nothing. */
static int handle_writing(struct request *request)
{
	struct center *center = request->center;
	int r;

	r = db_begin(center->db, !(request->route->flags & ROUTE_LAZY));
	if (r < 0)
		return r;
	r = request->route->handle(request);
	if (r < 0 || r >= 400)
		db_rollback(center->db);
	else {
		int committed = db_commit(center->db);

		/* What was laid aside wrote nothing that matters, and must not be replied to here. */
		if (committed < 0 && r != REQUEST_WAITS)
			r = committed;
	}
	if (r < 0 || r >= 400)
		changes_forget(center);
	else
		changes_tell(center);
	return r;
}

int dispatch_body(struct request *request)
{
	struct center *center = request->center;
	const struct route *route = request->route;
	int r;

	/* It may have waited for minutes. */
	request->now = time(NULL);
	if (route->shape && !request->json) {
		r = read_json(request);
		if (r)
			return r;
	}
	if (route->flags & ROUTE_UNLOCKED)
		r = route->handle(request);
	else {
		pthread_mutex_lock(&center->lock);
		if (!strcmp(route->method, "GET") && !(route->flags & ROUTE_WRITES))
			r = route->handle(request);
		else
			r = handle_writing(request);
		pthread_mutex_unlock(&center->lock);
	}
	/* From REQUEST_WAITS on, request may be another thread's, or freed. */
	return r < 0 ? reply_errno(request, r) : r;
}
