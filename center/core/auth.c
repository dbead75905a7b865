/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/auth.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "center/core/center.h"
#include "center/core/route.h"
#include "common/base64.h"

#define COOKIE "nxtop_session"

int secret_make(char ret[SECRET_SIZE])
{
	uint8_t bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	nxt_base32_encode(bytes, sizeof(bytes), ret);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return 0;
}

/* ------------------------------------------------------------------------------------------------ PCs */

/* Seen is for people: half a minute is fine enough, and spares a write for each block that a PC fetches. */
static int pc_was_seen(struct request *request, int64_t seen, const char *address)
{
	if (request->now - seen < 30 && !strcmp(address, request->address))
		return 0;
	return db_run(request->center->db, "UPDATE pcs SET seen = ?1, address = ?2 WHERE id = ?3", "iss",
		      request->now, request->address, request->pc);
}

int auth_pc(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	struct db *db = request->center->db;
	int r;

	request->transport->identify(request);
	switch (request->certificate) {
	case CERTIFICATE_NONE:
		return reply_problem(request, 401, "No client certificate",
				     "PCs come here with the certificate that enrolment gave them.",
				     "This address is for enrolled PCs.");
	case CERTIFICATE_EXPIRED:
		return reply_problem(request, 401, "Certificate expired", "Enrol the PC anew.",
				     "The client certificate is no longer valid.");
	case CERTIFICATE_FOREIGN:
		return reply_problem(request, 401, "Certificate not known", "Enrol the PC with this Center.",
				     "The client certificate was not issued by this Center.");
	case CERTIFICATE_GOOD:
		break;
	}
	r = db_query(
		db, &row,
		"SELECT id, seen, address, renewed IS ?1 FROM pcs WHERE certificate = ?1 OR renewed = ?1",
		"b", request->certificate_hash, NXT_SHA256_SIZE);
	if (r < 0)
		return r;
	r = db_next(row);
	if (r < 0)
		return r;
	if (!r)
		return reply_problem(request, 401, "Certificate not known",
				     "If this PC shall be managed, enrol it anew.",
				     "The PC was removed, or has a newer certificate.");
	snprintf(request->pc, sizeof(request->pc), "%s", db_text(row, 0));
	if (db_int(row, 3)) {
		/* The first use of its renewal: the PC has it, so the old one is no longer needed. */
		r = db_run(db,
			   "UPDATE pcs SET certificate = renewed, certificate_expires = renewed_expires,"
			   " renewed = NULL, renewed_expires = NULL WHERE id = ?",
			   "s", request->pc);
		if (r < 0)
			return r;
	}
	r = pc_was_seen(request, db_int(row, 1), db_text(row, 2));
	return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------------------------- administrators */

static int unauthorized(struct request *request, const char *why)
{
	return reply_problem(request, 401, "Not signed in", "Sign in, or send an API token that is valid.",
			     "%s", why);
}

/* The cookie's value, of exactly the length that ours have. */
static bool session_secret(struct request *request, char ret[SECRET_SIZE])
{
	const char *cookies = request->transport->header(request, "Cookie");

	while (cookies && *cookies) {
		cookies += strspn(cookies, " ;");
		if (!strncmp(cookies, COOKIE "=", sizeof(COOKIE))) {
			const char *value = cookies + sizeof(COOKIE);

			if (strcspn(value, ";") != SECRET_SIZE - 1)
				return false;
			memcpy(ret, value, SECRET_SIZE - 1);
			ret[SECRET_SIZE - 1] = 0;
			return true;
		}
		cookies += strcspn(cookies, ";");
	}
	return false;
}

/* A page of another site can make a browser send the cookie, but cannot know this. */
static void csrf_of(const char *secret, char ret[NXT_SHA256_HEX])
{
	char text[64];
	int length = snprintf(text, sizeof(text), "csrf %s", secret);

	nxt_sha256_hex(text, length, ret);
}

static int by_session(struct request *request, const char *secret)
{
	const char *given = request->transport->header(request, "X-CSRF-Token");
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	nxt_sha256(secret, strlen(secret), request->session);
	r = db_query(request->center->db, &row,
		     "SELECT administrator, expires FROM sessions WHERE hash = ? AND expires > ?", "bi",
		     request->session, NXT_SHA256_SIZE, request->now);
	if (!r)
		r = db_next(row);
	if (r < 0)
		return r;
	if (!r)
		return unauthorized(request, "The session has ended.");
	csrf_of(secret, request->csrf);
	if (strcmp(request->method, "GET") && (!given || strlen(given) != NXT_SHA256_HEX - 1 ||
					       CRYPTO_memcmp(given, request->csrf, NXT_SHA256_HEX - 1)))
		return reply_problem(request, 403, "X-CSRF-Token is missing or wrong",
				     "Send the csrf value that GET /api/v1/session gives.",
				     "A request with a session cookie needs it.");
	request->session_expires = db_int(row, 1);
	snprintf(request->who, sizeof(request->who), "%s", db_text(row, 0));
	return 0;
}

static int by_token(struct request *request, const char *secret)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	uint8_t hash[NXT_SHA256_SIZE];
	int r;

	nxt_sha256(secret, strlen(secret), hash);
	r = db_query(request->center->db, &row,
		     "SELECT administrator, expires, id, ifnull(last_used, 0) FROM tokens"
		     " WHERE hash = ? AND expires > ?",
		     "bi", hash, NXT_SHA256_SIZE, request->now);
	if (!r)
		r = db_next(row);
	if (r < 0)
		return r;
	if (!r)
		return unauthorized(request, "The API token is not known, or has expired.");
	request->session_expires = db_int(row, 1);
	snprintf(request->who, sizeof(request->who), "%s", db_text(row, 0));
	if (request->now - db_int(row, 3) < 60)
		return 0;
	r = db_run(request->center->db, "UPDATE tokens SET last_used = ? WHERE id = ?", "is", request->now,
		   db_text(row, 2));
	return r < 0 ? r : 0;
}

