/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_CHANGES_H
#define CENTER_CHANGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/names.h"

struct center;

/*
 * What changed, for consoles that wait, and which PCs have news. A transaction notes it; when it has been
 * committed, changes_tell() makes it known, and when not, changes_forget().
 */
#define CHANGES_KEPT 1024

struct change {
	const char *what; /* a word of abi/center.yaml */
	char id[NXT_NAME_SIZE];
};

struct changes {
	char boot[17]; /* of this run: positions of another one mean nothing */
	uint64_t next;
	struct change kept[CHANGES_KEPT]; /* a ring */
	struct change *noted;
	size_t n_noted, noted_room;
	char (*pcs)[NXT_ID_SIZE];
	size_t n_pcs, pcs_room;
	bool overflow; /* there was no memory for a note: everybody is told to look again */
};

int changes_init(struct changes *changes);
void changes_done(struct changes *changes);

void changes_note(struct center *center, const char *what, const char *id);
void changes_note_news(struct center *center, const char *pc); /* an assignment or an order */
void changes_tell(struct center *center);
void changes_forget(struct center *center);

/* What came after a position ("": nothing, only where one is now), as abi/center.yaml has it. */
json_t *changes_since(struct changes *changes, const char *position, bool *ret_any);

#endif
