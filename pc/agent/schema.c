/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/schema.h"

/* Times are seconds since 1970; documents are named by the SHA-256 of their envelope, in hex. */
const char *const schema_steps[SCHEMA_VERSION] = {
	/* Who this PC is and whom it trusts; no row before it is enrolled. */
	"CREATE TABLE pc ("
	"  one INTEGER PRIMARY KEY CHECK (one = 1),"
	"  id TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL,"
	"  ca TEXT NOT NULL, release_key BLOB NOT NULL,"
	"  private_key TEXT NOT NULL, certificate TEXT NOT NULL) STRICT;"

	/* Small facts: the boot this state is of, the current assignment and operations certificate. */
	"CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"

	"CREATE TABLE documents (name TEXT PRIMARY KEY, type INTEGER NOT NULL, envelope BLOB NOT NULL) "
	"STRICT;"

	/* The highest number seen, and the document that had it: going back is refused. */
	"CREATE TABLE heights ("
	"  kind TEXT NOT NULL, subject TEXT NOT NULL, value INTEGER NOT NULL, document TEXT NOT NULL,"
	"  PRIMARY KEY (kind, subject)) STRICT;"

	/* Versions that are whole on the disk. */
	"CREATE TABLE images ("
	"  image TEXT NOT NULL, version INTEGER NOT NULL, block_index TEXT NOT NULL, size INTEGER NOT NULL,"
	"  PRIMARY KEY (image, version)) STRICT;"

	/*
	 * assigned, title, wanted_*: what Center wants. image, version, manifest: what the system disk
	 * stands on. good_*: what was healthy last, and good_overlay the snapshot that has its state. held:
	 * a manifest that is not applied by itself, because it was tried and failed, or because somebody
	 * went back from it. pending_*: a snapshot of a running guest that is being made.
	 */
	"CREATE TABLE workspaces ("
	"  id TEXT PRIMARY KEY, title TEXT NOT NULL, assigned INTEGER NOT NULL,"
	"  wanted_manifest TEXT NOT NULL, wanted_policy TEXT NOT NULL,"
	"  image TEXT, version INTEGER, manifest TEXT,"
	"  good_manifest TEXT, good_snapshot TEXT,"
	"  held TEXT, held_why TEXT,"
	"  overlay INTEGER, pending_overlay INTEGER, pending_snapshot TEXT, pending_why TEXT,"
	"  power INTEGER NOT NULL DEFAULT 0, starts INTEGER NOT NULL DEFAULT 0,"
	"  started INTEGER NOT NULL DEFAULT 0, deadline INTEGER NOT NULL DEFAULT 0, healthy INTEGER NOT NULL "
	"DEFAULT 0,"
	"  state TEXT NOT NULL DEFAULT 'waiting', detail TEXT NOT NULL DEFAULT '') STRICT;"

	/*
	 * Files workspaces/<workspace>/system-<id>.qcow2. Without a parent it stands on the image's
	 * version.
	 */
	"CREATE TABLE overlays ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL, parent INTEGER,"
	"  image TEXT NOT NULL, version INTEGER NOT NULL, manifest TEXT NOT NULL,"
	"  depth INTEGER NOT NULL, spare INTEGER NOT NULL DEFAULT 0) STRICT;"

	"CREATE TABLE snapshots ("
	"  workspace TEXT NOT NULL, name TEXT NOT NULL, overlay INTEGER NOT NULL,"
	"  created INTEGER NOT NULL, why TEXT NOT NULL,"
	"  PRIMARY KEY (workspace, name)) STRICT;"

	/*
	 * What was asked for once: by Center (order_id, sequence) or at this PC. state: waiting, running,
	 * applied (done but for the start that belongs to it), done, failed, expired.
	 */
	"CREATE TABLE jobs ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT UNIQUE, workspace TEXT NOT NULL,"
	"  what INTEGER NOT NULL, snapshot TEXT NOT NULL, expires INTEGER NOT NULL,"
	"  state TEXT NOT NULL DEFAULT 'waiting', detail TEXT NOT NULL DEFAULT '') STRICT;"

	"CREATE TABLE events ("
	"  sequence INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, severity TEXT NOT NULL,"
	"  kind TEXT NOT NULL, workspace TEXT, order_id TEXT, outcome TEXT, message TEXT NOT NULL,"
	"  confirmed INTEGER NOT NULL DEFAULT 0) STRICT;"
	"CREATE INDEX events_open ON events (sequence) WHERE confirmed = 0;",
};
