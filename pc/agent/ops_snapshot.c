/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots: see worker.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pc/agent/disks.h"
#include "pc/agent/domain_xml.h"
#include "pc/agent/worker.h"

/* The overlay that was written so far gets the name; from now on the guest writes to the new one. */
static int finish(struct worker *worker, struct workspace *w, int64_t overlay, const char *name,
		  const char *why)
{
	_cleanup_transaction_ *transaction = NULL;
	int r;

	r = db_begin(worker->state.db, &transaction);
	if (r < 0)
		return r;
	r = snapshot_add(&worker->state, w->id, name, w->overlay, why);
	if (r < 0)
		return r;
	r = disks_switch(&worker->state, w->id, overlay);
	if (r < 0)
		return r;
	r = event_add(&worker->state, "info", "snapshot", w->id, NULL, NULL, "snapshot %s of %s was made",
		      name, w->title);
	if (r < 0)
		return r;
	r = db_commit(&transaction);
	if (r < 0)
		return r;
	return workspace_load(&worker->state, w->id, w);
}

static int set_pending(struct worker *worker, const struct workspace *w, int64_t overlay, const char *name,
		       const char *why)
{
	return db_run(worker->state.db,
		      "UPDATE workspaces SET pending_overlay = ?, pending_snapshot = ?, pending_why = ? "
		      "WHERE id = ?",
		      "isss", overlay, name, why, w->id);
}

static int drop_pending(struct worker *worker, struct workspace *w)
{
	int r = db_run(
		worker->state.db,
		"UPDATE workspaces SET pending_overlay = NULL, pending_snapshot = NULL, pending_why = NULL"
		" WHERE id = ?",
		"s", w->id);

	return r < 0 ? r : workspace_load(&worker->state, w->id, w);
}

static bool has_user_disk(struct worker *worker, const struct workspace *w)
{
	char path[PATH_MAX];

	disks_user_path(w->id, path);
	return faccessat(worker->state.dir, path, F_OK, 0) == 0;
}

static int snapshot_running(struct worker *worker, struct workspace *w, int64_t overlay, const char *name,
			    const char *why, struct nxt_error *error)
{
	char relative[PATH_MAX], path[PATH_MAX];
	_cleanup_free_ char *xml = NULL;
	bool frozen;
	int r;

	disks_overlay_path(w->id, overlay, relative);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", worker->state.path, relative) >= sizeof(path))
		return -ENAMETOOLONG;
	r = domain_snapshot_xml(path, has_user_disk(worker, w), &xml);
	if (r < 0)
		return r;
	r = set_pending(worker, w, overlay, name, why);
	if (r < 0)
		return r;
	r = virt_snapshot(worker->virt, w->id, xml, &frozen, error);
	if (r < 0) {
		/* It may have happened all the same, if the connection broke. */
		(void)workspace_load(&worker->state, w->id, w);
		(void)op_settle(worker, w, NULL);
		return r;
	}
	return finish(worker, w, overlay, name, why);
}

int op_settle(struct worker *worker, struct workspace *w, struct nxt_error *error)
{
	char relative[PATH_MAX], path[PATH_MAX];
	struct virt_domain domain;
	int r;

	r = virt_observe(worker->virt, w->id, &domain, error);
	if (r < 0)
		return r;
	disks_overlay_path(w->id, w->pending_overlay, relative);
	snprintf(path, sizeof(path), "%.*s/%.*s", PATH_MAX / 2, worker->state.path, PATH_MAX / 2 - 2,
		 relative);
	/*
	 * A running guest says where it writes. One that is off may have written to either: the new overlay
	 * stands on the old one, so it has everything in both cases.
	 */
	if (domain.power != VIRT_OFF && strcmp(domain.disk, path))
		return drop_pending(worker, w);
	if (!disks_overlay_exists(&worker->state, w->id, w->pending_overlay))
		return drop_pending(worker, w);
	return finish(worker, w, w->pending_overlay, w->pending_snapshot, w->pending_why);
}

int op_snapshot(struct worker *worker, struct workspace *w, const char *name, const char *why,
		struct nxt_error *error)
{
	struct nxt_error why_not = {""};
	struct virt_domain domain;
	struct nxt_policy policy;
	int64_t taken, overlay;
	int r;

	r = op_policy(worker, w, &policy, error);
	if (r < 0)
		return r;
	if (policy.kind == NXT_SHARED)
		return nxt_fail(error, -EOPNOTSUPP,
				"%s is a shared workspace: it returns to its version at each start, so there "
				"is nothing to keep",
				w->title);
	if (!disks_overlay_exists(&worker->state, w->id, w->overlay))
		return nxt_fail(error, -ENOENT, "%s was never started, so there is nothing to keep",
				w->title);
	if (snapshot_find(&worker->state, w->id, name, &taken) >= 0)
		return nxt_fail(error, -EEXIST,
				"%s has a snapshot %s already: choose another name, or forget that one",
				w->title, name);
	op_merge_stop(worker, w);
	r = virt_observe(worker->virt, w->id, &domain, error);
	if (r < 0)
		return r;
	r = disks_new_on_overlay(&worker->state, w->id, w->overlay, &overlay);
	if (r == -EMLINK)
		return nxt_fail(error, r,
				"%s has %d overlays on one another, which is the limit: revert to a snapshot "
				"or to the version",
				w->title, DISKS_DEPTH_MAX);
	if (r >= 0)
		r = domain.power == VIRT_OFF ? finish(worker, w, overlay, name, why)
					     : snapshot_running(worker, w, overlay, name, why, &why_not);
	if (r < 0)
		return nxt_fail(error, r, "no snapshot of %s can be made: %s", w->title,
				why_not.text[0] ? why_not.text : strerror(-r));
	return 0;
}
