/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What emulate_native_test.c cannot compare with the CPU: restarts, 16 and 32-bit modes, segments, limits
 * on work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "insn/testcpu.h"

#define CODE(...) (u8[]){__VA_ARGS__}, sizeof((u8[]){__VA_ARGS__})
#define PAGE(n) (TEST_BASE + (n)*PAGE_SIZE)

static struct test_cpu cpu;
static struct insn_ctx ctx;

static void setup(enum insn_mode mode)
{
	memset(&cpu, 0, sizeof(cpu));
	test_init(&cpu, &ctx, mode);
	for (u32 i = 0; i < TEST_SIZE; i++)
		cpu.mem[i] = i * 7 + (i >> 8);
	for (u32 i = 0; i < 32; i++)
		cpu.ymm[1][i] = 0x80 + i;
	cpu.regs.rip = 0x1000;
	cpu.regs.rflags = 2;
	cpu.regs.rsp = PAGE(3) + 0x800;
}

static u64 mem(u64 linear, u32 size)
{
	u64 v = 0;

	memcpy(&v, cpu.mem + (linear - TEST_BASE), size);
	return v;
}

static void put_mem(u64 linear, u64 v, u32 size)
{
	memcpy(cpu.mem + (linear - TEST_BASE), &v, size);
}

/* -- restarts ------------------------------------------------------------------------------------- */

/* Instructions with several accesses each; RBX is across the border of pages 1 and 2, RSI and RDI as well. */
static const struct {
	u8 n;
	u8 bytes[8];
} restartable[] = {
	{2, {0x87, 0x03}},	       /* xchg [rbx], eax */
	{3, {0xf0, 0x01, 0x03}},       /* lock add [rbx], eax */
	{3, {0x48, 0x01, 0x03}},       /* add [rbx], rax */
	{2, {0xff, 0x33}},	       /* push [rbx] */
	{2, {0x8f, 0x03}},	       /* pop [rbx] */
	{4, {0x0f, 0xc7, 0x0b, 0x90}}, /* cmpxchg8b [rbx] */
	{4, {0xc5, 0xfe, 0x7f, 0x0b}}, /* vmovdqu [rbx], ymm1 */
	{4, {0xc5, 0xfe, 0x6f, 0x0b}}, /* vmovdqu ymm1, [rbx] */
	{2, {0xf3, 0xa4}},	       /* rep movsb */
	{3, {0xf3, 0x48, 0xa5}},       /* rep movsq */
	{2, {0xf3, 0xa6}},	       /* repe cmpsb */
	{2, {0xf3, 0xab}},	       /* rep stosd */
	{2, {0xff, 0x13}},	       /* call [rbx] */
};

static void setup_restart(u32 devices)
{
	setup(INSN_MODE_64);
	for (u32 i = 0; i < TEST_PAGES; i++)
		cpu.device[i] = devices & (1u << i);
	cpu.regs.rax = 0x1122334455667788;
	cpu.regs.rcx = 9;
	cpu.regs.rbx = PAGE(2) - 3;
	cpu.regs.rsi = PAGE(1) - 5;
	cpu.regs.rdi = PAGE(2) - 4;
	cpu.regs.rsp = PAGE(3) + 4;
	put_mem(cpu.regs.rbx, 0x0000123456789abc, 8);
}

/*
 * For each set of pages that are devices: the page of the n-th access is not resident, for every n until n is
 * past the last. The result must be that of an undisturbed run, with no device access more or less.
 */
/* -- instructions that do not do what their neighbours do ----------------------------------------- */

static void test_sizes_of_their_own(void **state)
{
	(void)state;
	/* MOVNTI has no 2-byte form: in 16-bit mode, too, it moves 4. */
	setup(INSN_MODE_16);
	for (u32 i = 0; i < INSN_SEGS; i++)
		cpu.seg[i].base = TEST_BASE;
	cpu.regs.rbx = 0x100;
	cpu.regs.rax = 0x11223344;
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x0f, 0xc3, 0x07)), INSN_DONE); /* movnti [bx], eax */
	assert_int_equal(mem(PAGE(0) + 0x100, 4), 0x11223344);

	/* MOVSXD reads 4 bytes, whatever it writes: so here it faults. */
	setup(INSN_MODE_64);
	cpu.regs.rbx = PAGE(4) - 2;
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x66, 0x63, 0x03)), INSN_FAULT);
	cpu.regs.rbx = PAGE(0);
	cpu.regs.rax = ~0ULL;
	put_mem(PAGE(0), 0x87654321, 4);
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x66, 0x63, 0x03)), INSN_DONE);
	assert_int_equal(cpu.regs.rax, 0xffffffffffff4321);
}

