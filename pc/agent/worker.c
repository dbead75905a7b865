/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks what each workspace should be and is, lets plan.c choose, and does that: one thing at a time. */
#include "pc/agent/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/file.h"
#include "pc/agent/disks.h"
#include "pc/agent/plan.h"

#define RETRY_SECONDS 10
/* libvirt tells of changes; this is for what it misses. */
#define LOOK_SECONDS 30
#define MERGE_LOOK_SECONDS 1

struct runtime *worker_runtime(struct worker *worker, const char *id)
{
	struct runtime *unused = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(worker->runtimes); i++) {
		struct runtime *runtime = &worker->runtimes[i];

		if (!strcmp(runtime->id, id))
			return runtime;
		if (!unused && !runtime->id[0])
			unused = runtime;
	}
	/* Only workspaces that were assigned once have one: a table full of those of old is begun anew. */
	if (!unused) {
		memset(worker->runtimes, 0, sizeof(worker->runtimes));
		unused = &worker->runtimes[0];
	}
	snprintf(unused->id, sizeof(unused->id), "%s", id);
	return unused;
}

void worker_retry_later(struct worker *worker, const char *id)
{
	worker_runtime(worker, id)->retry_at = agent_now() + RETRY_SECONDS;
}

static bool disk_is_wrong(struct worker *worker, const struct workspace *w, const struct virt_domain *domain)
{
	char relative[PATH_MAX];
	size_t prefix = strlen(worker->state.path);

	if (domain->power == VIRT_OFF || !domain->disk[0])
		return false;
	disks_overlay_path(w->id, w->overlay, relative);
	return strncmp(domain->disk, worker->state.path, prefix) || domain->disk[prefix] != '/' ||
	       strcmp(domain->disk + prefix + 1, relative);
}

static bool wanted_is_ready(struct worker *worker, const struct workspace *w)
{
	struct nxt_document document;

	return state_document_load(&worker->state, w->wanted_manifest, NXT_IMAGE, &document) >= 0 &&
	       image_is_ready(&worker->state, &document.image);
}

/* Seconds since the last snapshot by schedule, or since the guest's start if that was later. */
static int64_t snapshot_age(struct worker *worker, const struct workspace *w)
{
	int64_t last = 0;

	(void)db_get_number(worker->state.db, &last,
			    "SELECT max(created) FROM snapshots WHERE workspace = ? AND why = 'schedule'",
			    "s", w->id);
	return time(NULL) - (last > w->started ? last : w->started);
}

static void look(struct worker *worker, const struct workspace *w, const struct nxt_policy *policy,
		 const struct virt_domain *domain, struct plan_view *ret)
{
	const struct runtime *runtime = worker_runtime(worker, w->id);

	*ret = (struct plan_view){
		.now = agent_now(),
		.assigned = w->assigned,
		.power = w->power,
		.wanted_differs =
			strcmp(w->wanted_manifest, w->manifest) && strcmp(w->wanted_manifest, w->held),
		.wanted_ready = wanted_is_ready(worker, w),
		.needs_agent = policy->health.agent,
		.every_minutes = policy->snapshots.every_minutes,
		.has_disks = w->overlay != 0,
		.pending_snapshot = w->pending_overlay != 0,
		.on_trial = w->good_manifest[0] && strcmp(w->good_manifest, w->manifest),
		.starts = w->starts,
		.believed_running = w->started != 0,
		.running = domain->power != VIRT_OFF,
		.paused = domain->power == VIRT_PAUSED,
		.wrong_disk = disk_is_wrong(worker, w, domain),
		.agent_open = domain->agent,
		.resets = domain->resets,
		.healthy = w->healthy,
		.unhealthy_known = !strcmp(w->state, "unhealthy"),
		.deadline = w->deadline,
		.stop_asked = runtime->stop_asked,
		.restarting = runtime->restarting,
		.next_ping = runtime->next_ping,
		.retry_at = runtime->retry_at,
		.can_snapshot = policy->kind == NXT_CUSTOM,
		.snapshot_age = snapshot_age(worker, w),
	};
}

