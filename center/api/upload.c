/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an image author's files to a deployable version: nothing is stored that was not verified. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/api/api.h"
#include "center/core/audit.h"
#include "center/core/center.h"
#include "center/core/log.h"
#include "center/core/route.h"
#include "center/store/blocks.h"
#include "center/store/blockset.h"
#include "common/block.h"

static void blockset_donep(struct blockset *set)
{
	blockset_done(set);
}

int open_upload(struct request *request, int type, struct nxt_document *ret)
{
	struct center *center = request->center;
	struct nxt_error error;
	int r;

	if (!center->trusted)
		return reply_no_release_key(request);
	r = nxt_trust_open(&center->trust, type, request->body ? request->body : "", request->body_size,
			   request->now, ret, &error);
	if (r == -ENOMEM)
		return r;
	if (r == -ENOKEY || r == -EKEYREJECTED)
		return reply_problem(request, 422, "Not signed by the release key",
				     "Have it signed with the key that this Center was set up with.", "%s.",
				     error.text);
	if (r < 0)
		return reply_problem(request, 422, "Document refused",
				     "Look at it with: nxtop-release show FILE.", "%s.", error.text);
	return 0;
}

int store_document(struct request *request, char ret_name[NXT_SHA256_HEX])
{
	nxt_sha256_hex(request->body, request->body_size, ret_name);
	return db_run(request->center->db, "INSERT INTO documents VALUES (?, ?) ON CONFLICT DO NOTHING", "sb",
		      ret_name, request->body, (int)request->body_size);
}

int api_add_version(struct request *request)
{
	struct db *db = request->center->db;
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	char name[NXT_SHA256_HEX];
	struct nxt_document document;
	const struct nxt_image *image = &document.image;
	int r;

	r = open_upload(request, NXT_IMAGE, &document);
	if (r)
		return r;
	snprintf(request->parameters[0], sizeof(request->parameters[0]), "%s", image->image);
	snprintf(request->parameters[1], sizeof(request->parameters[1]), "%ju", (uintmax_t)image->version);
	r = store_document(request, name);
	if (r < 0)
		return r;
	r = db_query(db, &row, "SELECT document IS ? FROM versions WHERE image = ? AND version = ?", "ssi",
		     name, image->image, (int64_t)image->version);
	if (!r)
		r = db_next(row);
	if (r < 0)
		return r;
	if (r && !db_int(row, 0))
		return reply_problem(request, 409, "Version is taken", "Seal it again with a higher version.",
				     "There is another version %ju of %s.", (uintmax_t)image->version,
				     image->image);
	if (r)
		return reply_version(request, 200);
	r = db_run(db,
		   "INSERT INTO versions (image, version, document, title, created, uploaded, firmware, "
		   "memory_mib,"
		   " size, filled, disk_index) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		   "sissiisiiis", image->image, (int64_t)image->version, name, image->title, image->created,
		   request->now, nxt_firmware_text(image->firmware), (int64_t)image->memory_mib,
		   (int64_t)image->disks[0].size, (int64_t)image->disks[0].filled, image->disks[0].index);
	if (r >= 0)
		r = audit(request, "version.add", image->image, "version %ju, manifest %s",
			  (uintmax_t)image->version, name);
	if (r < 0)
		return r;
	changes_note(request->center, "image", image->image);
	return reply_version(request, 201);
}

/* The version's disk as its manifest has it: 0, or the status of a reply, or a negative errno. */
static int find_disk(struct request *request, struct nxt_disk *ret, bool *ret_complete)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	r = db_query(
		request->center->db, &row,
		"SELECT disk_index, size, filled, complete FROM versions WHERE image = ? AND version = ?",
		"si", request->parameters[0], route_number(request, 1));
	if (!r)
		r = db_next(row);
	if (r < 0)
		return r;
	if (!r)
		return reply_not_found(request, "version");
	*ret = (struct nxt_disk){.role = NXT_DISK_SYSTEM, .block = NXT_BLOCK_SIZE};
	snprintf(ret->index, sizeof(ret->index), "%s", db_text(row, 0));
	ret->size = db_int(row, 1);
	ret->filled = db_int(row, 2);
	*ret_complete = db_int(row, 3);
	return 0;
}

static int find_disk_locked(struct request *request, struct nxt_disk *ret)
{
	bool complete;
	int r;

	pthread_mutex_lock(&request->center->lock);
	r = find_disk(request, ret, &complete);
	pthread_mutex_unlock(&request->center->lock);
	return r;
}

