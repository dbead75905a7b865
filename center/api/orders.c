/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/api/api.h"
#include "center/core/audit.h"
#include "center/core/center.h"
#include "center/core/list.h"
#include "center/core/log.h"
#include "center/core/words.h"

#define ORDER_LASTS (30 * 24 * 3600)

const struct shape shape_order[] = {
	{"workspace", SHAPE_ID},
	{"do", SHAPE_WORD, .words = words_do},
	{"snapshot", SHAPE_NAME_OR_EMPTY, .optional = true},
	{"expires", SHAPE_TIME, .optional = true},
	{},
};

/* An order that waits past its end is certain not to be done: the PC would refuse it. */
#define ORDER_COLUMNS                                                                                        \
	"SELECT id, pc, workspace, do, snapshot, sequence, by, issued, expires,"                             \
	" CASE WHEN outcome IS NOT NULL THEN outcome WHEN sent IS NOT NULL THEN 'sent'"                      \
	"  WHEN expires < ?1 THEN 'expired' ELSE 'waiting' END AS state, sent, ended, message, number FROM " \
	"orders "
#define ORDER_KINDS "sssssisttstts-"
#define ORDER_CURSOR 13

static int reply_order(struct request *request, const char *id, int status)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	json_t *order;
	int r;

	r = db_query(request->center->db, &row, ORDER_COLUMNS "WHERE id = ?2", "is", request->now, id);
	if (!r)
		r = list_one(request, row, ORDER_KINDS, NULL, &order);
	if (r < 0)
		return r;
	return order ? reply_json(request, status, order) : reply_not_found(request, "order");
}

/* What the client asks for, to tell a repeated request from another one with the same key. */
static int hash_request(struct request *request, uint8_t ret[NXT_SHA256_SIZE])
{
	_cleanup_free_ char *body = json_dumps(request->json, JSON_COMPACT | JSON_SORT_KEYS);
	_cleanup_free_ char *all = NULL;

	if (!body || asprintf(&all, "%s %s", request->parameters[0], body) < 0)
		return -ENOMEM;
	nxt_sha256(all, strlen(all), ret);
	return 0;
}

static bool key_valid(const char *key)
{
	size_t length = key ? strlen(key) : 0;

	for (size_t i = 0; i < length; i++)
		if (key[i] < '!' || key[i] > '~')
			return false;
	return length >= 8 && length <= 128;
}

/* 0: the key is new. */
static int find_repeated(struct request *request, const char *key, const uint8_t hash[NXT_SHA256_SIZE])
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	r = db_query(request->center->db, &row,
		     "SELECT id, request IS ? FROM orders WHERE by = ? AND key = ?", "bss", hash,
		     NXT_SHA256_SIZE, request->who, key);
	if (!r)
		r = db_next(row);
	if (r <= 0)
		return r;
	if (!db_int(row, 1))
		return reply_problem(request, 409, "Idempotency-Key was used",
				     "Choose a new key for a new order.",
				     "Another order was made with this key.");
	return reply_order(request, db_text(row, 0), 200);
}

static int fill_order(struct request *request, struct nxt_order *order, int64_t sequence)
{
	json_t *json = request->json;
	bool names = false;
	int r;

	r = nxt_id_make(order->order);
	if (r < 0)
		return r;
	if (nxt_do_from_text(shape_text(json, "do"), &order->what) < 0)
		return -EINVAL;
	snprintf(order->pc, sizeof(order->pc), "%.36s", request->parameters[0]);
	snprintf(order->workspace, sizeof(order->workspace), "%s", shape_text(json, "workspace"));
	snprintf(order->snapshot, sizeof(order->snapshot), "%s", shape_text(json, "snapshot"));
	order->sequence = sequence;
	order->issued = request->now;
	order->expires = shape_time(json, "expires", request->now + ORDER_LASTS);
	if (order->expires <= order->issued)
		return reply_problem(request, 422, "Expired already", NULL, "expires must be in the future.");
	switch (order->what) {
	case NXT_DO_SNAPSHOT:
		if (!*order->snapshot)
			snprintf(order->snapshot, sizeof(order->snapshot), "center-%jd", (intmax_t)sequence);
		names = true;
		break;
	case NXT_DO_FORGET:
		if (!*order->snapshot)
			return reply_problem(request, 422, "Snapshot is missing", NULL,
					     "forget needs the name of a snapshot.");
		names = true;
		break;
	case NXT_DO_REVERT:
		names = true;
		break;
	default:
		break;
	}
	if (!names && *order->snapshot)
		return reply_problem(request, 422, "Snapshot is too much", NULL, "%s takes no snapshot.",
				     nxt_do_text(order->what));
	return 0;
}

