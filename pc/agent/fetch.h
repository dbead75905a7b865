/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_FETCH_H
#define NXT_AGENT_FETCH_H

#include "common/error.h"
#include "pc/agent/http.h"
#include "pc/agent/image.h"

/* How many blocks are asked for at once. */
#define FETCH_PARALLEL 6

/*
 * Fetches all blocks that are missing from Center, side by side, each verified before it is put; what came
 * stays, however this ends. -ECANCELED: the agent stops. -EBADMSG: Center's block is damaged, or another
 * one. -ECONNREFUSED, -EREMOTEIO: worth another try later. -ESTALE: Center refuses, for example because it
 * has no such block.
 */
int fetch_blocks(struct agent *agent, const struct state_pc *pc, struct image_part *part,
		 struct nxt_error *error);

#endif
