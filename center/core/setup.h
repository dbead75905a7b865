/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_SETUP_H
#define CENTER_SETUP_H

#include "center/core/auth.h"
#include "center/core/center.h"

/*
 * Everything but the network: directory, CA, keys, database, trust. What is not there yet is made. To serve,
 * it has to be alone: -EBUSY when another one serves this directory.
 */
int center_open(struct center *center, const char *path, bool alone, struct nxt_error *error);
void center_close(struct center *center);

/* Pins the release key, out of a PEM file. Once: -EEXIST if there is another one. */
int center_trust(struct center *center, const char *file, struct nxt_error *error);

/* A one-time code that makes an administrator, or gives one a new password. */
int center_make_code(struct center *center, char ret[SECRET_SIZE], struct nxt_error *error);
/* Whether nobody can sign in yet. */
int center_has_no_administrator(struct center *center);

#endif
