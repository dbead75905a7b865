/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_DB_H
#define CENTER_DB_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

/*
 * Center's database: one SQLite file. One thread at a time may use it (struct center has the lock).
 *
 * Errors of all functions: -ENOSPC: the disk is full. -EEXIST: a row with this key is there. -EIO: anything
 * else; it was logged, with SQLite's words.
 */
struct db;

/* Opens or makes the file, and brings it to this program's schema. -EPROTONOSUPPORT: it is of a newer one. */
int db_open(const char *path, struct db **ret, struct nxt_error *error);
void db_close(struct db *db);

/*
 * A transaction. After db_commit() failed, nothing of it is there. Durable: it survives a power cut that
 * comes after db_commit() returned; else the last seconds may be lost, but not the file.
 */
int db_begin(struct db *db, bool durable);
int db_commit(struct db *db);
void db_rollback(struct db *db);

/*
 * Runs a statement. types has a letter for each parameter that follows: s (const char *, may be NULL),
 * i (int64_t), n (int64_t; negative: NULL), b (const void *, int). db_run() returns how many rows it
 * changed. db_query() gives a statement for db_next(), which is 1 at each row and 0 after the last.
 */
int db_run(struct db *db, const char *sql, const char *types, ...);
int db_query(struct db *db, sqlite3_stmt **ret, const char *sql, const char *types, ...);
int db_next(sqlite3_stmt *statement);

static inline void db_donep(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}
#define _cleanup_rows_ __attribute__((cleanup(db_donep)))

/* The number in the only row and column; or if there is none, otherwise. */
int db_number(struct db *db, int64_t *ret, int64_t otherwise, const char *sql, const char *types, ...);

/* Columns of the present row. Text is "" for NULL, and is valid until the next db_next(). */
const char *db_text(sqlite3_stmt *statement, int column);
int64_t db_int(sqlite3_stmt *statement, int column);

/*
 * The present row as a JSON object, with a member for each column that has a letter other than '-' in
 * kinds: s (text), i (number), t (seconds to time text), b (boolean), j (JSON text to what it says). NULL
 * becomes null. NULL when there is no memory.
 */
json_t *db_row_json(sqlite3_stmt *statement, const char *kinds);

#endif