int api_put_index(struct request *request)
{
	_cleanup_(nxt_index_freep) struct nxt_index *index = NULL;
	struct nxt_error error;
	struct nxt_disk disk;
	int r;

	r = find_disk_locked(request, &disk);
	if (r)
		return r;
	r = nxt_index_unpack(request->body, request->body_size, &disk, &index, &error);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return reply_problem(request, 422, "Index refused", "Send the file that nxtop-release made.",
				     "%s.", error.text);
	r = blob_store(request->center->dir, BLOB_INDEX, disk.index, request->body, request->body_size);
	return r < 0 ? r : reply_empty(request, 204);
}

/* -ENOENT: it was not uploaded, or is damaged. */
static int read_blocks(int dir, const struct nxt_disk *disk, struct blockset *ret)
{
	_cleanup_(nxt_index_freep) struct nxt_index *index = NULL;
	_cleanup_free_ char *packed = NULL;
	size_t size;
	int r;

	r = blob_read(dir, BLOB_INDEX, disk->index, nxt_index_packed_max(disk->size), &packed, &size);
	if (r < 0)
		return r;
	r = nxt_index_unpack(packed, size, disk, &index, NULL);
	if (r == -EBADMSG)
		return -ENOENT;
	return r < 0 ? r : blockset_add(ret, index);
}

static int no_index(struct request *request)
{
	return reply_problem(request, 409, "Index is missing", "PUT the version's index first.",
			     "Without it Center does not know which blocks the version has.");
}

int api_missing_blocks(struct request *request)
{
	_cleanup_(blockset_donep) struct blockset set = {};
	json_t *list = json_array();
	int64_t limit, missing = 0;
	struct nxt_disk disk;
	bool sealed;
	int r;

	if (!request_number(request, "limit", 1, 10000, 1000, &limit))
		r = request->reply.status;
	else
		r = find_disk_locked(request, &disk);
	if (!r) {
		r = read_blocks(request->center->dir, &disk, &set);
		if (r == -ENOENT)
			r = no_index(request);
	}
	for (size_t i = 0; !r && i < set.n; i++) {
		char name[NXT_SHA256_HEX];

		nxt_hex_encode(set.names[i], NXT_SHA256_SIZE, name);
		if (!blob_exists(request->center->dir, BLOB_BLOCK, name, &sealed) && missing++ < limit)
			json_array_append_new(list, json_string(name));
	}
	if (r) {
		json_decref(list);
		return r;
	}
	return reply_json(request, 200,
			  json_pack("{s:I, s:o}", "missing", (json_int_t)missing, "blocks", list));
}

/* A block says its own size; the hash says whether it is the right one. */
static int verify_block(const char *name, const void *packed, size_t packed_size, struct nxt_error *error)
{
	unsigned long long size = ZSTD_getFrameContentSize(packed, packed_size);
	_cleanup_free_ void *data = malloc(NXT_BLOCK_SIZE);
	uint8_t raw[NXT_SHA256_SIZE];

	if (!data)
		return -ENOMEM;
	if (!size || size > NXT_BLOCK_SIZE || nxt_hex_decode(name, raw, sizeof(raw)) < 0)
		return nxt_fail(error, -EBADMSG, "the block is no zstd frame that states its size");
	return nxt_block_unpack(NULL, packed, packed_size, raw, data, size, error);
}

int api_put_block(struct request *request)
{
	const char *name = request->parameters[0];
	struct nxt_error error;
	int r = verify_block(name, request->body, request->body_size, &error);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return reply_problem(request, 422, "Block refused", "Send the file that nxtop-release made.",
				     "%s.", error.text);
	r = blob_store(request->center->dir, BLOB_BLOCK, name, request->body, request->body_size);
	return r < 0 ? r : reply_empty(request, 204);
}

/* 1: it is there and good. A damaged one is removed. */
static int check_block(int dir, const char *name)
{
	_cleanup_free_ char *packed = NULL;
	bool sealed;
	size_t size;
	int r;

	if (!blob_exists(dir, BLOB_BLOCK, name, &sealed))
		return 0;
	if (sealed)
		return 1;
	r = blob_read(dir, BLOB_BLOCK, name, NXT_BLOCK_PACKED_MAX, &packed, &size);
	if (!r)
		r = verify_block(name, packed, size, NULL);
	if (!r)
		return 1;
	if (r != -EBADMSG && r != -E2BIG && r != -EFBIG)
		return r;
	log_line(LOG_WARNING, "block", "name=%s error=damaged, removed", name);
	r = blob_remove(dir, BLOB_BLOCK, name);
	return r < 0 ? r : 0;
}