static void test_vex_register_unused(void **state)
{
	(void)state;
	setup(INSN_MODE_32);
	cpu.regs.rdx = PAGE(0);
	assert_int_equal(test_run(&cpu, &ctx, CODE(0xc4, 0xe1, 0x7a, 0x6f, 0x0a)), INSN_DONE); /* vmovdqu */
	/* vvvv must be all ones, also the bit that no 32-bit program needs (Intel SDM vol. 2, 2.3.5.6). */
	assert_int_equal(test_run(&cpu, &ctx, CODE(0xc4, 0xe1, 0x3a, 0x6f, 0x0a)), INSN_FAULT);
	assert_int_equal(cpu.fault.vector, 6);
}

static void test_every_interruption(void **state)
{
	static struct test_cpu expected;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(restartable); i++) {
		for (u32 devices = 0; devices < 1u << TEST_PAGES; devices++) {
			u32 calls = 1;

			setup_restart(devices);
			assert_int_equal(test_run(&cpu, &ctx, restartable[i].bytes, restartable[i].n),
					 INSN_DONE);
			expected = cpu;
			for (u32 n = 1; n <= calls; n++) {
				setup_restart(devices);
				cpu.resident_at = n;
				assert_int_equal(test_run(&cpu, &ctx, restartable[i].bytes, restartable[i].n),
						 INSN_DONE);
				assert_memory_equal(&cpu.regs, &expected.regs, sizeof(cpu.regs));
				assert_memory_equal(cpu.mem, expected.mem, TEST_SIZE);
				assert_memory_equal(cpu.ymm, expected.ymm, sizeof(cpu.ymm));
				assert_int_equal(cpu.reads, expected.reads);
				assert_int_equal(cpu.writes, expected.writes);
				calls = cpu.calls;
			}
		}
	}
}

static void test_asks_again(void **state)
{
	struct insn_emul st;

	(void)state;
	setup(INSN_MODE_64);
	cpu.device[0] = true;
	cpu.regs.rbx = PAGE(0) + 8;
	insn_start(&st, CODE(0x48, 0x03, 0x03)); /* add rax, [rbx] */
	assert_false(insn_in_flight(&st));
	assert_int_equal(insn_emulate(&st, &ctx), INSN_READ);
	assert_int_equal(insn_emulate(&st, &ctx), INSN_READ);
	assert_true(insn_in_flight(&st));
	assert_int_equal(st.gpa, 8);
	assert_int_equal(st.len, 8);
	assert_int_equal(cpu.regs.rip, 0x1000);
	insn_complete_read(&st, 0x1234);
	insn_complete_read(&st, 0x9999); /* not asked for: ignored */
	assert_int_equal(insn_emulate(&st, &ctx), INSN_DONE);
	assert_int_equal(cpu.regs.rax, 0x1234);
	assert_int_equal(cpu.regs.rip, 0x1003);
	assert_false(insn_in_flight(&st));
}

/*
 * A locked operand that is memory after all, and changes between read and write: nothing happens, RIP
 * stays.
 */
static void test_lock_changed(void **state)
{
	struct insn_emul st;

	(void)state;
	setup(INSN_MODE_64);
	cpu.regs.rbx = PAGE(0);
	put_mem(PAGE(0), 40, 4);
	cpu.regs.rax = 2;
	cpu.change_at = 4; /* translate, read, translate, compare-and-exchange */
	insn_start(&st, CODE(0xf0, 0x01, 0x03));
	assert_int_equal(insn_emulate(&st, &ctx), INSN_DONE);
	assert_int_equal(cpu.regs.rip, 0x1000);
	assert_int_equal(mem(PAGE(0), 4), 41);
	insn_start(&st, CODE(0xf0, 0x01, 0x03));
	assert_int_equal(insn_emulate(&st, &ctx), INSN_DONE);
	assert_int_equal(cpu.regs.rip, 0x1003);
	assert_int_equal(mem(PAGE(0), 4), 43);
}

/* -- faults: nothing may have happened ------------------------------------------------------------ */