static int note_end(struct worker *worker, struct workspace *w, const struct virt_domain *domain)
{
	struct runtime *runtime = worker_runtime(worker, w->id);
	bool meant = !w->power || runtime->restarting || !w->assigned;
	bool off = domain->shut_down && !meant;
	int r;

	/* A guest that its user shut down stays off. One that died is started again. */
	r = db_run(worker->state.db,
		   "UPDATE workspaces SET started = 0, power = power AND NOT ?, starts = CASE WHEN ? THEN 0 "
		   "ELSE starts END"
		   " WHERE id = ?",
		   "iis", (int64_t)off, (int64_t)(w->healthy || meant), w->id);
	if (r < 0)
		return r;
	runtime->stop_asked = 0;
	runtime->restarting = false;
	if (meant || domain->shut_down)
		return event_add(&worker->state, "info", "stopped", w->id, NULL, NULL, "%s was shut down",
				 w->title);
	return event_add(&worker->state, "warning", "died", w->id, NULL, NULL,
			 "the guest of %s ended unexpectedly", w->title);
}

static int note_healthy(struct worker *worker, struct workspace *w)
{
	int r;

	r = db_run(worker->state.db,
		   "UPDATE workspaces SET healthy = 1, starts = 0, good_snapshot = CASE WHEN good_manifest "
		   "IS manifest"
		   " THEN good_snapshot END, good_manifest = manifest WHERE id = ?",
		   "s", w->id);
	if (r < 0)
		return r;
	return event_add(&worker->state, "info", "healthy", w->id, NULL, NULL,
			 "%s is healthy on version %" PRIu64 " of %s", w->title, w->version, w->image);
}

static int note_failed(struct worker *worker, struct workspace *w, const char *why)
{
	int r = workspace_set_state(&worker->state, w, "failed", why);

	return r <= 0 ? r
		      : event_add(&worker->state, "error", "failed", w->id, NULL, NULL, "%s: %s", w->title,
				  why);
}

static int snapshot_by_schedule(struct worker *worker, struct workspace *w, const struct nxt_policy *policy,
				struct nxt_error *error)
{
	char name[NXT_NAME_SIZE];
	time_t now = time(NULL);
	struct tm utc;
	int r;

	gmtime_r(&now, &utc);
	strftime(name, sizeof(name), "schedule-%Y%m%d-%H%M%S", &utc);
	r = op_snapshot(worker, w, name, "schedule", error);
	if (r < 0)
		return r;
	return snapshot_retain(&worker->state, w->id, policy->snapshots.keep);
}

static int carry_out(struct worker *worker, struct workspace *w, const struct nxt_policy *policy,
		     const struct virt_domain *domain, enum plan_step step, struct nxt_error *error)
{
	struct runtime *runtime = worker_runtime(worker, w->id);

	switch (step) {
	case PLAN_NOTHING:
		return 0;
	case PLAN_SETTLE:
		return op_settle(worker, w, error);
	case PLAN_NOTE_END:
		return note_end(worker, w, domain);
	case PLAN_UPDATE:
		return op_update(worker, w, error);
	case PLAN_FALL_BACK:
		return op_fall_back(worker, w,
				    domain->resets >= PLAN_RESETS_MAX ? "the guest restarted again and again"
				    : domain->power == VIRT_OFF	      ? "it could not be started"
				    : policy->health.agent ? "its guest agent did not answer in time"
							   : "it was paused at its deadline",
				    error);
	case PLAN_GIVE_UP:
		(void)db_run(worker->state.db, "UPDATE workspaces SET power = 0 WHERE id = ?", "s", w->id);
		return note_failed(worker, w,
				   w->detail[0] ? w->detail
						: "it ended again and again: revert it, or start it by hand");
	case PLAN_START:
		return op_start(worker, w, error);
	case PLAN_SHUT_DOWN:
		runtime->stop_asked = agent_now();
		return virt_shut_down(worker->virt, w->id, error);
	case PLAN_DESTROY:
		return virt_destroy(worker->virt, w->id, error);
	case PLAN_PING:
		runtime->next_ping = agent_now() + PLAN_PING_SECONDS;
		return virt_ping(worker->virt, w->id, NULL) < 0 ? 0 : note_healthy(worker, w);
	case PLAN_HEALTHY:
		return note_healthy(worker, w);
	case PLAN_UNHEALTHY:
		(void)workspace_set_state(&worker->state, w, "unhealthy", "the guest is not up in time");
		return event_add(&worker->state, "error", "unhealthy", w->id, NULL, NULL,
				 "%s is not healthy: its guest was not up in time", w->title);
	case PLAN_SNAPSHOT:
		return snapshot_by_schedule(worker, w, policy, error);
	}
	return -EINVAL;
}

