/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images and their versions: what there is, and who gets which. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/api/api.h"
#include "center/core/assign.h"
#include "center/core/audit.h"
#include "center/core/center.h"
#include "center/core/list.h"
#include "center/core/route.h"

const struct shape shape_deploy[] = {
	{"pcs", SHAPE_IDS, .optional = true, .min = 1, .max = 1000},
	{},
};

int api_list_images(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	const char *after;
	int64_t limit;
	int r;

	if (!list_begin(request, &limit, &after))
		return request->reply.status;
	/* SQLite takes the title from the row that max() found. */
	r = db_query(request->center->db, &rows,
		     "SELECT image, title, count(*) AS versions,"
		     " (SELECT d.version FROM versions d WHERE d.image = v.image AND d.deployed) AS deployed,"
		     " max(version) AS newest FROM versions v WHERE image > ? GROUP BY image ORDER BY image "
		     "LIMIT ?",
		     "si", after, limit + 1);
	return r < 0 ? r : list_reply(request, rows, "ssiii", 0, limit, NULL);
}

#define VERSION_COLUMNS                                                                                      \
	"SELECT image, version, CASE WHEN deployed THEN 'deployed' WHEN EXISTS (SELECT 1 FROM staged s"      \
	"  WHERE s.image = v.image AND s.version = v.version) THEN 'staged'"                                 \
	"  WHEN complete THEN 'deployable' ELSE 'draft' END AS state, title, created, uploaded, firmware,"   \
	" memory_mib, size, filled, document AS manifest, disk_index AS 'index',"                            \
	" (SELECT json_group_array(pc) FROM staged s WHERE s.image = v.image AND s.version = v.version)"     \
	"  AS staged,"                                                                                       \
	" (SELECT count(*) FROM workspaces w WHERE w.image = v.image AND " ASSIGNED_VERSION " = v.version)"  \
	"  AS assigned,"                                                                                     \
	" (SELECT count(*) FROM workspaces w JOIN reports r ON r.workspace = w.id WHERE w.image = v.image"   \
	"  AND r.version = v.version) AS running FROM versions v "
#define VERSION_KINDS "sissttsiiissjii"

/* *ret is NULL when there is no such version. */
static int read_version(struct request *request, json_t **ret)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	r = db_query(request->center->db, &row, VERSION_COLUMNS "WHERE image = ? AND version = ?", "si",
		     request->parameters[0], route_number(request, 1));
	return r < 0 ? r : list_one(request, row, VERSION_KINDS, NULL, ret);
}

int reply_version(struct request *request, int status)
{
	json_t *version;
	int r = read_version(request, &version);

	if (r < 0)
		return r;
	return version ? reply_json(request, status, version) : reply_not_found(request, "version");
}

int api_list_versions(struct request *request)
{
	_cleanup_rows_ sqlite3_stmt *rows = NULL;
	int64_t limit, before;
	int r;

	if (!list_begin_falling(request, &limit, &before))
		return request->reply.status;
	r = db_query(request->center->db, &rows,
		     VERSION_COLUMNS "WHERE image = ? AND version < ? ORDER BY version DESC LIMIT ?", "sii",
		     request->parameters[0], before, limit + 1);
	return r < 0 ? r : list_reply(request, rows, VERSION_KINDS, 1, limit, NULL);
}

int api_get_version(struct request *request)
{
	return reply_version(request, 200);
}

static int deploy_to_all(struct request *request, const char *image, int64_t version)
{
	struct db *db = request->center->db;
	int r;

	r = db_run(db, "UPDATE versions SET deployed = 0 WHERE image = ? AND deployed", "s", image);
	if (r >= 0)
		r = db_run(db, "UPDATE versions SET deployed = 1 WHERE image = ? AND version = ?", "si",
			   image, version);
	if (r >= 0)
		r = db_run(db, "DELETE FROM staged WHERE image = ?", "s", image);
	return r < 0 ? r : 0;
}

static int stage(struct request *request, const char *image, int64_t version, json_t *pcs)
{
	struct db *db = request->center->db;
	int64_t there;
	json_t *pc;
	size_t i;
	int r;

	json_array_foreach(pcs, i, pc)
	{
		r = db_number(db, &there, 0, "SELECT 1 FROM pcs WHERE id = ?", "s", json_string_value(pc));
		if (!r && !there)
			return reply_problem(request, 422, "Not known", NULL, "There is no PC %s.",
					     json_string_value(pc));
		if (!r)
			r = db_run(db, "REPLACE INTO staged VALUES (?, ?, ?)", "sis", image, version,
				   json_string_value(pc));
		if (r < 0)
			return r;
	}
	return 0;
}

int api_deploy(struct request *request)
{
	json_t *pcs = json_object_get(request->json, "pcs"), *deployed;
	struct center *center = request->center;
	const char *image = request->parameters[0];
	int64_t version = route_number(request, 1), complete;
	int assigned, r;

	r = db_number(center->db, &complete, -1,
		      "SELECT complete FROM versions WHERE image = ? AND version = ?", "si", image, version);
	if (r < 0)
		return r;
	if (complete < 0)
		return reply_not_found(request, "version");
	if (!complete)
		return reply_problem(request, 409, "Version is a draft",
				     "Finish its upload: nxtopctl image upload.", "It is not complete yet.");
	r = pcs ? stage(request, image, version, pcs) : deploy_to_all(request, image, version);
	if (r)
		return r;
	assigned = assign_all(center, image, NULL);
	if (assigned < 0)
		return assigned;
	r = audit(request, pcs ? "version.stage" : "version.deploy", image, "version %jd to %zu PCs",
		  (intmax_t)version, pcs ? json_array_size(pcs) : (size_t)assigned);
	if (r < 0)
		return r;
	changes_note(center, "image", image);
	r = read_version(request, &deployed);
	if (r < 0)
		return r;
	return reply_json(request, 200, json_pack("{s:o, s:i}", "version", deployed, "assigned", assigned));
}
