/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RDMSR and WRMSR that the control domain wants to hear of: asked before, or told where #GP would follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/testguest.h"

#define UNKNOWN 0x474f4f00u
#define X2APIC_VERSION 0x803u
#define START 0x1000u

static struct vcpu *vcpu;
static struct nxt_run *run;

static s64 access(u32 exits, bool write, u32 index, u64 value)
{
	vcpu = guest_vcpu(0);
	run = guest_run_page(0);
	vcpu->msr_exits = exits;
	vcpu->event = (struct event){0};
	vcpu->ctx.regs.rip = START;
	vcpu->ctx.regs.rcx = 0xffffffff00000000 | index;
	vcpu->ctx.regs.rax = 0xffffffff00000000 | (u32)value;
	vcpu->ctx.regs.rdx = 0xffffffff00000000 | value >> 32;
	return vcpu_msr_exit(vcpu, &(struct exit){.kind = EXIT_MSR, .msr.write = write});
}

static s64 answer(u32 flags)
{
	assert_int_equal(vcpu->pending, PENDING_MSR);
	assert_int_equal(vcpu->ctx.regs.rip, START);
	vcpu->pending = PENDING_NONE;
	return vcpu_finish_msr(vcpu, flags);
}

static void is_gp(s64 reason)
{
	assert_int_equal(reason, CONTINUE);
	assert_int_equal(vcpu->event.type, EVENT_EXCEPTION);
	assert_int_equal(vcpu->event.vector, VECTOR_GP);
	assert_int_equal(vcpu->ctx.regs.rip, START);
}

static void is_done(s64 reason)
{
	assert_int_equal(reason, CONTINUE);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
	assert_int_equal(vcpu->ctx.regs.rip, START + 2);
}

static void is_told(s64 reason, u32 index, bool write, enum nxt_msr_reason why)
{
	assert_int_equal(reason, NXT_EXIT_MSR);
	assert_int_equal(run->msr.index, index);
	assert_int_equal(run->msr.write, write);
	assert_int_equal(run->msr.reason, why);
}

static void test_not_asked_for(void **state)
{
	(void)state;
	is_gp(access(0, false, UNKNOWN, 0));
	is_gp(access(0, true, MSR_PAT, 2));
	is_done(access(0, true, MSR_PAT, 0x0606060606060606));
	is_done(access(0, false, MSR_PAT, 0));
	assert_int_equal(vcpu->ctx.regs.rax, 0x06060606);
	assert_int_equal(vcpu->ctx.regs.rdx, 0x06060606);
}

static void test_asked(void **state)
{
	const u64 data = 0x1122334455667788;

	(void)state;
	is_told(access(NXT_RUN_ASK_MSR, true, MSR_PAT, 0x0404040406060606), MSR_PAT, true, NXT_MSR_ASKED);
	assert_int_equal(run->msr.value, 0x0404040406060606);
	is_done(answer(NXT_RUN_MSR_GO));
	is_told(access(NXT_RUN_ASK_MSR, false, MSR_PAT, 0), MSR_PAT, false, NXT_MSR_ASKED);
	is_done(answer(NXT_RUN_MSR_GO));
	assert_int_equal(vcpu->ctx.regs.rax, 0x06060606);
	assert_int_equal(vcpu->ctx.regs.rdx, 0x04040404);

	/* User space has it. A write changes no register. */
	is_told(access(NXT_RUN_ASK_MSR, false, UNKNOWN, 0), UNKNOWN, false, NXT_MSR_ASKED);
	memcpy(run->data, &data, sizeof(data));
	is_done(answer(NXT_RUN_MSR_DONE));
	assert_int_equal(vcpu->ctx.regs.rax, 0x55667788);
	assert_int_equal(vcpu->ctx.regs.rdx, 0x11223344);
	is_told(access(NXT_RUN_ASK_MSR, true, UNKNOWN, 5), UNKNOWN, true, NXT_MSR_ASKED);
	is_done(answer(NXT_RUN_MSR_DONE));
	assert_int_equal((u32)vcpu->ctx.regs.rax, 5);

	is_told(access(NXT_RUN_ASK_MSR, true, UNKNOWN, 5), UNKNOWN, true, NXT_MSR_ASKED);
	is_gp(answer(0));
	/* What may go on may still be wrong. */
	is_told(access(NXT_RUN_ASK_MSR, true, UNKNOWN, 5), UNKNOWN, true, NXT_MSR_ASKED);
	is_gp(answer(NXT_RUN_MSR_GO));
}

static void test_x2apic_is_not_asked_for(void **state)
{
	(void)state;
	is_gp(access(NXT_RUN_ASK_MSR, false, X2APIC_VERSION, 0));
	assert_int_equal(vcpu->pending, PENDING_NONE);
}

static void test_told(void **state)
{
	const u32 both = NXT_RUN_ASK_MSR | NXT_RUN_TELL_MSR;

	(void)state;
	is_done(access(NXT_RUN_TELL_MSR, true, MSR_PAT, 0x0606060606060606));
	is_told(access(NXT_RUN_TELL_MSR, true, MSR_PAT, 2), MSR_PAT, true, NXT_MSR_INVALID);
	is_gp(answer(0));
	is_told(access(NXT_RUN_TELL_MSR, false, UNKNOWN, 0), UNKNOWN, false, NXT_MSR_UNKNOWN);
	is_done(answer(NXT_RUN_MSR_DONE));
	is_told(access(both, true, MSR_PAT, 2), MSR_PAT, true, NXT_MSR_ASKED);
	is_told(answer(NXT_RUN_MSR_GO), MSR_PAT, true, NXT_MSR_INVALID);
	is_done(answer(NXT_RUN_MSR_DONE));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, guest_setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_not_asked_for),
		CASE(test_asked),
		CASE(test_x2apic_is_not_asked_for),
		CASE(test_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
