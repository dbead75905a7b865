/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waits for what Center has to say; before that, enrols. See agent.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/hex.h"
#include "pc/agent/accept.h"
#include "pc/agent/backoff.h"
#include "pc/agent/enrol.h"
#include "pc/agent/http.h"
#include "pc/agent/news_parse.h"

#define WAIT_SECONDS 300
#define LOOK_FOR_TEXT_MS 5000

struct listener {
	struct agent *agent;
	struct state state;
	struct state_pc pc;
	struct http http;
	unsigned failures;
	char refused[NXT_SHA256_HEX]; /* the last answer of which something was */
};

static void set_connected(struct agent *agent, bool connected, const char *trouble)
{
	bool changed;

	pthread_mutex_lock(&agent->lock);
	changed = agent->center.connected != connected;
	agent->center.connected = connected;
	snprintf(agent->center.trouble, sizeof(agent->center.trouble), "%s", trouble);
	pthread_mutex_unlock(&agent->lock);
	if (!changed)
		return;
	if (connected)
		log_info("Center answers");
	else
		log_warning("%s", trouble);
	/* What waited to be told or fetched need not wait for its own next try. */
	agent_wake(agent->wake_reporter);
	agent_wake(agent->wake_fetcher);
}

/* What is refused is reported once, however often it comes. */
static int check(struct listener *l, bool known, const char *what, int r, const struct nxt_error *error)
{
	if (r >= 0)
		return r;
	if (r == -ENOMEM || r == -ENOSPC || r == -EIO || r == -EBUSY)
		return r;
	if (!known) {
		const char *why = error->text[0] ? error->text : strerror(-r);

		log_warning("%s was refused: %s", what, why);
		(void)event_add(&l->state, "error", "refused", NULL, NULL, NULL, "%s was refused: %s", what,
				why);
		agent_wake(l->agent->wake_reporter);
	}
	return r;
}

/* 1: all of it is good; 0: something was refused. */
static int take(struct listener *l, const struct news *news, bool known)
{
	struct nxt_error error = {""};
	int64_t now = time(NULL);
	bool good = true;
	int r;

	if (news->operations) {
		r = accept_operations(&l->state, news->operations, strlen(news->operations), &error);
		good &= check(l, known, "an operations certificate", r, &error) >= 0;
	}
	/* Orders first: somebody may wait for one. */
	for (size_t i = 0; i < news->n_orders; i++) {
		error.text[0] = 0;
		r = accept_order(&l->state, news->orders[i], strlen(news->orders[i]), now, &error);
		if (r > 0)
			agent_wake(l->agent->wake_worker);
		good &= check(l, known, "an order", r, &error) >= 0;
	}
	if (news->assignment) {
		error.text[0] = 0;
		r = accept_assignment(&l->state, news->assignment, strlen(news->assignment), now, &error);
		if (r > 0)
			agent_wake(l->agent->wake_fetcher);
		good &= check(l, known, "an assignment", r, &error) >= 0;
	}
	return good;
}

static int ask(struct listener *l, struct nxt_error *error)
{
	_cleanup_(http_answer_done) struct http_answer answer = {0};
	_cleanup_(news_done) struct news news = {0};
	unsigned wait = l->agent->center.connected ? WAIT_SECONDS : 0;
	char path[160], name[NXT_SHA256_HEX];
	uint64_t generation, orders;
	int r;

	r = accept_heights(&l->state, &generation, &orders);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/pc/v1/news?generation=%" PRIu64 "&orders=%" PRIu64 "&wait=%u",
		 generation, orders, wait);
	r = http_request(&l->http, "GET", path, NULL, NEWS_MAX, wait, &answer, error);
	if (r < 0)
		return r;
	r = http_check(&answer, error);
	if (r < 0)
		return r;
	set_connected(l->agent, true, "");
	if (answer.status == 204)
		return 0;
	r = news_parse(answer.body, answer.size, &news, error);
	if (r < 0)
		return r;
	nxt_sha256_hex(answer.body, answer.size, name);
	r = take(l, &news, !strcmp(name, l->refused));
	if (r != 0)
		return r;
	memcpy(l->refused, name, sizeof(name));
	return nxt_fail(error, -EBADMSG, "Center sends documents that this PC refuses");
}

/* The text that somebody typed, or that lies somewhere. */
static void try_to_enrol(struct listener *l)
{
	struct nxt_error error = {""};
	_cleanup_free_ char *text = NULL;
	bool typed;
	int r;

	pthread_mutex_lock(&l->agent->lock);
	typed = l->agent->enrol.asked && !l->agent->enrol.done;
	if (typed)
		text = strdup(l->agent->enrol.text);
	pthread_mutex_unlock(&l->agent->lock);
	if (!typed && enrol_find(&l->state, &text) < 0) {
		agent_wait(l->agent->wake_news, LOOK_FOR_TEXT_MS);
		return;
	}
	r = text ? enrol(l->agent, &l->state, text, &error) : -ENOMEM;
	if (typed) {
		pthread_mutex_lock(&l->agent->lock);
		l->agent->enrol.result = r;
		l->agent->enrol.error = error;
		l->agent->enrol.done = true;
		pthread_mutex_unlock(&l->agent->lock);
		agent_wake(l->agent->wake_control);
	} else if (r < 0) {
		log_warning("cannot enrol: %s", error.text[0] ? error.text : strerror(-r));
		agent_wait(l->agent->wake_news, backoff_milliseconds(l->failures++));
	}
}

static void listen_once(struct listener *l)
{
	struct nxt_error error = {""};
	int r;

	http_close(&l->http);
	state_pc_done(&l->pc);
	r = state_pc_load(&l->state, &l->pc);
	if (r == -ENOENT) {
		try_to_enrol(l);
		return;
	}
	if (r >= 0)
		r = http_open(l->agent, &l->pc, &l->http);
	while (r >= 0 && !atomic_load(&l->agent->stop)) {
		r = ask(l, &error);
		if (r >= 0)
			l->failures = 0;
	}
	if (atomic_load(&l->agent->stop))
		return;
	set_connected(l->agent, r == -EBADMSG, error.text[0] ? error.text : strerror(-r));
	agent_wait(l->agent->wake_news, backoff_milliseconds(l->failures++));
}

void *news_main(void *data)
{
	struct listener listener = {.agent = data};
	int r;

	r = state_open(listener.agent->state_path, &listener.state);
	while (r >= 0 && !atomic_load(&listener.agent->stop))
		listen_once(&listener);
	http_close(&listener.http);
	state_pc_done(&listener.pc);
	state_close(&listener.state);
	return NULL;
}
