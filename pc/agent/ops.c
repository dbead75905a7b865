/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done to one workspace but snapshots: see worker.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pc/agent/disks.h"
#include "pc/agent/domain_xml.h"
#include "pc/agent/worker.h"

int op_policy(struct worker *worker, const struct workspace *w, struct nxt_policy *ret,
	      struct nxt_error *error)
{
	struct nxt_document document;
	int r;

	r = state_document_load(&worker->state, w->wanted_policy, NXT_POLICY, &document);
	if (r < 0)
		return nxt_fail(error, r, "the policy of %s cannot be read: %s", w->title, strerror(-r));
	*ret = document.policy;
	return 0;
}

static void absolute(struct worker *worker, const char *path, char ret[PATH_MAX])
{
	if ((size_t)snprintf(ret, PATH_MAX, "%s/%s", worker->state.path, path) >= PATH_MAX)
		ret[0] = 0;
}

/* UEFI's variables go with the system disk: a wreck may have spoiled them too. */
static void drop_nvram(struct worker *worker, const struct workspace *w)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "workspaces/%s/nvram.fd", w->id);
	(void)unlinkat(worker->state.dir, path, 0);
}

static int build_xml(struct worker *worker, const struct workspace *w, const struct nxt_policy *policy,
		     const struct nxt_image *image, char **ret)
{
	char relative[PATH_MAX], system[PATH_MAX], user[PATH_MAX], nvram[PATH_MAX], log[PATH_MAX];
	struct domain_spec spec = {
		.kvm = worker->kvm,
		.firmware = image->firmware,
		.vcpus = policy->vcpus,
		.memory_mib = policy->memory_mib,
		.system_disk = system,
		.user_disk = policy->user_disk_mib ? user : NULL,
		.nvram = nvram,
		.serial_log = log,
		.network = policy->network == NXT_NETWORK_NAT ? worker->agent->network : NULL,
	};

	memcpy(spec.id, w->id, sizeof(spec.id));
	memcpy(spec.title, w->title, sizeof(spec.title));
	disks_overlay_path(w->id, w->overlay, relative);
	absolute(worker, relative, system);
	disks_user_path(w->id, relative);
	absolute(worker, relative, user);
	snprintf(relative, sizeof(relative), "workspaces/%s/nvram.fd", w->id);
	absolute(worker, relative, nvram);
	snprintf(relative, sizeof(relative), "workspaces/%s/serial.log", w->id);
	absolute(worker, relative, log);
	return domain_xml(&spec, ret);
}

/* A shared workspace starts on a clean overlay each time. */
static int renew_overlay(struct worker *worker, struct workspace *w)
{
	_cleanup_transaction_ *transaction = NULL;
	int64_t overlay;
	int r;

	r = disks_take_clean(&worker->state, w->id, w->manifest, &overlay);
	if (r < 0)
		return r;
	r = db_begin(worker->state.db, &transaction);
	if (r < 0)
		return r;
	r = disks_switch(&worker->state, w->id, overlay);
	if (r < 0)
		return r;
	r = db_commit(&transaction);
	if (r < 0)
		return r;
	drop_nvram(worker, w);
	return workspace_load(&worker->state, w->id, w);
}

/* Everything that a start needs, up to the domain's XML. */
static int ready(struct worker *worker, struct workspace *w, const struct nxt_policy *policy, char **ret_xml,
		 struct nxt_error *error)
{
	struct nxt_document document;
	int r;

