/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_ACCEPT_H
#define NXT_AGENT_ACCEPT_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "pc/agent/state.h"

/*
 * The door through which documents come into the state: verified by the right key, for this PC, and not
 * older than what is known. What is refused changes nothing. Envelopes are hostile; `now` is seconds since
 * 1970.
 *
 * Errors as nxt_trust_open(), and: -ENOENT, the PC is not enrolled; -EXDEV, for another PC, or not the
 * document that was asked for; -ESTALE, older than what is known, or another one of the same number; or of
 * the database.
 */

/* 1: put in the place of another; 0: it is the one in force. */
int accept_operations(struct state *state, const void *envelope, size_t size, struct nxt_error *error);

/*
 * 1: it is new, and in force as soon as its documents are here (assignment_adopt); 0: it is the newest
 * already.
 */
int accept_assignment(struct state *state, const void *envelope, size_t size, int64_t now,
		      struct nxt_error *error);

/* 1: it waits to be done, or was reported as expired; 0: its sequence is known. */
int accept_order(struct state *state, const void *envelope, size_t size, int64_t now,
		 struct nxt_error *error);

/* An image or policy, which must be called `name`. */
int accept_document(struct state *state, const char *name, enum nxt_type type, const void *envelope,
		    size_t size, struct nxt_error *error);

/*
 * The newest assignment becomes what the workspaces shall be, if all its documents are here. 1: it did; 0:
 * there is nothing new, or documents are missing; -ESTALE, -EXDEV: it contradicts its documents, and is
 * dropped for good.
 */
int assignment_adopt(struct state *state, struct nxt_error *error);

/* The name and type of a document that the newest assignment needs and that is not here. -ENOENT: none. */
int assignment_missing(struct state *state, char ret_name[NXT_SHA256_HEX], enum nxt_type *ret_type);

/* What to ask Center for news beyond. */
int accept_heights(struct state *state, uint64_t *ret_generation, uint64_t *ret_orders);

#endif
