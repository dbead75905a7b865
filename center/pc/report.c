/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What PCs report: events, and status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/core/center.h"
#include "center/core/words.h"
#include "center/pc/pc.h"
#include "common/json.h"

/* A PC's oldest events go when it has more: a hostile one cannot fill the disk. */
#define EVENTS_KEPT 10000

static const struct shape shape_event[] = {
	{"sequence", SHAPE_NUMBER, .min = 1, .max = NXT_NUMBER_MAX},
	{"time", SHAPE_TIME},
	{"kind", SHAPE_NAME},
	{"severity", SHAPE_WORD, .words = words_severity},
	{"message", SHAPE_TEXT, .max = 500},
	{"workspace", SHAPE_ID, .optional = true},
	{"order", SHAPE_ID, .optional = true},
	{"outcome", SHAPE_WORD, .optional = true, .words = words_outcome},
	{},
};

const struct shape shape_events[] = {
	{"events", SHAPE_ARRAY, .min = 1, .max = 100, .members = shape_event},
	{},
};

static const struct shape shape_versions[] = {
	{"nxtop", SHAPE_TEXT, .max = 500},
	{"engine", SHAPE_TEXT, .optional = true, .max = 500},
	{"system", SHAPE_TEXT, .optional = true, .max = 500},
	{"kernel", SHAPE_TEXT, .optional = true, .max = 500},
	{},
};

static const struct shape shape_space[] = {
	{"total", SHAPE_NUMBER, .max = NXT_NUMBER_MAX},
	{"free", SHAPE_NUMBER, .max = NXT_NUMBER_MAX},
	{},
};

static const struct shape shape_snapshot[] = {
	{"name", SHAPE_NAME},
	{"created", SHAPE_TIME},
	{"version", SHAPE_NUMBER, .max = NXT_NUMBER_MAX},
	{"why", SHAPE_WORD, .optional = true, .words = words_why},
	{"size", SHAPE_NUMBER, .optional = true, .max = NXT_NUMBER_MAX},
	{},
};

static const struct shape shape_workspace_status[] = {
	{"workspace", SHAPE_ID},
	{"state", SHAPE_WORD, .words = words_state},
	{"health", SHAPE_WORD, .optional = true, .words = words_health},
	{"version", SHAPE_NUMBER, .optional = true, .max = NXT_NUMBER_MAX},
	{"fetched", SHAPE_NUMBER, .optional = true, .max = NXT_NUMBER_MAX},
	{"fetching", SHAPE_NUMBER, .optional = true, .max = NXT_NUMBER_MAX},
	{"started", SHAPE_TIME, .optional = true},
	{"overlay", SHAPE_NUMBER, .optional = true, .max = NXT_NUMBER_MAX},
	{"message", SHAPE_TEXT, .optional = true, .max = 500},
	{"snapshots", SHAPE_ARRAY, .optional = true, .max = 200, .members = shape_snapshot},
	{},
};

const struct shape shape_status[] = {
	{"time", SHAPE_TIME},
	{"generation", SHAPE_NUMBER, .max = NXT_NUMBER_MAX},
	{"orders", SHAPE_NUMBER, .max = NXT_NUMBER_MAX},
	{"versions", SHAPE_OBJECT, .members = shape_versions},
	{"hardware", SHAPE_OBJECT, .members = shape_hardware},
	{"space", SHAPE_OBJECT, .members = shape_space},
	{"workspaces", SHAPE_ARRAY, .max = WORKSPACES_OF_PC, .members = shape_workspace_status},
	{},
};