/* What a person should see, when nothing is left to do. */
static int show(struct worker *worker, struct workspace *w, const struct virt_domain *domain,
		const struct plan_view *view)
{
	char held[128] = "";

	if (w->held[0] && !strcmp(w->held, w->wanted_manifest))
		snprintf(held, sizeof(held), "the wanted version is held back: %s",
			 strcmp(w->held_why, "failed") ? "somebody reverted to one before it"
						       : "it did not become healthy");
	if (domain->power == VIRT_PAUSED)
		return workspace_set_state(&worker->state, w, w->healthy ? "running" : "starting",
					   "paused: is the PC's disk full?");
	if (domain->power == VIRT_RUNNING && (!w->power || !w->assigned || view->restarting))
		return workspace_set_state(&worker->state, w, "stopping", "");
	if (domain->power == VIRT_RUNNING) {
		if (!w->healthy && view->unhealthy_known)
			return 0;
		return workspace_set_state(&worker->state, w, w->healthy ? "running" : "starting", held);
	}
	if (w->assigned && !w->overlay && !view->wanted_ready)
		return workspace_set_state(&worker->state, w, "waiting", "its version is not on this PC yet");
	if (!strcmp(w->state, "failed"))
		return 0;
	return workspace_set_state(&worker->state, w, "stopped",
				   w->assigned ? held : "not assigned to this PC any more");
}

/* 1: something was done, so look again. In *ret_at when to look again if nothing was. */
static int tend(struct worker *worker, const char *id, int64_t *ret_at, struct nxt_error *error)
{
	struct virt_domain domain;
	struct nxt_policy policy;
	struct plan_view view;
	struct workspace w;
	enum plan_step step;
	int r;

	r = workspace_load(&worker->state, id, &w);
	if (r < 0)
		return r;
	r = op_policy(worker, &w, &policy, error);
	if (r < 0)
		return r;
	r = virt_observe(worker->virt, id, &domain, error);
	if (r < 0)
		return r;
	look(worker, &w, &policy, &domain, &view);
	step = plan_next(&view, ret_at);
	r = carry_out(worker, &w, &policy, &domain, step, error);
	if (step != PLAN_NOTHING) {
		agent_wake(worker->agent->wake_reporter);
		if (r >= 0)
			return 1;
		worker_retry_later(worker, id);
		if (r != -ENOTCONN && step != PLAN_PING)
			(void)note_failed(worker, &w, error->text[0] ? error->text : strerror(-r));
		job_settle(worker, &w, view.running);
		return r;
	}
	if (show(worker, &w, &domain, &view) > 0)
		agent_wake(worker->agent->wake_reporter);
	job_settle(worker, &w, view.running);
	return 0;
}

/* What makes later steps quick. 1: did something. */
static int prepare(struct worker *worker, const char *id)
{
	struct nxt_document document;
	struct nxt_policy policy;
	struct workspace w;
	const char *manifest;
	int r;

	r = workspace_load(&worker->state, id, &w);
	if (r < 0)
		return r;
	/* The version that a revert, an update or a shared workspace's next start would go to. */
	manifest = strcmp(w.held, w.wanted_manifest) ? w.wanted_manifest : w.manifest;
	if (!w.assigned || state_document_load(&worker->state, manifest, NXT_IMAGE, &document) < 0 ||
	    !image_is_ready(&worker->state, &document.image))
		return 0;
	r = op_policy(worker, &w, &policy, NULL);
	if (r < 0)
		return r;
	r = disks_prepare(&worker->state, id, &policy);
	if (r < 0)
		return r;
	r = disks_make_spare(&worker->state, id, manifest);
	return r != 0 ? r : op_merge(worker, &w);
}

/* One round over everything. 1: something was done. */
static int round_of_all(struct worker *worker, int64_t *ret_at)
{
	_cleanup_free_ char(*ids)[NXT_ID_SIZE] = NULL;
	int n, done = 0;

	*ret_at = agent_now() + LOOK_SECONDS;
	n = workspace_list(&worker->state, &ids);
	for (int i = 0; i < n && !done; i++) {
		struct nxt_error error = {""};
		int64_t at = INT64_MAX;
		int r = tend(worker, ids[i], &at, &error);

		if (r < 0) {
			log_warning("workspace %s: %s", ids[i], error.text[0] ? error.text : strerror(-r));
			at = agent_now() + RETRY_SECONDS;
		}
		if (at < *ret_at)
			*ret_at = at;
		done = r > 0;
	}
	for (int i = 0; i < n && !done; i++) {
		done = prepare(worker, ids[i]) > 0;
		if (worker_runtime(worker, ids[i])->merge_top && agent_now() + MERGE_LOOK_SECONDS < *ret_at)
			*ret_at = agent_now() + MERGE_LOOK_SECONDS;
	}
	return n < 0 ? n : done;
}

