/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any instruction, on any registers, with any answers of memory and devices. The input: one byte of mode and
 * privilege, one that says which pages are devices, one that chooses what disturbs, registers (two bytes
 * each, spread around the memory), then the instruction.
 */
#include "insn/pio_string.h"
#include "insn/testcpu.h"

static struct test_cpu cpu;

static u8 take(const u8 **data, size_t *size)
{
	if (*size == 0)
		return 0;
	(*size)--;
	return *(*data)++;
}

/* Around the memory mostly; sometimes anything. */
static u64 spread(u32 v)
{
	if (v & 0x8000)
		return TEST_BASE - 64 + (v & 0x7fff) % (TEST_SIZE + 128);
	if (v & 0x4000)
		return (u64)(s64)(s16)(v << 2) << (v & 48);
	return v & 0xff;
}

static void fuzz_string_io(const struct insn_ctx *ctx, u8 choice)
{
	static u8 buf[NXT_RUN_DATA];
	struct pio_string p = {
		.size = 1 << (choice % 3),
		.addr_size = insn_mode_of(ctx) / 8,
		.seg = choice % INSN_SEGS,
		.insn_len = 2,
		.in = choice & 0x40,
		.rep = choice & 0x80,
	};
	enum insn_result rc;

	for (u32 i = 0; i < 16; i++) {
		rc = p.in ? pio_string_in_begin(&p, ctx) : pio_string_out(&p, ctx, buf);
		if (rc == INSN_RESIDENT)
			continue;
		if (rc != INSN_DONE)
			return;
		if (p.size * p.count > sizeof(buf))
			abort();
		while (p.in && (rc = pio_string_in(&p, ctx, buf)) == INSN_RESIDENT)
			;
		if (rc != INSN_DONE)
			return;
		pio_string_commit(&p, ctx);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum insn_mode modes[] = {INSN_MODE_16, INSN_MODE_32, INSN_MODE_64, INSN_MODE_64};
	struct insn_ctx ctx;
	struct insn_emul st;
	u8 how = take(&data, &size), devices = take(&data, &size), disturb = take(&data, &size);
	enum insn_result rc;

	memset(&cpu, 0, sizeof(cpu));
	test_init(&cpu, &ctx, modes[how & 3]);
	if ((how & 3) == 0) {
		for (u32 i = 0; i < INSN_SEGS; i++)
			cpu.seg[i] = (struct nxt_segment){.base = TEST_BASE, .limit = 0xffff, .attr = 0x93};
		if (how & 4)
			ctx.cr0 = 0x10;
	}
	ctx.cpl = how & 8 ? 3 : 0;
	for (u32 i = 0; i < TEST_PAGES; i++) {
		cpu.device[i] = devices & (1u << i);
		cpu.absent[i] = devices & (16u << i);
	}
	cpu.resident_at = disturb & 31;
	cpu.change_at = disturb >> 5;
	for (u32 i = 0; i < 16; i++) {
		u32 low = take(&data, &size);

		((u64 *)&cpu.regs)[i] = spread(low | take(&data, &size) << 8);
	}
	cpu.regs.rflags = 2 | (take(&data, &size) << 4 & 0xfd5);
	cpu.regs.rip = how & 16 ? TEST_BASE + PAGE_SIZE - 3 : 0x1000;
	if (how & 32)
		return fuzz_string_io(&ctx, disturb), 0;
	if (size > INSN_MAX_LEN)
		size = INSN_MAX_LEN;
	if (how & 16) {
		memcpy(cpu.mem + PAGE_SIZE - 3, data, size);
		size = 0;
	}

	insn_start(&st, data, size);
	for (u32 steps = 0;; steps++) {
		struct nxt_regs before = cpu.regs;

		if (steps > 4 * INSN_STRING_BYTES)
			abort(); /* work is bounded */
		rc = insn_emulate(&st, &ctx);
		if (rc == INSN_READ || rc == INSN_WRITE)
			test_device(&cpu, &st, rc == INSN_WRITE);
		else if (rc != INSN_RESIDENT)
			break;
		/* Nothing but elements of strings is committed halfway. */
		if (memcmp(&before, &cpu.regs, sizeof(before)) && !st.insn.rep)
			abort();
	}
	if (insn_in_flight(&st))
		abort();
	return 0;
}
