/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "pc/agent/qcow2.h"

void disks_overlay_path(const char *workspace, int64_t overlay, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "workspaces/%s/system-%" PRId64 ".qcow2", workspace, overlay);
}

void disks_user_path(const char *workspace, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "workspaces/%s/user.qcow2", workspace);
}

void disks_image_path(const char *image, uint64_t version, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "images/%s/%" PRIu64 ".raw", image, version);
}

bool disks_overlay_exists(struct state *state, const char *workspace, int64_t overlay)
{
	char path[PATH_MAX];

	disks_overlay_path(workspace, overlay, path);
	return overlay > 0 && faccessat(state->dir, path, F_OK, 0) == 0;
}

static int open_folder(struct state *state, const char *workspace)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "workspaces/%s", workspace);
	fd = openat(state->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* Creates the file in the workspace's folder such that it is there after a power cut. */
static int make_file(struct state *state, const char *workspace, const char *name, uint64_t size,
		     enum qcow2_backing backing, const char *backing_name)
{
	_cleanup_close_ int folder = open_folder(state, workspace);
	int r;

	if (folder < 0)
		return folder;
	r = qcow2_create(folder, name, size, backing, backing_name);
	if (r < 0)
		return r;
	return fsync(folder) < 0 ? -errno : 0;
}

int disks_prepare(struct state *state, const char *workspace, const struct nxt_policy *policy)
{
	char path[PATH_MAX];
	_cleanup_close_ int all = -EBADF;
	int r;

	snprintf(path, sizeof(path), "workspaces/%s", workspace);
	if (mkdirat(state->dir, path, 0711) == 0) {
		all = openat(state->dir, "workspaces", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (all < 0 || fsync(all) < 0)
			return -errno;
	} else if (errno != EEXIST) {
		return -errno;
	}
	disks_user_path(workspace, path);
	if (policy->user_disk_mib == 0 || faccessat(state->dir, path, F_OK, 0) == 0)
		return 0;
	/* A power cut must not leave half a user disk that passes for a whole one. */
	{
		_cleanup_close_ int folder = open_folder(state, workspace);

		if (folder < 0)
			return folder;
		(void)unlinkat(folder, "user.qcow2.new", 0);
		r = qcow2_create(folder, "user.qcow2.new", policy->user_disk_mib << 20, QCOW2_BACKING_NONE,
				 NULL);
		if (r < 0)
			return r;
		if (renameat(folder, "user.qcow2.new", folder, "user.qcow2") < 0 || fsync(folder) < 0)
			return -errno;
	}
	return 0;
}

int disks_new_on_version(struct state *state, const char *workspace, const char *manifest, int64_t *ret)
{
	char name[64], backing[PATH_MAX];
	struct nxt_document document;
	int64_t id;
	int r;

	r = state_document_load(state, manifest, NXT_IMAGE, &document);
	if (r < 0)
		return r;
	r = db_run(state->db,
		   "INSERT INTO overlays (workspace, parent, image, version, manifest, depth) VALUES (?, "
		   "NULL, ?, ?, ?, 1)",
		   "ssis", workspace, document.image.image, (int64_t)document.image.version, manifest);
	if (r < 0)
		return r;
	id = sqlite3_last_insert_rowid(state->db);
	snprintf(name, sizeof(name), "system-%" PRId64 ".qcow2", id);
	snprintf(backing, sizeof(backing), "../../images/%s/%" PRIu64 ".raw", document.image.image,
		 document.image.version);
	r = make_file(state, workspace, name, document.image.disks[0].size, QCOW2_BACKING_RAW, backing);
	if (r < 0)
		return r;
	*ret = id;
	return 0;
}

int disks_new_on_overlay(struct state *state, const char *workspace, int64_t parent, int64_t *ret)
{
	char name[64], backing[64], manifest[NXT_SHA256_HEX];
	_cleanup_stmt_ *row = NULL;
	struct nxt_document document;
	int64_t id;
	int r;

	r = db_prepare(state->db, &row, "SELECT manifest, depth FROM overlays WHERE id = ? AND workspace = ?",
		       "is", parent, workspace);
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (sqlite3_column_int64(row, 1) >= DISKS_DEPTH_MAX)
		return -EMLINK;
	snprintf(manifest, sizeof(manifest), "%s", db_text(row, 0));
	sqlite3_reset(row);

	r = state_document_load(state, manifest, NXT_IMAGE, &document);
	if (r < 0)
		return r;
	if (!disks_overlay_exists(state, workspace, parent))
		return -ENOENT;
	r = db_run(state->db,
		   "INSERT INTO overlays (workspace, parent, image, version, manifest, depth)"
		   " SELECT workspace, id, image, version, manifest, depth + 1 FROM overlays WHERE id = ?",
		   "i", parent);
	if (r < 0)
		return r;
	id = sqlite3_last_insert_rowid(state->db);
	snprintf(name, sizeof(name), "system-%" PRId64 ".qcow2", id);
	snprintf(backing, sizeof(backing), "system-%" PRId64 ".qcow2", parent);
	r = make_file(state, workspace, name, document.image.disks[0].size, QCOW2_BACKING_QCOW2, backing);
	if (r < 0)
		return r;
	*ret = id;
	return 0;
}

/* A spare that was made for this manifest. */
static int find_spare(struct state *state, const char *workspace, const char *manifest, int64_t *ret)
{
	return db_get_number(state->db, ret,
			     "SELECT id FROM overlays WHERE workspace = ? AND spare = 1 AND manifest = ?",
			     "ss", workspace, manifest);
}

int disks_make_spare(struct state *state, const char *workspace, const char *manifest)
{
	int64_t id;
	int r;

	r = find_spare(state, workspace, manifest, &id);
	if (r != -ENOENT)
		return r < 0 ? r : 0;
	r = disks_new_on_version(state, workspace, manifest, &id);
	if (r < 0)
		return r;
	/* One is enough: a spare for another version becomes rubbish. */
	r = db_run(state->db, "UPDATE overlays SET spare = (id = ?) WHERE workspace = ?", "is", id,
		   workspace);
	return r < 0 ? r : 1;
}

int disks_take_clean(struct state *state, const char *workspace, const char *manifest, int64_t *ret)
{
	int64_t id;

	if (find_spare(state, workspace, manifest, &id) >= 0 && disks_overlay_exists(state, workspace, id)) {
		*ret = id;
		return 0;
	}
	return disks_new_on_version(state, workspace, manifest, ret);
}

int disks_switch(struct state *state, const char *workspace, int64_t overlay)
{
	int r;

	r = db_run(state->db, "UPDATE overlays SET spare = 0 WHERE id = ?", "i", overlay);
	if (r < 0)
		return r;
	r = db_run(state->db,
		   "UPDATE workspaces SET overlay = o.id, image = o.image, version = o.version, manifest = "
		   "o.manifest,"
		   " pending_overlay = NULL, pending_snapshot = NULL, pending_why = NULL"
		   " FROM overlays AS o WHERE workspaces.id = ? AND o.id = ? AND o.workspace = workspaces.id",
		   "si", workspace, overlay);
	if (r < 0)
		return r;
	return r == 0 ? -ENOENT : 0;
}

int snapshot_add(struct state *state, const char *workspace, const char *name, int64_t overlay,
		 const char *why)
{
	return db_run(state->db,
		      "INSERT INTO snapshots (workspace, name, overlay, created, why) VALUES (?, ?, ?, ?, ?)",
		      "ssiis", workspace, name, overlay, (int64_t)time(NULL), why);
}

int snapshot_find(struct state *state, const char *workspace, const char *name, int64_t *ret_overlay)
{
	return db_get_number(state->db, ret_overlay,
			     "SELECT overlay FROM snapshots WHERE workspace = ? AND name = ?", "ss",
			     workspace, name);
}

int snapshot_remove(struct state *state, const char *workspace, const char *name)
{
	int r = db_run(state->db, "DELETE FROM snapshots WHERE workspace = ? AND name = ?", "ss", workspace,
		       name);

	return r == 0 ? -ENOENT : r;
}

int snapshot_retain(struct state *state, const char *workspace, uint64_t keep)
{
	/* The one that the last good version's state is in stays, whatever its age. */
	return db_run(state->db,
		      "DELETE FROM snapshots WHERE workspace = ?1 AND why IN ('schedule', 'update')"
		      " AND name IS NOT (SELECT good_snapshot FROM workspaces WHERE id = ?1)"
		      " AND name NOT IN (SELECT name FROM snapshots WHERE workspace = ?1"
		      "  AND why IN ('schedule', 'update') ORDER BY created DESC, overlay DESC LIMIT ?2)",
		      "si", workspace, (int64_t)keep);
}
