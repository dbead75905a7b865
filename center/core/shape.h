/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_SHAPE_H
#define CENTER_SHAPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/*
 * What a request's JSON must look like: the C side of the request schemas in abi/center.yaml. Members that
 * are not in the table are refused. After shape_check() a handler takes what it needs without checks.
 */
enum shape_kind {
	SHAPE_TEXT,  /* UTF-8 without control characters, min to max bytes */
	SHAPE_LINES, /* the same, but lines are allowed: PEM */
	SHAPE_NAME,
	SHAPE_NAME_OR_EMPTY,
	SHAPE_ID,
	SHAPE_TITLE,
	SHAPE_TIME,
	SHAPE_NUMBER, /* min to max */
	SHAPE_BOOL,
	SHAPE_WORD,   /* one of words */
	SHAPE_OBJECT, /* of members */
	SHAPE_ARRAY,  /* min to max objects of members */
	SHAPE_IDS,    /* min to max ids */
};

struct shape {
	const char *name; /* NULL ends the table */
	enum shape_kind kind;
	bool optional;
	uint64_t min, max;
	const char *const *words; /* ends with NULL */
	const struct shape *members;
};

/* -EBADMSG: it looks otherwise; the error names the member by its path. */
int shape_check(json_t *object, const struct shape *members, struct nxt_error *error);

/* Members of a checked object: "" or otherwise when an optional one is absent. */
const char *shape_text(json_t *object, const char *name);
int64_t shape_number(json_t *object, const char *name, int64_t otherwise);
int64_t shape_time(json_t *object, const char *name, int64_t otherwise); /* seconds since 1970 */
/* Which of words; -1 when it is absent. */
int shape_word(json_t *object, const char *name, const char *const *words);

#endif
