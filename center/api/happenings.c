/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens in the fleet, and here: overview, events, changes, and the log of who did what. */
#include <errno.h>
#include <string.h>

#include "center/api/api.h"
#include "center/core/assign.h"
#include "center/core/audit.h"
#include "center/core/center.h"
#include "center/core/list.h"
#include "center/core/words.h"

static int count_online(struct request *request, int64_t *ret)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int64_t online = 0;
	int r = db_query(request->center->db, &row, "SELECT id, seen FROM pcs", "");

	while (r >= 0 && (r = db_next(row)) > 0)
		online += pc_online(request, db_text(row, 0), db_int(row, 1));
	*ret = online;
	return r;
}

int api_overview(struct request *request)
{
	struct center *center = request->center;
	struct db *db = center->db;
	char release[NXT_SHA256_HEX], now[NXT_TIME_SIZE];
	int64_t pcs, online = 0, unhealthy, orders, images;
	int r;

	r = db_number(db, &pcs, 0, "SELECT count(*) FROM pcs", "");
	if (!r)
		r = db_number(db, &unhealthy, 0, "SELECT count(*) FROM pcs WHERE unhealthy", "");
	if (!r)
		r = db_number(db, &orders, 0,
			      "SELECT count(*) FROM orders WHERE outcome IS NULL AND (sent IS NOT NULL OR "
			      "expires >= ?)",
			      "i", request->now);
	if (!r)
		r = db_number(db, &images, 0, "SELECT count(DISTINCT image) FROM versions", "");
	if (!r)
		r = count_online(request, &online);
	if (r < 0)
		return r;
	nxt_key_id(&center->trust.release, release);
	nxt_time_format(request->now, now);
	return reply_json(request, 200,
			  json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s?, s:s}", "version",
				    CENTER_VERSION, "time", now, "pcs", (json_int_t)pcs, "online",
				    (json_int_t)online, "unhealthy", (json_int_t)unhealthy, "orders",
				    (json_int_t)orders, "images", (json_int_t)images, "release_key",
				    center->trusted ? release : NULL, "operations",
				    operations_state_text(operations_state(center, request->now))));
}

int api_list_events(struct request *request)
{
	const char *severity = request_text(request, "severity");
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	int64_t limit, before, least = 0;
	int r;

	if (!list_begin_falling(request, &limit, &before))
		return request->reply.status;
	while (*severity && words_severity[least] && strcmp(words_severity[least], severity))
		least++;
	if (!words_severity[least])
		return reply_problem(request, 400, "Malformed request", NULL,
				     "severity must be info, warning or error.");
	r = db_query(request->center->db, &rows,
		     "SELECT e.id, e.pc, p.name AS pc_name, sequence, time, received, kind,"
		     " CASE severity WHEN 0 THEN 'info' WHEN 1 THEN 'warning' ELSE 'error' END AS severity, "
		     "message,"
		     " workspace, order_id AS 'order', outcome FROM events e JOIN pcs p ON p.id = e.pc"
		     " WHERE e.id < ?1 AND (?2 = '' OR e.pc = ?2) AND (?3 = '' OR workspace = ?3) AND "
		     "e.severity >= ?4"
		     " ORDER BY e.id DESC LIMIT ?5",
		     "issii", before, request_text(request, "pc"), request_text(request, "workspace"), least,
		     limit + 1);
	return r < 0 ? r : list_reply(request, rows, "issittssssss", 0, limit, NULL);
}

int api_changes(struct request *request)
{
	const char *after = request_text(request, "after");
	int64_t wait;
	json_t *changes;
	bool any;

	if (!request_number(request, "wait", 0, 300, 60, &wait))
		return request->reply.status;
	changes = changes_since(&request->center->changes, after, &any);
	if (!any && waiters_add_console(&request->center->waiters, request, wait)) {
		json_decref(changes);
		return REQUEST_WAITS;
	}
	return reply_json(request, 200, changes);
}

int api_list_log(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	int64_t limit, before;
	int r;

	if (!list_begin_falling(request, &limit, &before))
		return request->reply.status;
	r = db_query(request->center->db, &rows,
		     "SELECT sequence, time, who, address, action, object, detail, lower(hex(hash)) AS hash "
		     "FROM log"
		     " WHERE sequence < ? ORDER BY sequence DESC LIMIT ?",
		     "ii", before, limit + 1);
	return r < 0 ? r : list_reply(request, rows, "itssssss", 0, limit, NULL);
}

int api_check_log(struct request *request)
{
	uint8_t head[NXT_SHA256_SIZE];
	char hex[NXT_SHA256_HEX];
	int64_t entries, broken;
	json_t *result;
	int r;

	r = audit_check(request->center->db, &entries, head, &broken);
	if (r < 0)
		return r;
	nxt_hex_encode(head, sizeof(head), hex);
	result = json_pack("{s:b, s:I, s:s}", "whole", !broken, "entries", (json_int_t)entries, "head", hex);
	if (broken)
		json_object_set_new(result, "broken", json_integer(broken));
	return reply_json(request, 200, result);
}
