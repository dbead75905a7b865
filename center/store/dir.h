/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_DIR_H
#define CENTER_DIR_H

#include "common/error.h"
#include "common/key.h"

/*
 * Opens the data directory, and makes it if it is not there. Refused with -EPERM, and a hint, if others may
 * read it or the keys in it, or if it is not ours.
 */
int dir_open(const char *path, int *ret, struct nxt_error *error);

/* Keeps it for this process until *ret is closed. -EBUSY: another nxtop-center has it. */
int dir_lock(int dir, int *ret, struct nxt_error *error);

/* Reads the operations key, or makes it if it is not there. */
int dir_operations_key(int dir, struct nxt_private_key **ret, struct nxt_error *error);

#endif
