/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_STATUS_H
#define NXT_AGENT_STATUS_H

#include <jansson.h>

#include "pc/agent/agent.h"
#include "pc/agent/state.h"

/* How the PC is, as Center's API has it ("Status"). For json_decref(). */
int status_build(struct agent *agent, struct state *state, json_t **ret);

/* The same for people at the PC: with titles, the connection to Center, and why things wait. */
int status_build_local(struct agent *agent, struct state *state, json_t **ret);

#endif
