/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A model of all of engine/mem in plain arrays, for the randomized test and the fuzzer: a small machine with
 * three VMs. Each operation is done by Engine's code and by the model; what they say and the state they reach
 * must agree. Any difference prints its place and aborts.
 */
#ifndef ENGINE_MEM_MODEL_H
#define ENGINE_MEM_MODEL_H

#include "lib/types.h"

#define MODEL_OP_BYTES 8

/* A fresh machine. ept: which format the control domain's table has. The VMs use both. */
void model_start(bool ept);

/* One operation; any bytes are valid. */
void model_op(const u8 op[MODEL_OP_BYTES]);

/* Compares all of the state, from the tables' raw bits up, and checks that nobody reaches what is not theirs.
 */
void model_check(void);

/* Destroys every VM, lets go of everything, and checks that all is as it was at the start. */
void model_finish(void);

#endif
