/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of workspaces: see state.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pc/agent/state.h"

#define COLUMNS                                                                                              \
	"id, title, assigned, wanted_manifest, wanted_policy, image, version, manifest, good_manifest,"      \
	" good_snapshot, held, held_why, overlay, pending_overlay, pending_snapshot, pending_why, power,"    \
	" starts, started, deadline, healthy, state, detail"

static void text(char *to, size_t size, sqlite3_stmt *row, int column)
{
	snprintf(to, size, "%s", db_text(row, column));
}

int workspace_load(struct state *state, const char *id, struct workspace *ret)
{
	_cleanup_stmt_ *row = NULL;
	struct workspace w = {0};
	int r;

	r = db_prepare(state->db, &row, "SELECT " COLUMNS " FROM workspaces WHERE id = ?", "s", id);
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	text(w.id, sizeof(w.id), row, 0);
	text(w.title, sizeof(w.title), row, 1);
	w.assigned = sqlite3_column_int(row, 2);
	text(w.wanted_manifest, sizeof(w.wanted_manifest), row, 3);
	text(w.wanted_policy, sizeof(w.wanted_policy), row, 4);
	text(w.image, sizeof(w.image), row, 5);
	w.version = sqlite3_column_int64(row, 6);
	text(w.manifest, sizeof(w.manifest), row, 7);
	text(w.good_manifest, sizeof(w.good_manifest), row, 8);
	text(w.good_snapshot, sizeof(w.good_snapshot), row, 9);
	text(w.held, sizeof(w.held), row, 10);
	text(w.held_why, sizeof(w.held_why), row, 11);
	w.overlay = sqlite3_column_int64(row, 12);
	w.pending_overlay = sqlite3_column_int64(row, 13);
	text(w.pending_snapshot, sizeof(w.pending_snapshot), row, 14);
	text(w.pending_why, sizeof(w.pending_why), row, 15);
	w.power = sqlite3_column_int(row, 16);
	w.starts = sqlite3_column_int(row, 17);
	w.started = sqlite3_column_int64(row, 18);
	w.deadline = sqlite3_column_int64(row, 19);
	w.healthy = sqlite3_column_int(row, 20);
	text(w.state, sizeof(w.state), row, 21);
	text(w.detail, sizeof(w.detail), row, 22);
	*ret = w;
	return 0;
}

int workspace_list(struct state *state, char (**ret)[NXT_ID_SIZE])
{
	_cleanup_stmt_ *row = NULL;
	_cleanup_free_ char(*ids)[NXT_ID_SIZE] = NULL;
	int64_t rows;
	int n = 0, r;

	r = db_get_number(state->db, &rows, "SELECT count(*) FROM workspaces", "");
	if (r < 0)
		return r;
	ids = calloc(rows + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	r = db_prepare(state->db, &row, "SELECT id FROM workspaces ORDER BY title, id LIMIT ?", "i", rows);
	if (r < 0)
		return r;
	while ((r = db_step(row)) > 0)
		text(ids[n++], sizeof(*ids), row, 0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(ids);
	return n;
}

int workspace_find(struct state *state, const char *wanted, char ret[NXT_ID_SIZE])
{
	_cleanup_stmt_ *row = NULL;
	char found[NXT_ID_SIZE];
	int r;

	/* substr, not LIKE: what was typed may hold its wildcards. */
	r = db_prepare(state->db, &row,
		       "SELECT id FROM workspaces WHERE id = ?1 OR title = ?1"
		       " OR (length(?1) >= 4 AND substr(id, 1, length(?1)) = ?1) ORDER BY id = ?1 DESC",
		       "s", wanted);
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	text(found, sizeof(found), row, 0);
	if (strcmp(found, wanted)) {
		r = db_step(row);
		if (r != 0)
			return r < 0 ? r : -ENOTUNIQ;
	}
	memcpy(ret, found, sizeof(found));
	return 0;
}

int workspace_set_state(struct state *state, struct workspace *w, const char *name, const char *detail)
{
	int r;

	if (!strcmp(w->state, name) && !strcmp(w->detail, detail))
		return 0;
	r = db_run(state->db, "UPDATE workspaces SET state = ?, detail = ? WHERE id = ?", "sss", name, detail,
		   w->id);
	if (r < 0)
		return r;
	snprintf(w->state, sizeof(w->state), "%s", name);
	snprintf(w->detail, sizeof(w->detail), "%s", detail);
	return 1;
}
