/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The paravirtual clock of a VM: set by hypercalls, asked for by MSRs, found in guest memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/testguest.h"

#define KHZ 2000000ull
#define GPA 0x5000ull

static u64 rdx;

static s64 call(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	return guest_call(number, (const u64[5]){a, b, c, d, e}, &rdx);
}

static s64 set_clock(u64 tsc, u64 ns, u64 flags)
{
	return call(NXT_HC_VM_SET_CLOCK, guest_vm(), tsc, ns, KHZ, flags);
}

/* As a guest does it; its CPUID is not what this is about. */
static int guest_wrmsr(u32 id, u32 index, u64 value)
{
	struct msr_ctx ctx = vcpu_msr_ctx(guest_vcpu(id));

	guest_vcpu(id)->msr_reason = CONTINUE;
	return ctx.hw_write(ctx.vcpu, index, value, false);
}

static const struct pvclock_time *time_at(u64 gpa)
{
	return guest_ram(gpa);
}

static void enable(u32 id, u64 gpa)
{
	assert_int_equal(guest_wrmsr(id, MSR_KVM_SYSTEM_TIME, gpa | 1), 0);
	assert_true(vcpu_clock_due(guest_vcpu(id)));
}

static void write_due(u32 id)
{
	assert_true(vcpu_clock_due(guest_vcpu(id)));
	assert_int_equal(vcpu_write_clock(guest_vcpu(id)), CONTINUE);
	assert_false(vcpu_clock_due(guest_vcpu(id)));
}

static void test_hypercalls(void **state)
{
	(void)state;
	assert_int_equal(call(NXT_HC_VM_GET_CLOCK, guest_vm(), 0, 7, 0, 0), -NXT_EINVAL); /* not set yet */
	assert_int_equal(rdx, 7);
	assert_int_equal(call(NXT_HC_VM_SET_CLOCK, guest_vm() + 1, 0, 0, KHZ, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_GET_CLOCK, guest_vm() + 1, 0, 0, 0, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_SET_CLOCK, guest_vm(), 0, 0, PVCLOCK_KHZ_MIN - 1, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_SET_CLOCK, guest_vm(), 0, 0, PVCLOCK_KHZ_MAX + 1, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_SET_CLOCK, guest_vm(), 0, 0, KHZ, 2), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_GET_CLOCK, guest_vm(), 0, 0, 0, 0), -NXT_EINVAL);

	assert_int_equal(set_clock(1000, 500, 0), 0);
	assert_int_equal(rdx, 0); /* nobody wants it */
	assert_int_equal(call(NXT_HC_VM_GET_CLOCK, guest_vm(), 3000, 0, 0, 0), 0);
	assert_int_equal(rdx, 1500);
	assert_int_equal(set_clock(1000, ~0ull, NXT_CLOCK_STABLE), 0);
	assert_int_equal(call(NXT_HC_VM_GET_CLOCK, guest_vm(), 1000, 0, 0, 0), 1);
	assert_int_equal(rdx, ~0ull);
}

static void test_page(void **state)
{
	const struct pvclock_time *time = time_at(GPA + 8);
	struct vcpu *vcpu = guest_vcpu(0);
	u64 value;
	struct msr_ctx ctx = vcpu_msr_ctx(vcpu);

	(void)state;
	guest_map(GPA, NXT_MAP_WRITE);
	enable(0, GPA + 8);
	assert_int_equal(ctx.hw_read(vcpu, MSR_KVM_SYSTEM_TIME_OLD, true, &value), 0);
	assert_int_equal(value, (GPA + 8) | 1);
	write_due(0); /* the clock was never set: nothing to tell */
	assert_int_equal(time->version, 0);

	assert_int_equal(set_clock(1000, 500, NXT_CLOCK_STABLE), 0);
	assert_int_equal(rdx, 1);
	write_due(0);
	assert_int_equal(time->version, 2);
	assert_int_equal(time->tsc, 1000 + vcpu->tsc_offset);
	assert_int_equal(time->ns, 500);
	assert_int_equal(time->mul, 0x80000000u);
	assert_int_equal(time->shift, 0);
	assert_int_equal(time->flags, PVCLOCK_TSC_STABLE);

	assert_int_equal(set_clock(2000, 900, 0), 0);
	write_due(0);
	assert_int_equal(time->version, 4);
	assert_int_equal(time->ns, 900);
	assert_int_equal(time->flags, 0);

	assert_int_equal(guest_wrmsr(0, MSR_KVM_SYSTEM_TIME, GPA), 0); /* off */
	assert_int_equal(set_clock(2000, 0, 0), 0);
	assert_int_equal(rdx, 0);
	assert_false(vcpu_clock_due(vcpu));
	assert_int_equal(time->ns, 900);
}

