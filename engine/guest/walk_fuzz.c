/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks page tables made of the input, which also says in what mode. A small memory, used again and again. */
#include <stdlib.h>
#include <string.h>

#include "guest/walk.h"

static u8 memory[0x4000];
static u32 calls;

static int reach(u64 gpa, u32 len)
{
	if ((len != 4 && len != 8) || gpa % len)
		abort();
	if (++calls > 1000)
		abort(); /* work is bounded */
	if (gpa >> 46)
		return WALK_NO_MEMORY;
	return calls % 29 == 28 ? WALK_RESIDENT : WALK_OK;
}

static int fuzz_read(void *cpu, u64 gpa, void *buf, u32 len)
{
	int rc = reach(gpa, len);

	(void)cpu;
	if (!rc)
		memcpy(buf, memory + gpa % sizeof(memory), len);
	return rc;
}

static int fuzz_cmpxchg(void *cpu, u64 gpa, u64 old, u64 new, u32 len, bool *done)
{
	u8 *at = memory + gpa % sizeof(memory);
	int rc = reach(gpa, len);

	(void)cpu;
	if (rc)
		return rc;
	/* The CPU sets accessed and dirty bits, and nothing else. */
	if (((old ^ new) & ~0x60ULL) || (old & ~new))
		abort();
	*done = memcmp(at, &old, len) == 0;
	if (*done)
		memcpy(at, &new, len);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct walk_ops ops = {fuzz_read, fuzz_cmpxchg};
	struct walk_mode mode;
	struct walk out;
	u64 head[6], pdptr[4];
	enum walk_result rc;

	if (size < sizeof(head))
		return 0;
	memcpy(head, data, sizeof(head));
	memset(memory, 0, sizeof(memory));
	for (size_t i = 0; i < sizeof(memory) && size > sizeof(head); i++)
		memory[i] = data[sizeof(head) + i % (size - sizeof(head))];
	memcpy(pdptr, memory, sizeof(pdptr));
	mode = (struct walk_mode){
		.cr0 = head[0],
		.cr3 = head[1],
		.cr4 = head[2],
		.efer = head[3],
		.rflags = head[0],
		.maxphyaddr = head[4] >> 8,
		.no_1g = head[4] & 1,
		.pdptr = head[4] & 2 ? pdptr : NULL,
	};
	calls = 0;
	rc = guest_walk(&ops, NULL, &mode, head[5], head[4] >> 16 & (WALK_WRITE | WALK_USER | WALK_FETCH),
			head[4] & 4, &out);
	if (rc > WALK_NO_MEMORY)
		abort();
	if (rc == WALK_OK && out.gpa >> 52)
		abort();
	return 0;
}
