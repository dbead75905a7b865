/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MSRs that the control domain does not reach natively, with the SVM back end beneath. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cd/cd.h"
#include "cpu/apic.h"
#include "cpu/msr.h"
#include "cpu/trap.h"
#include "svm/svm.h"

#define EFER_LINUX (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)
#define CR0_LINUX (CR0_PG | CR0_PE)

static struct vmcb vmcb;
static struct cpu cpu = {.cd.hw = &vmcb};

static const struct vendor_ops ops = {
	.get_paging = svm_get_paging,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.cd_read_msr = svm_cd_read_msr,
};
const struct vendor_ops *vendor = &ops;

static bool x2apic;
static u64 sent, base;
static u64 hardware = 0x1234; /* what any other MSR holds */

bool apic_is_x2(void)
{
	return x2apic;
}

void cd_send_ipi(struct cpu *self, u32 dest, u32 low, bool x2)
{
	assert_ptr_equal(self, &cpu);
	assert_true(x2);
	sent = (u64)dest << 32 | low;
}

bool cd_write_apic_base(struct cpu *self, u64 value)
{
	assert_ptr_equal(self, &cpu);
	base = value;
	return value != 0;
}

bool rdmsr_safe(u32 index, u64 *value)
{
	*value = hardware;
	return index != 0xdead;
}

static int setup(void **state)
{
	(void)state;
	svm_tables.efer = EFER_LINUX;
	vmcb.efer = EFER_LINUX | EFER_SVME;
	vmcb.cr0 = CR0_LINUX;
	return 0;
}

/* That SVM is on is not for it to see, nor to change. */
static void test_efer(void **state)
{
	u64 value;

	(void)state;
	assert_true(cd_read_msr(&cpu, MSR_EFER, &value));
	assert_int_equal(value, EFER_LINUX);
	assert_true(cd_write_msr(&cpu, MSR_EFER, EFER_LINUX & ~EFER_SCE));
	assert_int_equal(vmcb.efer, (EFER_LINUX & ~EFER_SCE) | EFER_SVME);
	assert_false(cd_write_msr(&cpu, MSR_EFER, EFER_LINUX | EFER_SVME));
	assert_false(cd_write_msr(&cpu, MSR_EFER, EFER_LINUX | BIT(63)));
	/* Long mode does not end while paging is on. LMA is the processor's, whatever is written. */
	assert_false(cd_write_msr(&cpu, MSR_EFER, EFER_LINUX & ~EFER_LME));
	assert_true(cd_write_msr(&cpu, MSR_EFER, EFER_LINUX & ~EFER_LMA));
	assert_int_equal(vmcb.efer, EFER_LINUX | EFER_SVME);
	vmcb.cr0 = CR0_PE;
	vmcb.efer = EFER_SVME;
	assert_true(cd_write_msr(&cpu, MSR_EFER, EFER_LME | EFER_LMA));
	assert_int_equal(vmcb.efer, EFER_LME | EFER_SVME);
}

/* As if the firmware had locked SVM off; the rest of its MSRs is not there. */
static void test_svm_is_locked(void **state)
{
	u64 value;

	(void)state;
	assert_true(cd_read_msr(&cpu, 0xc0010114, &value));
	assert_int_equal(value, BIT(4) | BIT(3));
	assert_false(cd_read_msr(&cpu, 0xc0010117, &value));
	assert_false(cd_read_msr(&cpu, 0xc0010118, &value));
	assert_false(cd_read_msr(&cpu, MSR_SYSCFG, &value));
}

static void test_locked(void **state)
{
	(void)state;
	assert_true(cd_write_msr(&cpu, MSR_SYSCFG, hardware));
	assert_false(cd_write_msr(&cpu, MSR_SYSCFG, hardware ^ 1));
	assert_false(cd_write_msr(&cpu, 0xc0010117, 0x1000));
	assert_false(cd_write_msr(&cpu, 0xdead, hardware));
}

static void test_apic(void **state)
{
	(void)state;
	x2apic = false;
	sent = 0;
	assert_false(cd_write_msr(&cpu, MSR_X2APIC_ICR, 0x500000030));
	assert_int_equal(sent, 0);
	x2apic = true;
	assert_true(cd_write_msr(&cpu, MSR_X2APIC_ICR, 0x500000030));
	assert_int_equal(sent, 0x500000030);
	assert_true(cd_write_msr(&cpu, MSR_APIC_BASE, 0xfee00900));
	assert_int_equal(base, 0xfee00900);
	assert_false(cd_write_msr(&cpu, MSR_APIC_BASE, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_efer, setup),
		cmocka_unit_test_setup(test_svm_is_locked, setup),
		cmocka_unit_test_setup(test_locked, setup),
		cmocka_unit_test_setup(test_apic, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
