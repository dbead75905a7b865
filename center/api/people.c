/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Administrators, their API tokens, and enrolment tokens. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/api/api.h"
#include "center/ca/ca.h"
#include "center/core/audit.h"
#include "center/core/auth.h"
#include "center/core/center.h"
#include "center/core/list.h"
#include "common/enrol_text.h"
#include "common/json.h"

const struct shape shape_token[] = {
	{"title", SHAPE_TITLE},
	{"expires", SHAPE_TIME},
	{},
};

const struct shape shape_enrolment[] = {
	{"title", SHAPE_TITLE},
	{"expires", SHAPE_TIME},
	{"uses", SHAPE_NUMBER, .min = 1, .max = 100000},
	{"workspaces", SHAPE_ARRAY, .optional = true, .max = NXT_WORKSPACES_MAX, .members = shape_workspace},
	{"host", SHAPE_TEXT, .optional = true, .min = 1, .max = 253},
	{"port", SHAPE_NUMBER, .optional = true, .min = 1, .max = 65535},
	{},
};

int api_list_administrators(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	const char *after;
	int64_t limit;
	int r;

	if (!list_begin(request, &limit, &after))
		return request->reply.status;
	r = db_query(
		request->center->db, &rows,
		"SELECT name, created, last_sign_in FROM administrators WHERE name > ? ORDER BY name LIMIT ?",
		"si", after, limit + 1);
	return r < 0 ? r : list_reply(request, rows, "stt", 0, limit, NULL);
}

int api_remove_administrator(struct request *request)
{
	const char *name = request->parameters[0];
	struct db *db = request->center->db;
	int64_t left;
	int r;

	r = db_run(db, "DELETE FROM administrators WHERE name = ?", "s", name);
	if (r < 0)
		return r;
	if (!r)
		return reply_not_found(request, "administrator");
	r = db_number(db, &left, 0, "SELECT count(*) FROM administrators", "");
	if (!r && !left)
		return reply_problem(request, 409, "Last administrator", "Add another one first.",
				     "Nobody could sign in any more.");
	if (!r)
		r = audit(request, "administrator.remove", name, "removed");
	if (r < 0)
		return r;
	changes_note(request->center, "administrator", name);
	return reply_empty(request, 204);
}

int api_list_tokens(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	const char *after;
	int64_t limit;
	int r;

	if (!list_begin(request, &limit, &after))
		return request->reply.status;
	r = db_query(request->center->db, &rows,
		     "SELECT id, title, administrator, created, expires, last_used FROM tokens"
		     " WHERE id > ? ORDER BY id LIMIT ?",
		     "si", after, limit + 1);
	return r < 0 ? r : list_reply(request, rows, "sssttt", 0, limit, NULL);
}

static int ends_later(struct request *request)
{
	if (shape_time(request->json, "expires", 0) > request->now)
		return 0;
	return reply_problem(request, 422, "Expired already", NULL, "expires must be in the future.");
}

/* The row's columns as the API has them, plus one member that is shown this once. */
static int reply_made(struct request *request, sqlite3_stmt *row, const char *kinds, const char *member,
		      const char *secret)
{
	json_t *item;
	int r = list_one(request, row, kinds, NULL, &item);

	if (r < 0)
		return r;
	if (!item || json_object_set_new(item, member, json_string(secret)) < 0) {
		json_decref(item);
		return -ENOMEM;
	}
	return reply_json(request, 201, item);
}

int api_add_token(struct request *request)
{
	const char *title = shape_text(request->json, "title");
	struct db *db = request->center->db;
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	char id[NXT_ID_SIZE], secret[SECRET_SIZE], token[SECRET_SIZE + 8];
	uint8_t hash[NXT_SHA256_SIZE];
	int r;

	r = ends_later(request);
	if (!r)
		r = nxt_id_make(id);
	if (!r)
		r = secret_make(secret);
	if (r)
		return r;
	/* The mark lets those who find one somewhere see what it is. */
	snprintf(token, sizeof(token), "nxtop_%s", secret);
	nxt_sha256(token, strlen(token), hash);
	r = db_run(db, "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL)", "sbssii", id, hash,
		   NXT_SHA256_SIZE, title, request->who, request->now,
		   shape_time(request->json, "expires", 0));
	if (r >= 0)
		r = audit(request, "token.add", id, "%s", title);
	if (r >= 0)
		r = db_query(db, &row,
			     "SELECT id, title, administrator, created, expires, last_used FROM tokens WHERE "
			     "id = ?",
			     "s", id);
	return r < 0 ? r : reply_made(request, row, "sssttt", "secret", token);
}