static void expect_fault(const u8 *bytes, u32 n, u8 vector, bool has_error)
{
	struct nxt_regs before = cpu.regs;

	assert_int_equal(test_run(&cpu, &ctx, bytes, n), INSN_FAULT);
	assert_int_equal(cpu.fault.vector, vector);
	assert_int_equal(cpu.fault.has_error, has_error);
	assert_memory_equal(&before, &cpu.regs, sizeof(before));
	assert_int_equal(cpu.reads + cpu.writes, 0);
}

static void test_faults(void **state)
{
	(void)state;
	setup(INSN_MODE_64);
	cpu.device[3] = true;

	/* Across the end of what is mapped: no device access before the fault is known. */
	cpu.regs.rbx = PAGE(4) - 4;
	expect_fault(CODE(0x48, 0x8b, 0x03), 14, true);
	assert_int_equal(cpu.fault.cr2, PAGE(4));
	expect_fault(CODE(0x48, 0x89, 0x03), 14, true);
	assert_int_equal(cpu.fault.error, INSN_ACCESS_WRITE);
	/* A read-modify-write faults as a write. */
	ctx.cpl = 3;
	expect_fault(CODE(0x48, 0x01, 0x03), 14, true);
	assert_int_equal(cpu.fault.error, INSN_ACCESS_WRITE | INSN_ACCESS_USER);

	/* Not canonical: #GP, or #SS through the stack registers; also when only the last byte is not. */
	cpu.regs.rbx = 0x8000000000000000;
	expect_fault(CODE(0x8b, 0x03), 13, true);
	cpu.regs.rbx = 0x7ffffffffffe;
	expect_fault(CODE(0x8b, 0x03), 13, true);
	cpu.regs.rbp = 0x8000000000000000;
	expect_fault(CODE(0x8b, 0x45, 0x00), 12, true);
	ctx.cr4 |= BIT(12);
	cpu.regs.rbx = 0x00ff000000000000;
	expect_fault(CODE(0x8b, 0x03), 14, true);
	ctx.cr4 &= ~BIT(12);

	cpu.regs.rbx = PAGE(3);
	expect_fault(CODE(0xf0, 0x8b, 0x03), 6, false); /* lock mov */
	expect_fault(CODE(0xf0, 0x39, 0x03), 6, false); /* lock cmp */
	/* The linear address must be aligned, not the offset. */
	cpu.seg[INSN_GS].base = PAGE(3);
	cpu.regs.rbx = 8;
	expect_fault(CODE(0x65, 0x48, 0x0f, 0xc7, 0x0b), 13, true); /* cmpxchg16b gs:[rbx] */
	expect_fault(CODE(0x65, 0x0f, 0x28, 0x03), 13, true);	    /* movaps xmm0, gs:[rbx] */
	cpu.regs.rbx = PAGE(3);
	ctx.cr0 |= BIT(3);
	expect_fault(CODE(0x0f, 0x11, 0x0b), 7, false); /* movups with CR0.TS */
	ctx.cr4 &= ~BIT(9);
	expect_fault(CODE(0x0f, 0x11, 0x0b), 6, false);
	ctx.xcr0 = 3;
	expect_fault(CODE(0xc5, 0xfc, 0x11, 0x0b), 6, false);
	expect_fault(CODE(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
			  0x66),
		     13, true);
}

static void test_unhandled(void **state)
{
	struct nxt_regs before;

	(void)state;
	setup(INSN_MODE_64);
	cpu.regs.rbx = PAGE(0);
	before = cpu.regs;
	assert_int_equal(test_run(&cpu, &ctx, CODE(0xd9, 0x03)), INSN_UNHANDLED);	/* fld */
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x8b, 0xc3)), INSN_UNHANDLED);	/* no memory */
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x0f, 0xff, 0xc0)), INSN_UNHANDLED); /* ud0 */
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x0f, 0x0b)), INSN_UNHANDLED);	/* ud2 */
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x62, 0xf1, 0x7c, 0x48, 0x10, 0x03)),
			 INSN_UNHANDLED); /* EVEX */
	assert_memory_equal(&before, &cpu.regs, sizeof(before));
}

/* -- segments ------------------------------------------------------------------------------------- */