/* NULL when it is absent. */
static const char *optional(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* An order ends once: what is reported later of it changes nothing. */
static int end_order(struct request *request, json_t *event)
{
	const char *order = shape_text(event, "order");
	int r;

	r = db_run(request->center->db,
		   "UPDATE orders SET outcome = ?, ended = ?, message = ?, sent = ifnull(sent, ?2)"
		   " WHERE id = ? AND pc = ? AND outcome IS NULL",
		   "sisss", shape_text(event, "outcome"), request->now, shape_text(event, "message"), order,
		   request->pc);
	if (r > 0)
		changes_note(request->center, "order", order);
	return r;
}

/* 1: stored, 0: it was there. */
static int store_event(struct request *request, json_t *event, int64_t floor)
{
	struct db *db = request->center->db;
	int64_t sequence = shape_number(event, "sequence", 0);
	int r;

	if (sequence <= floor)
		return 0;
	r = db_run(db,
		   "INSERT INTO events (pc, sequence, time, received, kind, severity, message, workspace, "
		   "order_id,"
		   " outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		   "siiisissss", request->pc, sequence, shape_time(event, "time", 0), request->now,
		   shape_text(event, "kind"), (int64_t)shape_word(event, "severity", words_severity),
		   shape_text(event, "message"), optional(event, "workspace"), optional(event, "order"),
		   optional(event, "outcome"));
	if (r <= 0)
		return r;
	if (optional(event, "outcome"))
		r = end_order(request, event);
	return r < 0 ? r : 1;
}

static int forget_old(struct request *request)
{
	struct db *db = request->center->db;
	int64_t last;
	int r;

	r = db_number(db, &last, 0,
		      "SELECT sequence FROM events WHERE pc = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?",
		      "si", request->pc, (int64_t)EVENTS_KEPT);
	if (r < 0 || !last)
		return r;
	r = db_run(db, "DELETE FROM events WHERE pc = ? AND sequence <= ?", "si", request->pc, last);
	if (r >= 0)
		r = db_run(db, "UPDATE pcs SET events_floor = ? WHERE id = ?", "is", last, request->pc);
	return r < 0 ? r : 0;
}

int pc_events(struct request *request)
{
	json_t *events = json_object_get(request->json, "events"), *event;
	int64_t floor, confirmed = 0;
	bool any = false;
	size_t i;
	int r;

	json_array_foreach(events, i, event) if (
		optional(event, "outcome") &&
		!optional(event, "order")) return reply_problem(request, 400, "Malformed request", NULL,
								"events[%zu].outcome is there without order.",
								i);
	r = db_number(request->center->db, &floor, 0, "SELECT events_floor FROM pcs WHERE id = ?", "s",
		      request->pc);
	if (r < 0)
		return r;
	json_array_foreach(events, i, event)
	{
		r = store_event(request, event, floor);
		if (r < 0)
			return r;
		any |= r > 0;
		if (shape_number(event, "sequence", 0) > confirmed)
			confirmed = shape_number(event, "sequence", 0);
	}
	if (any) {
		r = forget_old(request);
		if (r < 0)
			return r;
		changes_note(request->center, "event", request->pc);
	}
	return reply_json(request, 200, json_pack("{s:I}", "confirmed", (json_int_t)confirmed));
}

/* 1: the workspace is in a bad way. */
static int store_report(struct request *request, json_t *workspace)
{
	_cleanup_free_ char *text = json_dumps(workspace, JSON_COMPACT);
	int r;

	if (!text)
		return -ENOMEM;
	/* A workspace that was removed meanwhile, or is another PC's, has no row to report to. */
	r = db_run(request->center->db,
		   "REPLACE INTO reports SELECT id, ?, ? FROM workspaces WHERE id = ? AND pc = ?", "nsss",
		   shape_number(workspace, "version", -1), text, shape_text(workspace, "workspace"),
		   request->pc);
	if (r < 0)
		return r;
	return !strcmp(shape_text(workspace, "health"), "unhealthy") ||
	       !strcmp(shape_text(workspace, "state"), "failed");
}

int pc_status(struct request *request)
{
	_cleanup_free_ char *text = json_dumps(request->json, JSON_COMPACT);
	struct db *db = request->center->db;
	int64_t unhealthy = 0;
	json_t *workspace;
	size_t i;
	int r;

	if (!text)
		return -ENOMEM;
	r = db_run(db, "DELETE FROM reports WHERE workspace IN (SELECT id FROM workspaces WHERE pc = ?)", "s",
		   request->pc);
	if (r < 0)
		return r;
	json_array_foreach(json_object_get(request->json, "workspaces"), i, workspace)
	{
		r = store_report(request, workspace);
		if (r < 0)
			return r;
		unhealthy |= r;
	}
	r = db_run(db, "UPDATE pcs SET status = ?, status_time = ?, unhealthy = ? WHERE id = ?", "siis", text,
		   request->now, unhealthy, request->pc);
	if (r < 0)
		return r;
	changes_note(request->center, "pc", request->pc);
	return reply_empty(request, 204);
}
