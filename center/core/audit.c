/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/audit.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/core/center.h"

struct entry {
	int64_t sequence, time;
	const char *texts[5]; /* who, address, action, object, detail */
};

static void add(EVP_MD_CTX *context, const void *data, size_t size)
{
	if (EVP_DigestUpdate(context, data, size) != 1)
		abort();
}

/* Every part with its length before it: no two entries give the same bytes. */
static void hash(const struct entry *entry, uint8_t chain[NXT_SHA256_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	char number[64];

	if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		abort();
	add(context, chain, NXT_SHA256_SIZE);
	snprintf(number, sizeof(number), "%" PRId64 " %" PRId64, entry->sequence, entry->time);
	add(context, number, strlen(number) + 1);
	for (int i = 0; i < 5; i++) {
		snprintf(number, sizeof(number), "%zu ", strlen(entry->texts[i]));
		add(context, number, strlen(number));
		add(context, entry->texts[i], strlen(entry->texts[i]));
	}
	if (EVP_DigestFinal_ex(context, chain, NULL) != 1)
		abort();
	EVP_MD_CTX_free(context);
}

int audit(struct request *request, const char *action, const char *object, const char *detail, ...)
{
	struct db *db = request->center->db;
	_cleanup_rows_ sqlite3_stmt *last = NULL;
	uint8_t chain[NXT_SHA256_SIZE] = {};
	struct entry entry = {.sequence = 1, .time = request->now};
	const char *who = *request->who ? request->who : *request->pc ? request->pc : "nobody";
	char text[512];
	va_list arguments;
	int r;

	va_start(arguments, detail);
	vsnprintf(text, sizeof(text), detail, arguments);
	va_end(arguments);
	r = db_query(db, &last, "SELECT sequence, hash FROM log ORDER BY sequence DESC LIMIT 1", "");
	if (!r)
		r = db_next(last);
	if (r < 0)
		return r;
	if (r && sqlite3_column_bytes(last, 1) == NXT_SHA256_SIZE) {
		entry.sequence = db_int(last, 0) + 1;
		memcpy(chain, sqlite3_column_blob(last, 1), NXT_SHA256_SIZE);
	}
	entry.texts[0] = who;
	entry.texts[1] = request->address;
	entry.texts[2] = action;
	entry.texts[3] = object;
	entry.texts[4] = text;
	hash(&entry, chain);
	r = db_run(db, "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "iisssssb", entry.sequence,
		   entry.time, entry.texts[0], entry.texts[1], entry.texts[2], entry.texts[3], entry.texts[4],
		   chain, NXT_SHA256_SIZE);
	return r < 0 ? r : 0;
}

int audit_check(struct db *db, int64_t *ret_entries, uint8_t ret_head[NXT_SHA256_SIZE], int64_t *ret_broken)
{
	_cleanup_rows_ sqlite3_stmt *row = NULL;
	uint8_t chain[NXT_SHA256_SIZE] = {};
	int64_t entries = 0, broken = 0;
	int r;

	r = db_query(db, &row,
		     "SELECT sequence, time, who, address, action, object, detail, hash FROM log"
		     " ORDER BY sequence",
		     "");
	if (r < 0)
		return r;
	while ((r = db_next(row)) > 0) {
		struct entry entry = {.sequence = db_int(row, 0), .time = db_int(row, 1)};

		for (int i = 0; i < 5; i++)
			entry.texts[i] = db_text(row, i + 2);
		hash(&entry, chain);
		entries++;
		if (!broken &&
		    (entry.sequence != entries || sqlite3_column_bytes(row, 7) != NXT_SHA256_SIZE ||
		     memcmp(sqlite3_column_blob(row, 7), chain, NXT_SHA256_SIZE)))
			broken = entry.sequence;
	}
	if (r < 0)
		return r;
	*ret_entries = entries;
	memcpy(ret_head, chain, NXT_SHA256_SIZE);
	*ret_broken = broken;
	return 0;
}