/* Only what lies in memory, in one page, is written; a page that can be had is asked for. */
static void test_hostile_places(void **state)
{
	static const u64 nowhere[] = {PAGE_SIZE - 30, GPA + PAGE_SIZE - 2, BIT(51), ~1ull, BIT(63)};
	struct vcpu *vcpu = guest_vcpu(0);
	const struct nxt_run *run = guest_run_page(0);

	(void)state;
	assert_int_equal(set_clock(1000, 500, NXT_CLOCK_STABLE), 0);
	guest_map(0, NXT_MAP_WRITE);
	guest_map(GPA, NXT_MAP_WRITE);
	guest_map(GPA + PAGE_SIZE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		enable(0, nowhere[i]);
		if (vcpu_write_clock(vcpu) == NXT_EXIT_RESIDENT) {
			assert_int_equal(vcpu->pending, PENDING_CLOCK);
			assert_int_equal(run->npf.gpa, nowhere[i]);
			assert_true(vcpu_clock_due(vcpu));
			vcpu_finish_clock(vcpu, NXT_RUN_UNBACKED);
			vcpu->pending = PENDING_NONE;
		}
		assert_false(vcpu_clock_due(vcpu));
	}

	/* Read-only, for now perhaps. */
	enable(0, GPA + PAGE_SIZE);
	assert_int_equal(vcpu_write_clock(vcpu), NXT_EXIT_RESIDENT);
	vcpu_finish_clock(vcpu, 0);
	assert_true(vcpu_clock_due(vcpu));
	vcpu_finish_clock(vcpu, NXT_RUN_UNBACKED);
	assert_false(vcpu_clock_due(vcpu));

	/* A device. */
	guest_map(GPA + 2 * PAGE_SIZE, NXT_MAP_MMIO);
	enable(0, GPA + 2 * PAGE_SIZE);
	write_due(0);

	for (u64 i = 0; i < PAGE_2M / sizeof(u64); i++)
		assert_true(((const u64 *)guest_ram(0))[i] == 0);
	enable(0, GPA + PAGE_SIZE - 32);
	write_due(0);
	assert_int_equal(time_at(GPA + PAGE_SIZE - 32)->ns, 500);
	vcpu->pending = PENDING_NONE;
}

/* A vCPU whose TSC goes its own way ends the promise for all. */
static void test_one_tsc(void **state)
{
	(void)state;
	guest_map(GPA, NXT_MAP_WRITE);
	guest_add_vcpu(1);
	assert_int_equal(guest_vcpu(0)->tsc_offset, guest_vcpu(1)->tsc_offset);
	assert_int_equal(set_clock(1000, 500, NXT_CLOCK_STABLE), 0);
	enable(0, GPA);
	enable(1, GPA + 64);
	write_due(0);
	write_due(1);
	assert_int_equal(time_at(GPA)->flags, PVCLOCK_TSC_STABLE);
	assert_int_equal(time_at(GPA + 64)->flags, PVCLOCK_TSC_STABLE);

	assert_int_equal(guest_wrmsr(1, MSR_TSC_ADJUST, 4096), 0);
	assert_int_equal(guest_vcpu(1)->kick_mask, 3);
	write_due(0);
	write_due(1);
	assert_int_equal(time_at(GPA)->flags, 0);
	assert_int_equal(time_at(GPA + 64)->flags, 0);
	assert_int_equal(time_at(GPA + 64)->tsc, time_at(GPA)->tsc + 4096);
	assert_int_equal(call(NXT_HC_VM_GET_CLOCK, guest_vm(), 1000, 0, 0, 0), 0);

	assert_int_equal(guest_wrmsr(1, MSR_TSC_ADJUST, 0), 0);
	write_due(0);
	assert_int_equal(time_at(GPA)->flags, PVCLOCK_TSC_STABLE);
	assert_int_equal(call(NXT_HC_VM_GET_CLOCK, guest_vm(), 1000, 0, 0, 0), 1);
	guest_vcpu(1)->kick_mask = 0;
}

