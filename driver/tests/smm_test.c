// SPDX-License-Identifier: GPL-2.0-only
/* What a CPU's registers become on the way into system management mode and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>
#include <cmocka.h>

#include "smm_logic.h"

/* 64-bit code of a program. */
static struct smm_cpu cpu_of_program(void)
{
	struct smm_cpu cpu = {
		.regs = {.rax = 1,
			 .rcx = 2,
			 .rdx = 3,
			 .rbx = 4,
			 .rsp = 5,
			 .rbp = 6,
			 .rsi = 7,
			 .rdi = 8,
			 .r8 = 9,
			 .r9 = 10,
			 .r10 = 11,
			 .r11 = 12,
			 .r12 = 13,
			 .r13 = 14,
			 .r14 = 15,
			 .r15 = 16,
			 .rip = 0xffffffff81000000,
			 .rflags = 0x246},
		.sregs = {.cs = {.selector = 0x33, .limit = 0xffffffff, .attr = 0xa0fb},
			  .ds = {.selector = 0x2b, .limit = 0xffffffff, .attr = 0xc0f3},
			  .es = {.attr = NXT_SEG_UNUSABLE},
			  .fs = {.base = 0x7f0012345678, .attr = NXT_SEG_UNUSABLE},
			  .gs = {.base = 0xffff888000000000, .attr = NXT_SEG_UNUSABLE},
			  .ss = {.selector = 0x2b, .limit = 0xffffffff, .attr = 0xc0f3},
			  .tr = {.selector = 0x40, .base = 0xfffffe0000003000, .limit = 0x4087, .attr = 0x8b},
			  .ldt = {.attr = NXT_SEG_UNUSABLE},
			  .gdt = {.base = 0xfffffe0000001000, .limit = 0x7f},
			  .idt = {.base = 0xfffffe0000000000, .limit = 0xfff},
			  .cr0 = 0x80050033,
			  .cr2 = 0x1234,
			  .cr3 = 0x1000,
			  .cr4 = 0x6f0,
			  .cr8 = 5,
			  .efer = 0xd01,
			  .apic_base = 0xfee00900},
		.debugregs = {.db = {1, 2, 3, 4}, .dr6 = 0xffff0ff0, .dr7 = 0x403},
		.smbase = 0x7ffb0000,
	};

	return cpu;
}

static u64 field(const struct smm_area *area, unsigned int at, size_t size)
{
	u64 value = 0;

	memcpy(&value, (const char *)area + at - SMM_AREA, size);
	return value;
}

/* Places from APM vol. 2, table 10-1. */
static void test_layout(void **state)
{
	(void)state;
	struct smm_cpu cpu = cpu_of_program();
	struct smm_area area;

	memset(&area, 0xee, sizeof(area));
	smm_save(&area, &cpu);
	assert_int_equal(field(&area, 0xfe10, 2), 0x33);       /* CS: selector, */
	assert_int_equal(field(&area, 0xfe12, 2), 0xa0fb);     /* attributes, */
	assert_int_equal(field(&area, 0xfe14, 4), 0xffffffff); /* limit; */
	assert_int_equal(field(&area, 0xfe48, 8), 0x7f0012345678);
	assert_int_equal(field(&area, 0xfe42, 2), 0);
	assert_int_equal(field(&area, 0xfe64, 2), 0x7f); /* GDTR: limit, base */
	assert_int_equal(field(&area, 0xfe68, 8), 0xfffffe0000001000);
	assert_int_equal(field(&area, 0xfe84, 2), 0xfff);
	assert_int_equal(field(&area, 0xfe90, 2), 0x40);
	assert_int_equal(field(&area, 0xfec8, 2), 0); /* nothing to be restarted */
	assert_int_equal(field(&area, 0xfed0, 8), 0xd01);
	assert_int_equal(field(&area, 0xfefc, 4), 0x20064);
	assert_int_equal(field(&area, 0xff00, 4), 0x7ffb0000);
	assert_int_equal(field(&area, 0xff48, 8), 0x6f0);
	assert_int_equal(field(&area, 0xff50, 8), 0x1000);
	assert_int_equal(field(&area, 0xff58, 8), 0x80050033);
	assert_int_equal(field(&area, 0xff60, 8), 0x403);
	assert_int_equal(field(&area, 0xff68, 8), 0xffff0ff0);
	assert_int_equal(field(&area, 0xff70, 8), 0x246);
	assert_int_equal(field(&area, 0xff78, 8), 0xffffffff81000000);
	assert_int_equal(field(&area, 0xff80, 8), 16);
	assert_int_equal(field(&area, 0xffd8, 8), 5);
	assert_int_equal(field(&area, 0xfff8, 8), 1);
}

