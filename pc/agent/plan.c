/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/plan.h"

static enum plan_step at(int64_t when, int64_t *ret_at)
{
	*ret_at = when;
	return PLAN_NOTHING;
}

static enum plan_step plan_off(const struct plan_view *v, int64_t *ret_at)
{
	if (v->believed_running)
		return PLAN_NOTE_END;
	if (!v->assigned || !v->power)
		return PLAN_NOTHING;
	if (v->wanted_differs && v->wanted_ready)
		return PLAN_UPDATE;
	/* Until a new version is here, the one that is here does. */
	if (!v->has_disks)
		return PLAN_NOTHING;
	if (v->starts >= PLAN_STARTS_MAX)
		return v->on_trial ? PLAN_FALL_BACK : PLAN_GIVE_UP;
	if (v->now < v->retry_at)
		return at(v->retry_at, ret_at);
	return PLAN_START;
}

static enum plan_step plan_stop(const struct plan_view *v, int64_t *ret_at)
{
	if (!v->stop_asked)
		return PLAN_SHUT_DOWN;
	if (v->now >= v->stop_asked + PLAN_SHUT_DOWN_SECONDS)
		return PLAN_DESTROY;
	return at(v->stop_asked + PLAN_SHUT_DOWN_SECONDS, ret_at);
}

static enum plan_step plan_health(const struct plan_view *v, int64_t *ret_at)
{
	bool resetting = v->resets >= PLAN_RESETS_MAX;

	if (resetting && v->on_trial)
		return PLAN_FALL_BACK;
	if (v->needs_agent && v->agent_open && v->now >= v->next_ping)
		return PLAN_PING;
	if (v->now >= v->deadline) {
		if (!v->needs_agent && !v->paused && !resetting)
			return PLAN_HEALTHY;
		if (v->on_trial)
			return PLAN_FALL_BACK;
		if (!v->unhealthy_known)
			return PLAN_UNHEALTHY;
	} else {
		*ret_at = v->deadline;
	}
	if (v->needs_agent && v->agent_open && v->next_ping < *ret_at)
		*ret_at = v->next_ping;
	return PLAN_NOTHING;
}

enum plan_step plan_next(const struct plan_view *v, int64_t *ret_at)
{
	enum plan_step step = PLAN_NOTHING;

	*ret_at = INT64_MAX;
	if (v->pending_snapshot)
		return PLAN_SETTLE;
	if (!v->running)
		return plan_off(v, ret_at);
	if (v->wrong_disk)
		return PLAN_DESTROY;
	if (!v->assigned || !v->power || v->restarting)
		return plan_stop(v, ret_at);
	if (!v->healthy)
		step = plan_health(v, ret_at);
	if (step != PLAN_NOTHING || !v->every_minutes || !v->can_snapshot)
		return step;
	/* A clock that was set back must not stop the snapshots. */
	if (v->snapshot_age < 0 || v->snapshot_age >= (int64_t)v->every_minutes * 60)
		return PLAN_SNAPSHOT;
	if (v->now + (int64_t)v->every_minutes * 60 - v->snapshot_age < *ret_at)
		*ret_at = v->now + (int64_t)v->every_minutes * 60 - v->snapshot_age;
	return PLAN_NOTHING;
}
