/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_WORKER_H
#define NXT_AGENT_WORKER_H

#include "common/document.h"
#include "common/error.h"
#include "pc/agent/agent.h"
#include "pc/agent/state.h"
#include "pc/agent/virt.h"

/* What the worker knows of a workspace beyond the database: gone with the process, and no harm done. */
struct runtime {
	char id[NXT_ID_SIZE]; /* "": a free slot */
	int64_t stop_asked, next_ping, retry_at;
	bool restarting;
	int64_t job; /* 0, or what was asked for last and has no outcome yet */
	int job_what;
	int64_t merge_top, merge_base; /* overlays that are being merged; 0: none */
};

struct worker {
	struct agent *agent;
	struct state state;
	struct virt *virt;
	bool kvm;
	struct runtime runtimes[2 * NXT_WORKSPACES_MAX];
};

/*
 * What is done to one workspace. Each either does all of it, or nothing that shows; whatever a power cut
 * leaves is settled when the worker looks at the workspace next. They write events, not the log.
 */

/* Starts the guest; the disks are there. */
int op_start(struct worker *worker, struct workspace *workspace, struct nxt_error *error);
/* The system disk goes to the wanted version. What a custom workspace had becomes a snapshot. */
int op_update(struct worker *worker, struct workspace *workspace, struct nxt_error *error);
/* The version that was put there last is no good: back to the last good one, and hold the other back. */
int op_fall_back(struct worker *worker, struct workspace *workspace, const char *why,
		 struct nxt_error *error);
/* Ends the guest, however it is, goes to the snapshot ("": the version as published), and starts it. */
int op_revert(struct worker *worker, struct workspace *workspace, const char *snapshot, int64_t job,
	      struct nxt_error *error);
/* why: "hand", "schedule". -EOPNOTSUPP: a shared workspace has none. -EEXIST. */
int op_snapshot(struct worker *worker, struct workspace *workspace, const char *name, const char *why,
		struct nxt_error *error);
/* Finds out whether a snapshot that was being made when somebody pulled the plug was made. */
int op_settle(struct worker *worker, struct workspace *workspace, struct nxt_error *error);

/* One step of making the running guest's chain shorter. 1: something changed. */
int op_merge(struct worker *worker, const struct workspace *workspace);
/* Before something that does not go together with it. */
void op_merge_stop(struct worker *worker, const struct workspace *workspace);

/* The kind of the workspace and the rest of its policy. */
int op_policy(struct worker *worker, const struct workspace *workspace, struct nxt_policy *ret,
	      struct nxt_error *error);

struct runtime *worker_runtime(struct worker *worker, const char *id);
/* After a failure that must not repeat itself at full speed. */
void worker_retry_later(struct worker *worker, const char *id);

/* jobs.c: takes the oldest job that waits and does it, or begins to. 1: there was one. */
int job_next(struct worker *worker);
/* Whether what was begun came to its end. */
void job_settle(struct worker *worker, const struct workspace *workspace, bool running);
/* At start-up: what was cut off. */
int job_recover(struct worker *worker);
/* outcome: "done", "failed", "expired", "refused" */
int job_finish(struct state *state, int64_t job, const char *outcome, const char *detail);

#endif
