/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>

#include "common/json.h"
#include "pc/agent/accept.h"
#include "pc/agent/disks.h"
#include "pc/agent/hardware.h"

#define SNAPSHOTS_MAX 200

static json_t *time_text(int64_t seconds)
{
	char text[NXT_TIME_SIZE];

	return nxt_time_format(seconds, text) < 0 ? NULL : json_string(text);
}

static json_t *overlay_size(struct state *state, const char *workspace, int64_t overlay)
{
	char path[PATH_MAX];
	struct stat st;

	disks_overlay_path(workspace, overlay, path);
	if (fstatat(state->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	return json_integer((json_int_t)st.st_blocks * 512);
}

/* Sets a member that is known. */
static void set(json_t *object, const char *name, json_t *value)
{
	if (value)
		json_object_set_new(object, name, value);
}

static int add_snapshots(struct state *state, const struct workspace *w, json_t *object)
{
	json_t *array = json_array();
	_cleanup_stmt_ *row = NULL;
	int r;

	if (!array || json_object_set_new(object, "snapshots", array) < 0)
		return -ENOMEM;
	r = db_prepare(
		state->db, &row,
		"SELECT s.name, s.created, s.why, o.version, o.id FROM snapshots AS s JOIN overlays AS o"
		" ON o.id = s.overlay WHERE s.workspace = ? ORDER BY s.created DESC, o.id DESC LIMIT ?",
		"si", w->id, (int64_t)SNAPSHOTS_MAX);
	if (r < 0)
		return r;
	while ((r = db_step(row)) > 0) {
		json_t *snapshot = json_object();

		if (!snapshot || json_array_append_new(array, snapshot) < 0)
			return -ENOMEM;
		set(snapshot, "name", json_string(db_text(row, 0)));
		set(snapshot, "created", time_text(sqlite3_column_int64(row, 1)));
		set(snapshot, "why", json_string(db_text(row, 2)));
		set(snapshot, "version", json_integer(sqlite3_column_int64(row, 3)));
		set(snapshot, "size", overlay_size(state, w->id, sqlite3_column_int64(row, 4)));
	}
	return r;
}

/* Whether its version is being fetched just now. */
static bool add_progress(struct agent *agent, struct state *state, const struct workspace *w, json_t *object)
{
	struct nxt_document document;
	bool fetching;

	if (state_document_load(state, w->wanted_manifest, NXT_IMAGE, &document) < 0)
		return false;
	pthread_mutex_lock(&agent->lock);
	fetching = !strcmp(agent->fetch.image, document.image.image) &&
		   agent->fetch.version == document.image.version;
	if (fetching) {
		set(object, "fetched", json_integer(agent->fetch.done));
		set(object, "fetching", json_integer(agent->fetch.total));
	}
	pthread_mutex_unlock(&agent->lock);
	return fetching;
}

static int build_workspace(struct agent *agent, struct state *state, const char *id, bool local, json_t **ret)
{
	_cleanup_(nxt_json_unrefp) json_t *object = json_object();
	const char *name, *health = "unknown";
	struct workspace w;
	bool fetching;
	int r;

	if (!object)
		return -ENOMEM;
	r = workspace_load(state, id, &w);
	if (r < 0)
		return r;
	fetching = add_progress(agent, state, &w, object);
	name = w.state;
	if (!strcmp(name, "unhealthy")) {
		name = "running";
		health = "unhealthy";
	} else if (w.started && w.healthy) {
		health = "healthy";
	} else if (!strcmp(name, "waiting") && fetching) {
		name = "fetching";
	}
	set(object, "workspace", json_string(w.id));
	set(object, "state", json_string(name));
	set(object, "health", json_string(health));
	set(object, "version", json_integer(w.version));
	if (w.started)
		set(object, "started", time_text(w.started));
	if (w.overlay)
		set(object, "overlay", overlay_size(state, w.id, w.overlay));
	if (w.detail[0])
		set(object, "message", json_string(w.detail));
	if (local) {
		set(object, "title", json_string(w.title));
		set(object, "image", json_string(w.image));
		set(object, "assigned", json_boolean(w.assigned));
	}
	r = add_snapshots(state, &w, object);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(object);
	return 0;
}

static json_t *versions(struct agent *agent)
{
	json_t *object = json_pack("{s:s}", "nxtop", NXTOP_VERSION);
	char system[256], engine[sizeof(agent->engine)];
	struct utsname kernel;

	if (!object)
		return NULL;
	pthread_mutex_lock(&agent->lock);
	memcpy(engine, agent->engine, sizeof(engine));
	pthread_mutex_unlock(&agent->lock);
	if (engine[0])
		set(object, "engine", json_string(engine));
	hardware_read("/etc/os-release", "PRETTY_NAME=", system, sizeof(system));
	if (system[0])
		set(object, "system", json_string(system));
	if (uname(&kernel) == 0)
		set(object, "kernel", json_string(kernel.release));
	return object;
}

static json_t *space(struct state *state)
{
	struct statvfs fs;

	if (fstatvfs(state->dir, &fs) < 0)
		return json_pack("{s:i, s:i}", "total", 0, "free", 0);
	return json_pack("{s:I, s:I}", "total", (json_int_t)(fs.f_blocks * fs.f_frsize), "free",
			 (json_int_t)(fs.f_bavail * fs.f_frsize));
}

static int build(struct agent *agent, struct state *state, bool local, json_t **ret)
{
	_cleanup_(nxt_json_unrefp) json_t *status = json_object();
	_cleanup_free_ char(*ids)[NXT_ID_SIZE] = NULL;
	uint64_t generation, orders;
	json_t *array = json_array();
	int n, r;

	if (!status || !array || json_object_set(status, "workspaces", array) < 0)
		return -ENOMEM;
	json_decref(array);
	r = accept_heights(state, &generation, &orders);
	if (r < 0)
		return r;
	set(status, "time", time_text(time(NULL)));
	set(status, "generation", json_integer(generation));
	set(status, "orders", json_integer(orders));
	set(status, "versions", versions(agent));
	set(status, "hardware", hardware_describe());
	set(status, "space", space(state));
	n = workspace_list(state, &ids);
	for (int i = 0; i < n && (local || i < NXT_WORKSPACES_MAX); i++) {
		json_t *workspace;

		r = build_workspace(agent, state, ids[i], local, &workspace);
		if (r < 0)
			return r;
		json_array_append_new(array, workspace);
	}
	if (n < 0)
		return n;
	*ret = TAKE_PTR(status);
	return 0;
}

int status_build(struct agent *agent, struct state *state, json_t **ret)
{
	return build(agent, state, false, ret);
}

int status_build_local(struct agent *agent, struct state *state, json_t **ret)
{
	_cleanup_(nxt_json_unrefp) json_t *status = NULL;
	_cleanup_(state_pc_done) struct state_pc pc = {0};
	json_t *center, *fetch;
	int r;

	r = build(agent, state, true, &status);
	if (r < 0)
		return r;
	r = state_pc_load(state, &pc);
	if (r < 0 && r != -ENOENT)
		return r;
	set(status, "enrolled", json_boolean(r >= 0));
	if (r >= 0)
		set(status, "pc", json_string(pc.id));
	pthread_mutex_lock(&agent->lock);
	center = json_pack("{s:b, s:s}", "connected", agent->center.connected, "trouble",
			   agent->center.trouble);
	fetch = json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "image", agent->fetch.image, "version",
			  (json_int_t)agent->fetch.version, "done", (json_int_t)agent->fetch.done, "total",
			  (json_int_t)agent->fetch.total, "bytes_per_second",
			  (json_int_t)agent->fetch.bytes_per_second, "trouble", agent->fetch.trouble);
	pthread_mutex_unlock(&agent->lock);
	if (pc.host[0] && center)
		set(center, "host", json_string(pc.host));
	set(status, "center", center);
	set(status, "fetch", fetch);
	*ret = TAKE_PTR(status);
	return 0;
}
