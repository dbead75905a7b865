/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM with as many vCPUs as there can be, as the control domain makes one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/vcpu.h"
#include "hypercall/testmachine.h"
#include "mem/frames.h"
#include "mem/phys.h"

#define CHUNKS 24
#define PAGES CHUNK_PFN(FIRST_CHUNK) /* run and state pages: two chunks */
#define RUN_PFN(id) (PAGES + 2 * (u64)(id))
#define STATE_PFN(id) (RUN_PFN(id) + 1)
#define INFO_PFN CHUNK_PFN(FIRST_CHUNK + 2)
#define VM_CHUNK (FIRST_CHUNK + 3) /* the first of its chunks */

#define X2APIC (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)
#define LAST (NXT_MAX_VCPUS - 1)

static u64 vm, rdx;
static u32 chunks; /* given to it */

static s64 call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
	struct answer answer = machine_call(number, (const u64[5]){a, b, c, d, 0});

	rdx = answer.rdx;
	return answer.result;
}

static void *page(u64 pfn)
{
	return phys_to_virt(pfn << PAGE_SHIFT);
}

/* What the guest is offered, as user space hands it on: x2APIC too. */
static void set_cpuid(u32 id)
{
	memcpy(page(STATE_PFN(id)), page(INFO_PFN), NXT_PAGE_SIZE);
	assert_int_equal(call(NXT_HC_VCPU_SET, vm, id, NXT_STATE_CPUID, 0), 0);
}

static s64 set_msr(u32 id, u32 index, u64 value)
{
	struct nxt_msr_list *msrs = page(STATE_PFN(id));

	*msrs = (struct nxt_msr_list){.count = 1, .msr[0] = {.index = index, .value = value}};
	return call(NXT_HC_VCPU_SET, vm, id, NXT_STATE_MSRS, 0);
}

static void create_vcpu(u32 id)
{
	s64 result;

	while ((result = call(NXT_HC_VCPU_CREATE, vm, id, RUN_PFN(id), STATE_PFN(id))) == -NXT_ENOMEM)
		assert_int_equal(call(NXT_HC_VM_GIVE, vm, CHUNK_PFN(VM_CHUNK + chunks++), 0, 0), 0);
	assert_int_equal(result, 0);
}

static int setup(void **state)
{
	s64 id;

	(void)state;
	machine_start(CHUNKS);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_CPUID, INFO_PFN, 0, 0), 0);
	id = call(NXT_HC_VM_CREATE, CHUNK_PFN(VM_CHUNK), 0, 0, 0);
	assert_true(id > 0);
	vm = (u64)id;
	chunks = 1;
	for (u32 i = 0; i < NXT_MAX_VCPUS; i++) {
		create_vcpu(i);
		set_cpuid(i);
	}
	return 0;
}

/* All is given back: the pages that were pinned too. */
static int teardown(void **state)
{
	(void)state;
	machine_check();
	machine_stop();
	assert_int_equal(frame_read(RUN_PFN(LAST)).kind, FRAME_CONTROL);
	assert_int_equal(frame_read(STATE_PFN(LAST)).kind, FRAME_CONTROL);
	return 0;
}

static void test_limit(void **state)
{
	(void)state;
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, NXT_MAX_VCPUS, INFO_PFN + 1, INFO_PFN + 2),
			 -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, LAST, INFO_PFN + 1, INFO_PFN + 2), -NXT_EEXIST);
	assert_int_equal(frame_read(STATE_PFN(LAST)).count, 1);
	/* A few chunks of 2 MiB; Engine's own memory does not grow with them. */
	assert_in_range(chunks, 2, 8);
	assert_in_range(sizeof(struct vm), 1, 512);
}

/*
 * What Linux's recalc_apic_map_test does: local APICs of all vCPUs to x2APIC mode, then one's state set again
 * and again while the last one's APIC is switched off and on. Here one after the other; with threads it is in
 * guest/lapic_stress_test.c.
 */
static void test_modes(void **state)
{
	(void)state;
	for (u32 i = 0; i < NXT_MAX_VCPUS; i++)
		assert_int_equal(set_msr(i, MSR_APIC_BASE, X2APIC), 1);
	for (u32 i = 0; i < 10; i++) {
		memset(page(STATE_PFN(0)), 0, NXT_PAGE_SIZE);
		assert_int_equal(call(NXT_HC_VCPU_SET, vm, 0, NXT_STATE_LAPIC, 0), 0);
		assert_int_equal(set_msr(LAST, MSR_APIC_BASE, X2APIC), 1);
		assert_int_equal(call(NXT_HC_VM_MSI, vm, 0x100fee00000 | (u64)(LAST & 0xff) << 12, 0x400, 0),
				 1);
		assert_true(rdx == BIT(63));
		assert_int_equal(set_msr(LAST, MSR_APIC_BASE, 0), 1);
		assert_int_equal(call(NXT_HC_VM_MSI, vm, 0x100fee00000 | (u64)(LAST & 0xff) << 12, 0x400, 0),
				 0);
		assert_true(rdx == 0);
	}
}

/* Whose bit it is in a kick mask. */
static void test_kicks(void **state)
{
	(void)state;
	assert_int_equal(call(NXT_HC_VCPU_INJECT, vm, 300, NXT_INJECT_NMI, 0), 0);
	assert_true(rdx == BIT(300 % 64));
	assert_int_equal(call(NXT_HC_VM_MSI, vm, 0x100fee2c000, 0x400, 0),
			 1); /* 300 again, by its whole ID */
	assert_true(rdx == BIT(300 % 64));
	assert_int_equal(call(NXT_HC_VM_MSI, vm, 0xfee2c000, 0x400, 0), 1); /* 44, which has the same bit */
	assert_true(rdx == BIT(44));
	assert_int_equal(call(NXT_HC_VM_MSI, vm, 0xfeeff000, 0x400, 0), NXT_MAX_VCPUS);
	assert_true(rdx == ~0ull);

	assert_int_equal(set_msr(450, MSR_KVM_SYSTEM_TIME, 0x1001), 1);
	assert_int_equal(call(NXT_HC_VM_SET_CLOCK, vm, 1000, 0, 1000000), 0);
	assert_true(rdx == BIT(450 % 64));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_limit), TEST(test_modes), TEST(test_kicks)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
