/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies, and the certificate of Center's own key. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/api/api.h"
#include "center/core/assign.h"
#include "center/core/audit.h"
#include "center/core/center.h"
#include "center/core/list.h"
#include "common/envelope.h"
#include "common/json.h"

#define POLICY_COLUMNS                                                                                       \
	"SELECT payload, document, added,"                                                                   \
	" (SELECT count(*) FROM workspaces w WHERE w.policy = p.policy) AS assigned, policy FROM policies "  \
	"p "                                                                                                 \
	"WHERE generation = (SELECT max(generation) FROM policies q WHERE q.policy = p.policy) "
#define POLICY_KINDS "jsti-"
#define POLICY_CURSOR 4

/* A policy is shown as what was signed, and what Center knows of it. */
static int finish_policy(struct request *request, sqlite3_stmt *row, json_t *item)
{
	json_t *payload = json_object_get(item, "payload");

	(void)request;
	(void)row;
	if (json_object_update_missing(item, payload) < 0)
		return -ENOMEM;
	json_object_del(item, "payload");
	json_object_del(item, "format");
	return 1;
}

int api_list_policies(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	const char *after;
	int64_t limit;
	int r;

	if (!list_begin(request, &limit, &after))
		return request->reply.status;
	r = db_query(request->center->db, &rows, POLICY_COLUMNS "AND policy > ? ORDER BY policy LIMIT ?",
		     "si", after, limit + 1);
	return r < 0 ? r : list_reply(request, rows, POLICY_KINDS, POLICY_CURSOR, limit, finish_policy);
}

static int reply_policy(struct request *request, const char *policy, int status)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	json_t *item;
	int r;

	r = db_query(request->center->db, &row, POLICY_COLUMNS "AND policy = ?", "s", policy);
	if (!r)
		r = list_one(request, row, POLICY_KINDS, finish_policy, &item);
	if (r < 0)
		return r;
	return item ? reply_json(request, status, item) : reply_not_found(request, "policy");
}

/* 0: it is a new generation, and a higher one. */
static int check_generation(struct request *request, const struct nxt_policy *policy, const char *name)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	r = db_query(request->center->db, &row,
		     "SELECT generation, document IS ? FROM policies WHERE policy = ?"
		     " ORDER BY generation DESC LIMIT 1",
		     "ss", name, policy->policy);
	if (!r)
		r = db_next(row);
	if (r <= 0)
		return r;
	if (db_int(row, 1))
		return reply_policy(request, policy->policy, 200);
	if (db_int(row, 0) >= (int64_t)policy->generation)
		return reply_problem(request, 409, "Generation is too low",
				     "Seal it with a higher generation.",
				     "%s is at generation %jd already; PCs refuse to go back.",
				     policy->policy, (intmax_t)db_int(row, 0));
	return 0;
}

int api_add_policy(struct request *request)
{
	_cleanup_free_ char *payload = NULL;
	struct center *center = request->center;
	char name[NXT_SHA256_HEX];
	struct nxt_document document;
	const struct nxt_policy *policy = &document.policy;
	size_t size;
	int r;

	r = open_upload(request, NXT_POLICY, &document);
	if (r)
		return r;
	r = store_document(request, name);
	if (r >= 0)
		r = check_generation(request, policy, name);
	if (r)
		return r;
	r = nxt_document_build(&document, &payload, &size, NULL);
	if (r >= 0)
		r = db_run(center->db, "INSERT INTO policies VALUES (?, ?, ?, ?, ?)", "sisis", policy->policy,
			   (int64_t)policy->generation, name, request->now, payload);
	if (r >= 0)
		r = assign_all(center, NULL, policy->policy);
	if (r >= 0)
		r = audit(request, "policy.add", policy->policy, "generation %ju, document %s",
			  (uintmax_t)policy->generation, name);
	if (r < 0)
		return r;
	changes_note(center, "policy", policy->policy);
	return reply_policy(request, policy->policy, 201);
}

static json_t *certificate_json(const struct nxt_operations *certificate)
{
	char from[NXT_TIME_SIZE], to[NXT_TIME_SIZE];
	json_t *may = json_array();

	nxt_time_format(certificate->not_before, from);
	nxt_time_format(certificate->not_after, to);
	if (certificate->may & NXT_MAY_ASSIGN)
		json_array_append_new(may, json_string("assign"));
	if (certificate->may & NXT_MAY_ORDER)
		json_array_append_new(may, json_string("order"));
	return json_pack("{s:s, s:s, s:o}", "not_before", from, "not_after", to, "may", may);
}

int api_get_operations(struct request *request)
{
	struct center *center = request->center;
	struct nxt_public_key key;
	_cleanup_free_ char *pem = NULL;
	char id[NXT_SHA256_HEX];
	size_t size;
	int r;

	nxt_private_key_public(center->key, &key);
	nxt_key_id(&key, id);
	r = nxt_public_key_to_pem(&key, &pem, &size);
	if (r < 0)
		return r;
	return reply_json(request, 200,
			  json_pack("{s:s, s:s, s:s, s:o}", "key", pem, "key_id", id, "state",
				    operations_state_text(operations_state(center, request->now)),
				    "certificate",
				    center->trust.certified ? certificate_json(&center->trust.operations)
							    : json_null()));
}

/* All PCs that wait look again: what was held back for want of a certificate goes out now. */
static int tell_all(struct center *center)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r = db_query(center->db, &row, "SELECT id FROM pcs", "");

	while (r >= 0 && (r = db_next(row)) > 0)
		changes_note_news(center, db_text(row, 0));
	return r;
}

int api_put_operations(struct request *request)
{
	struct center *center = request->center;
	_cleanup_free_ char *envelope = strndup(request->body ? request->body : "", request->body_size);
	struct nxt_document document;
	struct nxt_public_key own;
	int r;

	if (!envelope)
		return -ENOMEM;
	r = open_upload(request, NXT_OPERATIONS, &document);
	if (r)
		return r;
	nxt_private_key_public(center->key, &own);
	if (memcmp(own.raw, document.operations.key.raw, sizeof(own.raw)))
		return reply_problem(request, 422, "Certificate of another key",
				     "Certify the key that GET /api/v1/operations shows.",
				     "The certificate is not for this Center's operations key.");
	if (document.operations.not_after <= request->now)
		return reply_problem(request, 422, "Certificate has ended",
				     "Make a new one: nxtop-release operations.", "It is no longer valid.");
	/* PCs refuse it as well: an older certificate does not come back. */
	if (center->trust.certified && document.operations.not_before < center->trust.operations.not_before)
		return reply_problem(request, 409, "Older certificate", "Upload the newer one.",
				     "The one that is here was made later.");
	r = db_run(center->db, "REPLACE INTO meta VALUES ('operations', ?)", "b", request->body,
		   (int)request->body_size);
	if (r >= 0)
		r = audit(request, "operations.certify", "operations", "valid until %jd",
			  (intmax_t)document.operations.not_after);
	if (r >= 0)
		r = tell_all(center);
	if (r < 0)
		return r;
	center->trust.operations = document.operations;
	center->trust.certified = true;
	free(center->operations);
	center->operations = TAKE_PTR(envelope);
	changes_note(center, "operations", "operations");
	return api_get_operations(request);
}
