/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_AUDIT_H
#define CENTER_AUDIT_H

#include <stdint.h>

#include "center/core/request.h"

struct db;

/*
 * Adds to the log of who did what, in the transaction that did it. Each entry's hash is over its text and
 * the hash before, so what was changed or taken out later shows. 0 or a negative errno.
 */
int audit(struct request *request, const char *action, const char *object, const char *detail, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Goes through the whole log: how many entries there are, the last one's hash, and the sequence of the first
 * that does not fit (0: none).
 */
int audit_check(struct db *db, int64_t *ret_entries, uint8_t ret_head[NXT_SHA256_SIZE], int64_t *ret_broken);

#endif
