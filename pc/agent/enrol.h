/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_ENROL_H
#define NXT_AGENT_ENROL_H

#include "common/error.h"
#include "pc/agent/agent.h"
#include "pc/agent/state.h"

/*
 * Enrols this PC with an enrolment text (docs/protocol.md): pins Center's CA and the release key, has a
 * certificate made for a key that it makes, and saves all that at once. -EALREADY: it is enrolled. -EINVAL:
 * the text is wrong. -EKEYREJECTED: the keys that Center shows are not those that the text stands for.
 */
int enrol(struct agent *agent, struct state *state, const char *text, struct nxt_error *error);

/* Asks for a new certificate when 60 days of the present one are over. 1: got one; 0: not yet. */
int enrol_renew(struct agent *agent, struct state *state, struct nxt_error *error);

/*
 * Looks for an enrolment text on the kernel's command line (nxtop.enrol=), in the file nxtop-enrol of the
 * state directory, and on a file system labelled NXTOP-ENROL. *ret is for free(). -ENOENT: none.
 */
int enrol_find(struct state *state, char **ret);

#endif
