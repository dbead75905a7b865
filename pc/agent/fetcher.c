/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gets what an assignment needs and the PC does not have: first documents, then images. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/envelope.h"
#include "pc/agent/accept.h"
#include "pc/agent/backoff.h"
#include "pc/agent/fetch.h"

struct fetcher {
	struct agent *agent;
	struct state state;
	struct state_pc pc;
	struct http http;
};

static void set_trouble(struct agent *agent, const char *trouble)
{
	pthread_mutex_lock(&agent->lock);
	snprintf(agent->fetch.trouble, sizeof(agent->fetch.trouble), "%s", trouble);
	pthread_mutex_unlock(&agent->lock);
}

static void set_image(struct agent *agent, const struct nxt_image *image, uint64_t done)
{
	pthread_mutex_lock(&agent->lock);
	snprintf(agent->fetch.image, sizeof(agent->fetch.image), "%s", image ? image->image : "");
	agent->fetch.version = image ? image->version : 0;
	agent->fetch.done = done;
	agent->fetch.total = image ? image->disks[0].filled : 0;
	agent->fetch.bytes_per_second = 0;
	pthread_mutex_unlock(&agent->lock);
	agent_wake(agent->wake_reporter);
}

/* Whether asking again may help. What is not so is refused for good. */
static bool passing(int r)
{
	return r == -ECONNREFUSED || r == -EREMOTEIO || r == -ECANCELED || r == -ENOMEM || r == -ENOSPC ||
	       r == -EIO || r == -EBUSY;
}

static int get_document(struct fetcher *f, const char *name, enum nxt_type type, struct nxt_error *error)
{
	_cleanup_(http_answer_done) struct http_answer answer = {0};
	char path[128];
	int r;

	snprintf(path, sizeof(path), "/pc/v1/documents/%s", name);
	r = http_request(&f->http, "GET", path, NULL, NXT_ENVELOPE_MAX, 0, &answer, error);
	if (r < 0)
		return r;
	r = http_check(&answer, error);
	/* That Center does not have it yet passes; what it has wrong does not. */
	if (r < 0)
		return -EREMOTEIO;
	return accept_document(&f->state, name, type, answer.body, answer.size, error);
}

static int refuse(struct fetcher *f, const char *what, const struct nxt_error *error, int r)
{
	log_warning("%s was refused: %s", what, error->text[0] ? error->text : strerror(-r));
	agent_wake(f->agent->wake_reporter);
	return event_add(&f->state, "error", "refused", NULL, NULL, NULL, "%s was refused: %s", what,
			 error->text[0] ? error->text : strerror(-r));
}

/* Documents of the newest assignment; then it is in force. */
static int get_documents(struct fetcher *f, struct nxt_error *error)
{
	char name[NXT_SHA256_HEX];
	enum nxt_type type;
	int r;

	while ((r = assignment_missing(&f->state, name, &type)) >= 0) {
		r = get_document(f, name, type, error);
		if (r >= 0)
			continue;
		if (passing(r))
			return r;
		(void)refuse(f,
			     type == NXT_IMAGE ? "an assignment, because of an image's manifest"
					       : "an assignment, because of a policy",
			     error, r);
		return state_fact_set(&f->state, "assignment-next", NULL);
	}
	if (r != -ENOENT)
		return r;
	r = assignment_adopt(&f->state, error);
	if (r == -ESTALE || r == -EXDEV)
		return refuse(f, "an assignment", error, r);
	if (r > 0) {
		agent_wake(f->agent->wake_worker);
		agent_wake(f->agent->wake_reporter);
		r = event_add(&f->state, "info", "assigned", NULL, NULL, NULL,
			      "a new assignment is in force");
	}
	return r;
}

static int get_index(struct fetcher *f, const struct nxt_image *image, struct nxt_index **ret,
		     struct nxt_error *error)
{
	_cleanup_(http_answer_done) struct http_answer answer = {0};
	char path[128];
	int r;

	snprintf(path, sizeof(path), "/pc/v1/indexes/%s", image->disks[0].index);
	r = http_request(&f->http, "GET", path, NULL, nxt_index_packed_max(image->disks[0].size), 0, &answer,
			 error);
	if (r < 0)
		return r;
	r = http_check(&answer, error);
	if (r < 0)
		return r;
	return nxt_index_unpack(answer.body, answer.size, &image->disks[0], ret, error);
}