static void test_real_mode(void **state)
{
	(void)state;
	setup(INSN_MODE_16);
	ctx.cr0 = 0x10;
	for (u32 i = 0; i < INSN_SEGS; i++)
		cpu.seg[i] = (struct nxt_segment){.base = TEST_BASE, .limit = 0xffff, .attr = 0x93};
	cpu.device[0] = true;
	cpu.regs.rbx = 0xabcd0010;
	cpu.regs.rsi = 4;
	put_mem(TEST_BASE + 0x16, 0xbeef, 2);

	assert_int_equal(test_run(&cpu, &ctx, CODE(0x8b, 0x40, 0x02)), INSN_DONE); /* mov ax, [bx + si + 2] */
	assert_int_equal(cpu.regs.rax, 0xbeef);
	/*
	 * The sum wraps at 64 KiB, and an operand across the end of the segment is #GP without an error
	 * code.
	 */
	cpu.regs.rbx = 0xfff0;
	cpu.regs.rsi = 0x26;
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x66, 0x8b, 0x00)), INSN_DONE);
	assert_int_equal((u16)cpu.regs.rax, 0xbeef);
	cpu.regs.rsi = 0xf;
	cpu.reads = 0;
	expect_fault(CODE(0x8b, 0x00), 13, false);
	cpu.regs.rbp = 0xffff;
	expect_fault(CODE(0x8b, 0x46, 0x00), 12, false);

	/* Counter and pointers of a string instruction are 16 bits wide. */
	cpu.regs.rcx = 0x10003;
	cpu.regs.rdi = 0x20000;
	cpu.regs.rax = 'x';
	assert_int_equal(test_run(&cpu, &ctx, CODE(0xf3, 0xaa)), INSN_DONE);
	assert_int_equal(cpu.regs.rcx, 0x10000);
	assert_int_equal(cpu.regs.rdi, 0x20003);
	assert_int_equal(mem(TEST_BASE, 4) & 0xffffff, 0x787878);
}

static void test_protected_mode(void **state)
{
	(void)state;
	setup(INSN_MODE_32);
	cpu.seg[INSN_FS] = (struct nxt_segment){.base = TEST_BASE, .limit = 0xfff, .attr = 0x4093};
	cpu.device[0] = true;
	cpu.regs.rbx = 0xffc;
	put_mem(TEST_BASE + 0xffc, 0x12345678, 4);

	assert_int_equal(test_run(&cpu, &ctx, CODE(0x64, 0x8b, 0x03)), INSN_DONE); /* mov eax, fs:[ebx] */
	assert_int_equal(cpu.regs.rax, 0x12345678);
	cpu.reads = 0;
	cpu.regs.rbx = 0xffd;
	expect_fault(CODE(0x64, 0x8b, 0x03), 13, true); /* limit */
	cpu.regs.rbx = 0;
	cpu.seg[INSN_FS].attr = 0x4091;
	expect_fault(CODE(0x64, 0x89, 0x03), 13, true); /* read-only */
	cpu.seg[INSN_FS].attr = 0x4099;
	expect_fault(CODE(0x64, 0x8b, 0x03), 13, true); /* execute-only code */
	cpu.seg[INSN_FS].attr = 0x4093 | NXT_SEG_UNUSABLE;
	expect_fault(CODE(0x64, 0x8b, 0x03), 13, true);
	cpu.seg[INSN_FS].attr = 0x4097; /* expand-down: valid above the limit */
	expect_fault(CODE(0x64, 0x8b, 0x03), 13, true);
	cpu.regs.rbx = 0x1000;
	assert_int_equal(test_run(&cpu, &ctx, CODE(0x64, 0x8b, 0x03)), INSN_DONE);

	/* CALL checks its target against CS. */
	cpu.seg[INSN_CS].limit = 0xffff;
	cpu.regs.rbx = PAGE(1);
	put_mem(PAGE(1), 0x10000, 4);
	expect_fault(CODE(0xff, 0x13), 13, true);
	put_mem(PAGE(1), 0x2000, 4);
	cpu.regs.rip = 0x1000;
	assert_int_equal(test_run(&cpu, &ctx, CODE(0xff, 0x13)), INSN_DONE);
	assert_int_equal(cpu.regs.rip, 0x2000);
	assert_int_equal(cpu.regs.rsp, PAGE(3) + 0x7fc);
	assert_int_equal(mem(PAGE(3) + 0x7fc, 4), 0x1002);
}

/* -- fetching, bounds on work --------------------------------------------------------------------- */

