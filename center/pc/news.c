/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a waiting PC is told, and the documents and blocks that it then fetches. */
#include <errno.h>
#include <string.h>

#include "center/core/assign.h"
#include "center/core/center.h"
#include "center/pc/pc.h"
#include "center/store/blocks.h"
#include "common/json.h"

#define ORDERS_AT_ONCE 100

/* More a PC may not claim to have: enough numbers must be left for Center to count on, for ever. */
#define CLAIM_MAX (NXT_NUMBER_MAX / 2)

/*
 * A PC that knows more than Center: Center was restored from a backup. It goes on from what the PC knows,
 * or the PC would refuse all that comes.
 */
static int catch_up(struct request *request, int64_t generation, int64_t orders)
{
	int r = assign_pc(request->center, request->pc, generation);

	if (r >= 0)
		r = db_run(request->center->db,
			   "UPDATE pcs SET order_sequence = ?1 WHERE id = ?2 AND order_sequence < ?1", "is",
			   orders, request->pc);
	return r < 0 ? r : 0;
}

static int read_orders(struct request *request, int64_t after, json_t *ret)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int64_t last = 0;
	int r;

	r = db_query(request->center->db, &row,
		     "SELECT envelope, sequence FROM orders WHERE pc = ? AND sequence > ? ORDER BY sequence "
		     "LIMIT ?",
		     "sii", request->pc, after, (int64_t)ORDERS_AT_ONCE);
	if (r < 0)
		return r;
	while ((r = db_next(row)) > 0) {
		if (json_array_append_new(ret, json_string(db_text(row, 0))) < 0)
			return -ENOMEM;
		last = db_int(row, 1);
	}
	if (r < 0 || !last)
		return r;
	r = db_run(
		request->center->db,
		"UPDATE orders SET sent = ? WHERE pc = ? AND sequence > ? AND sequence <= ? AND sent IS NULL",
		"isii", request->now, request->pc, after, last);
	if (r > 0)
		changes_note(request->center, "pc", request->pc);
	return r < 0 ? r : 0;
}

/* A PC that waited was there until now, whatever the time of its request. */
static int still_here(struct request *request)
{
	return db_run(request->center->db, "UPDATE pcs SET seen = ? WHERE id = ?", "is", request->now,
		      request->pc);
}

/* 1 with the news as JSON, or 0 when there is none. */
static int look(struct request *request, int64_t generation, int64_t orders, json_t **ret)
{
	struct center *center = request->center;
	_cleanup_(nxt_json_unrefp) json_t *list = json_array();
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	const char *assignment;
	int r;

	r = db_query(center->db, &row, "SELECT generation, assignment FROM pcs WHERE id = ?", "s",
		     request->pc);
	if (!r)
		r = db_next(row);
	if (r <= 0)
		return r ? r : -ENOENT;
	/* Without a certificate for Center's key the PC would have to refuse it all. */
	if (operations_state(center, request->now) > OPERATIONS_ENDING)
		return 0;
	assignment = db_int(row, 0) > generation && *db_text(row, 1) ? db_text(row, 1) : NULL;
	r = read_orders(request, orders, list);
	if (r < 0)
		return r;
	if (!assignment && !json_array_size(list))
		return 0;
	*ret = json_pack("{s:s, s:s?, s:O}", "operations", center->operations, "assignment", assignment,
			 "orders", list);
	return *ret ? 1 : -ENOMEM;
}

int pc_news(struct request *request)
{
	int64_t generation, orders, wait;
	json_t *news = NULL;
	int r;

	if (!request_number(request, "generation", 0, CLAIM_MAX, -1, &generation) ||
	    !request_number(request, "orders", 0, CLAIM_MAX, -1, &orders) ||
	    !request_number(request, "wait", 0, 300, 300, &wait))
		return request->reply.status;
	if (generation < 0 || orders < 0)
		return reply_problem(request, 400, "Malformed request", NULL,
				     "generation and orders are missing.");
	if (!request->deadline)
		r = catch_up(request, generation, orders);
	else
		r = still_here(request);
	if (r < 0)
		return r;
	r = look(request, generation, orders, &news);
	if (r == -ENOENT)
		return reply_problem(request, 401, "PC removed", "If it shall be managed, enrol it anew.",
				     "An administrator removed this PC.");
	if (r < 0)
		return r;
	if (r)
		return reply_json(request, 200, news);
	if (waiters_add_pc(&request->center->waiters, request, wait))
		return REQUEST_WAITS;
	return reply_empty(request, 204);
}

int pc_document(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	char *copy;
	int r;

	r = db_query(request->center->db, &row, "SELECT envelope FROM documents WHERE sha256 = ?", "s",
		     request->parameters[0]);
	if (!r)
		r = db_next(row);
	if (r < 0)
		return r;
	if (!r)
		return reply_not_found(request, "document");
	request->reply.size = sqlite3_column_bytes(row, 0);
	copy = malloc(request->reply.size + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, sqlite3_column_blob(row, 0), request->reply.size);
	request->reply.body = copy;
	request->reply.type = "application/vnd.nxtop.envelope+json";
	return request->reply.status = 200;
}

static int reply_blob(struct request *request, enum blob_kind kind, const char *what)
{
	size_t size;
	int fd, r = blob_open(request->center->dir, kind, request->parameters[0], &fd, &size);

	if (r == -ENOENT)
		return reply_not_found(request, what);
	return r < 0 ? r : reply_file(request, "application/zstd", fd, size);
}

int pc_index(struct request *request)
{
	return reply_blob(request, BLOB_INDEX, "index");
}

int pc_block(struct request *request)
{
	return reply_blob(request, BLOB_BLOCK, "block");
}
