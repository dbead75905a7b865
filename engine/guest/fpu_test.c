/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a world switch exchanges by software: MSRs and debug registers. fpu.c is compiled here, for a
 * processor that the test plays: it has the control domain's values at first, and must have them again after
 * the guest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ENGINE_CPU_ASM_H /* the instructions are those below */
#include "lib/cpuid.h"
#include "lib/types.h"

/* Their numbers, and the CPUID bits that say which there are: APM vol. 2, appendix A; vol. 3, appendix E. */
#define SPEC_CTRL 0x48u
#define TSC_AUX 0xc0000103u
#define IBRS BIT(14) /* 0x80000008 EBX */
#define STIBP BIT(15)
#define SSBD BIT(24)
#define PSFD BIT(28)

static struct {
	u64 spec_ctrl, tsc_aux, db[4];
	u64 reserved; /* bits of SPEC_CTRL that are #GP */
	u32 speculation;
	bool rdtscp;
} hw;

static u64 *hw_msr(u32 index)
{
	if (index == SPEC_CTRL && hw.speculation)
		return &hw.spec_ctrl;
	if (index == TSC_AUX && hw.rdtscp)
		return &hw.tsc_aux;
	fail_msg("MSR %#x is not there", index);
	return NULL;
}

static inline u64 rdmsr(u32 index)
{
	return *hw_msr(index);
}

bool wrmsr_safe(u32 index, u64 value)
{
	if (index == SPEC_CTRL && value & hw.reserved)
		return false;
	*hw_msr(index) = value;
	return true;
}

static inline void wrmsr(u32 index, u64 value)
{
	assert_true(wrmsr_safe(index, value));
}

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	(void)subleaf;
	switch (leaf) {
	case 0x80000000:
		return (struct cpuid_regs){.eax = 0x80000008};
	case 0x80000001:
		return (struct cpuid_regs){.edx = hw.rdtscp ? (u32)BIT(27) : 0};
	case 0x80000008:
		return (struct cpuid_regs){.ebx = hw.speculation};
	default:
		return (struct cpuid_regs){0}; /* no XSAVE */
	}
}

static inline u64 rdtsc(void)
{
	return 0;
}

static inline u64 xgetbv0(void)
{
	fail();
	return 0;
}

static inline void xsetbv0(u64 value)
{
	(void)value;
	fail();
}

#define DEFINE_DR(n)                                                                                         \
	static inline u64 read_dr##n(void)                                                                   \
	{                                                                                                    \
		return hw.db[n];                                                                             \
	}                                                                                                    \
	static inline void write_dr##n(u64 value)                                                            \
	{                                                                                                    \
		hw.db[n] = value;                                                                            \
	}
DEFINE_DR(0)
DEFINE_DR(1)
DEFINE_DR(2)
DEFINE_DR(3)

#include "guest/fpu.c"
#include "guest/testguest.h"

static u8 cd_fpu[PAGE_SIZE] ALIGNED(64);
static struct vcpu *vcpu;

/* A processor that has these bits, and a guest that was told of all. */
static void start(u32 speculation, bool rdtscp)
{
	static const u8 nop[] = {0x90};

	memset(&hw, 0, sizeof(hw));
	hw.speculation = speculation;
	hw.rdtscp = rdtscp;
	cpu_has.known = false;
	vcpu = guest_executes(0x1000, nop, sizeof(nop));
	vcpu->cpuid.features.word[CPUID_E8_EBX] = IBRS | STIBP | SSBD | PSFD;
	vcpu->cpuid.features.word[CPUID_E1_EDX] = (u32)BIT(27);
	this_cpu()->fpu = cd_fpu;
	vcpu_fpu_reset(vcpu);
}

static void load(void)
{
	vcpu_load_extra(vcpu, this_cpu());
}

static void unload(void)
{
	vcpu_unload_extra(vcpu, this_cpu());
}

/* The guest executes WRMSR while it is loaded. */
static void guest_writes(u32 index, u64 value)
{
	vcpu->ctx.regs.rcx = index;
	vcpu->ctx.regs.rax = (u32)value;
	vcpu->ctx.regs.rdx = value >> 32;
	assert_int_equal(vcpu_exit(vcpu, &(struct exit){.kind = EXIT_MSR, .msr.write = true}), CONTINUE);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
}

static void sees_its_own(u32 index, u64 cd, u64 first, u64 then)
{
	u64 *msr = hw_msr(index);

	*msr = cd;
	if (index == SPEC_CTRL)
		vcpu->spec_ctrl = first;
	else
		vcpu->tsc_aux = (u32)first;
	load();
	assert_int_equal(*msr, first);
	unload();
	assert_int_equal(*msr, cd);
	load();
	guest_writes(index, then);
	assert_int_equal(*msr, then);
	unload();
	assert_int_equal(*msr, cd);
	load();
	assert_int_equal(*msr, then);
	unload();
	assert_int_equal(*msr, cd);
}

/* Equal values among them: who compares instead of writing must compare with what is there. */
static void for_all_values(u32 index)
{
	for (u64 cd = 0; cd < 3; cd++) {
		for (u64 first = 0; first < 3; first++) {
			for (u64 then = 0; then < 3; then++)
				sees_its_own(index, cd, first, then);
		}
	}
}

/* Any of these features brings the MSR. */
static void test_spec_ctrl(void **state)
{
	const u32 brings[] = {IBRS, STIBP, SSBD, PSFD, IBRS | STIBP | SSBD | PSFD};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(brings); i++) {
		start(brings[i], true);
		for_all_values(SPEC_CTRL);
	}
}

static void test_tsc_aux(void **state)
{
	(void)state;
	start(0, true);
	for_all_values(TSC_AUX);
}

/* The guest's CPUID may claim bits that the processor does not have. */
static void test_refused(void **state)
{
	(void)state;
	start(IBRS, true);
	hw.reserved = BIT(2);
	hw.spec_ctrl = 1;
	load();
	guest_writes(SPEC_CTRL, 2);
	guest_writes(SPEC_CTRL, BIT(2));
	unload();
	assert_int_equal(hw.spec_ctrl, 1);
	load();
	unload();
	assert_int_equal(hw.spec_ctrl, 1);
}

/* Or the whole MSR: nothing is touched then. */
static void test_not_there(void **state)
{
	(void)state;
	start(0, false);
	load();
	guest_writes(SPEC_CTRL, 1);
	guest_writes(TSC_AUX, 1);
	unload();
	load();
	unload();
}

/* From their first use on. */
static void test_debug_registers(void **state)
{
	static const u64 cd[] = {0x11, 0x22, 0x33, 0x44}, guest[] = {0x55, 0x66, 0x77, 0x88};

	(void)state;
	start(0, false);
	memcpy(hw.db, cd, sizeof(cd));
	load();
	assert_memory_equal(hw.db, cd, sizeof(cd));
	assert_int_equal(vcpu_exit(vcpu, &(struct exit){.kind = EXIT_DR}), CONTINUE);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(hw.db[i], 0);
	memcpy(hw.db, guest, sizeof(guest));
	unload();
	assert_memory_equal(hw.db, cd, sizeof(cd));
	load();
	assert_memory_equal(hw.db, guest, sizeof(guest));
	unload();
	assert_memory_equal(hw.db, cd, sizeof(cd));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, guest_setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spec_ctrl), TEST(test_tsc_aux),	  TEST(test_refused),
		TEST(test_not_there), TEST(test_debug_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