int api_remove_token(struct request *request)
{
	int r = db_run(request->center->db, "DELETE FROM tokens WHERE id = ?", "s", request->parameters[0]);

	if (!r)
		return reply_not_found(request, "API token");
	if (r > 0)
		r = audit(request, "token.remove", request->parameters[0], "removed");
	return r < 0 ? r : reply_empty(request, 204);
}

#define ENROLMENT_COLUMNS "SELECT id, title, created, expires, uses, used, workspaces FROM enrolments"
#define ENROLMENT_KINDS "ssttiij"

int api_list_enrolments(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	const char *after;
	int64_t limit;
	int r;

	if (!list_begin(request, &limit, &after))
		return request->reply.status;
	r = db_query(request->center->db, &rows, ENROLMENT_COLUMNS " WHERE id > ? ORDER BY id LIMIT ?", "si",
		     after, limit + 1);
	return r < 0 ? r : list_reply(request, rows, ENROLMENT_KINDS, 0, limit, NULL);
}

/* What the PC is given: whom to trust, and the secret. */
static int enrolment_text(struct request *request, const char *secret, char ret[NXT_ENROL_TEXT_SIZE])
{
	struct center *center = request->center;
	const char *host = shape_text(request->json, "host");
	struct nxt_enrol_text text = {.port = shape_number(request->json, "port", center->port)};
	int r;

	snprintf(text.host, sizeof(text.host), "%s", *host ? host : center->host);
	snprintf(text.secret, sizeof(text.secret), "%s", secret);
	r = ca_fingerprint(center->ca, &center->trust.release, text.fingerprint);
	if (r < 0)
		return r;
	if (nxt_enrol_text_format(&text, ret) < 0)
		return reply_problem(request, 422, "Host refused", "Give the name that PCs reach Center by.",
				     "host must be a host name or an address.");
	return 0;
}

int api_add_enrolment(struct request *request)
{
	const char *title = shape_text(request->json, "title");
	json_t *workspaces = json_object_get(request->json, "workspaces");
	_cleanup_free_ char *list = workspaces ? json_dumps(workspaces, JSON_COMPACT) : strdup("[]");
	struct db *db = request->center->db;
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	char id[NXT_ID_SIZE], secret[SECRET_SIZE], text[NXT_ENROL_TEXT_SIZE];
	uint8_t hash[NXT_SHA256_SIZE];
	int r;

	if (!request->center->trusted)
		return reply_no_release_key(request);
	r = ends_later(request);
	if (!r)
		r = nxt_id_make(id);
	if (!r)
		r = secret_make(secret);
	if (!r)
		r = list ? enrolment_text(request, secret, text) : -ENOMEM;
	if (r)
		return r;
	nxt_sha256(secret, strlen(secret), hash);
	r = db_run(db, "INSERT INTO enrolments VALUES (?, ?, ?, ?, ?, ?, 0, ?)", "sbsiiis", id, hash,
		   NXT_SHA256_SIZE, title, request->now, shape_time(request->json, "expires", 0),
		   shape_number(request->json, "uses", 1), list);
	if (r >= 0)
		r = audit(request, "enrolment.add", id, "%s, for %d PCs", title,
			  (int)shape_number(request->json, "uses", 1));
	if (r >= 0)
		r = db_query(db, &row, ENROLMENT_COLUMNS " WHERE id = ?", "s", id);
	if (r < 0)
		return r;
	changes_note(request->center, "enrolment", id);
	return reply_made(request, row, ENROLMENT_KINDS, "text", text);
}

int api_remove_enrolment(struct request *request)
{
	int r = db_run(request->center->db, "DELETE FROM enrolments WHERE id = ?", "s",
		       request->parameters[0]);

	if (!r)
		return reply_not_found(request, "enrolment token");
	if (r > 0)
		r = audit(request, "enrolment.remove", request->parameters[0], "removed");
	if (r < 0)
		return r;
	changes_note(request->center, "enrolment", request->parameters[0]);
	return reply_empty(request, 204);
}
