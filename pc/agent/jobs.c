/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was asked for once: Center's orders, and what was typed at this PC. See worker.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pc/agent/disks.h"
#include "pc/agent/worker.h"

struct job {
	int64_t id;
	char order[NXT_ID_SIZE]; /* "": of this PC */
	char workspace[NXT_ID_SIZE];
	enum nxt_do what;
	char snapshot[NXT_NAME_SIZE];
	int64_t expires;
};

static int load_next(struct state *state, struct job *ret)
{
	_cleanup_stmt_ *row = NULL;
	struct job job;
	int r;

	r = db_prepare(
		state->db, &row,
		"SELECT id, order_id, workspace, what, snapshot, expires FROM jobs WHERE state = 'waiting'"
		" ORDER BY id LIMIT 1",
		"");
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r;
	job.id = sqlite3_column_int64(row, 0);
	snprintf(job.order, sizeof(job.order), "%s", db_text(row, 1));
	snprintf(job.workspace, sizeof(job.workspace), "%s", db_text(row, 2));
	job.what = sqlite3_column_int(row, 3);
	snprintf(job.snapshot, sizeof(job.snapshot), "%s", db_text(row, 4));
	job.expires = sqlite3_column_int64(row, 5);
	*ret = job;
	return 1;
}

int job_finish(struct state *state, int64_t id, const char *outcome, const char *detail)
{
	_cleanup_free_ char *order = NULL, *workspace = NULL;
	_cleanup_transaction_ *transaction = NULL;
	int64_t what;
	int r;

	r = db_begin(state->db, &transaction);
	if (r < 0)
		return r;
	r = db_run(state->db,
		   "UPDATE jobs SET state = ?, detail = ? WHERE id = ? AND state IN ('waiting', 'running', "
		   "'applied')",
		   "ssi", outcome, detail, id);
	if (r <= 0)
		return r;
	r = db_get_text(state->db, &order, "SELECT order_id FROM jobs WHERE id = ?", "i", id);
	if (r < 0 && r != -ENOENT)
		return r;
	if (order) {
		r = db_get_text(state->db, &workspace, "SELECT workspace FROM jobs WHERE id = ?", "i", id);
		if (r >= 0)
			r = db_get_number(state->db, &what, "SELECT what FROM jobs WHERE id = ?", "i", id);
		if (r >= 0)
			r = event_add(state, strcmp(outcome, "done") ? "warning" : "info", "order", workspace,
				      order, outcome, "order to %s: %s%s%s", nxt_do_text(what), outcome,
				      detail[0] ? ": " : "", detail);
		if (r < 0)
			return r;
	}
	/* What has an outcome is of no more use, but to whoever typed it and looks at once. */
	r = db_run(state->db,
		   "DELETE FROM jobs WHERE state NOT IN ('waiting', 'running', 'applied') AND id <"
		   " (SELECT max(id) FROM jobs) - 100",
		   "");
	if (r < 0)
		return r;
	return db_commit(&transaction);
}

/* Begins something that ends when the guest runs, or is off: job_settle() sees it end. */
static int begin_power(struct worker *worker, struct workspace *w, const struct job *job,
		       struct nxt_error *error)
{
	struct runtime *runtime = worker_runtime(worker, w->id);
	struct virt_domain domain;
	int r;

	r = virt_observe(worker->virt, w->id, &domain, error);
	if (r < 0)
		return r;
	if (job->what != NXT_DO_STOP && !w->assigned)
		return nxt_fail(error, -EPERM, "%s is not assigned to this PC any more", w->title);
	r = db_run(worker->state.db, "UPDATE workspaces SET power = ?, starts = 0 WHERE id = ?", "is",
		   (int64_t)(job->what != NXT_DO_STOP), w->id);
	if (r < 0)
		return r;
	runtime->retry_at = 0;
	runtime->restarting = job->what == NXT_DO_RESTART && domain.power != VIRT_OFF;
	if (!runtime->restarting && job->what != NXT_DO_STOP)
		runtime->stop_asked = 0;
	/* What was asked for before gives way. */
	if (runtime->job)
		(void)job_finish(&worker->state, runtime->job, "failed",
				 "something else was asked for meanwhile");
	runtime->job = job->id;
	runtime->job_what = job->what;
	return 0;
}

