/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/accept.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int get_height(struct state *state, const char *kind, const char *subject, uint64_t *ret,
		      char **ret_name)
{
	int64_t value;
	int r;

	r = db_get_number(state->db, &value, "SELECT value FROM heights WHERE kind = ? AND subject = ?", "ss",
			  kind, subject);
	if (r == -ENOENT) {
		*ret = 0;
		*ret_name = NULL;
		return 0;
	}
	if (r < 0)
		return r;
	r = db_get_text(state->db, ret_name, "SELECT document FROM heights WHERE kind = ? AND subject = ?",
			"ss", kind, subject);
	if (r < 0)
		return r;
	*ret = value;
	return 0;
}

/* 1: higher than all before, and now recorded; 0: the highest, again. */
static int raise_height(struct state *state, const char *kind, const char *subject, uint64_t value,
			const char *name, struct nxt_error *error)
{
	_cleanup_free_ char *known = NULL;
	uint64_t height;
	int r;

	r = get_height(state, kind, subject, &height, &known);
	if (r < 0)
		return r;
	if (known && value == height && !strcmp(known, name))
		return 0;
	if (known && value == height)
		return nxt_fail(error, -ESTALE, "another %s with number %" PRIu64 " is known already", kind,
				value);
	if (known && value < height)
		return nxt_fail(error, -ESTALE,
				"%s number %" PRIu64 " is older than number %" PRIu64 ", which is known",
				kind, value, height);
	r = db_run(state->db,
		   "INSERT OR REPLACE INTO heights (kind, subject, value, document) VALUES (?, ?, ?, ?)",
		   "ssis", kind, subject, (int64_t)value, name);
	return r < 0 ? r : 1;
}

int accept_heights(struct state *state, uint64_t *ret_generation, uint64_t *ret_orders)
{
	_cleanup_free_ char *assignment = NULL, *order = NULL;
	uint64_t generation, orders;
	int r;

	r = get_height(state, "assignment", "", &generation, &assignment);
	if (r < 0)
		return r;
	r = get_height(state, "order", "", &orders, &order);
	if (r < 0)
		return r;
	*ret_generation = generation;
	*ret_orders = orders;
	return 0;
}

static int check_enrolled(struct state *state, struct nxt_trust *ret, struct nxt_error *error)
{
	int r = state_trust_load(state, ret);

	if (r == -ENOENT)
		return nxt_fail(error, r, "this PC is not enrolled");
	return r;
}

static int check_for_us(struct state *state, const char *pc, struct nxt_error *error)
{
	_cleanup_free_ char *own = NULL;
	int r;

	r = db_get_text(state->db, &own, "SELECT id FROM pc", "");
	if (r < 0)
		return r;
	if (strcmp(own, pc))
		return nxt_fail(error, -EXDEV, "it is for PC %s, and this is %s", pc, own);
	return 0;
}

int accept_operations(struct state *state, const void *envelope, size_t size, struct nxt_error *error)
{
	_cleanup_free_ char *current = NULL;
	_cleanup_transaction_ *transaction = NULL;
	char name[NXT_SHA256_HEX];
	struct nxt_trust trust;
	int r;

	nxt_sha256_hex(envelope, size, name);
	r = db_begin(state->db, &transaction);
	if (r < 0)
		return r;
	r = check_enrolled(state, &trust, error);
	if (r < 0)
		return r;
	r = state_fact_get(state, "operations", &current);
	if (r < 0 && r != -ENOENT)
		return r;
	if (current && !strcmp(current, name))
		return 0;

	r = nxt_trust_certify(&trust, envelope, size, error);
	if (r < 0)
		return r;
	r = state_document_put(state, name, NXT_OPERATIONS, envelope, size);
	if (r < 0)
		return r;
	r = state_fact_set(state, "operations", name);
	if (r < 0)
		return r;
	r = db_commit(&transaction);
	return r < 0 ? r : 1;
}

int accept_assignment(struct state *state, const void *envelope, size_t size, int64_t now,
		      struct nxt_error *error)
{
	_cleanup_transaction_ *transaction = NULL;
	_cleanup_free_ struct nxt_document *document = NULL;
	char name[NXT_SHA256_HEX];
	struct nxt_trust trust;
	int r;

	document = malloc(sizeof(*document));
	if (!document)
		return -ENOMEM;
	r = check_enrolled(state, &trust, error);
	if (r < 0)
		return r;
	r = nxt_trust_open(&trust, NXT_ASSIGNMENT, envelope, size, now, document, error);
	if (r < 0)
		return r;
	r = check_for_us(state, document->assignment.pc, error);
	if (r < 0)
		return r;

