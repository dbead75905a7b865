/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signing in and out, and passwords. */
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "center/api/api.h"
#include "center/core/attempts.h"
#include "center/core/audit.h"
#include "center/core/auth.h"
#include "center/core/center.h"
#include "center/core/password.h"
#include "common/cleanup.h"

const struct shape shape_setup[] = {
	{"code", SHAPE_TEXT, .max = 64},
	{"name", SHAPE_NAME},
	{"password", SHAPE_TEXT, .min = 10, .max = 1000},
	{},
};

const struct shape shape_sign_in[] = {
	{"name", SHAPE_TEXT, .max = 63},
	{"password", SHAPE_TEXT, .max = 1000},
	{},
};

const struct shape shape_password[] = {
	{"old", SHAPE_TEXT, .max = 1000},
	{"new", SHAPE_TEXT, .min = 10, .max = 1000},
	{},
};

const struct shape shape_administrator[] = {
	{"name", SHAPE_NAME},
	{"password", SHAPE_TEXT, .min = 10, .max = 1000},
	{},
};

static int too_busy(struct request *request)
{
	return reply_problem(request, 429, "Too many sign-ins at once", "Try again in a few seconds.",
			     "Others are being checked at the moment.");
}

/*
 * What the worker needs and makes lies in the request's JSON, which nobody else touches meanwhile: hash is
 * the stored hash to compare with (or is absent), made the new hash.
 */
static int make_hash(struct request *request)
{
	const char *password = json_string_value(json_object_get(request->json, "new"));
	char hash[PASSWORD_HASH_SIZE];
	int r;

	if (!password)
		password = json_string_value(json_object_get(request->json, "password"));
	r = password_hash(password, hash);
	if (!r && json_object_set_new(request->json, "made", json_string(hash)) < 0)
		r = -ENOMEM;
	return r;
}

static int check_password(struct request *request)
{
	return password_check(json_string_value(json_object_get(request->json, "password")),
			      json_string_value(json_object_get(request->json, "hash")));
}

static int change_hash(struct request *request)
{
	int r = password_check(json_string_value(json_object_get(request->json, "old")),
			       json_string_value(json_object_get(request->json, "hash")));

	return r < 0 ? r : make_hash(request);
}

static int begin_work(struct request *request, int (*work)(struct request *request))
{
	request->worked = true;
	return work_for(&request->center->passwords, request, work) ? REQUEST_WAITS : too_busy(request);
}

static int read_hash(struct request *request, const char *name)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r = db_query(request->center->db, &row, "SELECT password FROM administrators WHERE name = ?", "s",
			 name);

	if (!r)
		r = db_next(row);
	if (r <= 0)
		return r;
	return json_object_set_new(request->json, "hash", json_string(db_text(row, 0))) < 0 ? -ENOMEM : 0;
}

static int slow_down(struct request *request)
{
	int64_t wait = attempts_wait(request->address, request->now);

	return wait ? reply_problem(request, 429, "Too many wrong passwords", NULL,
				    "This address has to wait %d seconds.", (int)wait)
		    : 0;
}

static bool setup_code_good(struct request *request)
{
	const char *code = shape_text(request->json, "code");
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	uint8_t hash[NXT_SHA256_SIZE];

	nxt_sha256(code, strlen(code), hash);
	return db_query(request->center->db, &row,
			"SELECT value FROM meta WHERE key = 'setup' AND"
			" (SELECT value FROM meta WHERE key = 'setup_expires') > ?",
			"i", request->now) == 0 &&
	       db_next(row) == 1 && sqlite3_column_bytes(row, 0) == NXT_SHA256_SIZE &&
	       !CRYPTO_memcmp(sqlite3_column_blob(row, 0), hash, NXT_SHA256_SIZE);
}