/* 1: it has its outcome; 0: it was begun. */
static int carry_out(struct worker *worker, struct workspace *w, const struct job *job,
		     struct nxt_error *error)
{
	int r;

	switch (job->what) {
	case NXT_DO_START:
	case NXT_DO_STOP:
	case NXT_DO_RESTART:
		return begin_power(worker, w, job, error);
	case NXT_DO_SNAPSHOT:
		r = op_snapshot(worker, w, job->snapshot, "hand", error);
		return r < 0 ? r : 1;
	case NXT_DO_REVERT:
		r = op_revert(worker, w, job->snapshot, job->id, error);
		return r < 0 ? r : 1;
	case NXT_DO_FORGET:
		r = snapshot_remove(&worker->state, w->id, job->snapshot);
		if (r == -ENOENT)
			return nxt_fail(error, r, "%s has no snapshot %s", w->title, job->snapshot);
		return r < 0 ? r : 1;
	}
	return nxt_fail(error, -EINVAL, "this version of nxtopd does not know how to do that");
}

int job_next(struct worker *worker)
{
	struct nxt_error error = {""};
	struct workspace w;
	struct job job;
	int r;

	r = load_next(&worker->state, &job);
	if (r <= 0)
		return r;
	if (job.expires < time(NULL))
		r = job_finish(&worker->state, job.id, "expired",
			       "it came to be done after the time it was meant for");
	else if (workspace_load(&worker->state, job.workspace, &w) < 0)
		r = job_finish(&worker->state, job.id, "refused", "there is no such workspace on this PC");
	else {
		/* From here on it is never begun again, whatever happens. */
		r = db_run(worker->state.db, "UPDATE jobs SET state = 'running' WHERE id = ?", "i", job.id);
		if (r < 0)
			return r;
		r = carry_out(worker, &w, &job, &error);
		if (r < 0)
			r = job_finish(&worker->state, job.id, "failed",
				       error.text[0] ? error.text : strerror(-r));
		else if (r > 0)
			r = job_finish(&worker->state, job.id, "done", "");
	}
	if (r < 0)
		return r;
	agent_wake(worker->agent->wake_control);
	agent_wake(worker->agent->wake_reporter);
	return 1;
}

void job_settle(struct worker *worker, const struct workspace *w, bool running)
{
	struct runtime *runtime = worker_runtime(worker, w->id);
	const char *outcome = NULL, *detail = "";

	if (!runtime->job)
		return;
	if (runtime->job_what == NXT_DO_STOP) {
		if (!running)
			outcome = "done";
	} else if (running && !runtime->restarting) {
		outcome = "done";
	} else if (!running && (!strcmp(w->state, "failed") || !w->overlay)) {
		outcome = "failed";
		detail = w->overlay ? w->detail : "no version is on this PC yet: it is started when there is";
	}
	if (!outcome)
		return;
	if (job_finish(&worker->state, runtime->job, outcome, detail) < 0)
		return;
	runtime->job = 0;
	agent_wake(worker->agent->wake_control);
	agent_wake(worker->agent->wake_reporter);
}

int job_recover(struct worker *worker)
{
	_cleanup_stmt_ *row = NULL;
	int r;

	/* Whoever typed it is told by the broken connection; nobody expects it to happen later. */
	r = db_run(worker->state.db, "DELETE FROM jobs WHERE order_id IS NULL", "");
	if (r < 0)
		return r;
	for (;;) {
		bool applied;
		int64_t id;

		r = db_prepare(worker->state.db, &row,
			       "SELECT id, state FROM jobs WHERE state IN ('running', 'applied') ORDER BY id "
			       "LIMIT 1",
			       "");
		if (r < 0)
			return r;
		r = db_step(row);
		if (r <= 0)
			return r;
		id = sqlite3_column_int64(row, 0);
		applied = !strcmp(db_text(row, 1), "applied");
		sqlite3_finalize(TAKE_PTR(row));
		if (applied)
			r = job_finish(&worker->state, id, "done",
				       "the PC was cut off while it was being done");
		else
			r = job_finish(&worker->state, id, "failed",
				       "the PC was cut off before it was done: look how the workspace is, "
				       "and order it again");
		if (r < 0)
			return r;
	}
}
