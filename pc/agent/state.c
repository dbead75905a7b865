/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>

#include "common/envelope.h"

static int make_folder(int dir, const char *name, mode_t mode)
{
	return mkdirat(dir, name, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int state_open(const char *path, struct state *ret)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	_cleanup_close_ int dir = -EBADF, created = -EBADF;
	char file[4096], *absolute;
	int r;

	if ((size_t)snprintf(file, sizeof(file), "%s/state.db", path) >= sizeof(file))
		return -ENAMETOOLONG;
	/* QEMU, which is not root, passes through to the disks, but lists nothing. */
	r = make_folder(AT_FDCWD, path, 0711);
	if (r < 0)
		return r;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	r = make_folder(dir, "images", 0711);
	if (r < 0)
		return r;
	r = make_folder(dir, "workspaces", 0711);
	if (r < 0)
		return r;
	/* The PC's private key is in there. SQLite gives its other files the same mode. */
	created = openat(dir, "state.db", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (created < 0)
		return -errno;
	r = db_open(file, &db);
	if (r < 0)
		return r;
	absolute = realpath(path, NULL);
	if (!absolute)
		return -errno;
	*ret = (struct state){.db = TAKE_PTR(db), .dir = TAKE_FD(dir), .path = absolute};
	return 0;
}

void state_close(struct state *state)
{
	if (!state->db)
		return;
	sqlite3_close(state->db);
	close(state->dir);
	free(state->path);
	*state = (struct state){0};
}

void state_pc_done(struct state_pc *pc)
{
	free(pc->ca);
	if (pc->private_key)
		OPENSSL_cleanse(pc->private_key, strlen(pc->private_key));
	free(pc->private_key);
	free(pc->certificate);
	*pc = (struct state_pc){0};
}

static void copy_text(char *to, size_t size, sqlite3_stmt *row, int column)
{
	snprintf(to, size, "%s", db_text(row, column));
}

int state_pc_load(struct state *state, struct state_pc *ret)
{
	_cleanup_(state_pc_done) struct state_pc pc = {0};
	_cleanup_stmt_ *row = NULL;
	int r;

	r = db_prepare(state->db, &row,
		       "SELECT id, host, port, ca, release_key, private_key, certificate FROM pc", "");
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	copy_text(pc.id, sizeof(pc.id), row, 0);
	copy_text(pc.host, sizeof(pc.host), row, 1);
	pc.port = sqlite3_column_int(row, 2);
	pc.ca = strdup(db_text(row, 3));
	if (sqlite3_column_bytes(row, 4) != sizeof(pc.release.raw))
		return -EUCLEAN;
	memcpy(pc.release.raw, sqlite3_column_blob(row, 4), sizeof(pc.release.raw));
	pc.private_key = strdup(db_text(row, 5));
	pc.certificate = strdup(db_text(row, 6));
	if (!pc.ca || !pc.private_key || !pc.certificate)
		return -ENOMEM;
	*ret = pc;
	pc = (struct state_pc){0};
	return 0;
}

int state_pc_save(struct state *state, const struct state_pc *pc)
{
	return db_run(
		state->db,
		"INSERT OR REPLACE INTO pc (one, id, host, port, ca, release_key, private_key, certificate)"
		" VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
		"ssisbss", pc->id, pc->host, (int64_t)pc->port, pc->ca, pc->release.raw,
		sizeof(pc->release.raw), pc->private_key, pc->certificate);
}

int state_trust_load(struct state *state, struct nxt_trust *ret)
{
	struct nxt_trust trust = {0};
	struct nxt_document document;
	_cleanup_stmt_ *row = NULL;
	_cleanup_free_ char *name = NULL;
	int r;

	r = db_prepare(state->db, &row, "SELECT release_key FROM pc", "");
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (sqlite3_column_bytes(row, 0) != sizeof(trust.release.raw))
		return -EUCLEAN;
	memcpy(trust.release.raw, sqlite3_column_blob(row, 0), sizeof(trust.release.raw));

	r = state_fact_get(state, "operations", &name);
	if (r >= 0) {
		r = state_document_load(state, name, NXT_OPERATIONS, &document);
		if (r < 0)
			return r;
		trust.operations = document.operations;
		trust.certified = true;
	} else if (r != -ENOENT) {
		return r;
	}
	*ret = trust;
	return 0;
}

int state_fact_get(struct state *state, const char *name, char **ret)
{
	return db_get_text(state->db, ret, "SELECT value FROM facts WHERE name = ?", "s", name);
}

int state_fact_set(struct state *state, const char *name, const char *value)
{
	if (!value)
		return db_run(state->db, "DELETE FROM facts WHERE name = ?", "s", name);
	return db_run(state->db, "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", "ss", name,
		      value);
}

int state_document_put(struct state *state, const char *name, enum nxt_type type, const void *envelope,
		       size_t size)
{
	return db_run(state->db, "INSERT OR REPLACE INTO documents (name, type, envelope) VALUES (?, ?, ?)",
		      "sib", name, (int64_t)type, envelope, size);
}

int state_document_load(struct state *state, const char *name, enum nxt_type type, struct nxt_document *ret)
{
	_cleanup_(nxt_envelope_freep) struct nxt_envelope *envelope = NULL;
	_cleanup_stmt_ *row = NULL;
	int r;

	r = db_prepare(state->db, &row, "SELECT envelope FROM documents WHERE name = ? AND type = ?", "si",
		       name, (int64_t)type);
	if (r < 0)
		return r;
	r = db_step(row);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = nxt_envelope_parse(sqlite3_column_blob(row, 0), sqlite3_column_bytes(row, 0), &envelope, NULL);
	if (r < 0)
		return r;
	return nxt_document_parse(type, envelope->payload, envelope->payload_size, ret, NULL);
}

bool state_document_has(struct state *state, const char *name, enum nxt_type type)
{
	int64_t one;

	return db_get_number(state->db, &one, "SELECT 1 FROM documents WHERE name = ? AND type = ?", "si",
			     name, (int64_t)type) >= 0;
}

bool image_is_ready(struct state *state, const struct nxt_image *image)
{
	int64_t one;

	return db_get_number(state->db, &one,
			     "SELECT 1 FROM images WHERE image = ? AND version = ? AND block_index = ?",
			     "sis", image->image, (int64_t)image->version, image->disks[0].index) >= 0;
}
