/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_ROUTE_H
#define CENTER_ROUTE_H

#include <stddef.h>

#include "center/core/request.h"
#include "center/core/shape.h"

enum route_for {
	FOR_ANYBODY,
	FOR_PC,
	FOR_ADMINISTRATOR,
};

enum route_flags {
	/*
	 * Runs without the center's lock and without a transaction, for what reads and writes files;
	 * takes the lock for as long as it needs the database.
	 */
	ROUTE_UNLOCKED = 1 << 0,
	/* A GET that writes. */
	ROUTE_WRITES = 1 << 1,
	/* What it writes may be lost in a power cut. */
	ROUTE_LAZY = 1 << 2,
};

struct route {
	const char *method;
	/* {id}, {name}, {sha256} and {number} stand for a part of that kind. */
	const char *path;
	enum route_for who;
	/* Returns an HTTP status, REQUEST_WAITS, or a negative errno. */
	int (*handle)(struct request *request);
	const struct shape *shape; /* of a JSON body */
	size_t limit;		   /* of a body, in bytes; 0: it takes none */
	unsigned int flags;
};

/* Every door that Center has; the last has no method. */
extern const struct route routes[];

/* Finds the route of method and path, and fills the parameters; or replies with 404 or 405. 0 or a status. */
int route_find(struct request *request);

/* The value of a {number} parameter. */
int64_t route_number(struct request *request, int parameter);

#endif
