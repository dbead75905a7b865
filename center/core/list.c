/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/list.h"

#include <errno.h>

#include "common/json.h"

bool list_begin(struct request *request, int64_t *ret_limit, const char **ret_after)
{
	*ret_after = request_text(request, "after");
	return request_number(request, "limit", 1, 1000, 100, ret_limit);
}

bool list_begin_falling(struct request *request, int64_t *ret_limit, int64_t *ret_before)
{
	return request_number(request, "limit", 1, 1000, 100, ret_limit) &&
	       request_number(request, "after", 1, INT64_MAX, INT64_MAX, ret_before);
}

static int read_item(struct request *request, sqlite3_stmt *row, const char *kinds,
		     int (*finish)(struct request *request, sqlite3_stmt *row, json_t *item), json_t **ret)
{
	_cleanup_(nxt_json_unrefp) json_t *item = db_row_json(row, kinds);
	int r = item ? 1 : -ENOMEM;

	if (r > 0 && finish)
		r = finish(request, row, item);
	if (r > 0)
		*ret = TAKE_PTR(item);
	return r;
}

int list_reply(struct request *request, sqlite3_stmt *rows, const char *kinds, int cursor, int64_t limit,
	       int (*finish)(struct request *request, sqlite3_stmt *row, json_t *item))
{
	_cleanup_(nxt_json_unrefp) json_t *items = json_array();
	_cleanup_(nxt_json_unrefp) json_t *next = json_null();
	json_t *last = NULL;
	int r;

	while ((r = db_next(rows)) > 0) {
		json_t *item;

		r = read_item(request, rows, kinds, finish, &item);
		if (r < 0)
			break;
		if (!r)
			continue;
		/* One more than fits: there is a next page, which begins after the last that did fit. */
		if ((int64_t)json_array_size(items) == limit) {
			json_decref(item);
			json_decref(next);
			next = TAKE_PTR(last);
			break;
		}
		json_array_append_new(items, item);
		json_decref(last);
		last = json_string(db_text(rows, cursor));
	}
	json_decref(last);
	if (r < 0)
		return r;
	return reply_json(request, 200, json_pack("{s:O, s:O}", "items", items, "next", next));
}

int list_one(struct request *request, sqlite3_stmt *rows, const char *kinds,
	     int (*finish)(struct request *request, sqlite3_stmt *row, json_t *item), json_t **ret)
{
	int r = db_next(rows);

	*ret = NULL;
	return r <= 0 ? r : read_item(request, rows, kinds, finish, ret);
}