static int store_order(struct request *request, const struct nxt_order *order, const char *key,
		       const uint8_t hash[NXT_SHA256_SIZE])
{
	struct nxt_document document = {.type = NXT_ORDER, .order = *order};
	struct center *center = request->center;
	_cleanup_free_ char *envelope = NULL;
	struct nxt_error error;
	size_t size;
	int r;

	r = nxt_document_seal(&document, center->key, &envelope, &size, &error);
	if (r < 0) {
		log_line(LOG_ERR, "order", "pc=%s error=%s", order->pc, error.text);
		return r;
	}
	r = db_run(center->db,
		   "INSERT INTO orders (id, pc, sequence, workspace, do, snapshot, by, issued, expires, "
		   "envelope,"
		   " request, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		   "ssissssiisbs", order->order, order->pc, (int64_t)order->sequence, order->workspace,
		   nxt_do_text(order->what), order->snapshot, request->who, order->issued, order->expires,
		   envelope, hash, NXT_SHA256_SIZE, key);
	if (r >= 0)
		r = db_run(center->db, "UPDATE pcs SET order_sequence = ? WHERE id = ?", "is",
			   (int64_t)order->sequence, order->pc);
	return r < 0 ? r : 0;
}

int api_add_order(struct request *request)
{
	const char *key = request->transport->header(request, "Idempotency-Key");
	const char *pc = request->parameters[0];
	struct center *center = request->center;
	struct nxt_order order = {};
	uint8_t hash[NXT_SHA256_SIZE];
	int64_t sequence, there;
	int r;

	if (!key_valid(key))
		return reply_problem(request, 400, "Idempotency-Key is missing or malformed",
				     "Send 8 to 128 visible characters, new for each order.",
				     "It keeps an order from being given twice.");
	r = hash_request(request, hash);
	if (!r)
		r = find_repeated(request, key, hash);
	if (r)
		return r;
	r = db_number(center->db, &sequence, -1, "SELECT order_sequence FROM pcs WHERE id = ?", "s", pc);
	if (!r && sequence < 0)
		return reply_not_found(request, "PC");
	if (!r)
		r = db_number(center->db, &there, 0, "SELECT 1 FROM workspaces WHERE id = ? AND pc = ?", "ss",
			      shape_text(request->json, "workspace"), pc);
	if (r < 0)
		return r;
	if (!there)
		return reply_problem(request, 422, "Not known", NULL, "The PC has no such workspace.");
	r = fill_order(request, &order, sequence + 1);
	if (!r)
		r = store_order(request, &order, key, hash);
	if (r)
		return r;
	r = audit(request, "order.add", order.order, "%s %s of workspace %s on PC %s",
		  shape_text(request->json, "do"), order.snapshot, order.workspace, pc);
	if (r < 0)
		return r;
	changes_note_news(center, pc);
	changes_note(center, "order", order.order);
	return reply_order(request, order.order, 201);
}

int api_list_orders(struct request *request)
{
	bool open = !strcmp(request_text(request, "open"), "true");
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	int64_t limit, before;
	int r;

	if (!list_begin_falling(request, &limit, &before))
		return request->reply.status;
	r = db_query(request->center->db, &rows,
		     ORDER_COLUMNS
		     "WHERE number < ?2 AND (?3 = '' OR pc = ?3) AND (?4 = '' OR workspace = ?4)"
		     " AND (NOT ?5 OR (outcome IS NULL AND (sent IS NOT NULL OR expires >= ?1)))"
		     " ORDER BY number DESC LIMIT ?6",
		     "iissii", request->now, before, request_text(request, "pc"),
		     request_text(request, "workspace"), (int64_t)open, limit + 1);
	return r < 0 ? r : list_reply(request, rows, ORDER_KINDS, ORDER_CURSOR, limit, NULL);
}

int api_get_order(struct request *request)
{
	return reply_order(request, request->parameters[0], 200);
}
