/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_ASSIGN_H
#define CENTER_ASSIGN_H

#include <stdbool.h>
#include <stdint.h>

struct center;
struct request;

/*
 * Signed desired state. All with the lock and in a transaction; they note what PCs and consoles are to be
 * told.
 */

/*
 * Signs a PC's assignment anew if what it shall be has changed. floor is a generation that the PC already
 * knows, beyond which the new one must be; 0 for none. 1: signed, 0: it is as it was.
 */
int assign_pc(struct center *center, const char *pc, int64_t floor);
/* The same for all PCs with a workspace of this image or, if it is NULL, this policy. How many changed. */
int assign_all(struct center *center, const char *image, const char *policy);

/* SQL of the version that workspace w should have, and NULL while no version of its image is deployed. */
#define ASSIGNED_VERSION                                                                                     \
	"coalesce((SELECT s.version FROM staged s WHERE s.image = w.image AND s.pc = w.pc),"                 \
	" (SELECT d.version FROM versions d WHERE d.image = w.image AND d.deployed))"

enum operations_state {
	OPERATIONS_VALID,
	OPERATIONS_ENDING, /* within OPERATIONS_WARNING */
	OPERATIONS_EXPIRED,
	OPERATIONS_MISSING,
};
#define OPERATIONS_WARNING (14 * 24 * 3600)

/* Whether what Center signs is worth anything at now: without a valid certificate PCs are sent nothing. */
enum operations_state operations_state(const struct center *center, int64_t now);
const char *operations_state_text(enum operations_state state);

#endif
