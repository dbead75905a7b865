/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/assign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "center/core/center.h"
#include "center/core/log.h"
#include "common/envelope.h"

static void take(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
}

static int read_workspaces(struct center *center, const char *pc, struct nxt_assignment *ret)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	r = db_query(center->db, &row,
		     "SELECT w.id, w.title, w.image, v.version, v.document, p.document"
		     " FROM workspaces w"
		     " JOIN versions v ON v.image = w.image AND v.version = " ASSIGNED_VERSION
		     " JOIN policies p ON p.policy = w.policy AND p.generation ="
		     "  (SELECT max(generation) FROM policies WHERE policy = w.policy)"
		     " WHERE w.pc = ? ORDER BY w.created, w.id LIMIT ?",
		     "si", pc, (int64_t)NXT_WORKSPACES_MAX);
	if (r < 0)
		return r;
	while ((r = db_next(row)) > 0) {
		struct nxt_workspace *workspace = &ret->workspaces[ret->n_workspaces++];

		take(workspace->workspace, sizeof(workspace->workspace), db_text(row, 0));
		take(workspace->title, sizeof(workspace->title), db_text(row, 1));
		take(workspace->image, sizeof(workspace->image), db_text(row, 2));
		workspace->version = db_int(row, 3);
		take(workspace->manifest, sizeof(workspace->manifest), db_text(row, 4));
		take(workspace->policy, sizeof(workspace->policy), db_text(row, 5));
	}
	return r;
}

static bool same_workspaces(const struct nxt_assignment *a, const struct nxt_assignment *b)
{
	if (a->n_workspaces != b->n_workspaces)
		return false;
	for (size_t i = 0; i < a->n_workspaces; i++) {
		const struct nxt_workspace *x = &a->workspaces[i], *y = &b->workspaces[i];

		if (strcmp(x->workspace, y->workspace) || strcmp(x->title, y->title) ||
		    strcmp(x->image, y->image) || x->version != y->version ||
		    strcmp(x->manifest, y->manifest) || strcmp(x->policy, y->policy))
			return false;
	}
	return true;
}

/* What we signed ourselves; if it cannot be read, it is signed anew. */
static bool unchanged(const char *envelope, const struct nxt_assignment *wanted)
{
	_cleanup_(nxt_envelope_freep) struct nxt_envelope *opened = NULL;
	_cleanup_free_ struct nxt_document *old = malloc(sizeof(*old));

	if (!*envelope)
		return !wanted->n_workspaces;
	return old && nxt_envelope_parse(envelope, strlen(envelope), &opened, NULL) == 0 &&
	       nxt_document_parse(NXT_ASSIGNMENT, opened->payload, opened->payload_size, old, NULL) == 0 &&
	       same_workspaces(&old->assignment, wanted);
}

int assign_pc(struct center *center, const char *pc, int64_t floor)
{
	_cleanup_free_ struct nxt_document *document = calloc(1, sizeof(*document));
	struct nxt_assignment *assignment = document ? &document->assignment : NULL;
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	_cleanup_free_ char *envelope = NULL;
	struct nxt_error error;
	int64_t generation;
	size_t size;
	int r;

	if (!document)
		return -ENOMEM;
	document->type = NXT_ASSIGNMENT;
	r = db_query(center->db, &row, "SELECT generation, assignment FROM pcs WHERE id = ?", "s", pc);
	if (!r)
		r = db_next(row);
	if (r <= 0)
		return r;
	r = read_workspaces(center, pc, assignment);
	if (r < 0)
		return r;
	generation = db_int(row, 0);
	if (floor <= generation && unchanged(db_text(row, 1), assignment))
		return 0;
	assignment->generation = (floor > generation ? floor : generation) + 1;
	take(assignment->pc, sizeof(assignment->pc), pc);
	assignment->issued = time(NULL);
	r = nxt_document_seal(document, center->key, &envelope, &size, &error);
	if (r < 0) {
		log_line(LOG_ERR, "assign", "pc=%s error=%s", pc, error.text);
		return r;
	}
	r = db_run(center->db, "UPDATE pcs SET generation = ?, assignment = ? WHERE id = ?", "iss",
		   (int64_t)assignment->generation, envelope, pc);
	if (r < 0)
		return r;
	changes_note_news(center, pc);
	changes_note(center, "pc", pc);
	return 1;
}

int assign_all(struct center *center, const char *image, const char *policy)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int changed = 0, r;

	r = db_query(center->db, &row,
		     image ? "SELECT DISTINCT pc FROM workspaces WHERE image = ?"
			   : "SELECT DISTINCT pc FROM workspaces WHERE policy = ?",
		     "s", image ? image : policy);
	if (r < 0)
		return r;
	while ((r = db_next(row)) > 0) {
		r = assign_pc(center, db_text(row, 0), 0);
		if (r < 0)
			break;
		changed += r;
	}
	return r < 0 ? r : changed;
}

enum operations_state operations_state(const struct center *center, int64_t now)
{
	const struct nxt_operations *certificate = &center->trust.operations;

	if (!center->trust.certified)
		return OPERATIONS_MISSING;
	if (now < certificate->not_before || now > certificate->not_after)
		return OPERATIONS_EXPIRED;
	return certificate->not_after - now < OPERATIONS_WARNING ? OPERATIONS_ENDING : OPERATIONS_VALID;
}

const char *operations_state_text(enum operations_state state)
{
	static const char *const texts[] = {"valid", "ending", "expired", "missing"};

	return texts[state];
}