/* In the worker: how many blocks are missing, or 0: all are there for good. */
static int check_version(struct request *request)
{
	_cleanup_(blockset_donep) struct blockset set = {};
	int dir = request->center->dir, missing = 0, r;
	char name[NXT_SHA256_HEX];
	struct nxt_disk disk;

	r = find_disk_locked(request, &disk);
	if (!r)
		r = read_blocks(dir, &disk, &set);
	if (r)
		return r < 0 ? r : -ENOENT;
	for (size_t i = 0; i < set.n; i++) {
		nxt_hex_encode(set.names[i], NXT_SHA256_SIZE, name);
		r = check_block(dir, name);
		if (r < 0)
			return r;
		missing += !r;
	}
	if (missing)
		return missing;
	r = blobs_flush(dir);
	for (size_t i = 0; !r && i < set.n; i++) {
		nxt_hex_encode(set.names[i], NXT_SHA256_SIZE, name);
		r = block_seal(dir, name);
	}
	return r;
}

int api_complete_version(struct request *request)
{
	struct db *db = request->center->db;
	const char *image = request->parameters[0];
	struct nxt_disk disk;
	bool complete;
	int r;

	r = find_disk(request, &disk, &complete);
	if (r)
		return r;
	if (complete)
		return reply_version(request, 200);
	if (!request->worked) {
		request->worked = true;
		if (work_for(&request->center->checks, request, check_version))
			return REQUEST_WAITS;
		return reply_problem(request, 429, "Too many uploads end at once", "Try again in a minute.",
				     "Other versions are being checked at the moment.");
	}
	if (request->work_result == -ENOENT)
		return no_index(request);
	if (request->work_result < 0)
		return request->work_result;
	if (request->work_result)
		return reply_problem(request, 409, "Blocks are missing", "Upload them, then complete it.",
				     "%d blocks of the version are not here.", request->work_result);
	r = db_run(db, "UPDATE versions SET complete = 1 WHERE image = ? AND version = ?", "si", image,
		   route_number(request, 1));
	if (r >= 0)
		r = audit(request, "version.complete", image, "version %s", request->parameters[1]);
	if (r < 0)
		return r;
	changes_note(request->center, "image", image);
	return reply_version(request, 200);
}

static bool keep(const char *name, void *data)
{
	uint8_t raw[NXT_SHA256_SIZE];

	return nxt_hex_decode(name, raw, sizeof(raw)) < 0 || blockset_has(data, raw);
}

/* In the worker: removes blocks that no version has, be it a draft. */
static int sweep(struct request *request)
{
	_cleanup_(blockset_donep) struct blockset set = {};
	struct center *center = request->center;
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	pthread_mutex_lock(&center->lock);
	r = db_query(center->db, &row, "SELECT DISTINCT disk_index, size, filled FROM versions", "");
	while (r >= 0 && (r = db_next(row)) > 0) {
		struct nxt_disk disk = {.block = NXT_BLOCK_SIZE,
					.size = db_int(row, 1),
					.filled = db_int(row, 2)};

		snprintf(disk.index, sizeof(disk.index), "%s", db_text(row, 0));
		r = read_blocks(center->dir, &disk, &set);
		if (r == -ENOENT)
			r = 0; /* a draft that has not got so far */
	}
	db_donep(&row);
	row = NULL;
	pthread_mutex_unlock(&center->lock);
	return r < 0 ? r : blobs_sweep(center->dir, keep, &set);
}

int api_remove_version(struct request *request)
{
	const char *image = request->parameters[0];
	int64_t version = route_number(request, 1), used;
	struct db *db = request->center->db;
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	int r;

	/* The second time, after the transaction: space that could not be freed is freed the next time. */
	if (request->worked)
		return reply_empty(request, 204);
	r = db_number(db, &used, 0,
		      "SELECT (SELECT deployed FROM versions WHERE image = ?1 AND version = ?2)"
		      " OR EXISTS (SELECT 1 FROM staged WHERE image = ?1 AND version = ?2)",
		      "si", image, version);
	if (r < 0)
		return r;
	if (used)
		return reply_problem(request, 409, "Version is in use", "Deploy another version first.",
				     "PCs are assigned this version.");
	r = db_query(db, &row,
		     "DELETE FROM versions WHERE image = ? AND version = ? RETURNING document, disk_index",
		     "si", image, version);
	if (!r)
		r = db_next(row);
	if (!r)
		return reply_not_found(request, "version");
	if (r > 0)
		r = db_run(db, "DELETE FROM documents WHERE sha256 = ?", "s", db_text(row, 0));
	if (r >= 0)
		r = audit(request, "version.remove", image, "version %jd", (intmax_t)version);
	if (r < 0)
		return r;
	changes_note(request->center, "image", image);
	request->worked = true;
	return work_for(&request->center->checks, request, sweep) ? REQUEST_WAITS : reply_empty(request, 204);
}
