/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pc/agent/schema.h"

#define BUSY_MS 30000

static int db_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_READONLY:
		return -EROFS;
	default:
		return -EIO;
	}
}

static int execute(sqlite3 *db, const char *sql)
{
	return db_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int migrate(sqlite3 *db)
{
	_cleanup_transaction_ *transaction = NULL;
	int64_t version;
	char sql[64];
	int r;

	r = db_begin(db, &transaction);
	if (r < 0)
		return r;
	r = db_get_number(db, &version, "PRAGMA user_version", "");
	if (r < 0)
		return r;
	if (version > SCHEMA_VERSION)
		return -EPROTONOSUPPORT;
	for (; version < SCHEMA_VERSION; version++) {
		r = execute(db, schema_steps[version]);
		if (r < 0)
			return r;
	}
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", SCHEMA_VERSION);
	r = execute(db, sql);
	if (r < 0)
		return r;
	return db_commit(&transaction);
}

int db_open(const char *path, sqlite3 **ret)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	int r;

	r = db_errno(sqlite3_open_v2(path, &db,
				     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
	if (r < 0)
		return r;
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	r = execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
	if (r < 0)
		return r;
	r = migrate(db);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(db);
	return 0;
}

static int bind(sqlite3_stmt *statement, const char *types, va_list ap)
{
	int code = SQLITE_OK;

	for (int n = 1; *types && code == SQLITE_OK; types++, n++) {
		switch (*types) {
		case 's':
			code = sqlite3_bind_text(statement, n, va_arg(ap, const char *), -1,
						 SQLITE_TRANSIENT);
			break;
		case 'i':
			code = sqlite3_bind_int64(statement, n, va_arg(ap, int64_t));
			break;
		case 'b': {
			const void *data = va_arg(ap, const void *);
			size_t size = va_arg(ap, size_t);

			code = sqlite3_bind_blob64(statement, n, data, size, SQLITE_TRANSIENT);
			break;
		}
		default:
			return -EINVAL;
		}
	}
	return db_errno(code);
}

static int prepare(sqlite3 *db, sqlite3_stmt **ret, const char *sql, const char *types, va_list ap)
{
	_cleanup_stmt_ *statement = NULL;
	int r;

	r = db_errno(sqlite3_prepare_v2(db, sql, -1, &statement, NULL));
	if (r < 0)
		return r;
	r = bind(statement, types, ap);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(statement);
	return 0;
}

int db_prepare(sqlite3 *db, sqlite3_stmt **ret, const char *sql, const char *types, ...)
{
	va_list ap;
	int r;

	va_start(ap, types);
	r = prepare(db, ret, sql, types, ap);
	va_end(ap);
	return r;
}

int db_step(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	return code == SQLITE_ROW ? 1 : db_errno(code);
}

int db_run(sqlite3 *db, const char *sql, const char *types, ...)
{
	_cleanup_stmt_ *statement = NULL;
	va_list ap;
	int r;

	va_start(ap, types);
	r = prepare(db, &statement, sql, types, ap);
	va_end(ap);
	if (r < 0)
		return r;
	do
		r = db_step(statement);
	while (r > 0);
	return r < 0 ? r : sqlite3_changes(db);
}

/* The first row's first column, which is not NULL. */
static int get(sqlite3 *db, sqlite3_stmt **ret, const char *sql, const char *types, va_list ap)
{
	_cleanup_stmt_ *statement = NULL;
	int r;

	r = prepare(db, &statement, sql, types, ap);
	if (r < 0)
		return r;
	r = db_step(statement);
	if (r < 0)
		return r;
	if (r == 0 || sqlite3_column_type(statement, 0) == SQLITE_NULL)
		return -ENOENT;
	*ret = TAKE_PTR(statement);
	return 0;
}

int db_get_number(sqlite3 *db, int64_t *ret, const char *sql, const char *types, ...)
{
	_cleanup_stmt_ *statement = NULL;
	va_list ap;
	int r;

	va_start(ap, types);
	r = get(db, &statement, sql, types, ap);
	va_end(ap);
	if (r < 0)
		return r;
	*ret = sqlite3_column_int64(statement, 0);
	return 0;
}

int db_get_text(sqlite3 *db, char **ret, const char *sql, const char *types, ...)
{
	_cleanup_stmt_ *statement = NULL;
	va_list ap;
	char *text;
	int r;

	va_start(ap, types);
	r = get(db, &statement, sql, types, ap);
	va_end(ap);
	if (r < 0)
		return r;
	text = strdup(db_text(statement, 0));
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

const char *db_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text ? (const char *)text : "";
}

int db_begin(sqlite3 *db, sqlite3 **ret_transaction)
{
	int r = execute(db, "BEGIN IMMEDIATE");

	if (r < 0)
		return r;
	*ret_transaction = db;
	return 0;
}

int db_commit(sqlite3 **transaction)
{
	int r = execute(*transaction, "COMMIT");

	if (r >= 0)
		*transaction = NULL;
	return r;
}

void db_rollbackp(sqlite3 **transaction)
{
	if (*transaction)
		(void)execute(*transaction, "ROLLBACK");
}