	r = state_document_load(&worker->state, w->manifest, NXT_IMAGE, &document);
	if (r < 0)
		return nxt_fail(error, r, "the manifest of %s cannot be read: %s", w->title, strerror(-r));
	if (policy->memory_mib < document.image.memory_mib)
		return nxt_fail(error, -EINVAL,
				"image %s needs %" PRIu64 " MiB of memory, and policy %s gives %" PRIu64
				": give it a policy with more",
				w->image, document.image.memory_mib, policy->policy, policy->memory_mib);
	r = disks_prepare(&worker->state, w->id, policy);
	if (r < 0)
		return nxt_fail(error, r, "the disks of %s cannot be made: %s", w->title, strerror(-r));
	if (!disks_overlay_exists(&worker->state, w->id, w->overlay))
		return nxt_fail(error, -ENOENT,
				"the overlay system-%" PRId64 ".qcow2 is missing: revert the workspace",
				w->overlay);
	if (policy->network == NXT_NETWORK_NAT) {
		r = virt_network(worker->virt, worker->agent->network, error);
		if (r < 0)
			return r;
	}
	r = build_xml(worker, w, policy, &document.image, ret_xml);
	return r < 0 ? nxt_fail(error, r, "the virtual machine cannot be described: %s", strerror(-r)) : 0;
}

/* What a start is, once it is sure that it can be tried. */
static int launch(struct worker *worker, struct workspace *w, const struct nxt_policy *policy,
		  struct nxt_error *error)
{
	struct runtime *runtime = worker_runtime(worker, w->id);
	_cleanup_free_ char *xml = NULL;
	int r;

	r = ready(worker, w, policy, &xml, error);
	if (r < 0)
		return r;
	/* Recorded first: a start that crashes the PC counts, too. */
	r = db_run(worker->state.db,
		   "UPDATE workspaces SET starts = starts + 1, started = ?, deadline = ?, healthy = 0, state "
		   "= 'starting',"
		   " detail = '' WHERE id = ?",
		   "iis", (int64_t)time(NULL), agent_now() + (int64_t)policy->health.boot_seconds, w->id);
	if (r < 0)
		return r;
	runtime->stop_asked = runtime->next_ping = runtime->merge_top = 0;
	runtime->restarting = false;
	r = virt_start(worker->virt, w->id, xml, error);
	if (r < 0) {
		(void)db_run(worker->state.db, "UPDATE workspaces SET started = 0 WHERE id = ?", "s", w->id);
		return r;
	}
	return event_add(&worker->state, "info", "started", w->id, NULL, NULL,
			 "%s was started on version %" PRIu64 " of %s", w->title, w->version, w->image);
}

int op_start(struct worker *worker, struct workspace *w, struct nxt_error *error)
{
	struct nxt_policy policy;
	int r;

	r = op_policy(worker, w, &policy, error);
	if (r < 0)
		return r;
	r = disks_prepare(&worker->state, w->id, &policy);
	if (r >= 0 && policy.kind == NXT_SHARED)
		r = renew_overlay(worker, w);
	if (r < 0)
		return nxt_fail(error, r, "the disks of %s cannot be made: %s", w->title, strerror(-r));
	return launch(worker, w, &policy, error);
}

/* A name that no snapshot of the workspace has. */
static int free_name(struct worker *worker, const struct workspace *w, const char *stem,
		     char ret[NXT_NAME_SIZE])
{
	int64_t taken;

	for (int n = 1; n < 10000; n++) {
		snprintf(ret, NXT_NAME_SIZE, n == 1 ? "%s" : "%s-%d", stem, n);
		if (snapshot_find(&worker->state, w->id, ret, &taken) == -ENOENT)
			return 0;
	}
	return -EEXIST;
}

/* In the transaction that leaves the old version: what of it can be gone back to. */
static int keep_old(struct worker *worker, const struct workspace *w, const struct nxt_policy *policy)
{
	char stem[NXT_NAME_SIZE], name[NXT_NAME_SIZE];
	bool good = !strcmp(w->manifest, w->good_manifest);
	int r;

	if (!w->overlay || policy->kind != NXT_CUSTOM)
		return db_run(worker->state.db,
			      "UPDATE workspaces SET good_snapshot = NULL WHERE id = ? AND manifest = "
			      "good_manifest",
			      "s", w->id);
	snprintf(stem, sizeof(stem), "before-update-from-%" PRIu64, w->version);
	r = free_name(worker, w, stem, name);
	if (r < 0)
		return r;
	r = snapshot_add(&worker->state, w->id, name, w->overlay, "update");
	if (r < 0 || !good)
		return r;
	return db_run(worker->state.db, "UPDATE workspaces SET good_snapshot = ? WHERE id = ?", "ss", name,
		      w->id);
}

