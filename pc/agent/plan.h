/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_PLAN_H
#define NXT_AGENT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What to do next with a workspace: a function of what it should be and what it is, and of nothing else.
 * Whoever carries out a step looks again afterwards, so a step that was cut off by a power cut is simply
 * chosen again.
 */

enum plan_step {
	PLAN_NOTHING,
	PLAN_SETTLE,	/* find out whether a snapshot that was being made was made */
	PLAN_NOTE_END,	/* the guest ended: record why */
	PLAN_UPDATE,	/* the disks go to the wanted version */
	PLAN_FALL_BACK, /* the version is no good: back to the last good one */
	PLAN_GIVE_UP,	/* it does not start: leave it off */
	PLAN_START,
	PLAN_SHUT_DOWN, /* ask the guest */
	PLAN_DESTROY,	/* it did not listen, or writes to a disk that is not its own */
	PLAN_PING,	/* does the guest agent answer? */
	PLAN_HEALTHY,	/* so it is a good version */
	PLAN_UNHEALTHY, /* the deadline is over, and there is nothing to go back to */
	PLAN_SNAPSHOT,	/* by schedule */
};

/* How often a version may be started without becoming healthy. */
#define PLAN_STARTS_MAX 3
/* How often a guest may restart itself before its deadline. */
#define PLAN_RESETS_MAX 5
/* How long a guest may take to shut down. */
#define PLAN_SHUT_DOWN_SECONDS 60
/* How often the guest agent is asked. */
#define PLAN_PING_SECONDS 2

/* Times are seconds of one clock that never jumps (CLOCK_BOOTTIME), but for the schedule's. */
struct plan_view {
	int64_t now;

	/* What it should be. */
	bool assigned;
	bool power;	     /* it shall run */
	bool wanted_differs; /* another version is wanted than the disks stand on, and is not held back */
	bool wanted_ready;   /* it is whole on this PC */
	bool needs_agent;    /* the policy: only the guest agent's answer is health */
	uint64_t every_minutes;

	/* What it is. */
	bool has_disks;
	bool pending_snapshot;
	bool on_trial; /* the disks stand on a version that was never healthy, and there is one that was */
	unsigned starts;
	bool believed_running;

	bool running, paused;
	bool wrong_disk;
	bool agent_open; /* the guest opened the agent's channel */
	unsigned resets;

	bool healthy;
	bool unhealthy_known;
	int64_t deadline;
	int64_t stop_asked; /* 0: was not */
	bool restarting;    /* it shall stop, to start again */
	int64_t next_ping;
	int64_t retry_at; /* after a start that failed */

	bool can_snapshot;
	int64_t snapshot_age; /* seconds since the last by schedule, or the start */
};

/*
 * The step, and in *ret_at when to look again if nothing happens before (INT64_MAX: not needed).
 */
enum plan_step plan_next(const struct plan_view *view, int64_t *ret_at);

#endif