	nxt_sha256_hex(envelope, size, name);
	r = db_begin(state->db, &transaction);
	if (r < 0)
		return r;
	r = raise_height(state, "assignment", "", document->assignment.generation, name, error);
	if (r <= 0)
		return r;
	r = state_document_put(state, name, NXT_ASSIGNMENT, envelope, size);
	if (r < 0)
		return r;
	r = state_fact_set(state, "assignment-next", name);
	if (r < 0)
		return r;
	r = db_commit(&transaction);
	return r < 0 ? r : 1;
}

int accept_order(struct state *state, const void *envelope, size_t size, int64_t now, struct nxt_error *error)
{
	_cleanup_transaction_ *transaction = NULL;
	_cleanup_free_ struct nxt_document *document = NULL;
	const struct nxt_order *order;
	char name[NXT_SHA256_HEX];
	struct nxt_trust trust;
	int r;

	document = malloc(sizeof(*document));
	if (!document)
		return -ENOMEM;
	r = check_enrolled(state, &trust, error);
	if (r < 0)
		return r;
	r = nxt_trust_open(&trust, NXT_ORDER, envelope, size, now, document, error);
	if (r < 0)
		return r;
	order = &document->order;
	r = check_for_us(state, order->pc, error);
	if (r < 0)
		return r;

	nxt_sha256_hex(envelope, size, name);
	r = db_begin(state->db, &transaction);
	if (r < 0)
		return r;
	r = raise_height(state, "order", "", order->sequence, name, error);
	if (r <= 0)
		return r;
	r = db_run(state->db,
		   "INSERT INTO jobs (order_id, workspace, what, snapshot, expires) VALUES (?, ?, ?, ?, ?)",
		   "ssisi", order->order, order->workspace, (int64_t)order->what, order->snapshot,
		   order->expires);
	if (r == -EEXIST)
		return nxt_fail(error, -ESTALE, "order %s was given before", order->order);
	if (r < 0)
		return r;
	r = db_commit(&transaction);
	return r < 0 ? r : 1;
}

int accept_document(struct state *state, const char *name, enum nxt_type type, const void *envelope,
		    size_t size, struct nxt_error *error)
{
	_cleanup_free_ struct nxt_document *document = NULL;
	_cleanup_transaction_ *transaction = NULL;
	char real_name[NXT_SHA256_HEX];
	struct nxt_trust trust;
	int r;

	nxt_sha256_hex(envelope, size, real_name);
	if (strcmp(name, real_name))
		return nxt_fail(error, -EXDEV, "document %s was asked for, and what came hashes to %s", name,
				real_name);
	document = malloc(sizeof(*document));
	if (!document)
		return -ENOMEM;
	r = check_enrolled(state, &trust, error);
	if (r < 0)
		return r;
	r = nxt_trust_open(&trust, type, envelope, size, 0, document, error);
	if (r < 0)
		return r;
	r = db_begin(state->db, &transaction);
	if (r < 0)
		return r;
	if (type == NXT_POLICY) {
		r = raise_height(state, "policy", document->policy.policy, document->policy.generation, name,
				 error);
		if (r < 0)
			return r;
	}
	r = state_document_put(state, name, type, envelope, size);
	if (r < 0)
		return r;
	return db_commit(&transaction);
}

/* The newest assignment, when it is not in force yet. -ENOENT: there is none. */
static int load_next(struct state *state, struct nxt_document *ret)
{
	_cleanup_free_ char *name = NULL;
	int r;

	r = state_fact_get(state, "assignment-next", &name);
	if (r < 0)
		return r;
	return state_document_load(state, name, NXT_ASSIGNMENT, ret);
}

static bool missing_in(struct state *state, const struct nxt_assignment *assignment, const char **ret_name,
		       enum nxt_type *ret_type)
{
	for (size_t i = 0; i < assignment->n_workspaces; i++) {
		const struct nxt_workspace *w = &assignment->workspaces[i];

		*ret_name = w->manifest;
		*ret_type = NXT_IMAGE;
		if (!state_document_has(state, *ret_name, *ret_type))
			return true;
		*ret_name = w->policy;
		*ret_type = NXT_POLICY;
		if (!state_document_has(state, *ret_name, *ret_type))
			return true;
	}
	return false;
}