int op_update(struct worker *worker, struct workspace *w, struct nxt_error *error)
{
	_cleanup_transaction_ *transaction = NULL;
	uint64_t old_version = w->version;
	bool first = !w->overlay;
	struct nxt_policy policy;
	int64_t overlay;
	int r;

	r = op_policy(worker, w, &policy, error);
	if (r < 0)
		return r;
	r = disks_prepare(&worker->state, w->id, &policy);
	if (r >= 0)
		r = disks_take_clean(&worker->state, w->id, w->wanted_manifest, &overlay);
	if (r >= 0)
		r = db_begin(worker->state.db, &transaction);
	if (r >= 0)
		r = keep_old(worker, w, &policy);
	if (r >= 0)
		r = disks_switch(&worker->state, w->id, overlay);
	if (r >= 0)
		r = db_run(worker->state.db,
			   "UPDATE workspaces SET starts = 0, held = NULL, held_why = NULL WHERE id = ?", "s",
			   w->id);
	if (r >= 0)
		r = workspace_load(&worker->state, w->id, w);
	if (r >= 0 && first)
		r = event_add(&worker->state, "info", "updated", w->id, NULL, NULL,
			      "%s has version %" PRIu64 " of %s", w->title, w->version, w->image);
	else if (r >= 0)
		r = event_add(&worker->state, "info", "updated", w->id, NULL, NULL,
			      "%s goes from version %" PRIu64 " to version %" PRIu64 " of %s", w->title,
			      old_version, w->version, w->image);
	if (r >= 0)
		r = db_commit(&transaction);
	if (r < 0)
		return nxt_fail(error, r, "%s cannot be updated: %s", w->title, strerror(-r));
	drop_nvram(worker, w);
	return 0;
}

/* An overlay that has the state of the last good version. */
static int make_good_overlay(struct worker *worker, const struct workspace *w, int64_t *ret)
{
	int64_t frozen;

	if (w->good_snapshot[0] && snapshot_find(&worker->state, w->id, w->good_snapshot, &frozen) >= 0)
		return disks_new_on_overlay(&worker->state, w->id, frozen, ret);
	return disks_take_clean(&worker->state, w->id, w->good_manifest, ret);
}

int op_fall_back(struct worker *worker, struct workspace *w, const char *why, struct nxt_error *error)
{
	_cleanup_transaction_ *transaction = NULL;
	uint64_t bad_version = w->version;
	int64_t overlay;
	int r;

	r = make_good_overlay(worker, w, &overlay);
	if (r < 0)
		return nxt_fail(error, r, "%s cannot go back to its last good version: %s", w->title,
				strerror(-r));
	r = virt_destroy(worker->virt, w->id, error);
	if (r < 0)
		return r;
	r = db_begin(worker->state.db, &transaction);
	if (r >= 0)
		r = disks_switch(&worker->state, w->id, overlay);
	if (r >= 0)
		r = db_run(worker->state.db,
			   "UPDATE workspaces SET held = ?, held_why = 'failed', starts = 0, started = 0 "
			   "WHERE id = ?",
			   "ss", w->manifest, w->id);
	if (r >= 0)
		r = workspace_load(&worker->state, w->id, w);
	if (r >= 0)
		r = event_add(&worker->state, "error", "update-failed", w->id, NULL, NULL,
			      "version %" PRIu64
			      " of %s did not become healthy (%s); %s goes back to version %" PRIu64,
			      bad_version, w->image, why, w->title, w->version);
	if (r >= 0)
		r = db_commit(&transaction);
	if (r < 0)
		return nxt_fail(error, r, "%s cannot go back to its last good version: %s", w->title,
				strerror(-r));
	drop_nvram(worker, w);
	return 0;
}