static void test_stopped(void **state)
{
	(void)state;
	guest_map(GPA, NXT_MAP_WRITE);
	assert_int_equal(set_clock(1000, 500, 0), 0);
	assert_int_equal(call(NXT_HC_VCPU_INJECT, guest_vm(), 0, NXT_INJECT_STOPPED, 0, 0), -NXT_EINVAL);
	enable(0, GPA);
	write_due(0);
	assert_int_equal(call(NXT_HC_VCPU_INJECT, guest_vm(), 0, NXT_INJECT_STOPPED, 0, 0), 0);
	assert_int_equal(rdx, 1);
	write_due(0);
	assert_int_equal(time_at(GPA)->flags, PVCLOCK_GUEST_STOPPED);
	/* INIT takes the clock away, as with KVM. */
	vcpu_reset(guest_vcpu(0), true, 0);
	assert_int_equal(call(NXT_HC_VCPU_INJECT, guest_vm(), 0, NXT_INJECT_STOPPED, 0, 0), -NXT_EINVAL);
	assert_false(vcpu_clock_due(guest_vcpu(0)));
}

static void test_wall_clock(void **state)
{
	const struct pvclock_wall *wall = (const void *)time_at(GPA);
	struct vcpu *vcpu = guest_vcpu(0);
	struct nxt_run *run = guest_run_page(0);

	(void)state;
	assert_int_equal(set_clock(0, 0, 0), 0);
	assert_int_equal(guest_wrmsr(0, MSR_KVM_WALL_CLOCK, 0), 0);
	assert_int_equal(vcpu->msr_reason, CONTINUE);
	assert_int_equal(guest_wrmsr(0, MSR_KVM_WALL_CLOCK_OLD, GPA), 0);
	assert_int_equal(vcpu->msr_reason, NXT_EXIT_WALL_CLOCK);
	assert_int_equal(vcpu->pending, PENDING_WALL_CLOCK);

	/* The page is missing: what the control domain said outlives the exit that asks for it. */
	run->wall_clock.tsc = 2 * KHZ * 1000; /* the clock shows 2 s */
	run->wall_clock.ns = 1000ull * 1000000000 + 5;
	assert_int_equal(vcpu_finish_wall_clock(vcpu), NXT_EXIT_RESIDENT);
	assert_int_equal(vcpu->pending, PENDING_WALL_WRITE);
	memset(&run->wall_clock, 0xff, sizeof(run->wall_clock));
	guest_map(GPA, NXT_MAP_WRITE);
	assert_int_equal(vcpu_finish_wall_write(vcpu, 0), CONTINUE);
	assert_int_equal(wall->version, 2);
	assert_int_equal(wall->sec, 998);
	assert_int_equal(wall->nsec, 5);

	assert_int_equal(guest_wrmsr(0, MSR_KVM_WALL_CLOCK, GPA + PAGE_SIZE), 0);
	assert_int_equal(vcpu_finish_wall_clock(vcpu), NXT_EXIT_RESIDENT);
	assert_int_equal(vcpu_finish_wall_write(vcpu, NXT_RUN_UNBACKED), CONTINUE);
	vcpu->pending = PENDING_NONE;
}

