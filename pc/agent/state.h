/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_STATE_H
#define NXT_AGENT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/document.h"
#include "common/names.h"
#include "common/trust.h"
#include "pc/agent/db.h"

/*
 * What the PC knows, in state.db of its state directory: one connection for each thread. Functions return
 * negative errnos as db.h has them; -ENOENT: no such row.
 */
struct state {
	sqlite3 *db;
	int dir;    /* the state directory */
	char *path; /* its absolute path, for libvirt */
};

/* Opens <path>/state.db; makes the directory and its folders when they are not there. */
int state_open(const char *path, struct state *ret);
void state_close(struct state *state); /* may be given one that is all zero */

/* Who this PC is and whom it trusts. What it points to is its own. */
struct state_pc {
	char id[NXT_ID_SIZE];
	char host[256];
	uint16_t port;
	struct nxt_public_key release;
	char *ca, *private_key, *certificate; /* PEM */
};

void state_pc_done(struct state_pc *pc);
int state_pc_load(struct state *state, struct state_pc *ret);
int state_pc_save(struct state *state, const struct state_pc *pc);
/* The release key and, if there is one, the operations certificate in force. -ENOENT: not enrolled. */
int state_trust_load(struct state *state, struct nxt_trust *ret);

int state_fact_get(struct state *state, const char *name, char **ret);
int state_fact_set(struct state *state, const char *name, const char *value); /* NULL removes it */

/* Documents are verified before they are put here. Loading one again parses it, and no more. */
int state_document_put(struct state *state, const char *name, enum nxt_type type, const void *envelope,
		       size_t size);
int state_document_load(struct state *state, const char *name, enum nxt_type type, struct nxt_document *ret);
bool state_document_has(struct state *state, const char *name, enum nxt_type type);

struct workspace {
	char id[NXT_ID_SIZE];
	char title[NXT_TITLE_SIZE];
	bool assigned;
	char wanted_manifest[NXT_SHA256_HEX], wanted_policy[NXT_SHA256_HEX];
	char image[NXT_NAME_SIZE]; /* image, version, manifest: "", 0, "" before the first overlay */
	uint64_t version;
	char manifest[NXT_SHA256_HEX];
	char good_manifest[NXT_SHA256_HEX]; /* "": none was healthy yet */
	char good_snapshot[NXT_NAME_SIZE];  /* "": go back to the version as published */
	char held[NXT_SHA256_HEX], held_why[16];
	int64_t overlay, pending_overlay; /* 0: none */
	char pending_snapshot[NXT_NAME_SIZE], pending_why[16];
	bool power;	  /* whether it shall run */
	unsigned starts;  /* since it was healthy, or somebody asked for it, last */
	int64_t started;  /* the running guest's start; 0: none runs, as far as is known */
	int64_t deadline; /* until when it should be healthy, by CLOCK_BOOTTIME: clocks of PCs jump */
	bool healthy;	  /* since its start */
	char state[16];
	char detail[512];
};

int workspace_load(struct state *state, const char *id, struct workspace *ret);
/* All ids in *ret, for free(), in the order of their titles; how many there are. */
int workspace_list(struct state *state, char (**ret)[NXT_ID_SIZE]);
/* Id, unambiguous start of an id (4 characters or more), or title. -ENOENT, -ENOTUNIQ. */
int workspace_find(struct state *state, const char *text, char ret[NXT_ID_SIZE]);
/* Changes the row only if it says something else. */
int workspace_set_state(struct state *state, struct workspace *workspace, const char *name,
			const char *detail);

/* Whether a version is whole on the disk. */
bool image_is_ready(struct state *state, const struct nxt_image *image);

/*
 * Something happened: for people at the PC (nxtop log), and for Center. Kind is a name such as "started",
 * severity "info", "warning" or "error". order and outcome ("done", "failed", "expired", "refused") for the
 * end of an order, else NULL; workspace may be NULL. Of confirmed events the last EVENTS_KEPT stay.
 */
#define EVENTS_KEPT 5000
#define EVENT_MESSAGE_MAX 400 /* bytes */
int event_add(struct state *state, const char *severity, const char *kind, const char *workspace,
	      const char *order, const char *outcome, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

#endif
