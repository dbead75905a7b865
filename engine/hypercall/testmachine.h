/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small PC for tests of the hypercalls: memory in an array, CPUs that are threads, and the SVM back end
 * without the processor, so that everything is real but running a guest. Its checks look at raw page tables,
 * not at what Engine says of them.
 */
#ifndef ENGINE_HYPERCALL_TESTMACHINE_H
#define ENGINE_HYPERCALL_TESTMACHINE_H

#include "abi/hypercall.h"
#include "lib/types.h"

/* Chunk 0 is Engine's own, half of chunk 1 is no RAM, all others are the control domain's. */
#define ENGINE_CHUNK 0
#define HOLE_CHUNK 1
#define FIRST_CHUNK 2
#define CHUNK_PFN(chunk) ((u64)(chunk)*NXT_CHUNK_FRAMES)

struct answer {
	s64 result;
	u64 rdx; /* as the hypercall left it */
};

/* A PC with so many chunks of memory, at most MACHINE_CHUNKS_MAX; no VM may exist. */
#define MACHINE_CHUNKS_MAX 160
void machine_start(u32 chunks);

/* The calling thread is that CPU from now on. Who does not say is CPU 0. */
#define MACHINE_CPUS 4
void machine_be_cpu(u32 index);

/* The control domain executes the hypercall instruction on this CPU. args are RDI, RSI, RDX, R10, R8. */
struct answer machine_call(u64 number, const u64 args[5]);

/* Is it one of the errors that a hypercall may return? */
bool machine_is_error(s64 result);

/* How often the control domain's TLBs were flushed. */
u64 machine_flushes(void);

/* Who owns each frame: equal before and after a call that changed nothing. */
u64 machine_owners_hash(void);

/* Aborts unless everybody reaches what is theirs, and nothing else: the control domain, and each VM. */
void machine_check(void);

/* Destroys all VMs, and aborts unless all memory is as it was at the start. */
void machine_stop(void);

#endif