static void test_enter(void **state)
{
	(void)state;
	struct smm_cpu before = cpu_of_program(), cpu = before;

	smm_enter(&cpu);
	assert_int_equal(cpu.regs.rip, 0x8000);
	assert_int_equal(cpu.regs.rflags, 2);
	assert_int_equal(cpu.regs.r15, 16);
	assert_int_equal(cpu.sregs.cs.base, 0x7ffb0000);
	assert_int_equal(cpu.sregs.cs.selector, 0xb000);
	assert_int_equal(cpu.sregs.cs.limit, 0xffffffff);
	assert_int_equal(cpu.sregs.ss.attr >> 5 & 3, 0); /* CPL 0 */
	assert_int_equal(cpu.sregs.ds.base, 0);
	assert_int_equal(cpu.sregs.fs.base, 0);
	assert_int_equal(cpu.sregs.fs.attr, 0x8093);
	assert_int_equal(cpu.sregs.cr0, 0x50032);
	assert_int_equal(cpu.sregs.cr4, 0);
	assert_int_equal(cpu.sregs.efer, 0);
	assert_int_equal(cpu.sregs.idt.limit, 0);
	assert_int_equal(cpu.sregs.gdt.base, before.sregs.gdt.base);
	assert_int_equal(cpu.sregs.cr3, before.sregs.cr3);
	assert_int_equal(cpu.sregs.cr8, 5);
	assert_int_equal(cpu.sregs.apic_base, before.sregs.apic_base);
	assert_int_equal(cpu.debugregs.dr7, 0x400);
	assert_int_equal(cpu.debugregs.dr6, before.debugregs.dr6);
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct smm_cpu before = cpu_of_program(), cpu = before;
	struct smm_area area;

	smm_save(&area, &cpu);
	smm_enter(&cpu);
	smm_restore(&cpu, &area);
	assert_memory_equal(&cpu, &before, sizeof(cpu));

	/* What is not in the area, the handler changes for good. */
	cpu.sregs.cr2 = 0x5678;
	cpu.sregs.cr8 = 7;
	cpu.debugregs.db[2] = 9;
	smm_restore(&cpu, &area);
	assert_int_equal(cpu.sregs.cr2, 0x5678);
	assert_int_equal(cpu.sregs.cr8, 7);
	assert_int_equal(cpu.debugregs.db[2], 9);
}

/* What a handler writes there is taken, and makes no state that contradicts itself. */
static void test_changed_area(void **state)
{
	(void)state;
	struct smm_cpu cpu = cpu_of_program();
	struct smm_area area;

	smm_save(&area, &cpu);
	area.smbase = 0x9f000;
	area.rax = 0x77;
	area.cs.attr = 0xffff;
	area.efer &= ~0x400ull;
	smm_restore(&cpu, &area);
	assert_int_equal(cpu.smbase, 0x9f000);
	assert_int_equal(cpu.regs.rax, 0x77);
	assert_int_equal(cpu.sregs.cs.attr, 0xf0ff);
	assert_int_equal(cpu.sregs.efer, 0xd01);

	area.cr0 = 0x10;
	area.efer = 0x500;
	smm_restore(&cpu, &area);
	assert_int_equal(cpu.sregs.efer, 0x100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_enter),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_changed_area),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
