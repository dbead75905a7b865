/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_JSON_H
#define NXT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

/* For _cleanup_(nxt_json_unrefp) json_t *. */
static inline void nxt_json_unrefp(json_t **json)
{
	json_decref(*json);
}

#define NXT_JSON_DEPTH 8

/*
 * Reads one JSON object out of hostile bytes: all of them, no member twice, no NUL in a string, nesting of
 * at most NXT_JSON_DEPTH (counted before anything is allocated). The caller has checked the size. -E2BIG:
 * nested too deep. -EBADMSG: no such object. -ENOMEM.
 */
int nxt_json_load(const void *bytes, size_t size, json_t **ret, struct nxt_error *error);

/*
 * A strict reader of objects: a table says which members there are and where each goes in a struct. All
 * must be there, and no others. The same table writes the struct as JSON.
 */
enum nxt_json_kind {
	NXT_JSON_NAME, /* char[NXT_NAME_SIZE] */
	NXT_JSON_NAME_OR_EMPTY,
	NXT_JSON_ID,	 /* char[NXT_ID_SIZE] */
	NXT_JSON_TITLE,	 /* char[NXT_TITLE_SIZE] */
	NXT_JSON_SHA256, /* char[NXT_SHA256_HEX] */
	NXT_JSON_TIME,	 /* int64_t, seconds since 1970 */
	NXT_JSON_NUMBER, /* uint64_t, between min and max */
	NXT_JSON_BOOL,	 /* bool */
	NXT_JSON_KEY,	 /* struct nxt_public_key, in base64 */
	NXT_JSON_CHOICE, /* an enum that counts words from 0 */
	NXT_JSON_SET,	 /* unsigned int, a bit for each of words; at least one, none twice */
	NXT_JSON_OBJECT, /* a struct of its own table */
	NXT_JSON_ARRAY,	 /* min to max structs of size bytes each; how many is a size_t at count */
};

struct nxt_json_member {
	const char *name; /* NULL ends the table */
	enum nxt_json_kind kind;
	size_t offset;
	uint64_t min, max;
	const char *const *words; /* ends with NULL */
	const struct nxt_json_member *members;
	size_t size, count;
};

/*
 * Reads an object's members into value; on failure some may have been written. -E2BIG: more than max
 * objects, or a number above max. -EBADMSG: anything else. The error names the member by its path, as
 * workspaces[3].title.
 */
int nxt_json_read(json_t *object, const struct nxt_json_member *members, void *value,
		  struct nxt_error *error);

/* Writes them, in the table's order. Checks what could not be written; the rest shows when it is read. */
int nxt_json_write(const void *value, const struct nxt_json_member *members, json_t **ret,
		   struct nxt_error *error);

#endif