/* The first thing after the PC started: whatever ran before does not. */
static int note_boot(struct worker *worker)
{
	_cleanup_free_ char(*ids)[NXT_ID_SIZE] = NULL;
	_cleanup_free_ char *known = NULL, *boot = NULL;
	size_t size;
	int n, r;

	r = nxt_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot, &size);
	if (r < 0)
		return r;
	r = state_fact_get(&worker->state, "boot", &known);
	if (r < 0 && r != -ENOENT)
		return r;
	if (known && !strcmp(known, boot))
		return 0;
	n = workspace_list(&worker->state, &ids);
	for (int i = 0; i < n; i++) {
		struct nxt_policy policy;
		struct workspace w;

		if (workspace_load(&worker->state, ids[i], &w) < 0 ||
		    op_policy(worker, &w, &policy, NULL) < 0)
			continue;
		/* starts stays: a version that takes the PC down with it must not be tried for ever. */
		r = db_run(worker->state.db,
			   "UPDATE workspaces SET started = 0, healthy = 0, power = ? WHERE id = ?", "is",
			   (int64_t)policy.autostart, w.id);
		if (r < 0)
			return r;
	}
	return n < 0 ? n : state_fact_set(&worker->state, "boot", boot);
}

static void wake(void *data)
{
	struct agent *agent = data;

	agent_wake(agent->wake_worker);
}

static int set_up(struct worker *worker)
{
	int r;

	r = state_open(worker->agent->state_path, &worker->state);
	if (r < 0)
		return r;
	r = note_boot(worker);
	if (r < 0)
		return r;
	r = job_recover(worker);
	if (r < 0)
		return r;
	/* How they are is not known before the first look. */
	r = db_run(worker->state.db,
		   "UPDATE workspaces SET state = 'preparing' WHERE state NOT IN ('failed', 'unhealthy')",
		   "");
	if (r < 0)
		return r;
	r = disks_sweep(&worker->state);
	if (r < 0)
		return r;
	return virt_new(worker->agent->virt_uri, wake, worker->agent, &worker->virt);
}

/* Whether libvirt can be reached; learns what it offers. */
static bool reach_libvirt(struct worker *worker)
{
	struct nxt_error error = {""};
	char engine[sizeof(worker->agent->engine)];

	if (virt_has_kvm(worker->virt, &worker->kvm, &error) < 0 ||
	    virt_describe(worker->virt, engine, sizeof(engine), &error) < 0) {
		log_warning("%s", error.text);
		return false;
	}
	pthread_mutex_lock(&worker->agent->lock);
	memcpy(worker->agent->engine, engine, sizeof(engine));
	pthread_mutex_unlock(&worker->agent->lock);
	return true;
}

void *worker_main(void *data)
{
	struct worker worker = {.agent = data};
	bool reached = false;
	int r;

	r = set_up(&worker);
	if (r < 0) {
		log_error("the state in %s cannot be used: %s", worker.agent->state_path, strerror(-r));
		atomic_store(&worker.agent->stop, true);
	}
	while (!atomic_load(&worker.agent->stop)) {
		int64_t at = agent_now() + RETRY_SECONDS, wait;

		if (!reached)
			reached = reach_libvirt(&worker);
		r = reached ? 0 : -ENOTCONN;
		/* What somebody waits for comes before everything else. */
		if (r >= 0)
			r = job_next(&worker);
		if (r == 0)
			r = round_of_all(&worker, &at);
		if (r == 0)
			r = disks_clean(&worker.state);
		if (r > 0)
			continue;
		if (r < 0 && r != -ENOTCONN)
			log_error("cannot work: %s", strerror(-r));
		wait = at - agent_now();
		agent_wait(worker.agent->wake_worker, wait < 0		    ? 100
						      : wait > LOOK_SECONDS ? LOOK_SECONDS * 1000
									    : wait * 1000);
	}
	virt_free(worker.virt);
	state_close(&worker.state);
	return NULL;
}
