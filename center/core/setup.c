/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "center/ca/ca.h"
#include "center/core/password.h"
#include "center/store/blocks.h"
#include "center/store/dir.h"
#include "common/file.h"

/* *ret is for free(), and has a NUL after its bytes. 0: there is none. */
static int read_meta(struct db *db, const char *key, char **ret, size_t *ret_size)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	char *copy;
	int r;

	r = db_query(db, &row, "SELECT value FROM meta WHERE key = ?", "s", key);
	if (!r)
		r = db_next(row);
	if (r <= 0)
		return r;
	*ret_size = sqlite3_column_bytes(row, 0);
	copy = calloc(1, *ret_size + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, sqlite3_column_blob(row, 0), *ret_size);
	*ret = copy;
	return 1;
}

static int load_trust(struct center *center, struct nxt_error *error)
{
	_cleanup_free_ char *release = NULL;
	size_t size;
	int r;

	r = read_meta(center->db, "release_key", &release, &size);
	if (r <= 0)
		return r;
	if (size != NXT_PUBLIC_KEY_SIZE)
		return nxt_fail(error, -EBADMSG,
				"the release key in the database is damaged: restore a backup");
	memcpy(center->trust.release.raw, release, size);
	center->trusted = true;
	r = read_meta(center->db, "operations", &center->operations, &size);
	if (r <= 0)
		return r;
	return nxt_trust_certify(&center->trust, center->operations, size, error);
}

int center_open(struct center *center, const char *path, bool alone, struct nxt_error *error)
{
	_cleanup_free_ char *database = NULL;
	int r;

	memset(center, 0, sizeof(*center));
	center->dir = center->console = center->alone = -1;
	pthread_mutex_init(&center->lock, NULL);
	waiters_init(&center->waiters);
	r = changes_init(&center->changes);
	if (!r)
		r = password_init();
	if (r < 0)
		return nxt_fail(error, r, "there is no entropy, or no memory");
	r = dir_open(path, &center->dir, error);
	/* Before the database is touched: it may be of an older version that another one serves. */
	if (!r && alone)
		r = dir_lock(center->dir, &center->alone, error);
	if (r < 0)
		return r;
	if (asprintf(&database, "%s/center.sqlite", path) < 0)
		return -ENOMEM;
	r = blobs_prepare(center->dir);
	if (r < 0)
		return nxt_fail(error, r, "folders cannot be made in %s: %s", path, strerror(-r));
	r = ca_open(center->dir, &center->ca, error);
	if (!r)
		r = dir_operations_key(center->dir, &center->key, error);
	if (!r)
		r = db_open(database, &center->db, error);
	return r < 0 ? r : load_trust(center, error);
}

void center_close(struct center *center)
{
	db_close(center->db);
	ca_close(center->ca);
	nxt_private_key_free(center->key);
	free(center->operations);
	changes_done(&center->changes);
	if (center->dir >= 0)
		close(center->dir);
	if (center->console >= 0)
		close(center->console);
	if (center->alone >= 0)
		close(center->alone);
}

int center_trust(struct center *center, const char *file, struct nxt_error *error)
{
	_cleanup_free_ char *pem = NULL;
	struct nxt_public_key key;
	size_t size;
	int r;

	r = nxt_file_read(AT_FDCWD, file, 16384, &pem, &size);
	if (r < 0)
		return nxt_fail(error, r, "%s cannot be read: %s", file, strerror(-r));
	r = nxt_public_key_from_pem(pem, size, &key, error);
	if (r < 0)
		return r;
	if (center->trusted && memcmp(key.raw, center->trust.release.raw, sizeof(key.raw)))
		return nxt_fail(
			error, -EEXIST,
			"this Center trusts another release key, and its PCs have pinned that one: a new key "
			"needs a new Center, and its PCs enrolled anew");
	r = db_run(center->db, "INSERT INTO meta VALUES ('release_key', ?) ON CONFLICT DO NOTHING", "b",
		   key.raw, NXT_PUBLIC_KEY_SIZE);
	if (r < 0)
		return nxt_fail(error, r, "the database cannot be written: %s", strerror(-r));
	center->trust.release = key;
	center->trusted = true;
	return 0;
}

int center_make_code(struct center *center, char ret[SECRET_SIZE], struct nxt_error *error)
{
	int r = db_begin(center->db, true);

	if (!r)
		r = auth_make_setup(center->db, ret);
	if (!r)
		r = db_commit(center->db);
	if (r < 0) {
		db_rollback(center->db);
		return nxt_fail(error, r, "the database cannot be written: %s", strerror(-r));
	}
	return 0;
}

int center_has_no_administrator(struct center *center)
{
	int64_t count;
	int r = db_number(center->db, &count, 0, "SELECT count(*) FROM administrators", "");

	return r < 0 ? r : !count;
}