static void test_fetch(void **state)
{
	(void)state;
	setup(INSN_MODE_64);
	cpu.device[0] = true;
	cpu.absent[1] = cpu.absent[2] = true;
	cpu.regs.rip = PAGE(2) - 2;
	memcpy(cpu.mem + 2 * PAGE_SIZE - 2, (u8[]){0x48, 0x8b, 0x03}, 3);
	cpu.regs.rbx = PAGE(0);
	assert_int_equal(test_run(&cpu, &ctx, NULL, 0), INSN_DONE);
	assert_int_equal(cpu.regs.rip, PAGE(2) + 1);
	assert_int_equal(cpu.regs.rax, mem(PAGE(0), 8));

	/* Code in a device is not emulated; code that is not mapped faults as a fetch. */
	cpu.regs.rip = PAGE(0);
	assert_int_equal(test_run(&cpu, &ctx, NULL, 0), INSN_UNHANDLED);
	cpu.regs.rip = PAGE(5);
	assert_int_equal(test_run(&cpu, &ctx, NULL, 0), INSN_FAULT);
	assert_int_equal(cpu.fault.error, INSN_ACCESS_FETCH);
}

static void test_string_is_bounded(void **state)
{
	struct insn_emul st;
	u32 writes = 0;

	(void)state;
	setup(INSN_MODE_64);
	cpu.device[0] = true;
	cpu.regs.rdi = PAGE(0);
	cpu.regs.rcx = 0x1000;
	insn_start(&st, CODE(0xf3, 0xaa));
	while (insn_emulate(&st, &ctx) == INSN_WRITE)
		writes++;
	assert_int_equal(writes, INSN_STRING_MMIO);
	assert_int_equal(cpu.regs.rcx, 0x1000 - writes);
	assert_int_equal(cpu.regs.rdi, PAGE(0) + writes);
	assert_int_equal(cpu.regs.rip, 0x1000);

	/* Memory, one byte at a time. */
	cpu.regs.rdi = PAGE(1);
	cpu.regs.rcx = 0x2000;
	insn_start(&st, CODE(0xf3, 0xaa));
	assert_int_equal(insn_emulate(&st, &ctx), INSN_DONE);
	assert_int_equal(cpu.regs.rcx, 0x2000 - INSN_STRING_BYTES);

	/* A debugger that single-steps sees each element; RF stays until the last. */
	cpu.regs.rdi = PAGE(1);
	cpu.regs.rcx = 2;
	cpu.regs.rflags |= BIT(8) | BIT(16);
	insn_start(&st, CODE(0xf3, 0xaa));
	assert_int_equal(insn_emulate(&st, &ctx), INSN_DONE);
	assert_int_equal(cpu.regs.rcx, 1);
	assert_true(cpu.regs.rflags & BIT(16));
	insn_start(&st, CODE(0xf3, 0xaa));
	assert_int_equal(insn_emulate(&st, &ctx), INSN_DONE);
	assert_int_equal(cpu.regs.rip, 0x1002);
	assert_false(cpu.regs.rflags & BIT(16));
}

/*
 * The guest moves the operand elsewhere while the device is asked: the old answer is not taken for the new
 * place.
 */
static void test_remapped_meanwhile(void **state)
{
	struct insn_emul st;

	(void)state;
	setup(INSN_MODE_64);
	cpu.device[0] = cpu.device[1] = true;
	cpu.regs.rbx = PAGE(0);
	insn_start(&st, CODE(0x8b, 0x03));
	assert_int_equal(insn_emulate(&st, &ctx), INSN_READ);
	insn_complete_read(&st, 1);
	cpu.regs.rbx = PAGE(1);
	assert_int_equal(insn_emulate(&st, &ctx), INSN_READ);
	assert_int_equal(st.gpa, PAGE_SIZE);
	insn_complete_read(&st, 2);
	assert_int_equal(insn_emulate(&st, &ctx), INSN_DONE);
	assert_int_equal(cpu.regs.rax, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_of_their_own), cmocka_unit_test(test_vex_register_unused),
		cmocka_unit_test(test_every_interruption), cmocka_unit_test(test_asks_again),
		cmocka_unit_test(test_lock_changed),	   cmocka_unit_test(test_faults),
		cmocka_unit_test(test_unhandled),	   cmocka_unit_test(test_real_mode),
		cmocka_unit_test(test_protected_mode),	   cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_string_is_bounded),  cmocka_unit_test(test_remapped_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
