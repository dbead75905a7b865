/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_NAMES_H
#define NXT_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The words that documents, the API and the command lines are made of (docs/formats.md). Sizes count the
 * NUL.
 */
#define NXT_NAME_SIZE 64
#define NXT_ID_SIZE 37
#define NXT_TITLE_SIZE 401 /* 100 characters of at most 4 bytes */
#define NXT_TIME_SIZE 21

/* The highest whole number in a document: what a JavaScript number still holds exactly. */
#define NXT_NUMBER_MAX 9007199254740991

bool nxt_name_valid(const char *text);	 /* [a-z0-9][a-z0-9-]{0,62} */
bool nxt_id_valid(const char *text);	 /* a UUID in lower case */
bool nxt_title_valid(const char *text);	 /* 1 to 100 characters of UTF-8, none of them a control character */
bool nxt_sha256_valid(const char *text); /* 64 lower-case hex digits */

/* A new random UUID (version 4). -EIO when there is no entropy. */
int nxt_id_make(char ret[NXT_ID_SIZE]);

/*
 * 2026-11-24T12:00:00Z, in seconds since 1970; years 1970 to 9999, no leap seconds. -EINVAL for any other
 * text, -ERANGE for seconds out of that span.
 */
int nxt_time_parse(const char *text, int64_t *ret);
int nxt_time_format(int64_t seconds, char ret[NXT_TIME_SIZE]);

#endif