int assignment_missing(struct state *state, char ret_name[NXT_SHA256_HEX], enum nxt_type *ret_type)
{
	_cleanup_free_ struct nxt_document *document = malloc(sizeof(*document));
	enum nxt_type type;
	const char *name;
	int r;

	if (!document)
		return -ENOMEM;
	r = load_next(state, document);
	if (r < 0)
		return r;
	if (!missing_in(state, &document->assignment, &name, &type))
		return -ENOENT;
	memcpy(ret_name, name, NXT_SHA256_HEX);
	*ret_type = type;
	return 0;
}

/* A document may have come with an earlier assignment: that it is the right one is checked now. */
static int check_workspace(struct state *state, const struct nxt_workspace *w, struct nxt_document *scratch,
			   struct nxt_error *error)
{
	_cleanup_free_ char *known = NULL;
	uint64_t height;
	int r;

	r = state_document_load(state, w->manifest, NXT_IMAGE, scratch);
	if (r < 0)
		return r;
	if (strcmp(scratch->image.image, w->image) || scratch->image.version != w->version)
		return nxt_fail(error, -EXDEV,
				"workspace %s is said to be version %" PRIu64
				" of %s, and its manifest is version %" PRIu64 " of %s",
				w->title, w->version, w->image, scratch->image.version, scratch->image.image);
	r = state_document_load(state, w->policy, NXT_POLICY, scratch);
	if (r < 0)
		return r;
	r = get_height(state, "policy", scratch->policy.policy, &height, &known);
	if (r < 0)
		return r;
	if (scratch->policy.generation < height)
		return nxt_fail(error, -ESTALE,
				"workspace %s is given generation %" PRIu64
				" of policy %s, and generation %" PRIu64 " is known",
				w->title, scratch->policy.generation, scratch->policy.policy, height);
	return 0;
}

static int write_workspace(struct state *state, const struct nxt_workspace *w)
{
	return db_run(state->db,
		      "INSERT INTO workspaces (id, title, assigned, wanted_manifest, wanted_policy, power)"
		      " VALUES (?1, ?2, 1, ?3, ?4, 0)"
		      " ON CONFLICT (id) DO UPDATE SET title = ?2, assigned = 1, wanted_manifest = ?3, "
		      "wanted_policy = ?4",
		      "ssss", w->workspace, w->title, w->manifest, w->policy);
}

static int adopt(struct state *state, const struct nxt_assignment *assignment, struct nxt_document *scratch,
		 struct nxt_error *error)
{
	int r;

	r = db_run(state->db, "UPDATE workspaces SET assigned = 0", "");
	if (r < 0)
		return r;
	for (size_t i = 0; i < assignment->n_workspaces; i++) {
		const struct nxt_workspace *w = &assignment->workspaces[i];
		int64_t known = 0;

		r = check_workspace(state, w, scratch, error);
		if (r < 0)
			return r;
		(void)db_get_number(state->db, &known, "SELECT 1 FROM workspaces WHERE id = ?", "s",
				    w->workspace);
		r = write_workspace(state, w);
		if (r < 0)
			return r;
		/* A new one starts as soon as it can, if its policy says that it starts with the PC. */
		if (!known && scratch->policy.autostart) {
			r = db_run(state->db, "UPDATE workspaces SET power = 1 WHERE id = ?", "s",
				   w->workspace);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int assignment_adopt(struct state *state, struct nxt_error *error)
{
	_cleanup_free_ struct nxt_document *document = NULL, *scratch = NULL;
	_cleanup_transaction_ *transaction = NULL;
	_cleanup_free_ char *name = NULL;
	enum nxt_type type;
	const char *missing;
	int r;

	document = malloc(sizeof(*document));
	scratch = malloc(sizeof(*scratch));
	if (!document || !scratch)
		return -ENOMEM;
	r = db_begin(state->db, &transaction);
	if (r < 0)
		return r;
	r = state_fact_get(state, "assignment-next", &name);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = state_document_load(state, name, NXT_ASSIGNMENT, document);
	if (r < 0)
		return r;
	if (missing_in(state, &document->assignment, &missing, &type))
		return 0;
	r = adopt(state, &document->assignment, scratch, error);
	if (r == -ESTALE || r == -EXDEV) {
		db_rollbackp(&transaction);
		transaction = NULL;
		(void)state_fact_set(state, "assignment-next", NULL);
		return r;
	}
	if (r < 0)
		return r;
	r = state_fact_set(state, "assignment", name);
	if (r < 0)
		return r;
	r = state_fact_set(state, "assignment-next", NULL);
	if (r < 0)
		return r;
	r = db_commit(&transaction);
	return r < 0 ? r : 1;
}