int auth_administrator(struct request *request)
{
	const char *authorization = request->transport->header(request, "Authorization");
	char secret[SECRET_SIZE];

	if (authorization && !strncasecmp(authorization, "Bearer ", 7))
		return by_token(request, authorization + 7);
	if (session_secret(request, secret))
		return by_session(request, secret);
	return unauthorized(request, "This address is for administrators.");
}

int auth_reply(struct request *request, int status)
{
	char expires[NXT_TIME_SIZE];

	nxt_time_format(request->session_expires, expires);
	return reply_json(request, status,
			  json_pack("{s:s, s:s?, s:s}", "administrator", request->who, "csrf",
				    *request->csrf ? request->csrf : NULL, "expires", expires));
}

int auth_sign_in(struct request *request, const char *name, int status)
{
	struct db *db = request->center->db;
	char secret[SECRET_SIZE];
	uint8_t hash[NXT_SHA256_SIZE];
	int r;

	r = secret_make(secret);
	if (r < 0)
		return r;
	nxt_sha256(secret, strlen(secret), hash);
	request->session_expires = request->now + SESSION_LASTS;
	r = db_run(db, "DELETE FROM sessions WHERE expires <= ?", "i", request->now);
	if (r >= 0)
		r = db_run(db, "INSERT INTO sessions VALUES (?, ?, ?)", "bsi", hash, NXT_SHA256_SIZE, name,
			   request->session_expires);
	if (r >= 0)
		r = db_run(db, "UPDATE administrators SET last_sign_in = ? WHERE name = ?", "is",
			   request->now, name);
	if (r < 0)
		return r;
	snprintf(request->who, sizeof(request->who), "%s", name);
	csrf_of(secret, request->csrf);
	snprintf(request->reply.cookie, sizeof(request->reply.cookie),
		 COOKIE "=%s; Path=/api; Max-Age=%d; Secure; HttpOnly; SameSite=Strict", secret,
		 SESSION_LASTS);
	return auth_reply(request, status);
}

int auth_sign_out(struct request *request)
{
	int r = db_run(request->center->db, "DELETE FROM sessions WHERE hash = ?", "b", request->session,
		       NXT_SHA256_SIZE);

	if (r < 0)
		return r;
	snprintf(request->reply.cookie, sizeof(request->reply.cookie),
		 COOKIE "=; Path=/api; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
	return reply_empty(request, 204);
}

int auth_make_setup(struct db *db, char ret_code[SECRET_SIZE])
{
	uint8_t hash[NXT_SHA256_SIZE];
	int r = secret_make(ret_code);

	if (r < 0)
		return r;
	nxt_sha256(ret_code, strlen(ret_code), hash);
	r = db_run(db, "REPLACE INTO meta VALUES ('setup', ?)", "b", hash, NXT_SHA256_SIZE);
	if (r >= 0)
		r = db_run(db, "REPLACE INTO meta VALUES ('setup_expires', ?)", "i",
			   (int64_t)time(NULL) + SETUP_LASTS);
	return r < 0 ? r : 0;
}
