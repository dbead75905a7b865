/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/api/api.h"
#include "center/core/audit.h"
#include "center/core/center.h"
#include "center/core/list.h"

const struct shape shape_pc[] = {
	{"name", SHAPE_TITLE, .optional = true},
	{"note", SHAPE_TEXT, .optional = true, .max = 500},
	{},
};

/* A PC that waits for news is online; one between two requests is, too. */
#define ONLINE_FOR 60

#define PC_COLUMNS                                                                                           \
	"SELECT id, name, note, enrolled, seen, address, certificate_expires, generation,"                   \
	" (SELECT count(*) FROM workspaces w WHERE w.pc = pcs.id) AS workspaces, status, status_time,"       \
	" revision, id || name FROM pcs "
#define PC_KINDS "sssttstiijt--"
#define PC_SEEN 4
#define PC_REVISION 11
#define PC_CURSOR 12

bool pc_online(struct request *request, const char *pc, int64_t seen)
{
	return request->now - seen < ONLINE_FOR || waiters_has_pc(&request->center->waiters, pc);
}

static int finish_pc(struct request *request, sqlite3_stmt *row, json_t *item)
{
	bool online = pc_online(request, db_text(row, 0), db_int(row, PC_SEEN));
	const char *wanted = request_text(request, "online");

	if (*wanted && strcmp(wanted, online ? "true" : "false"))
		return 0;
	return json_object_set_new(item, "online", json_boolean(online)) < 0 ? -ENOMEM : 1;
}

int match_revision(struct request *request, int64_t revision)
{
	const char *given = request->transport->header(request, "If-Match");
	char etag[32];

	if (!given)
		return reply_problem(request, 428, "If-Match is missing",
				     "GET it, and send its ETag as If-Match.",
				     "Two could change it at once.");
	snprintf(etag, sizeof(etag), "\"%" PRId64 "\"", revision);
	if (strcmp(given, etag))
		return reply_problem(request, 412, "Changed meanwhile", "Read it again, then decide.",
				     "Somebody else has changed it since it was read.");
	return 0;
}

void set_revision(struct request *request, int64_t revision)
{
	snprintf(request->reply.etag, sizeof(request->reply.etag), "\"%" PRId64 "\"", revision);
}

static int reply_pc(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	json_t *pc;
	int r;

	r = db_query(request->center->db, &row, PC_COLUMNS "WHERE id = ?", "s", request->parameters[0]);
	if (!r)
		r = list_one(request, row, PC_KINDS, finish_pc, &pc);
	if (r < 0)
		return r;
	if (!pc)
		return reply_not_found(request, "PC");
	set_revision(request, db_int(row, PC_REVISION));
	return reply_json(request, 200, pc);
}

int api_list_pcs(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	char id[NXT_ID_SIZE] = "";
	const char *after, *search = request_text(request, "search");
	int64_t limit;
	int r;

	if (!list_begin(request, &limit, &after))
		return request->reply.status;
	if (strlen(after) >= NXT_ID_SIZE - 1) {
		snprintf(id, sizeof(id), "%s", after);
		after += NXT_ID_SIZE - 1;
	}
	r = db_query(request->center->db, &rows,
		     PC_COLUMNS "WHERE (name, id) > (?1, ?2) AND (?3 = '' OR instr(lower(name), lower(?3))"
				" OR instr(lower(note), lower(?3)) OR (length(?3) >= 4 AND instr(id, "
				"lower(?3)) = 1)) ORDER BY name, id",
		     "sss", after, id, search);
	return r < 0 ? r : list_reply(request, rows, PC_KINDS, PC_CURSOR, limit, finish_pc);
}

int api_get_pc(struct request *request)
{
	return reply_pc(request);
}

int api_change_pc(struct request *request)
{
	json_t *name = json_object_get(request->json, "name"), *note = json_object_get(request->json, "note");
	const char *pc = request->parameters[0];
	struct db *db = request->center->db;
	int64_t revision;
	int r;

	r = db_number(db, &revision, -1, "SELECT revision FROM pcs WHERE id = ?", "s", pc);
	if (r < 0)
		return r;
	if (revision < 0)
		return reply_not_found(request, "PC");
	r = match_revision(request, revision);
	if (r)
		return r;
	r = db_run(db,
		   "UPDATE pcs SET name = ifnull(?, name), note = ifnull(?, note), revision = revision + 1"
		   " WHERE id = ?",
		   "sss", json_string_value(name), json_string_value(note), pc);
	if (r >= 0)
		r = audit(request, "pc.change", pc, "%s%s", name ? "name " : "note",
			  name ? json_string_value(name) : "");
	if (r < 0)
		return r;
	changes_note(request->center, "pc", pc);
	return reply_pc(request);
}

int api_remove_pc(struct request *request)
{
	const char *pc = request->parameters[0];
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	r = db_query(request->center->db, &row, "DELETE FROM pcs WHERE id = ? RETURNING name", "s", pc);
	if (!r)
		r = db_next(row);
	if (!r)
		return reply_not_found(request, "PC");
	if (r > 0)
		r = audit(request, "pc.remove", pc, "%s", db_text(row, 0));
	if (r < 0)
		return r;
	/* Its waiting request learns that it is out, too. */
	changes_note_news(request->center, pc);
	changes_note(request->center, "pc", pc);
	return reply_empty(request, 204);
}
