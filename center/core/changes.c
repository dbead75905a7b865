/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/changes.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/core/center.h"
#include "common/hex.h"

int changes_init(struct changes *changes)
{
	uint8_t boot[8];

	memset(changes, 0, sizeof(*changes));
	if (RAND_bytes(boot, sizeof(boot)) != 1)
		return -EIO;
	nxt_hex_encode(boot, sizeof(boot), changes->boot);
	return 0;
}

void changes_done(struct changes *changes)
{
	free(changes->noted);
	free(changes->pcs);
}

static bool grow(void **list, size_t *room, size_t n, size_t size)
{
	void *larger;

	if (n < *room)
		return true;
	larger = reallocarray(*list, *room ? 2 * *room : 16, size);
	if (!larger)
		return false;
	*list = larger;
	*room = *room ? 2 * *room : 16;
	return true;
}

void changes_note(struct center *center, const char *what, const char *id)
{
	struct changes *changes = &center->changes;
	struct change *change;

	if (!grow((void **)&changes->noted, &changes->noted_room, changes->n_noted,
		  sizeof(*changes->noted))) {
		changes->overflow = true;
		return;
	}
	change = &changes->noted[changes->n_noted++];
	change->what = what;
	snprintf(change->id, sizeof(change->id), "%s", id);
}

void changes_note_news(struct center *center, const char *pc)
{
	struct changes *changes = &center->changes;

	if (!grow((void **)&changes->pcs, &changes->pcs_room, changes->n_pcs, sizeof(*changes->pcs))) {
		changes->overflow = true;
		return;
	}
	snprintf(changes->pcs[changes->n_pcs++], NXT_ID_SIZE, "%s", pc);
}

void changes_tell(struct center *center)
{
	struct changes *changes = &center->changes;

	if (changes->overflow)
		waiters_wake_pcs(&center->waiters);
	for (size_t i = 0; i < changes->n_pcs; i++)
		waiters_wake_pc(&center->waiters, changes->pcs[i]);
	for (size_t i = 0; i < changes->n_noted; i++)
		changes->kept[changes->next++ % CHANGES_KEPT] = changes->noted[i];
	if (changes->overflow)
		changes->next += CHANGES_KEPT + 1;
	if (changes->n_noted || changes->overflow)
		waiters_wake_consoles(&center->waiters);
	changes_forget(center);
}

void changes_forget(struct center *center)
{
	center->changes.n_noted = 0;
	center->changes.n_pcs = 0;
	center->changes.overflow = false;
}

json_t *changes_since(struct changes *changes, const char *position, bool *ret_any)
{
	json_t *list = json_array();
	uint64_t from = changes->next;
	bool reset = false;
	char now[64];

	if (*position) {
		size_t boot = strlen(changes->boot);
		char *end = NULL;

		if (!strncmp(position, changes->boot, boot) && position[boot] == '-')
			from = strtoull(position + boot + 1, &end, 10);
		/* Of another run, from the future, or too long ago. */
		reset = !end || *end || from > changes->next || changes->next - from > CHANGES_KEPT;
	}
	for (; !reset && from < changes->next; from++) {
		const struct change *change = &changes->kept[from % CHANGES_KEPT];

		json_array_append_new(list, json_pack("{s:s, s:s}", "what", change->what, "id", change->id));
	}
	*ret_any = reset || json_array_size(list) || !*position;
	snprintf(now, sizeof(now), "%s-%" PRIu64, changes->boot, changes->next);
	return json_pack("{s:s, s:b, s:o}", "position", now, "reset", reset, "changes", list);
}
