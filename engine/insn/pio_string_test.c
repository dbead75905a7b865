/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INS and OUTS against a model that moves one element at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "insn/pio_string.h"
#include "insn/testcpu.h"

#define DF BIT(10)

static struct test_cpu cpu;
static struct insn_ctx ctx;
static u8 device[1 << 16]; /* what the device gave, or took, so far */
static u32 device_bytes;

static u64 rng_state = 88172645463325252;

static u32 pick(u32 n)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (rng_state >> 20) % n;
}

static enum insn_result again(enum insn_result rc, u32 *residents)
{
	if (rc == INSN_RESIDENT)
		(*residents)++;
	return rc;
}

/* One round, as Engine does it. Returns INSN_DONE or what stopped it. */
static enum insn_result one_round(struct pio_string *p)
{
	u8 buf[NXT_RUN_DATA];
	u32 residents = 0;
	enum insn_result rc;

	if (!p->in) {
		while ((rc = again(pio_string_out(p, &ctx, buf), &residents)) == INSN_RESIDENT)
			;
		if (rc)
			return rc;
		assert_true(p->count * p->size <= NXT_RUN_DATA);
		memcpy(device + device_bytes, buf, p->count * p->size);
	} else {
		while ((rc = again(pio_string_in_begin(p, &ctx), &residents)) == INSN_RESIDENT)
			;
		if (rc)
			return rc;
		assert_true(p->count * p->size <= NXT_RUN_DATA);
		memcpy(buf, device + device_bytes, p->count * p->size);
		/* Memory can go away again between the two. */
		for (u32 i = 0; i < TEST_PAGES; i++)
			cpu.absent[i] = pick(2);
		while ((rc = again(pio_string_in(p, &ctx, buf), &residents)) == INSN_RESIDENT)
			;
		if (rc)
			return rc;
	}
	assert_true(residents <= 8);
	device_bytes += p->count * p->size;
	pio_string_commit(p, &ctx);
	return INSN_DONE;
}

static void setup(enum insn_mode mode)
{
	memset(&cpu, 0, sizeof(cpu));
	test_init(&cpu, &ctx, mode);
	for (u32 i = 0; i < INSN_SEGS && mode != INSN_MODE_64; i++)
		cpu.seg[i].base = TEST_BASE;
	for (u32 i = 0; i < TEST_SIZE; i++)
		cpu.mem[i] = pick(256);
	for (u32 i = 0; i < sizeof(device); i++)
		device[i] = pick(256);
	device_bytes = 0;
	cpu.regs.rip = 0x1000;
	for (u32 i = 0; i < TEST_PAGES; i++)
		cpu.absent[i] = pick(2);
}

static void test_against_model(void **state)
{
	static const enum insn_mode modes[] = {INSN_MODE_16, INSN_MODE_32, INSN_MODE_64};
	static u8 mem[TEST_SIZE], expected[sizeof(device)];

	(void)state;
	for (u32 trial = 0; trial < 3000; trial++) {
		enum insn_mode mode = modes[pick(3)];
		struct pio_string p = {.size = 1 << pick(3), .insn_len = 2, .seg = INSN_DS};
		u64 *pointer, at, count, upper = (u64)pick(2) << 40;
		bool down = pick(2);
		u32 rounds = 0;

		setup(mode);
		p.addr_size = mode / 8;
		p.in = pick(2);
		p.rep = pick(4);
		count = p.rep ? pick(3) ? pick(900) : pick(4) : 1;
		pointer = p.in ? &cpu.regs.rdi : &cpu.regs.rsi;
		at = PAGE_SIZE * 2 - 100 + pick(200);
		if (mode == INSN_MODE_64)
			at += TEST_BASE;
		*pointer = at + (mode == INSN_MODE_64 ? 0 : upper);
		cpu.regs.rcx = p.rep ? count + (mode == INSN_MODE_64 ? 0 : upper) : 77;
		cpu.regs.rflags = 2 | (down ? DF : 0);

		memcpy(mem, cpu.mem, sizeof(mem));
		memcpy(expected, device, sizeof(expected));
		for (u64 i = 0; i < count; i++) {
			u64 linear = at + (down ? -(i * p.size) : i * p.size);
			u8 *m = mem + (mode == INSN_MODE_64 ? linear - TEST_BASE : linear);

			memcpy(p.in ? m : expected + i * p.size, p.in ? device + i * p.size : m, p.size);
		}

		do {
			assert_int_equal(one_round(&p), INSN_DONE);
			assert_true(++rounds < (down ? 1000 : 20));
		} while (cpu.regs.rip == 0x1000);

		assert_memory_equal(mem, cpu.mem, sizeof(mem));
		assert_memory_equal(expected, device, sizeof(expected));
		assert_int_equal(device_bytes, count * p.size);
		assert_int_equal(cpu.regs.rip, 0x1002);
		at += down ? -(count * p.size) : count * p.size;
		/* 16 bits leave what is above alone; 32 bits clear it, as every write of 32 bits does. */
		assert_int_equal(*pointer, mode == INSN_MODE_16 ? at + upper : at);
		if (p.rep)
			assert_int_equal(cpu.regs.rcx, mode == INSN_MODE_16 ? upper : 0);
		else
			assert_int_equal(cpu.regs.rcx, 77);
	}
}

