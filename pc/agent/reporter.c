/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells Center what happened and how things are, and keeps the certificate young. See agent.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/json.h"
#include "pc/agent/backoff.h"
#include "pc/agent/enrol.h"
#include "pc/agent/http.h"
#include "pc/agent/news_parse.h"
#include "pc/agent/status.h"

#define EVENTS_AT_ONCE 100
/* What happens within this time is told together. */
#define TOGETHER_US 100000
/* Status is sent when it changes, and now and then in any case. */
#define STATUS_MAX_SECONDS 300

struct reporter {
	struct agent *agent;
	struct state state;
	struct state_pc pc;
	struct http http;
	char *last_status; /* as it was sent, without its time */
	int64_t status_at;
};

static json_t *event_json(sqlite3_stmt *row)
{
	static const char *const names[] = {"severity", "kind", "message", "workspace", "order", "outcome"};
	char when[NXT_TIME_SIZE];
	json_t *event = json_object();

	if (!event || nxt_time_format(sqlite3_column_int64(row, 1), when) < 0)
		return event;
	json_object_set_new(event, "sequence", json_integer(sqlite3_column_int64(row, 0)));
	json_object_set_new(event, "time", json_string(when));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (sqlite3_column_type(row, i + 2) != SQLITE_NULL)
			json_object_set_new(event, names[i], json_string(db_text(row, i + 2)));
	return event;
}

/* The oldest events that Center has not confirmed; *ret_last is the last one's sequence. How many. */
static int collect_events(struct reporter *reporter, int64_t limit, json_t **ret, int64_t *ret_last)
{
	_cleanup_(nxt_json_unrefp) json_t *array = json_array();
	_cleanup_stmt_ *row = NULL;
	int n = 0, r;

	if (!array)
		return -ENOMEM;
	r = db_prepare(
		reporter->state.db, &row,
		"SELECT sequence, time, severity, kind, message, workspace, order_id, outcome FROM events"
		" WHERE confirmed = 0 ORDER BY sequence LIMIT ?",
		"i", limit);
	if (r < 0)
		return r;
	while ((r = db_step(row)) > 0) {
		json_array_append_new(array, event_json(row));
		*ret_last = sqlite3_column_int64(row, 0);
		n++;
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(array);
	return n;
}

static int confirm(struct reporter *reporter, int64_t sequence)
{
	return db_run(reporter->state.db,
		      "UPDATE events SET confirmed = 1 WHERE confirmed = 0 AND sequence <= ?", "i", sequence);
}

/* 1: sent some; 0: there are none. */
static int send_events(struct reporter *reporter, int64_t limit, struct nxt_error *error)
{
	_cleanup_(http_answer_done) struct http_answer answer = {0};
	_cleanup_(nxt_json_unrefp) json_t *body = NULL;
	_cleanup_free_ char *text = NULL;
	int64_t last = 0, confirmed = 0;
	json_t *array;
	int r;

	r = collect_events(reporter, limit, &array, &last);
	if (r < 0)
		return r;
	body = json_pack("{s:o}", "events", array);
	if (!body || r == 0)
		return body ? 0 : -ENOMEM;
	text = json_dumps(body, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	r = http_request(&reporter->http, "POST", "/pc/v1/events", text, HTTP_ANSWER_MAX, 0, &answer, error);
	if (r < 0)
		return r;
	r = http_check(&answer, error);
	if (r == -ESTALE && (answer.status == 400 || answer.status == 413 || answer.status == 422)) {
		/* One that Center does not take must not hold up the others for ever. */
		if (limit > 1)
			return send_events(reporter, 1, error);
		log_error("Center does not take event %lld: %s", (long long)last, error->text);
		r = confirm(reporter, last);
		return r < 0 ? r : 1;
	}
	if (r < 0)
		return r;
	r = confirmed_parse(answer.body, answer.size, &confirmed, error);
	if (r < 0)
		return r;
	/* No more than what was sent: the numbers behind are not taken yet. */
	r = confirm(reporter, confirmed < last ? confirmed : last);
	return r < 0 ? r : confirmed >= last;
}

static int send_status(struct reporter *reporter, struct nxt_error *error)
{
	_cleanup_(http_answer_done) struct http_answer answer = {0};
	_cleanup_(nxt_json_unrefp) json_t *status = NULL;
	_cleanup_free_ char *text = NULL, *timeless = NULL;
	int r;

	r = status_build(reporter->agent, &reporter->state, &status);
	if (r < 0)
		return r;
	text = json_dumps(status, JSON_COMPACT);
	json_object_del(status, "time");
	timeless = json_dumps(status, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text || !timeless)
		return -ENOMEM;
	if (reporter->last_status && !strcmp(reporter->last_status, timeless) &&
	    agent_now() < reporter->status_at + STATUS_MAX_SECONDS)
		return 0;
	r = http_request(&reporter->http, "PUT", "/pc/v1/status", text, HTTP_ANSWER_MAX, 0, &answer, error);
	if (r < 0)
		return r;
	r = http_check(&answer, error);
	if (r < 0)
		return r;
	free(reporter->last_status);
	reporter->last_status = TAKE_PTR(timeless);
	reporter->status_at = agent_now();
	return 0;
}

static int report(struct reporter *reporter, struct nxt_error *error)
{
	int r;

	r = enrol_renew(reporter->agent, &reporter->state, error);
	if (r > 0)
		agent_wake(reporter->agent->wake_news);
	/* A renewal that fails is tried again at the next report; there are 30 days for it. */
	if (r < 0)
		log_warning("the certificate was not renewed: %s",
			    error->text[0] ? error->text : strerror(-r));

	http_close(&reporter->http);
	state_pc_done(&reporter->pc);
	r = state_pc_load(&reporter->state, &reporter->pc);
	if (r >= 0)
		r = http_open(reporter->agent, &reporter->pc, &reporter->http);
	if (r < 0)
		return r;
	do
		r = send_events(reporter, EVENTS_AT_ONCE, error);
	while (r > 0 && !atomic_load(&reporter->agent->stop));
	return r < 0 ? r : send_status(reporter, error);
}

/* While something is being fetched, people watch. */
static int next_report_ms(struct reporter *reporter)
{
	bool fetching;

	pthread_mutex_lock(&reporter->agent->lock);
	fetching = reporter->agent->fetch.image[0];
	pthread_mutex_unlock(&reporter->agent->lock);
	return fetching ? 2000 : STATUS_MAX_SECONDS * 1000;
}

void *reporter_main(void *data)
{
	struct reporter reporter = {.agent = data};
	unsigned failures = 0;
	int64_t one;
	int r;

	r = state_open(reporter.agent->state_path, &reporter.state);
	while (r >= 0 && !atomic_load(&reporter.agent->stop)) {
		struct nxt_error error = {""};
		int wait = -1;

		if (db_get_number(reporter.state.db, &one, "SELECT 1 FROM pc", "") >= 0) {
			r = report(&reporter, &error);
			if (r < 0 && r != -ECANCELED && failures == 0 && r != -ECONNREFUSED)
				log_warning("cannot report: %s", error.text[0] ? error.text : strerror(-r));
			wait = r < 0 ? backoff_milliseconds(failures++) : next_report_ms(&reporter);
			if (r >= 0)
				failures = 0;
		}
		r = 0;
		agent_wait(reporter.agent->wake_reporter, wait);
		if (!atomic_load(&reporter.agent->stop))
			usleep(TOGETHER_US);
	}
	free(reporter.last_status);
	http_close(&reporter.http);
	state_pc_done(&reporter.pc);
	state_close(&reporter.state);
	return NULL;
}