int api_set_up(struct request *request)
{
	struct db *db = request->center->db;
	const char *name = shape_text(request->json, "name");
	int r;

	if (!setup_code_good(request))
		return reply_problem(request, 401, "One-time code refused",
				     "nxtop-center signin --data DIR prints a new one.",
				     "The code is wrong, was used, or is older than a day.");
	if (!request->worked)
		return begin_work(request, make_hash);
	if (request->work_result < 0)
		return request->work_result;
	r = db_run(db,
		   "INSERT INTO administrators (name, password, created) VALUES (?, ?, ?)"
		   " ON CONFLICT DO UPDATE SET password = excluded.password",
		   "ssi", name, shape_text(request->json, "made"), request->now);
	if (r >= 0)
		r = db_run(db, "DELETE FROM sessions WHERE administrator = ?", "s", name);
	if (r >= 0)
		r = db_run(db, "DELETE FROM meta WHERE key IN ('setup', 'setup_expires')", "");
	if (r >= 0)
		r = audit(request, "administrator.setup", name, "with the one-time code");
	if (r < 0)
		return r;
	changes_note(request->center, "administrator", name);
	return auth_sign_in(request, name, 201);
}

int api_sign_in(struct request *request)
{
	const char *name = shape_text(request->json, "name");
	int r;

	if (!request->worked) {
		r = slow_down(request);
		if (!r)
			r = read_hash(request, name);
		return r ? r : begin_work(request, check_password);
	}
	if (request->work_result == -EKEYREJECTED) {
		attempts_failed(request->address, request->now);
		return reply_problem(request, 401, "Sign-in refused", "Check name and password.",
				     "There is no administrator %.63s with this password.", name);
	}
	if (request->work_result < 0)
		return request->work_result;
	attempts_succeeded(request->address);
	r = audit(request, "session.begin", name, "signed in");
	return r < 0 ? r : auth_sign_in(request, name, 201);
}

int api_who_am_i(struct request *request)
{
	return auth_reply(request, 200);
}

int api_sign_out(struct request *request)
{
	if (!*request->csrf)
		return reply_problem(request, 409, "No session", "Remove the token instead.",
				     "An API token signs in without a session.");
	return auth_sign_out(request);
}

int api_change_password(struct request *request)
{
	struct db *db = request->center->db;
	int r;

	if (!request->worked) {
		r = slow_down(request);
		if (!r)
			r = read_hash(request, request->who);
		return r ? r : begin_work(request, change_hash);
	}
	if (request->work_result == -EKEYREJECTED) {
		attempts_failed(request->address, request->now);
		return reply_problem(request, 403, "Password is wrong", NULL, "The old password is another.");
	}
	if (request->work_result < 0)
		return request->work_result;
	r = db_run(db, "UPDATE administrators SET password = ? WHERE name = ?", "ss",
		   shape_text(request->json, "made"), request->who);
	if (r >= 0)
		r = db_run(db, "DELETE FROM sessions WHERE administrator = ? AND hash != ?", "sb",
			   request->who, request->session, NXT_SHA256_SIZE);
	if (r >= 0)
		r = audit(request, "administrator.password", request->who, "changed");
	return r < 0 ? r : reply_empty(request, 204);
}

int api_add_administrator(struct request *request)
{
	const char *name = shape_text(request->json, "name");
	char created[NXT_TIME_SIZE];
	int r;

	if (!request->worked)
		return begin_work(request, make_hash);
	if (request->work_result < 0)
		return request->work_result;
	r = db_run(request->center->db,
		   "INSERT INTO administrators (name, password, created) VALUES (?, ?, ?)", "ssi", name,
		   shape_text(request->json, "made"), request->now);
	if (r == -EEXIST)
		return reply_problem(request, 409, "Name is taken", NULL, "There is an administrator %s.",
				     name);
	if (r >= 0)
		r = audit(request, "administrator.add", name, "added");
	if (r < 0)
		return r;
	changes_note(request->center, "administrator", name);
	nxt_time_format(request->now, created);
	return reply_json(request, 201,
			  json_pack("{s:s, s:s, s:n}", "name", name, "created", created, "last_sign_in"));
}
