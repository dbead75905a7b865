/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/store/db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "center/core/log.h"
#include "center/store/schema.h"
#include "common/cleanup.h"
#include "common/names.h"

struct db {
	sqlite3 *sqlite;
};

static int failed(sqlite3 *sqlite, int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CONSTRAINT:
		if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE)
			return -EEXIST;
		break;
	case SQLITE_IOERR:
		/* A full disk is that too, where it is a write to the journal that fails. */
		if (sqlite3_system_errno(sqlite) == ENOSPC)
			return -ENOSPC;
		break;
	}
	log_line(LOG_ERR, "database", "error=%s", sqlite3_errmsg(sqlite));
	return -EIO;
}

static int execute(sqlite3 *sqlite, const char *sql)
{
	return sqlite3_exec(sqlite, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : failed(sqlite, sqlite3_extended_errcode(sqlite));
}

static int migrate(struct db *db, struct nxt_error *error)
{
	int64_t version;
	int r;

	r = db_number(db, &version, 0, "PRAGMA user_version", "");
	if (r < 0)
		return nxt_fail(error, r, "the database cannot be read");
	if (version > SCHEMA_STEPS)
		return nxt_fail(
			error, -EPROTONOSUPPORT,
			"the database was made by a newer nxtop-center (schema %d, this one knows %d); "
			"install that version",
			(int)version, SCHEMA_STEPS);
	for (; version < SCHEMA_STEPS; version++) {
		char mark[64];

		snprintf(mark, sizeof(mark), "PRAGMA user_version = %d", (int)version + 1);
		r = db_begin(db, true);
		if (!r)
			r = execute(db->sqlite, schema_steps[version]);
		if (!r)
			r = execute(db->sqlite, mark);
		if (!r)
			r = db_commit(db);
		if (r < 0) {
			db_rollback(db);
			return nxt_fail(error, r, "the database cannot be brought from schema %d to %d",
					(int)version, (int)version + 1);
		}
	}
	return 0;
}

int db_open(const char *path, struct db **ret, struct nxt_error *error)
{
	struct db *db = calloc(1, sizeof(*db));
	int r;

	if (!db)
		return -ENOMEM;
	r = sqlite3_open_v2(path, &db->sqlite,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (r != SQLITE_OK) {
		r = nxt_fail(error, -EIO, "%s cannot be opened: %s", path,
			     db->sqlite ? sqlite3_errmsg(db->sqlite) : "no memory");
		goto fail;
	}
	sqlite3_extended_result_codes(db->sqlite, 1);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	r = execute(db->sqlite, "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL;"
				"PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF");
	if (r < 0) {
		nxt_fail(error, r, "%s is damaged, or no database: restore it from a backup", path);
		goto fail;
	}
	r = migrate(db, error);
	if (r < 0)
		goto fail;
	*ret = db;
	return 0;
fail:
	db_close(db);
	return r;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	sqlite3_close(db->sqlite);
	free(db);
}

int db_begin(struct db *db, bool durable)
{
	int r = execute(db->sqlite, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");

	return r < 0 ? r : execute(db->sqlite, "BEGIN IMMEDIATE");
}

int db_commit(struct db *db)
{
	int r = execute(db->sqlite, "COMMIT");

	if (r < 0)
		db_rollback(db);
	return r;
}

void db_rollback(struct db *db)
{
	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(db->sqlite))
		execute(db->sqlite, "ROLLBACK");
}

static int prepare(struct db *db, sqlite3_stmt **ret, const char *sql, const char *types, va_list values)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);

	for (int i = 1; code == SQLITE_OK && types[i - 1]; i++) {
		const void *data;
		int64_t number;

		switch (types[i - 1]) {
		case 's':
			code = sqlite3_bind_text(statement, i, va_arg(values, const char *), -1,
						 SQLITE_TRANSIENT);
			break;
		case 'b':
			data = va_arg(values, const void *);
			code = sqlite3_bind_blob(statement, i, data, va_arg(values, int), SQLITE_TRANSIENT);
			break;
		case 'n':
			number = va_arg(values, int64_t);
			code = number < 0 ? sqlite3_bind_null(statement, i)
					  : sqlite3_bind_int64(statement, i, number);
			break;
		default:
			code = sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
		}
	}
	if (code != SQLITE_OK) {
		code = failed(db->sqlite, sqlite3_extended_errcode(db->sqlite));
		sqlite3_finalize(statement);
		return code;
	}
	*ret = statement;
	return 0;
}

int db_next(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : failed(sqlite3_db_handle(statement), code);
}

int db_run(struct db *db, const char *sql, const char *types, ...)
{
	_cleanup_rows_ sqlite3_stmt *statement = NULL;
	va_list values;
	int r;

	va_start(values, types);
	r = prepare(db, &statement, sql, types, values);
	va_end(values);
	if (r < 0)
		return r;
	do
		r = db_next(statement);
	while (r > 0);
	return r < 0 ? r : sqlite3_changes(db->sqlite);
}

int db_query(struct db *db, sqlite3_stmt **ret, const char *sql, const char *types, ...)
{
	va_list values;
	int r;

	va_start(values, types);
	r = prepare(db, ret, sql, types, values);
	va_end(values);
	return r;
}

int db_number(struct db *db, int64_t *ret, int64_t otherwise, const char *sql, const char *types, ...)
{
	_cleanup_rows_ sqlite3_stmt *statement = NULL;
	va_list values;
	int r;

	va_start(values, types);
	r = prepare(db, &statement, sql, types, values);
	va_end(values);
	if (r < 0)
		return r;
	r = db_next(statement);
	if (r < 0)
		return r;
	*ret = r && sqlite3_column_type(statement, 0) != SQLITE_NULL ? db_int(statement, 0) : otherwise;
	return 0;
}

const char *db_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

int64_t db_int(sqlite3_stmt *statement, int column)
{
	return sqlite3_column_int64(statement, column);
}

static json_t *column_json(sqlite3_stmt *statement, int column, char kind)
{
	char time[NXT_TIME_SIZE];

	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return json_null();
	switch (kind) {
	case 's':
		return json_string(db_text(statement, column));
	case 'i':
		return json_integer(db_int(statement, column));
	case 'b':
		return json_boolean(db_int(statement, column));
	case 't':
		if (nxt_time_format(db_int(statement, column), time) < 0)
			return json_null();
		return json_string(time);
	default:
		return json_loads(db_text(statement, column), JSON_DECODE_ANY, NULL);
	}
}

json_t *db_row_json(sqlite3_stmt *statement, const char *kinds)
{
	json_t *row = json_object();

	for (int i = 0; kinds[i]; i++)
		if (kinds[i] != '-' && json_object_set_new(row, sqlite3_column_name(statement, i),
							   column_json(statement, i, kinds[i])) < 0) {
			json_decref(row);
			return NULL;
		}
	return row;
}
