/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "center/api/api.h"
#include "center/core/assign.h"
#include "center/core/audit.h"
#include "center/core/center.h"
#include "center/core/list.h"
#include "center/pc/pc.h"

const struct shape shape_workspace[] = {
	{"title", SHAPE_TITLE},
	{"image", SHAPE_NAME},
	{"policy", SHAPE_NAME},
	{},
};

const struct shape shape_workspace_change[] = {
	{"title", SHAPE_TITLE, .optional = true},
	{"policy", SHAPE_NAME, .optional = true},
	{},
};

#define WORKSPACE_COLUMNS                                                                                    \
	"SELECT w.id, w.pc, w.title, w.image, w.policy, " ASSIGNED_VERSION " AS version, w.created,"         \
	" r.status AS reported, w.revision FROM workspaces w LEFT JOIN reports r ON r.workspace = w.id "
#define WORKSPACE_KINDS "sssssitj-"
#define WORKSPACE_REVISION 8

static int reply_workspace(struct request *request, const char *id, int status)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	json_t *workspace;
	int r;

	r = db_query(request->center->db, &row, WORKSPACE_COLUMNS "WHERE w.id = ?", "s", id);
	if (!r)
		r = list_one(request, row, WORKSPACE_KINDS, NULL, &workspace);
	if (r < 0)
		return r;
	if (!workspace)
		return reply_not_found(request, "workspace");
	set_revision(request, db_int(row, WORKSPACE_REVISION));
	return reply_json(request, status, workspace);
}

int api_list_workspaces_of_pc(struct request *request)
{
	const char *pc = request->parameters[0];
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	int64_t there;
	int r;

	r = db_number(request->center->db, &there, 0, "SELECT 1 FROM pcs WHERE id = ?", "s", pc);
	if (!r && !there)
		return reply_not_found(request, "PC");
	if (!r)
		r = db_query(request->center->db, &rows,
			     WORKSPACE_COLUMNS "WHERE w.pc = ? ORDER BY w.title, w.id", "s", pc);
	return r < 0 ? r : list_reply(request, rows, WORKSPACE_KINDS, 0, INT64_MAX, NULL);
}

int api_list_workspaces(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	const char *after;
	int64_t limit;
	int r;

	if (!list_begin(request, &limit, &after))
		return request->reply.status;
	r = db_query(request->center->db, &rows,
		     WORKSPACE_COLUMNS
		     "WHERE w.id > ?1 AND (?2 = '' OR w.image = ?2) AND (?3 = '' OR w.policy = ?3)"
		     " ORDER BY w.id LIMIT ?4",
		     "sssi", after, request_text(request, "image"), request_text(request, "policy"),
		     limit + 1);
	return r < 0 ? r : list_reply(request, rows, WORKSPACE_KINDS, 0, limit, NULL);
}

static int check_there(struct request *request, const char *what, const char *sql, const char *name)
{
	int64_t there;
	int r = db_number(request->center->db, &there, 0, sql, "s", name);

	if (r < 0 || there)
		return r;
	return reply_problem(request, 422, "Not known", "Upload it first.", "There is no %s %s.", what, name);
}

static int check_image_and_policy(struct request *request)
{
	const char *image = shape_text(request->json, "image"), *policy = shape_text(request->json, "policy");
	int r = 0;

	if (*image)
		r = check_there(request, "image", "SELECT 1 FROM versions WHERE image = ?", image);
	if (!r && *policy)
		r = check_there(request, "policy", "SELECT 1 FROM policies WHERE policy = ?", policy);
	return r;
}

int workspace_insert(struct request *request, const char *pc, json_t *workspace, char ret_id[NXT_ID_SIZE])
{
	int r = nxt_id_make(ret_id);

	if (r < 0)
		return r;
	return db_run(
		request->center->db,
		"INSERT INTO workspaces (id, pc, title, image, policy, created) VALUES (?, ?, ?, ?, ?, ?)",
		"sssssi", ret_id, pc, shape_text(workspace, "title"), shape_text(workspace, "image"),
		shape_text(workspace, "policy"), request->now);
}

int api_add_workspace(struct request *request)
{
	const char *pc = request->parameters[0];
	struct center *center = request->center;
	char id[NXT_ID_SIZE];
	int64_t count;
	int r;

	r = db_number(center->db, &count, -1,
		      "SELECT (SELECT count(*) FROM workspaces w WHERE w.pc = pcs.id) FROM pcs WHERE id = ?",
		      "s", pc);
	if (r < 0)
		return r;
	if (count < 0)
		return reply_not_found(request, "PC");
	if (count >= WORKSPACES_OF_PC)
		return reply_problem(request, 409, "Too many workspaces", "Remove one first.",
				     "A PC has at most %d workspaces.", WORKSPACES_OF_PC);
	r = check_image_and_policy(request);
	if (r)
		return r;
	r = workspace_insert(request, pc, request->json, id);
	if (r >= 0)
		r = assign_pc(center, pc, 0);
	if (r >= 0)
		r = audit(request, "workspace.add", id, "%s (%s, %s) on PC %s",
			  shape_text(request->json, "title"), shape_text(request->json, "image"),
			  shape_text(request->json, "policy"), pc);
	if (r < 0)
		return r;
	changes_note(center, "pc", pc);
	return reply_workspace(request, id, 201);
}

int api_get_workspace(struct request *request)
{
	return reply_workspace(request, request->parameters[0], 200);
}

int api_change_workspace(struct request *request)
{
	const char *id = request->parameters[0];
	struct center *center = request->center;
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	r = db_query(center->db, &row, "SELECT pc, revision FROM workspaces WHERE id = ?", "s", id);
	if (!r)
		r = db_next(row);
	if (r < 0)
		return r;
	if (!r)
		return reply_not_found(request, "workspace");
	r = match_revision(request, db_int(row, 1));
	if (!r)
		r = check_image_and_policy(request);
	if (r)
		return r;
	r = db_run(center->db,
		   "UPDATE workspaces SET title = ifnull(?, title), policy = ifnull(?, policy),"
		   " revision = revision + 1 WHERE id = ?",
		   "sss", json_string_value(json_object_get(request->json, "title")),
		   json_string_value(json_object_get(request->json, "policy")), id);
	if (r >= 0)
		r = assign_pc(center, db_text(row, 0), 0);
	if (r >= 0)
		r = audit(request, "workspace.change", id, "title %s, policy %s",
			  shape_text(request->json, "title"), shape_text(request->json, "policy"));
	if (r < 0)
		return r;
	changes_note(center, "pc", db_text(row, 0));
	return reply_workspace(request, id, 200);
}

int api_remove_workspace(struct request *request)
{
	const char *id = request->parameters[0];
	struct center *center = request->center;
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	r = db_query(center->db, &row, "DELETE FROM workspaces WHERE id = ? RETURNING pc, title", "s", id);
	if (!r)
		r = db_next(row);
	if (!r)
		return reply_not_found(request, "workspace");
	if (r > 0)
		r = assign_pc(center, db_text(row, 0), 0);
	if (r >= 0)
		r = audit(request, "workspace.remove", id, "%s on PC %s", db_text(row, 1), db_text(row, 0));
	if (r < 0)
		return r;
	changes_note(center, "pc", db_text(row, 0));
	return reply_empty(request, 204);
}