static int get_image(struct fetcher *f, const struct nxt_image *image, struct nxt_error *error)
{
	_cleanup_(image_part_freep) struct image_part *part = NULL;
	_cleanup_(nxt_index_freep) struct nxt_index *index = NULL;
	int64_t other;
	int r;

	r = image_adopt(&f->state, image);
	if (r != 0)
		return r;
	if (db_get_number(f->state.db, &other, "SELECT 1 FROM images WHERE image = ? AND version = ?", "si",
			  image->image, (int64_t)image->version) >= 0)
		return nxt_fail(error, -ESTALE,
				"another version %" PRIu64
				" of %s is here already: seal it anew, as a new version",
				image->version, image->image);
	set_image(f->agent, image, 0);
	r = get_index(f, image, &index, error);
	if (r < 0)
		return r;
	r = image_part_open(&f->state, image, index, &part, error);
	if (r < 0)
		return r;
	r = image_part_copy_local(part, &f->state);
	if (r < 0)
		return r;
	set_image(f->agent, image, image_part_done(part));
	r = fetch_blocks(f->agent, &f->pc, part, error);
	if (r < 0)
		return r;
	r = image_part_finish(part, &f->state);
	if (r < 0)
		return r;
	log_info("version %" PRIu64 " of %s is whole", image->version, image->image);
	return event_add(&f->state, "info", "fetched", NULL, NULL, NULL,
			 "version %" PRIu64 " of %s is on this PC", image->version, image->image);
}

/* The manifest of a version that a workspace wants and that is not here. -ENOENT: none. */
static int next_image(struct fetcher *f, struct nxt_document *ret)
{
	_cleanup_stmt_ *row = NULL;
	int r;

	r = db_prepare(f->state.db, &row,
		       "SELECT DISTINCT wanted_manifest FROM workspaces WHERE assigned = 1 ORDER BY title",
		       "");
	if (r < 0)
		return r;
	while ((r = db_step(row)) > 0) {
		r = state_document_load(&f->state, db_text(row, 0), NXT_IMAGE, ret);
		if (r < 0)
			return r;
		if (!image_is_ready(&f->state, &ret->image))
			return 0;
	}
	return r < 0 ? r : -ENOENT;
}

/* 1: something was got; 0: everything is here. */
static int get_next(struct fetcher *f, struct nxt_error *error)
{
	struct nxt_document manifest;
	int r;

	r = get_documents(f, error);
	if (r < 0)
		return r;
	r = next_image(f, &manifest);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = get_image(f, &manifest.image, error);
	set_image(f->agent, NULL, 0);
	if (r < 0)
		return r;
	agent_wake(f->agent->wake_worker);
	agent_wake(f->agent->wake_reporter);
	return 1;
}

static void disconnect(struct fetcher *f)
{
	http_close(&f->http);
	state_pc_done(&f->pc);
}

/* The certificate may have been renewed since. */
static int connect_as(struct fetcher *f)
{
	int r;

	disconnect(f);
	r = state_pc_load(&f->state, &f->pc);
	return r < 0 ? r : http_open(f->agent, &f->pc, &f->http);
}

/* One line in the timeline for each new trouble, however often it is tried again. */
static void report_trouble(struct fetcher *f, const struct nxt_error *error, int r)
{
	const char *text = error->text[0] ? error->text : strerror(-r);
	bool known = !strcmp(f->agent->fetch.trouble, text);

	set_trouble(f->agent, text);
	if (known)
		return;
	log_warning("cannot fetch: %s", text);
	if (r == -ENOSPC)
		(void)event_add(&f->state, "error", "space", NULL, NULL, NULL, "%s", text);
	else if (r != -ECONNREFUSED)
		(void)event_add(&f->state, "warning", "refused", NULL, NULL, NULL, "cannot fetch: %s", text);
	agent_wake(f->agent->wake_reporter);
}

void *fetcher_main(void *data)
{
	struct fetcher f = {.agent = data};
	unsigned failures = 0;
	int r;

	r = state_open(f.agent->state_path, &f.state);
	while (r >= 0 && !atomic_load(&f.agent->stop)) {
		struct nxt_error error = {""};
		int wait = -1;

		r = connect_as(&f);
		if (r >= 0) {
			do
				r = get_next(&f, &error);
			while (r > 0 && !atomic_load(&f.agent->stop));
		}
		if (r == 0) {
			failures = 0;
			set_trouble(f.agent, "");
		} else if (r < 0 && r != -ECANCELED && r != -ENOENT) {
			report_trouble(&f, &error, r);
			wait = backoff_milliseconds(failures++);
		}
		r = 0;
		agent_wait(f.agent->wake_fetcher, wait);
	}
	disconnect(&f);
	state_close(&f.state);
	return NULL;
}