/*
 * A fault in the middle: the elements before it were moved and committed, the registers stand at the one
 * that faults.
 */
static void test_fault_in_the_middle(void **state)
{
	struct pio_string p = {.size = 4, .addr_size = 8, .insn_len = 2, .in = true, .rep = true};

	(void)state;
	setup(INSN_MODE_64);
	cpu.regs.rflags = 2;
	cpu.regs.rdi = TEST_BASE + TEST_SIZE - 10;
	cpu.regs.rcx = 5;
	assert_int_equal(one_round(&p), INSN_DONE);
	assert_int_equal(cpu.regs.rcx, 3);
	assert_int_equal(one_round(&p), INSN_FAULT);
	assert_int_equal(p.fault.vector, 14);
	assert_int_equal(p.fault.cr2, TEST_BASE + TEST_SIZE);
	assert_int_equal(p.fault.error, INSN_ACCESS_WRITE);
	assert_int_equal(cpu.regs.rcx, 3);
	assert_int_equal(cpu.regs.rdi, TEST_BASE + TEST_SIZE - 2);
	assert_int_equal(cpu.regs.rip, 0x1000);
}

static void test_segment_limit(void **state)
{
	struct pio_string p = {.size = 2, .addr_size = 4, .insn_len = 2, .rep = true, .seg = INSN_FS};

	(void)state;
	setup(INSN_MODE_32);
	cpu.regs.rflags = 2;
	cpu.seg[INSN_FS].limit = 5;
	cpu.regs.rcx = 4;
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(one_round(&p), INSN_DONE);
	assert_int_equal(one_round(&p), INSN_FAULT);
	assert_int_equal(p.fault.vector, 13);
	assert_int_equal(cpu.regs.rcx, 1);
	assert_int_equal(cpu.regs.rsi, 6);
}

static void test_no_memory(void **state)
{
	struct pio_string p = {.size = 1, .addr_size = 8, .insn_len = 2, .in = true, .rep = true};

	(void)state;
	setup(INSN_MODE_64);
	cpu.device[0] = true;
	cpu.regs.rcx = 3;
	cpu.regs.rdi = TEST_BASE;
	assert_int_equal(one_round(&p), INSN_UNHANDLED);
	p.in = false;
	p.seg = INSN_DS;
	cpu.regs.rsi = TEST_BASE;
	assert_int_equal(one_round(&p), INSN_UNHANDLED);
	/* A count of 0 touches nothing. */
	cpu.regs.rcx = 0;
	assert_int_equal(one_round(&p), INSN_DONE);
	assert_int_equal(cpu.regs.rip, 0x1002);
}

/* User space changes the count while the device is asked: the round never grows, and may become nothing. */
static void test_count_changed(void **state)
{
	static const u64 counts[] = {1, 3, 8192, 0};
	u8 data[4] = {0xaa, 0xaa, 0xaa, 0xaa};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct pio_string p = {.size = 1, .addr_size = 8, .insn_len = 2, .in = true, .rep = true};
		u64 moved = counts[i] < 3 ? counts[i] : 3;

		setup(INSN_MODE_64);
		cpu.regs.rcx = 3;
		cpu.regs.rdi = TEST_BASE;
		memset(cpu.absent, 0, sizeof(cpu.absent));
		assert_int_equal(pio_string_in_begin(&p, &ctx), INSN_DONE);
		assert_int_equal(p.count, 3);
		cpu.regs.rcx = counts[i];
		assert_int_equal(pio_string_in(&p, &ctx, data), INSN_DONE);
		pio_string_commit(&p, &ctx);
		assert_int_equal(cpu.regs.rdi, TEST_BASE + moved);
		assert_int_equal(cpu.regs.rcx, counts[i] - moved);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model), cmocka_unit_test(test_fault_in_the_middle),
		cmocka_unit_test(test_segment_limit), cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_count_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
