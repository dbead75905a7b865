/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_DB_H
#define NXT_AGENT_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "common/cleanup.h"

/*
 * SQLite with less ceremony. Errors are negative errnos: -ENOSPC, -EIO, -EUCLEAN (the file is damaged),
 * -EEXIST (a constraint), -EBUSY, -ENOMEM, else -EIO. Each thread has its own connection.
 */

/*
 * Opens or creates the database, brings its tables to this program's version, and sets WAL with
 * synchronous=FULL: what was committed survives a power cut. -EPROTONOSUPPORT: written by a newer nxtopd.
 */
int db_open(const char *path, sqlite3 **ret);

/*
 * Prepares `sql` and binds one argument for each letter: s (const char *, NULL allowed), i (int64_t), b
 * (const void *, size_t; NULL pointer allowed).
 */
int db_prepare(sqlite3 *db, sqlite3_stmt **ret, const char *sql, const char *types, ...);
int db_step(sqlite3_stmt *statement); /* 1: a row; 0: no more */

/* Prepares, binds, runs to the end; how many rows it changed. */
int db_run(sqlite3 *db, const char *sql, const char *types, ...);

/* The first column of the first row. -ENOENT: no row, or NULL. */
int db_get_number(sqlite3 *db, int64_t *ret, const char *sql, const char *types, ...);
int db_get_text(sqlite3 *db, char **ret, const char *sql, const char *types, ...);

/* A column as text, "" for NULL; valid until the next step. */
const char *db_text(sqlite3_stmt *statement, int column);

/*
 * Several statements, all or nothing:
 *	_cleanup_(db_rollbackp) sqlite3 *transaction = NULL;
 *	r = db_begin(db, &transaction);
 *	...
 *	return db_commit(&transaction);
 */
int db_begin(sqlite3 *db, sqlite3 **ret_transaction);
int db_commit(sqlite3 **transaction);
void db_rollbackp(sqlite3 **transaction);

static inline void db_closep(sqlite3 **db)
{
	sqlite3_close(*db);
}

static inline void db_finalizep(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

#define _cleanup_stmt_ _cleanup_(db_finalizep) sqlite3_stmt
#define _cleanup_transaction_ _cleanup_(db_rollbackp) sqlite3

#endif
