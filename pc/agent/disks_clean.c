/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removing what nothing needs: see disks.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pc/agent/disks.h"

/* An overlay is needed by a pointer to it, or by an overlay above it. */
#define LIVE                                                                                                 \
	"WITH RECURSIVE live (id) AS ("                                                                      \
	" SELECT overlay FROM workspaces WHERE overlay IS NOT NULL"                                          \
	" UNION SELECT pending_overlay FROM workspaces WHERE pending_overlay IS NOT NULL"                    \
	" UNION SELECT overlay FROM snapshots UNION SELECT id FROM overlays WHERE spare = 1"                 \
	" UNION SELECT parent FROM overlays JOIN live USING (id) WHERE parent IS NOT NULL) "

static int remove_file(struct state *state, const char *path)
{
	return unlinkat(state->dir, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int clean_overlay(struct state *state)
{
	_cleanup_stmt_ *row = NULL;
	char path[PATH_MAX];
	int64_t id;
	int r;

	r = db_prepare(state->db, &row,
		       LIVE
		       "SELECT id, workspace FROM overlays WHERE id NOT IN live ORDER BY id DESC LIMIT 1",
		       "");
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r;
	id = sqlite3_column_int64(row, 0);
	disks_overlay_path(db_text(row, 1), id, path);
	sqlite3_reset(row);
	r = remove_file(state, path);
	if (r < 0)
		return r;
	r = db_run(state->db, "DELETE FROM overlays WHERE id = ?", "i", id);
	return r < 0 ? r : 1;
}

/* A version that no workspace wants, stands on, or could go back to. */
static int clean_image(struct state *state)
{
	_cleanup_stmt_ *row = NULL;
	_cleanup_stmt_ *wanted = NULL;
	char image[NXT_NAME_SIZE], path[PATH_MAX];
	int64_t version;
	int r;

	r = db_prepare(state->db, &row,
		       "SELECT image, version FROM images AS i WHERE NOT EXISTS ("
		       " SELECT 1 FROM overlays AS o WHERE o.image = i.image AND o.version = i.version)",
		       "");
	if (r < 0)
		return r;
	while ((r = db_step(row)) > 0) {
		bool needed = false;

		snprintf(image, sizeof(image), "%s", db_text(row, 0));
		version = sqlite3_column_int64(row, 1);
		r = db_prepare(state->db, &wanted,
			       "SELECT wanted_manifest FROM workspaces WHERE assigned = 1 UNION"
			       " SELECT good_manifest FROM workspaces WHERE good_manifest IS NOT NULL",
			       "");
		if (r < 0)
			return r;
		while ((r = db_step(wanted)) > 0 && !needed) {
			struct nxt_document document;

			needed = state_document_load(state, db_text(wanted, 0), NXT_IMAGE, &document) >= 0 &&
				 !strcmp(document.image.image, image) &&
				 (int64_t)document.image.version == version;
		}
		sqlite3_finalize(TAKE_PTR(wanted));
		if (r < 0)
			return r;
		if (needed)
			continue;
		sqlite3_reset(row);
		/*
		 * The row first: an image without a row is only a file, a row without a file would be a
		 * lie.
		 */
		r = db_run(state->db, "DELETE FROM images WHERE image = ? AND version = ?", "si", image,
			   version);
		if (r < 0)
			return r;
		disks_image_path(image, version, path);
		r = remove_file(state, path);
		if (r < 0)
			return r;
		snprintf(path, sizeof(path), "images/%s/%" PRId64 ".index", image, version);
		r = remove_file(state, path);
		return r < 0 ? r : 1;
	}
	return r;
}

int disks_clean(struct state *state)
{
	int r = clean_overlay(state);

	return r != 0 ? r : clean_image(state);
}

/* Whether a file of a workspace's folder belongs there. */
static bool belongs(struct state *state, const char *workspace, const char *name)
{
	int64_t id, one;
	int end = 0;

	if (sscanf(name, "system-%" SCNd64 ".qcow2%n", &id, &end) == 1 && end && !name[end])
		return db_get_number(state->db, &one, "SELECT 1 FROM overlays WHERE id = ? AND workspace = ?",
				     "is", id, workspace) != -ENOENT;
	/* What is ours and was being written. Anything else is somebody's: it stays. */
	return strcmp(name, "user.qcow2.new") && strncmp(name, "system-", 7);
}

static DIR *open_dir(struct state *state, const char *path)
{
	int fd = openat(state->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir;

	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int disks_sweep(struct state *state)
{
	_cleanup_(closedirp) DIR *all = open_dir(state, "workspaces");
	struct dirent *entry;

	if (!all)
		return -errno;
	while ((entry = readdir(all))) {
		_cleanup_(closedirp) DIR *folder = NULL;
		struct dirent *file;
		char path[PATH_MAX];

		if (!nxt_id_valid(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "workspaces/%s", entry->d_name);
		folder = open_dir(state, path);
		if (!folder)
			return -errno;
		while ((file = readdir(folder)))
			if (file->d_name[0] != '.' && !belongs(state, entry->d_name, file->d_name) &&
			    unlinkat(dirfd(folder), file->d_name, 0) < 0)
				return -errno;
	}
	return 0;
}

/* First the pointers, then the files, then the row: after a power cut it can be erased again. */
static int forget_disks(struct state *state, const char *workspace)
{
	_cleanup_transaction_ *transaction = NULL;
	int r;

	r = db_begin(state->db, &transaction);
	if (r < 0)
		return r;
	r = db_run(state->db,
		   "UPDATE workspaces SET overlay = NULL, image = NULL, version = NULL, manifest = NULL,"
		   " good_manifest = NULL, good_snapshot = NULL, power = 0 WHERE id = ? AND assigned = 0",
		   "s", workspace);
	if (r <= 0)
		return r < 0 ? r : -EBUSY;
	r = db_run(state->db, "DELETE FROM snapshots WHERE workspace = ?", "s", workspace);
	if (r < 0)
		return r;
	r = db_run(state->db, "DELETE FROM overlays WHERE workspace = ?", "s", workspace);
	if (r < 0)
		return r;
	return db_commit(&transaction);
}

int disks_erase(struct state *state, const char *workspace)
{
	_cleanup_(closedirp) DIR *folder = NULL;
	struct dirent *file;
	char path[PATH_MAX];
	int r;

	if (!nxt_id_valid(workspace))
		return -EINVAL;
	r = forget_disks(state, workspace);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "workspaces/%s", workspace);
	folder = open_dir(state, path);
	if (!folder && errno != ENOENT)
		return -errno;
	while (folder && (file = readdir(folder)))
		if (strcmp(file->d_name, ".") && strcmp(file->d_name, "..") &&
		    unlinkat(dirfd(folder), file->d_name, 0) < 0)
			return -errno;
	if (folder && unlinkat(state->dir, path, AT_REMOVEDIR) < 0)
		return -errno;
	return db_run(state->db, "DELETE FROM workspaces WHERE id = ? AND assigned = 0", "s", workspace);
}
