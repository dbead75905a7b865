/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the control domain gets for instructions that are Engine's alone. Exit codes are those of AMD's manual
 * (APM vol. 2, appendix C), the exception is read as VMRUN would (15.20).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cd/cd.h"
#include "cpu/bits.h"
#include "cpu/kick.h"
#include "cpu/reset.h"
#include "cpu/trap.h"
#include "hypercall/hypercall.h"
#include "mem/identity.h"
#include "svm/svm.h"

#define VMMCALL 0x81
#define UD (1u << 31 | 3u << 8 | 6u) /* valid, an exception, vector 6, no error code */
#define START 0xffffffff81000000ull

static struct vmcb vmcb;
static struct cpu cpu = {.cd.hw = &vmcb};
static jmp_buf entered_again;
static u64 code, injected;
static u32 entries, hypercalls;

void hypercall(struct cpu *self)
{
	assert_ptr_equal(self, &cpu);
	hypercalls++;
}

bool kick_must_stop(void)
{
	return false;
}

/* What no exit here leads to. */
bool kick_is_ours(const struct cpu *self)
{
	(void)self;
	fail();
	return false;
}

u64 identity_root(void)
{
	fail();
	return 0;
}

void cd_cpuid(struct cpu *self)
{
	(void)self;
	fail();
}

void cd_memory_fault(struct cpu *self, const struct exit *exit)
{
	(void)self;
	(void)exit;
	fail();
}

bool cd_read_msr(struct cpu *self, u32 index, u64 *value)
{
	(void)self;
	(void)index;
	(void)value;
	fail();
	return false;
}

bool cd_write_msr(struct cpu *self, u32 index, u64 value)
{
	(void)self;
	(void)index;
	(void)value;
	fail();
	return false;
}

void log_line(const char *fmt, ...)
{
	(void)fmt;
	fail();
}

void reset_pc(void)
{
	fail();
	__builtin_unreachable();
}

void panic(const char *fmt, ...)
{
	fail_msg("Engine panics: %s", fmt);
	__builtin_unreachable();
}

/* Exits once, and sees at the next entry what was made of it. */
static void run(struct context *ctx, struct exit *exit)
{
	assert_ptr_equal(ctx, &cpu.cd);
	injected = vmcb.event_inj;
	if (entries++)
		longjmp(entered_again, 1);
	vmcb.exit_code = code;
	svm_decode_exit(&vmcb, exit);
}

static const struct vendor_ops ops = {
	.run = run,
	.get_paging = svm_get_paging,
	.inject = svm_inject,
	.pending = svm_pending,
};
const struct vendor_ops *vendor = &ops;

static void executes(u64 exit_code, u8 cpl, u64 efer)
{
	code = exit_code;
	entries = hypercalls = 0;
	vmcb = (struct vmcb){.cpl = cpl, .efer = efer | EFER_SVME, .rip = START};
	cpu.cd.regs.rip = START;
	if (!setjmp(entered_again))
		cd_run(&cpu);
	assert_int_equal(entries, 2);
}

static void is_undefined(void)
{
	assert_int_equal(injected, UD);
	assert_true(cpu.cd.regs.rip == START);
	assert_int_equal(hypercalls, 0);
}

/* As on a processor without SVM. */
static void test_svm_instructions(void **state)
{
	/* INVLPGA, VMRUN, VMLOAD, VMSAVE, STGI, CLGI, SKINIT. */
	static const u64 codes[] = {0x7a, 0x80, 0x82, 0x83, 0x84, 0x85, 0x86};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		for (u8 cpl = 0; cpl < 4; cpl++) {
			executes(codes[i], cpl, EFER_LME | EFER_LMA);
			is_undefined();
			executes(codes[i], cpl, 0);
			is_undefined();
		}
	}
}

/* A hypercall is one by the kernel, in long mode, and nobody else's. */
static void test_hypercall(void **state)
{
	(void)state;
	for (u8 cpl = 1; cpl < 4; cpl++) {
		executes(VMMCALL, cpl, EFER_LME | EFER_LMA);
		is_undefined();
	}
	executes(VMMCALL, 0, 0);
	is_undefined();
	executes(VMMCALL, 0, EFER_LME);
	is_undefined();
	executes(VMMCALL, 0, EFER_LME | EFER_LMA);
	assert_int_equal(injected, 0);
	assert_int_equal(hypercalls, 1);
	assert_true(cpu.cd.regs.rip == START + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_svm_instructions),
		cmocka_unit_test(test_hypercall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
