/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps chains short: of two overlays on one another, where nothing but the upper one needs the lower, the
 * upper one's data goes down into the lower, while the guest runs. What is seen through the upper one is
 * the same at each moment, so it does no harm if that is cut off. See worker.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pc/agent/disks.h"
#include "pc/agent/worker.h"

/*
 * Below the running overlay: one without a name, and the only one that stands on it, which itself is not
 * written.
 */
#define CANDIDATE                                                                                            \
	"WITH RECURSIVE chain (id, parent) AS ("                                                             \
	" SELECT o.id, o.parent FROM overlays AS o JOIN workspaces AS w ON w.overlay = o.id WHERE w.id = ?"  \
	" UNION ALL SELECT o.id, o.parent FROM overlays AS o JOIN chain AS c ON o.id = c.parent)"            \
	" SELECT top.id, top.parent FROM chain AS top"                                                       \
	" WHERE top.parent IS NOT NULL AND top.id NOT IN (SELECT overlay FROM workspaces WHERE overlay IS "  \
	"NOT NULL)"                                                                                          \
	" AND NOT EXISTS (SELECT 1 FROM snapshots AS s WHERE s.overlay = top.parent)"                        \
	" AND (SELECT count(*) FROM overlays AS o WHERE o.parent = top.parent) = 1"                          \
	" AND (SELECT count(*) FROM overlays AS o WHERE o.parent = top.id) = 1 LIMIT 1"

static void file_of(struct worker *worker, const struct workspace *w, int64_t overlay, char ret[PATH_MAX])
{
	char relative[PATH_MAX];

	disks_overlay_path(w->id, overlay, relative);
	snprintf(ret, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, worker->state.path, PATH_MAX / 2 - 2, relative);
}

static int begin(struct worker *worker, const struct workspace *w, struct runtime *runtime)
{
	char base[PATH_MAX], top[PATH_MAX];
	_cleanup_stmt_ *row = NULL;
	int64_t upper, lower;
	int r;

	r = db_prepare(worker->state.db, &row, CANDIDATE, "s", w->id);
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r;
	upper = sqlite3_column_int64(row, 0);
	lower = sqlite3_column_int64(row, 1);
	file_of(worker, w, upper, top);
	file_of(worker, w, lower, base);
	r = virt_commit(worker->virt, w->id, base, top, NULL);
	if (r < 0)
		return r;
	runtime->merge_top = upper;
	runtime->merge_base = lower;
	return 0;
}

/* The upper one's names and what stands on it go to the lower one; the upper one is rubbish. */
static int finish(struct worker *worker, int64_t top, int64_t base)
{
	_cleanup_transaction_ *transaction = NULL;
	int r;

	r = db_begin(worker->state.db, &transaction);
	if (r < 0)
		return r;
	r = db_run(worker->state.db, "UPDATE snapshots SET overlay = ? WHERE overlay = ?", "ii", base, top);
	if (r < 0)
		return r;
	r = db_run(worker->state.db, "UPDATE overlays SET parent = ? WHERE parent = ?", "ii", base, top);
	if (r < 0)
		return r;
	r = db_run(worker->state.db,
		   "WITH RECURSIVE above (id) AS (SELECT id FROM overlays WHERE parent = ?1 AND id <> ?2"
		   " UNION SELECT o.id FROM overlays AS o JOIN above AS a ON o.parent = a.id)"
		   " UPDATE overlays SET depth = depth - 1 WHERE id IN above",
		   "ii", base, top);
	if (r < 0)
		return r;
	return db_commit(&transaction);
}

int op_merge(struct worker *worker, const struct workspace *w)
{
	struct runtime *runtime = worker_runtime(worker, w->id);
	char top[PATH_MAX];
	int r;

	if (!w->started || w->pending_overlay)
		return 0;
	if (!runtime->merge_top)
		return begin(worker, w, runtime);
	file_of(worker, w, runtime->merge_top, top);
	r = virt_commit_ended(worker->virt, w->id, top, NULL);
	if (r < 0 && r != -ECANCELED)
		return r;
	if (r == 0)
		return 0;
	if (r > 0)
		r = finish(worker, runtime->merge_top, runtime->merge_base);
	runtime->merge_top = runtime->merge_base = 0;
	return r < 0 ? r : 1;
}

void op_merge_stop(struct worker *worker, const struct workspace *w)
{
	struct runtime *runtime = worker_runtime(worker, w->id);

	if (!runtime->merge_top)
		return;
	/* It may be done already: then this makes it count. */
	(void)op_merge(worker, w);
	if (runtime->merge_top)
		(void)virt_commit_stop(worker->virt, w->id, NULL);
	runtime->merge_top = runtime->merge_base = 0;
}
