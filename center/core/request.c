/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void reply_done(struct reply *reply)
{
	free(reply->body);
	if (reply->fd >= 0)
		close(reply->fd);
	memset(reply, 0, sizeof(*reply));
	reply->fd = -1;
}

int reply_json(struct request *request, int status, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (!text)
		return reply_errno(request, -ENOMEM);
	request->reply.status = status;
	request->reply.type = "application/json";
	request->reply.body = text;
	request->reply.size = strlen(text);
	return status;
}

int reply_empty(struct request *request, int status)
{
	return request->reply.status = status;
}

int reply_file(struct request *request, const char *type, int fd, size_t size)
{
	request->reply.type = type;
	request->reply.fd = fd;
	request->reply.size = size;
	return request->reply.status = 200;
}

int reply_problem(struct request *request, int status, const char *title, const char *hint,
		  const char *detail, ...)
{
	struct reply *reply = &request->reply;
	char *body = NULL;
	va_list arguments;

	reply_done(reply);
	reply->problem.status = status;
	snprintf(reply->problem.title, sizeof(reply->problem.title), "%s", title);
	snprintf(reply->problem.hint, sizeof(reply->problem.hint), "%s", hint ? hint : "");
	va_start(arguments, detail);
	vsnprintf(reply->problem.detail, sizeof(reply->problem.detail), detail, arguments);
	va_end(arguments);
	/* Without memory the status has to do. */
	if (nxt_problem_build(&reply->problem, &body, &reply->size) == 0) {
		reply->body = body;
		reply->type = NXT_PROBLEM_TYPE;
	}
	return reply->status = status;
}

int reply_errno(struct request *request, int r)
{
	if (r == -ENOSPC)
		return reply_problem(request, 507, "Center's disk is full",
				     "Free some space where --data lies; nothing was changed.",
				     "What the request brought could not be stored.");
	return reply_problem(request, 500, "Center failed",
			     "Look into the journal: journalctl -u nxtop-center.",
			     "Something went wrong inside: %s.", strerror(-r));
}

int reply_not_found(struct request *request, const char *what)
{
	return reply_problem(request, 404, "Not found", NULL, "There is no such %s.", what);
}

int reply_no_release_key(struct request *request)
{
	return reply_problem(
		request, 409, "No release key",
		"On the server: nxtop-center trust --data DIR --release-key FILE, then restart it.",
		"This Center has not been told yet whose images its PCs trust.");
}

bool request_number(struct request *request, const char *name, int64_t min, int64_t max, int64_t otherwise,
		    int64_t *ret)
{
	const char *text = request->transport->argument(request, name);
	char *end;
	long long number;

	if (!text) {
		*ret = otherwise;
		return true;
	}
	errno = 0;
	number = strtoll(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number < min || number > max) {
		reply_problem(request, 400, "Malformed request", NULL,
			      "%s must be a whole number from %lld to %lld.", name, (long long)min,
			      (long long)max);
		return false;
	}
	*ret = number;
	return true;
}

const char *request_text(struct request *request, const char *name)
{
	const char *text = request->transport->argument(request, name);

	return text ? text : "";
}

void request_done(struct request *request)
{
	reply_done(&request->reply);
	json_decref(request->json);
	request->json = NULL;
	free(request->body);
	request->body = NULL;
}
