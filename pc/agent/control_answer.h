/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_CONTROL_ANSWER_H
#define NXT_AGENT_CONTROL_ANSWER_H

#include <jansson.h>

#include "pc/agent/agent.h"
#include "pc/agent/control_request.h"
#include "pc/agent/state.h"

/*
 * What to answer: {"ok": true, ...} or {"ok": false, "error": ...}. What takes time has no answer yet: then
 * *ret is NULL, and *ret_job the job that is waited for, or 0 for an enrolment; control_outcome() gives the
 * answer when there is one.
 */
int control_answer(struct agent *agent, struct state *state, const struct control_request *request,
		   json_t **ret, int64_t *ret_job);

/* *ret is NULL while it lasts. */
int control_outcome(struct agent *agent, struct state *state, int64_t job, json_t **ret);

json_t *control_error(const char *text);

#endif
