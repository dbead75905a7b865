/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests and fuzzers only: a vCPU with a few pages of memory, any of which can be a device, and a loop
 * that plays Engine and the control domain.
 */
#ifndef ENGINE_INSN_TESTCPU_H
#define ENGINE_INSN_TESTCPU_H

#include <stdlib.h>
#include <string.h>

#include "insn/emulate.h"

#define TEST_PAGES 4
#define TEST_BASE 0x10000000ULL /* linear address of the memory, which is guest-physical 0 */
#define TEST_SIZE (TEST_PAGES * PAGE_SIZE)

struct test_cpu {
	struct nxt_regs regs;
	struct nxt_segment seg[INSN_SEGS];
	u8 ymm[16][32];
	u8 mem[TEST_SIZE];
	bool device[TEST_PAGES]; /* accesses are MMIO */
	bool absent[TEST_PAGES]; /* answers "make it resident" once */
	u32 calls;		 /* memory callbacks so far */
	u32 resident_at;	 /* the call that answers "make it resident", 0: none */
	u32 change_at;		 /* the ram_cmpxchg call that finds another value */
	u32 reads, writes;	 /* of devices */
	struct insn_fault fault;
};

static int test_translate(void *arg, u64 linear, u32 access, u64 *gpa, struct insn_fault *fault)
{
	struct test_cpu *t = arg;

	if (linear - TEST_BASE >= TEST_SIZE) {
		*fault = (struct insn_fault){.vector = 14, .has_error = true, .error = access, .cr2 = linear};
		return INSN_MEM_FAULT;
	}
	*gpa = linear - TEST_BASE;
	return ++t->calls == t->resident_at ? INSN_MEM_RESIDENT : INSN_MEM_OK;
}

static int test_access(struct test_cpu *t, u64 gpa, u32 len)
{
	u64 page = gpa >> PAGE_SHIFT;

	if (gpa >= TEST_SIZE || len > PAGE_SIZE - (gpa & ~PAGE_MASK))
		abort(); /* the emulator was told to keep to a page */
	if (++t->calls == t->resident_at)
		return INSN_MEM_RESIDENT;
	if (t->absent[page]) {
		t->absent[page] = false;
		return INSN_MEM_RESIDENT;
	}
	return t->device[page] ? INSN_MEM_MMIO : INSN_MEM_OK;
}

static int test_ram(void *arg, u64 gpa, void *buf, u32 len, bool write)
{
	struct test_cpu *t = arg;
	int rc = test_access(t, gpa, len);

	if (rc)
		return rc;
	if (write)
		memcpy(t->mem + gpa, buf, len);
	else
		memcpy(buf, t->mem + gpa, len);
	return 0;
}

static int test_cmpxchg(void *arg, u64 gpa, u64 old, u64 new, u32 len)
{
	struct test_cpu *t = arg;
	int rc = test_access(t, gpa, len);

	if (rc)
		return rc;
	if (t->calls == t->change_at)
		t->mem[gpa] ^= 1;
	if (memcmp(t->mem + gpa, &old, len))
		return INSN_MEM_CHANGED;
	memcpy(t->mem + gpa, &new, len);
	return 0;
}

static void test_segment(void *arg, enum insn_seg seg, struct nxt_segment *out)
{
	*out = ((struct test_cpu *)arg)->seg[seg];
}

static void test_xmm(void *arg, u32 index, u8 buf[32], enum insn_xmm op)
{
	u8 *reg = ((struct test_cpu *)arg)->ymm[index];

	if (op == INSN_XMM_READ)
		memcpy(buf, reg, 32);
	else
		memcpy(reg, buf, op == INSN_XMM_WRITE128 ? 16 : 32);
}

static const struct insn_ops test_ops = {
	.translate = test_translate,
	.ram = test_ram,
	.ram_cmpxchg = test_cmpxchg,
	.segment = test_segment,
	.xmm = test_xmm,
};

static inline void test_init(struct test_cpu *t, struct insn_ctx *ctx, enum insn_mode mode)
{
	static const u32 cs_attr[] = {
		[INSN_MODE_16] = 0x9b, [INSN_MODE_32] = 0x409b, [INSN_MODE_64] = 0x209b};

	for (u32 i = 0; i < INSN_SEGS; i++)
		t->seg[i] = (struct nxt_segment){.limit = 0xffffffff, .attr = 0x4093};
	t->seg[INSN_CS].attr = cs_attr[mode];
	if (mode == INSN_MODE_16)
		t->seg[INSN_SS].attr = 0x93;
	*ctx = (struct insn_ctx){
		.ops = &test_ops,
		.cpu = t,
		.regs = &t->regs,
		.cr0 = 0x80000011,
		.cr4 = BIT(5) | BIT(9) | BIT(18),
		.efer = mode == INSN_MODE_64 ? 0x500 : 0,
		.xcr0 = 7,
	};
}

/* The device behind a page is memory too: so results can be compared with those of memory. */
static void test_device(struct test_cpu *t, struct insn_emul *st, bool write)
{
	u64 data = 0;

	if (st->len == 0 || st->len > 8 || st->gpa + st->len > TEST_SIZE || !t->device[st->gpa >> PAGE_SHIFT])
		abort();
	if (write) {
		memcpy(t->mem + st->gpa, &st->data, st->len);
		t->writes++;
	} else {
		memcpy(&data, t->mem + st->gpa, st->len);
		insn_complete_read(st, data);
		t->reads++;
	}
}

/* Runs one instruction; between steps its state moves in memory, as between CPUs. */
static inline enum insn_result test_run(struct test_cpu *t, const struct insn_ctx *ctx, const u8 *bytes,
					u32 n)
{
	struct insn_emul here, *st = malloc(sizeof(*st));
	enum insn_result result = INSN_DONE;
	u64 start = ctx->regs->rip;

	insn_start(st, bytes, n);
	for (u32 rounds = 0; rounds < 100000; rounds++) {
		result = insn_emulate(st, ctx);
		here = *st;
		memset(st, 0xa5, sizeof(*st));
		free(st);
		st = malloc(sizeof(*st));
		*st = here;

		if (result == INSN_READ || result == INSN_WRITE) {
			test_device(t, st, result == INSN_WRITE);
		} else if (result == INSN_DONE && ctx->regs->rip == start && rounds < 99999) {
			insn_start(st, bytes, n); /* as the guest would run it again */
		} else if (result != INSN_RESIDENT) {
			break;
		}
	}
	t->fault = st->fault;
	free(st);
	return result;
}

#endif
