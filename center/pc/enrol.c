/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an enrolment text to a PC with a certificate. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/ca/ca.h"
#include "center/core/assign.h"
#include "center/core/audit.h"
#include "center/core/auth.h"
#include "center/core/center.h"
#include "center/pc/pc.h"
#include "common/base64.h"
#include "common/json.h"

static const char *const firmwares[] = {"bios", "uefi", NULL};

const struct shape shape_hardware[] = {
	{"vendor", SHAPE_TEXT, .optional = true, .max = 500},
	{"model", SHAPE_TEXT, .optional = true, .max = 500},
	{"serial", SHAPE_TEXT, .optional = true, .max = 500},
	{"cpu", SHAPE_TEXT, .optional = true, .max = 500},
	{"cpus", SHAPE_NUMBER, .optional = true, .max = NXT_NUMBER_MAX},
	{"memory_mib", SHAPE_NUMBER, .optional = true, .max = NXT_NUMBER_MAX},
	{"firmware", SHAPE_WORD, .optional = true, .words = firmwares},
	{},
};

const struct shape shape_enrol[] = {
	{"secret", SHAPE_TEXT, .max = 64},
	{"csr", SHAPE_LINES, .min = 1, .max = 16384},
	{"name", SHAPE_TITLE, .optional = true},
	{"hardware", SHAPE_OBJECT, .members = shape_hardware},
	{},
};

const struct shape shape_csr[] = {
	{"csr", SHAPE_LINES, .min = 1, .max = 16384},
	{},
};

int pc_trust(struct request *request)
{
	struct center *center = request->center;
	_cleanup_free_ char *key = NULL;
	int r;

	if (!center->trusted)
		return reply_no_release_key(request);
	r = nxt_base64_encode(center->trust.release.raw, NXT_PUBLIC_KEY_SIZE, &key);
	if (r < 0)
		return r;
	return reply_json(request, 200,
			  json_pack("{s:s, s:s}", "ca", ca_pem(center->ca), "release_key", key));
}

/* "ThinkPad X1 (PF0ABC)", or as much of it as is known. */
static void name_of(json_t *hardware, const char *pc, char ret[NXT_TITLE_SIZE])
{
	const char *model = shape_text(hardware, "model"), *serial = shape_text(hardware, "serial");

	if (*model && *serial)
		snprintf(ret, NXT_TITLE_SIZE, "%s (%s)", model, serial);
	else
		snprintf(ret, NXT_TITLE_SIZE, "%s", *model ? model : serial);
	if (!nxt_title_valid(ret))
		snprintf(ret, NXT_TITLE_SIZE, "PC %.8s", pc);
}

static int certify(struct request *request, const char *pc, char **ret_pem, uint8_t hash[NXT_SHA256_SIZE])
{
	struct nxt_error error;
	int r = ca_certify_pc(request->center->ca, shape_text(request->json, "csr"), pc, request->now,
			      CERTIFICATE_LASTS, ret_pem, hash, &error);

	if (r == -EBADMSG)
		return reply_problem(request, 422, "Certificate request refused",
				     "Send a PKCS#10 request in PEM for a P-256 key.", "%s.", error.text);
	return r;
}

/* Takes one use of the token, and gives what else it says. */
static int use_token(struct request *request, sqlite3_stmt **ret)
{
	const char *secret = shape_text(request->json, "secret");
	_cleanup_rows_ sqlite3_stmt *token = NULL;
	struct db *db = request->center->db;
	uint8_t hash[NXT_SHA256_SIZE];
	int r;

	nxt_sha256(secret, strlen(secret), hash);
	r = db_query(db, &token,
		     "SELECT id, title, workspaces, expires, uses, used FROM enrolments WHERE hash = ?", "b",
		     hash, NXT_SHA256_SIZE);
	if (!r)
		r = db_next(token);
	if (r < 0)
		return r;
	if (!r)
		return reply_problem(request, 401, "Enrolment token not known",
				     "Ask for a new enrolment text.",
				     "The secret is no token's, or the token was removed.");
	if (db_int(token, 3) <= request->now)
		return reply_problem(request, 401, "Enrolment token expired", "Ask for a new enrolment text.",
				     "The token's time is over.");
	if (db_int(token, 5) >= db_int(token, 4))
		return reply_problem(request, 401, "Enrolment token used up", "Ask for a new enrolment text.",
				     "The token was for %d PCs, and all of them have enrolled.",
				     (int)db_int(token, 4));
	r = db_run(db, "UPDATE enrolments SET used = used + 1 WHERE id = ?", "s", db_text(token, 0));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(token);
	return 0;
}

static int add_workspaces(struct request *request, const char *pc, const char *workspaces)
{
	_cleanup_(nxt_json_unrefp) json_t *list = json_loads(workspaces, 0, NULL);
	char id[NXT_ID_SIZE];
	json_t *workspace;
	size_t i;
	int r;

	json_array_foreach(list, i, workspace)
	{
		r = workspace_insert(request, pc, workspace, id);
		if (r < 0)
			return r;
	}
	return assign_pc(request->center, pc, 0);
}

int pc_enrol(struct request *request)
{
	struct db *db = request->center->db;
	char pc[NXT_ID_SIZE], name[NXT_TITLE_SIZE], expires[NXT_TIME_SIZE];
	_cleanup_rows_ sqlite3_stmt *token = NULL;
	uint8_t hash[NXT_SHA256_SIZE];
	_cleanup_free_ char *pem = NULL;
	int r;

	if (!request->center->trusted)
		return reply_no_release_key(request);
	r = use_token(request, &token);
	if (!r)
		r = nxt_id_make(pc);
	if (!r)
		r = certify(request, pc, &pem, hash);
	if (r)
		return r;
	if (*shape_text(request->json, "name"))
		snprintf(name, sizeof(name), "%s", shape_text(request->json, "name"));
	else
		name_of(json_object_get(request->json, "hardware"), pc, name);
	r = db_run(db,
		   "INSERT INTO pcs (id, name, enrolled, seen, address, certificate, certificate_expires)"
		   " VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6)",
		   "ssisbi", pc, name, request->now, request->address, hash, NXT_SHA256_SIZE,
		   request->now + CERTIFICATE_LASTS);
	if (r >= 0)
		r = add_workspaces(request, pc, db_text(token, 2));
	if (r >= 0)
		r = audit(request, "pc.enrol", pc, "%s, with token %s", name, db_text(token, 1));
	if (r < 0)
		return r;
	changes_note(request->center, "pc", pc);
	changes_note(request->center, "enrolment", db_text(token, 0));
	nxt_time_format(request->now + CERTIFICATE_LASTS, expires);
	return reply_json(request, 201,
			  json_pack("{s:s, s:s, s:s}", "pc", pc, "certificate", pem, "expires", expires));
}

int pc_certificate(struct request *request)
{
	char expires[NXT_TIME_SIZE];
	uint8_t hash[NXT_SHA256_SIZE];
	_cleanup_free_ char *pem = NULL;
	int r;

	r = certify(request, request->pc, &pem, hash);
	if (r)
		return r;
	r = db_run(request->center->db, "UPDATE pcs SET renewed = ?, renewed_expires = ? WHERE id = ?", "bis",
		   hash, NXT_SHA256_SIZE, request->now + CERTIFICATE_LASTS, request->pc);
	if (r < 0)
		return r;
	nxt_time_format(request->now + CERTIFICATE_LASTS, expires);
	return reply_json(request, 200, json_pack("{s:s, s:s}", "certificate", pem, "expires", expires));
}