/*
 * The manifest that "as published" means: the wanted one, unless it is not here or was found to be no good.
 */
static const char *published(struct worker *worker, const struct workspace *w)
{
	struct nxt_document document;
	bool failed = !strcmp(w->held, w->wanted_manifest) && !strcmp(w->held_why, "failed");

	if (w->assigned && !failed &&
	    state_document_load(&worker->state, w->wanted_manifest, NXT_IMAGE, &document) >= 0 &&
	    image_is_ready(&worker->state, &document.image))
		return w->wanted_manifest;
	return w->manifest;
}

static int make_target(struct worker *worker, const struct workspace *w, const char *snapshot,
		       const struct nxt_policy *policy, int64_t *ret, struct nxt_error *error)
{
	int64_t frozen;
	int r;

	r = disks_prepare(&worker->state, w->id, policy);
	if (r < 0)
		return nxt_fail(error, r, "the disks of %s cannot be made: %s", w->title, strerror(-r));
	if (!snapshot[0]) {
		const char *manifest = published(worker, w);

		if (!manifest[0])
			return nxt_fail(error, -ENOENT, "no version of %s is on this PC yet", w->title);
		r = disks_take_clean(&worker->state, w->id, manifest, ret);
	} else {
		r = snapshot_find(&worker->state, w->id, snapshot, &frozen);
		if (r == -ENOENT)
			return nxt_fail(error, r, "%s has no snapshot %s", w->title, snapshot);
		if (r >= 0)
			r = disks_new_on_overlay(&worker->state, w->id, frozen, ret);
	}
	return r < 0 ? nxt_fail(error, r, "no clean overlay can be made: %s", strerror(-r)) : 0;
}

int op_revert(struct worker *worker, struct workspace *w, const char *snapshot, int64_t job,
	      struct nxt_error *error)
{
	_cleanup_transaction_ *transaction = NULL;
	struct nxt_policy policy;
	int64_t overlay;
	int r;

	r = op_policy(worker, w, &policy, error);
	if (r < 0)
		return r;
	/* The new overlay is made while the guest still runs. */
	r = make_target(worker, w, snapshot, &policy, &overlay, error);
	if (r < 0)
		return r;
	r = virt_destroy(worker->virt, w->id, error);
	if (r < 0)
		return r;
	r = db_begin(worker->state.db, &transaction);
	if (r >= 0)
		r = disks_switch(&worker->state, w->id, overlay);
	/* Whoever goes back from a version does not want it at the next start. */
	if (r >= 0)
		r = db_run(worker->state.db,
			   "UPDATE workspaces SET power = assigned, starts = 0, started = 0,"
			   " held = CASE WHEN manifest IS NOT wanted_manifest THEN wanted_manifest END,"
			   " held_why = CASE WHEN manifest IS NOT wanted_manifest THEN"
			   "  CASE WHEN held IS wanted_manifest THEN held_why ELSE 'reverted' END END WHERE "
			   "id = ?",
			   "s", w->id);
	if (r >= 0)
		r = db_run(worker->state.db, "UPDATE jobs SET state = 'applied' WHERE id = ?", "i", job);
	if (r >= 0)
		r = workspace_load(&worker->state, w->id, w);
	if (r >= 0)
		r = event_add(&worker->state, "info", "reverted", w->id, NULL, NULL,
			      "%s was reverted to %s%s", w->title,
			      snapshot[0] ? "snapshot " : "its version as published", snapshot);
	if (r >= 0)
		r = db_commit(&transaction);
	if (r < 0)
		return nxt_fail(error, r, "%s cannot be reverted: %s", w->title, strerror(-r));
	drop_nvram(worker, w);
	return w->power ? launch(worker, w, &policy, error) : 0;
}
