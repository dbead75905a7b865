// SPDX-License-Identifier: GPL-2.0-only
/* NXT_EXIT_SMI and NXT_EXIT_RSM, with an Engine that takes some states and refuses others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "testvcpu.h"

#include <cmocka.h>

#include "../smm.c"

#define SMBASE 0x30000
#define AREA (NXT_GPA_SMM | (SMBASE + 0xfe00)) /* APM vol. 2, table 10-1 */
#define CR0_PE 1
#define CR0_PG 0x80000000

static struct kvm_run kvm_run;
static u64 state_page[512];
static struct nxt_vcpu vcpu = {.kvm_run = &kvm_run, .state = state_page};

static struct smm_cpu engine; /* what Engine has */
static long refuses[NXT_STATE_MSRS + 1];
static long get_fails;
static u32 sets;
static u8 memory[0x200];
static bool memory_there;

static void *part(enum nxt_state group, size_t *ret_size)
{
	switch (group) {
	case NXT_STATE_REGS:
		*ret_size = sizeof(engine.regs);
		return &engine.regs;
	case NXT_STATE_SREGS:
		*ret_size = sizeof(engine.sregs);
		return &engine.sregs;
	case NXT_STATE_DEBUGREGS:
		*ret_size = sizeof(engine.debugregs);
		return &engine.debugregs;
	default:
		fail_msg("group %d", group);
		return NULL;
	}
}

long nxt_state_get(struct nxt_vcpu *self, enum nxt_state group)
{
	size_t size;
	void *from = part(group, &size);

	memcpy(self->state, from, size);
	return get_fails;
}

long nxt_state_set(struct nxt_vcpu *self, enum nxt_state group)
{
	size_t size;
	void *to = part(group, &size);

	if (refuses[group])
		return refuses[group];
	sets++;
	memcpy(to, self->state, size);
	return 0;
}

int nxt_smbase_get(struct nxt_vcpu *self, u64 *smbase)
{
	(void)self;
	*smbase = engine.smbase;
	return 0;
}

int nxt_smbase_set(struct nxt_vcpu *self, u64 smbase)
{
	(void)self;
	engine.smbase = smbase;
	return 0;
}

int nxt_guest_read(struct nxt_vm *vm, u64 gpa, void *data, size_t len)
{
	(void)vm;
	assert_true(gpa == AREA && len == sizeof(memory));
	if (!memory_there)
		return -EFAULT;
	memcpy(data, memory, len);
	return 0;
}

int nxt_guest_write(struct nxt_vm *vm, u64 gpa, const void *data, size_t len)
{
	(void)vm;
	assert_true(gpa == AREA && len == sizeof(memory));
	if (!memory_there)
		return -EFAULT;
	memcpy(memory, data, len);
	return 0;
}

/* A vCPU that has been in its handler, and leaves. */
static int setup(void **state)
{
	(void)state;
	memset(&kvm_run, 0, sizeof(kvm_run));
	memset(refuses, 0, sizeof(refuses));
	get_fails = 0;
	memory_there = true;
	engine = (struct smm_cpu){.smbase = SMBASE, .regs.rip = 0x1234, .sregs.cr0 = CR0_PE};
	assert_int_equal(nxt_smm_enter(&vcpu), 1);
	assert_int_equal(engine.regs.rip, 0x8000);
	sets = 0;
	return 0;
}

static void test_goes_on(void **state)
{
	(void)state;
	assert_int_equal(nxt_smm_leave(&vcpu), 1);
	assert_int_equal(engine.regs.rip, 0x1234);
	assert_int_equal(engine.sregs.cr0, CR0_PE);
	assert_int_equal(kvm_run.exit_reason, 0);
}

static void is_shut_down(int ret)
{
	assert_int_equal(ret, 0);
	assert_int_equal(kvm_run.exit_reason, KVM_EXIT_SHUTDOWN);
}

/* What Engine refuses, of whatever group: the guest ends, and no error reaches user space. */
static void test_contradiction_shuts_down(void **state)
{
	static const enum nxt_state groups[] = {NXT_STATE_SREGS, NXT_STATE_DEBUGREGS, NXT_STATE_REGS};

	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		kvm_run.exit_reason = 0;
		memset(refuses, 0, sizeof(refuses));
		refuses[groups[i]] = -EINVAL;
		is_shut_down(nxt_smm_leave(&vcpu));
	}
}

/* Paging without protection, as the handler left it in the area. Engine gets it as it is. */
static void test_area_is_not_mended(void **state)
{
	u64 cr0 = CR0_PG;

	(void)state;
	memcpy(memory + 0x158, &cr0, sizeof(cr0)); /* 0xff58 of table 10-1 */
	assert_int_equal(nxt_smm_leave(&vcpu), 1);
	assert_int_equal(engine.sregs.cr0, CR0_PG);
}

/* Nothing of a refused state is set after the part that was refused. */
static void test_nothing_follows(void **state)
{
	(void)state;
	refuses[NXT_STATE_SREGS] = -EINVAL;
	is_shut_down(nxt_smm_leave(&vcpu));
	assert_int_equal(sets, 0);
	assert_int_equal(engine.regs.rip, 0x8000);
}

static void test_no_memory_shuts_down(void **state)
{
	(void)state;
	memory_there = false;
	is_shut_down(nxt_smm_leave(&vcpu));
	kvm_run.exit_reason = 0;
	is_shut_down(nxt_smm_enter(&vcpu));
	assert_int_equal(sets, 0);
}

/* Those are not the guest's doing. */
static void test_other_errors_are_told(void **state)
{
	(void)state;
	refuses[NXT_STATE_REGS] = -EBUSY;
	assert_int_equal(nxt_smm_leave(&vcpu), -EBUSY);
	get_fails = -ENOENT;
	assert_int_equal(nxt_smm_leave(&vcpu), -ENOENT);
	assert_int_equal(nxt_smm_enter(&vcpu), -ENOENT);
	assert_int_equal(kvm_run.exit_reason, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_goes_on),
		TEST(test_contradiction_shuts_down),
		TEST(test_area_is_not_mended),
		TEST(test_nothing_follows),
		TEST(test_no_memory_shuts_down),
		TEST(test_other_errors_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