static void test_steal(void **state)
{
	/* steal, version, flags, preempted and nothing more */
	u64 *words = guest_ram(GPA);
	u32 *version = (u32 *)&words[1];
	struct nxt_run *run = guest_run_page(0);
	struct vcpu *vcpu = guest_vcpu(0);

	(void)state;
	guest_map(GPA, NXT_MAP_WRITE);
	assert_int_equal(guest_wrmsr(0, MSR_KVM_STEAL_TIME, GPA | 0x3e), -NXT_EINVAL);
	run->steal_ns = 100;
	vcpu_take_steal(vcpu);
	assert_false(vcpu->steal.due); /* not asked for */

	words[0] = 1000; /* restored from elsewhere */
	words[2] = ~0ull << 8 | 1;
	*version = 5;
	assert_int_equal(guest_wrmsr(0, MSR_KVM_STEAL_TIME, GPA | 1), 0);
	vcpu_take_steal(vcpu);
	assert_true(vcpu->steal.due);
	assert_int_equal(vcpu_write_steal(vcpu), CONTINUE);
	assert_int_equal(words[0], 1100);
	assert_int_equal(*version, 8);
	assert_int_equal(words[2], ~0ull << 8);
	vcpu_take_steal(vcpu);
	assert_false(vcpu->steal.due);

	/* The page is away: nothing is lost. */
	run->steal_ns = 130;
	vcpu_take_steal(vcpu);
	vcpu->steal.msr += PAGE_SIZE;
	assert_int_equal(vcpu_write_steal(vcpu), NXT_EXIT_RESIDENT);
	assert_int_equal(vcpu->pending, PENDING_STEAL);
	assert_int_equal(run->npf.gpa, GPA + PAGE_SIZE);
	vcpu_finish_steal(vcpu, 0);
	assert_true(vcpu->steal.due);
	vcpu->steal.msr -= PAGE_SIZE;
	assert_int_equal(vcpu_write_steal(vcpu), CONTINUE);
	assert_int_equal(words[0], 1130);

	/* Nor does it come to anything where there is no memory. */
	assert_int_equal(guest_wrmsr(0, MSR_KVM_STEAL_TIME, ~0x3eull), 0);
	assert_true(vcpu->steal.due);
	if (vcpu_write_steal(vcpu) == NXT_EXIT_RESIDENT)
		vcpu_finish_steal(vcpu, NXT_RUN_UNBACKED);
	assert_false(vcpu->steal.due);
	vcpu->pending = PENDING_NONE;
	vcpu_reset(vcpu, true, 0);
	assert_int_equal(vcpu->steal.msr, 0);
}

/* User space restores: the places, but no memory, which it restores itself. */
static void test_restore(void **state)
{
	static const struct nxt_msr values[] = {{.index = MSR_KVM_SYSTEM_TIME_OLD, .value = GPA | 1},
						{.index = MSR_KVM_WALL_CLOCK_OLD, .value = GPA + 64}};
	struct nxt_msr_list *list = guest_state_page(0);

	(void)state;
	guest_map(GPA, NXT_MAP_WRITE);
	assert_int_equal(set_clock(1000, 500, 0), 0);
	list->count = 2;
	memcpy(list->msr, values, sizeof(values));
	assert_int_equal(call(NXT_HC_VCPU_SET, guest_vm(), 0, NXT_STATE_MSRS, 0, 0), 2);
	assert_int_equal(guest_vcpu(0)->pending, PENDING_NONE);
	list->msr[0].value = list->msr[1].value = 0;
	list->msr[0].index = MSR_KVM_SYSTEM_TIME;
	list->msr[1].index = MSR_KVM_WALL_CLOCK;
	assert_int_equal(call(NXT_HC_VCPU_GET, guest_vm(), 0, NXT_STATE_MSRS, 0, 0), 2);
	assert_int_equal(list->msr[0].value, GPA | 1);
	assert_int_equal(list->msr[1].value, GPA + 64);
	write_due(0);
	assert_int_equal(time_at(GPA)->ns, 500);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, guest_setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_hypercalls), CASE(test_page),	      CASE(test_hostile_places), CASE(test_one_tsc),
		CASE(test_stopped),    CASE(test_wall_clock), CASE(test_restore),	 CASE(test_steal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
