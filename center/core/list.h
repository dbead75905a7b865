/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_LIST_H
#define CENTER_LIST_H

#include "center/core/request.h"
#include "center/store/db.h"

/* Reads limit and after. false: they are malformed, and the reply says so. */
bool list_begin(struct request *request, int64_t *ret_limit, const char **ret_after);
/* The same where the cursor is a number that falls: INT64_MAX for the first page. */
bool list_begin_falling(struct request *request, int64_t *ret_limit, int64_t *ret_before);

/*
 * Replies with a page of rows, each made by db_row_json(); column cursor is what the next page begins after.
 * finish may add members to an item; it returns 1, 0 to leave the item out, or a negative errno.
 */
int list_reply(struct request *request, sqlite3_stmt *rows, const char *kinds, int cursor, int64_t limit,
	       int (*finish)(struct request *request, sqlite3_stmt *row, json_t *item));

/* Reads the one row as an item in the same way. NULL in *ret when there is none. */
int list_one(struct request *request, sqlite3_stmt *rows, const char *kinds,
	     int (*finish)(struct request *request, sqlite3_stmt *row, json_t *item), json_t **ret);

#endif
