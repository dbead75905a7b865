/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/control_answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/json.h"
#include "pc/agent/disks.h"
#include "pc/agent/status.h"

json_t *control_error(const char *text)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

static json_t *control_ok(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static int answer_error(json_t **ret, const char *text)
{
	*ret = control_error(text);
	return *ret ? 0 : -ENOMEM;
}

static int find_workspace(struct state *state, const char *text, char ret[NXT_ID_SIZE], json_t **ret_answer)
{
	char message[NXT_TITLE_SIZE + 200];
	int r = workspace_find(state, text, ret);

	if (r == -ENOENT)
		snprintf(message, sizeof(message),
			 "there is no workspace %s on this PC: nxtop status lists them", text);
	else if (r == -ENOTUNIQ)
		snprintf(message, sizeof(message), "more than one workspace is called %s: use its id", text);
	else
		return r;
	return answer_error(ret_answer, message);
}

static int add_job(struct state *state, const char *workspace, enum nxt_do what, const char *snapshot,
		   int64_t *ret_job)
{
	int r;

	r = db_run(state->db, "INSERT INTO jobs (workspace, what, snapshot, expires) VALUES (?, ?, ?, ?)",
		   "sisi", workspace, (int64_t)what, snapshot, (int64_t)time(NULL) + 3600);
	if (r < 0)
		return r;
	*ret_job = sqlite3_last_insert_rowid(state->db);
	return 0;
}

static int answer_log(struct state *state, uint64_t lines, json_t **ret)
{
	_cleanup_(nxt_json_unrefp) json_t *answer = control_ok();
	json_t *events = json_array();
	_cleanup_stmt_ *row = NULL;
	int r;

	if (!answer || json_object_set_new(answer, "events", events) < 0)
		return -ENOMEM;
	r = db_prepare(
		state->db, &row,
		"SELECT sequence, time, severity, kind, message, workspace FROM events ORDER BY sequence DESC"
		" LIMIT ?",
		"i", (int64_t)lines);
	if (r < 0)
		return r;
	while ((r = db_step(row)) > 0) {
		char when[NXT_TIME_SIZE] = "";
		json_t *event;

		(void)nxt_time_format(sqlite3_column_int64(row, 1), when);
		event = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s?}", "sequence",
				  (json_int_t)sqlite3_column_int64(row, 0), "time", when, "severity",
				  db_text(row, 2), "kind", db_text(row, 3), "message", db_text(row, 4),
				  "workspace",
				  sqlite3_column_type(row, 5) == SQLITE_NULL ? NULL : db_text(row, 5));
		/* The newest comes last, as in every log. */
		json_array_insert_new(events, 0, event);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(answer);
	return 0;
}

static int answer_status(struct agent *agent, struct state *state, json_t **ret)
{
	json_t *status;
	int r;

	r = status_build_local(agent, state, &status);
	if (r < 0)
		return r;
	json_object_set_new(status, "ok", json_true());
	*ret = status;
	return 0;
}

static int begin_enrol(struct agent *agent, struct state *state, const char *text, json_t **ret)
{
	int64_t one;
	bool busy;

	if (db_get_number(state->db, &one, "SELECT 1 FROM pc", "") >= 0)
		return answer_error(ret, "this PC is enrolled already");
	pthread_mutex_lock(&agent->lock);
	busy = agent->enrol.asked;
	if (!busy) {
		agent->enrol.asked = true;
		agent->enrol.done = false;
		snprintf(agent->enrol.text, sizeof(agent->enrol.text), "%s", text);
	}
	pthread_mutex_unlock(&agent->lock);
	if (busy)
		return answer_error(ret, "this PC is being enrolled just now");
	agent_wake(agent->wake_news);
	return 0;
}

static int answer_erase(struct state *state, const char *workspace, json_t **ret)
{
	struct workspace w;
	int r;

	r = workspace_load(state, workspace, &w);
	if (r < 0)
		return r;
	if (w.assigned)
		return answer_error(ret,
				    "it is assigned to this PC: take it away from the PC in Center first");
	if (w.started)
		return answer_error(ret, "it still runs: stop it first");
	r = disks_erase(state, workspace);
	if (r < 0)
		return r;
	r = event_add(state, "warning", "erased", NULL, NULL, NULL,
		      "workspace %s was erased with all its data", w.title);
	if (r < 0)
		return r;
	*ret = control_ok();
	return 0;
}

int control_answer(struct agent *agent, struct state *state, const struct control_request *request,
		   json_t **ret, int64_t *ret_job)
{
	static const enum nxt_do jobs[] = {
		[CONTROL_START] = NXT_DO_START,	    [CONTROL_STOP] = NXT_DO_STOP,
		[CONTROL_RESTART] = NXT_DO_RESTART, [CONTROL_SNAPSHOT] = NXT_DO_SNAPSHOT,
		[CONTROL_REVERT] = NXT_DO_REVERT,   [CONTROL_FORGET] = NXT_DO_FORGET,
	};
	char workspace[NXT_ID_SIZE] = "", snapshot[NXT_NAME_SIZE];
	int r;

	*ret = NULL;
	*ret_job = 0;
	if (request->workspace[0]) {
		r = find_workspace(state, request->workspace, workspace, ret);
		if (r < 0 || *ret)
			return r;
	}
	memcpy(snapshot, request->snapshot, sizeof(snapshot));
	switch (request->what) {
	case CONTROL_STATUS:
		return answer_status(agent, state, ret);
	case CONTROL_LOG:
		return answer_log(state, request->lines, ret);
	case CONTROL_ENROL:
		return begin_enrol(agent, state, request->text, ret);
	case CONTROL_ERASE:
		return answer_erase(state, workspace, ret);
	case CONTROL_SNAPSHOT:
		if (!snapshot[0]) {
			time_t now = time(NULL);
			struct tm utc;

			gmtime_r(&now, &utc);
			strftime(snapshot, sizeof(snapshot), "hand-%Y%m%d-%H%M%S", &utc);
		}
		break;
	default:
		break;
	}
	r = add_job(state, workspace, jobs[request->what], snapshot, ret_job);
	agent_wake(agent->wake_worker);
	return r;
}

static int enrol_outcome(struct agent *agent, json_t **ret)
{
	struct nxt_error error = {""};
	bool done;
	int r = 0;

	pthread_mutex_lock(&agent->lock);
	done = agent->enrol.done;
	if (done) {
		agent->enrol.asked = false;
		r = agent->enrol.result;
		error = agent->enrol.error;
	}
	pthread_mutex_unlock(&agent->lock);
	*ret = NULL;
	if (!done)
		return 0;
	*ret = r < 0 ? control_error(error.text[0] ? error.text : strerror(-r)) : control_ok();
	return *ret ? 0 : -ENOMEM;
}

int control_outcome(struct agent *agent, struct state *state, int64_t job, json_t **ret)
{
	_cleanup_stmt_ *row = NULL;
	const char *name;
	int r;

	if (!job)
		return enrol_outcome(agent, ret);
	*ret = NULL;
	r = db_prepare(state->db, &row, "SELECT state, detail FROM jobs WHERE id = ?", "i", job);
	if (r < 0)
		return r;
	r = db_step(row);
	if (r < 0)
		return r;
	if (r == 0)
		return answer_error(ret, "it was cut off: nxtop status shows how things are");
	name = db_text(row, 0);
	if (!strcmp(name, "waiting") || !strcmp(name, "running") || !strcmp(name, "applied"))
		return 0;
	*ret = strcmp(name, "done") ? control_error(db_text(row, 1)) : control_ok();
	return *ret ? 0 : -ENOMEM;
}
