/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "guest/msr.h"

static struct guest_msrs msrs;
static struct cpuid_table cpuid;
static u32 hw_index;
static u64 hw_value;

static int hw_read(void *vcpu, u32 index, bool host, u64 *value)
{
	(void)host;
	assert_ptr_equal(vcpu, &msrs);
	hw_index = index;
	*value = hw_value;
	return 0;
}

static int hw_write(void *vcpu, u32 index, u64 value, bool host)
{
	(void)host;
	assert_ptr_equal(vcpu, &msrs);
	hw_index = index;
	hw_value = value;
	return 0;
}

static const struct msr_ctx ctx = {&msrs, &cpuid, &msrs, hw_read, hw_write};

static int setup(void **state)
{
	(void)state;
	memset(&cpuid, 0, sizeof(cpuid));
	cpuid.features.maxphyaddr = 40;
	msr_reset(&msrs, true);
	hw_index = 0;
	hw_value = 0;
	return 0;
}

static void offer(u32 feature)
{
	cpuid.features.word[feature / 32] |= 1u << feature % 32;
}

static u64 get(u32 index, bool host)
{
	u64 value;

	assert_int_equal(msr_read(&ctx, index, host, &value), 0);
	return value;
}

static void stored_and_constant(void **state)
{
	static const struct {
		u32 index;
		u64 value;
		int guest, host;
		u64 reads;
	} writes[] = {
		{MSR_MISC_ENABLE, 1, 0, 0, 0x1801}, /* host last: 1, see below */
		{MSR_HWCR, BIT(18) | BIT(24) | BIT(3) | BIT(6) | BIT(8), 0, 0, BIT(18) | BIT(24)},
		{MSR_HWCR, BIT(0), -NXT_EINVAL, -NXT_EINVAL, 0},
		{MSR_UCODE_REV, 5, 0, 0, 0x01000065},
		{MSR_PLATFORM_INFO, 5, -NXT_EINVAL, 0, 0},
		{MSR_SMI_COUNT, 5, -NXT_EINVAL, 0, 0},
		{MSR_FEAT_CTL, 1, -NXT_EINVAL, 0, 0}, /* guests: see intel_only */
		{MSR_FEAT_CTL, 5, -NXT_EINVAL, -NXT_EINVAL, 0},
		{MSR_MTRR_CAP, 0x508, -NXT_EINVAL, 0, 0x508},
		{MSR_MTRR_CAP, 0x509, -NXT_EINVAL, -NXT_EINVAL, 0x508},
		{MSR_NB_CFG, ~0ull, 0, 0, 0},
		{MSR_PATCH_LOADER, 0x1234, 0, 0, 0},
		{MSR_K7_EVNTSEL0 + 2, 0x430076, 0, 0, 0},
		{MSR_K7_PERFCTR3, ~0ull, 0, 0, 0},
		{MSR_RAPL_POWER_UNIT, 1, -NXT_EINVAL, -NXT_EINVAL, 0},
		{MSR_PERF_CTL, 3, 0, 0, 0},
		{MSR_OSVW_STATUS, 1, -NXT_EINVAL, -NXT_EINVAL, 0},
		{MSR_DE_CFG, 0, 0, 0, 2},
		{MSR_MISC_FEATURES, 1, -NXT_EINVAL, -NXT_EINVAL, 0},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(writes); i++) {
		int guest = msr_write(&ctx, writes[i].index, writes[i].value, false);

		if (guest != writes[i].guest && writes[i].index != MSR_FEAT_CTL)
			fail_msg("%#x: guest's write: %d", writes[i].index, guest);
		if (writes[i].index != MSR_FEAT_CTL)
			assert_true(get(writes[i].index, false) == writes[i].reads);
		assert_int_equal(msr_write(&ctx, writes[i].index, writes[i].value, true), writes[i].host);
		setup(NULL);
	}
	assert_int_equal(msr_write(&ctx, MSR_MISC_ENABLE, 1, true), 0);
	assert_true(get(MSR_MISC_ENABLE, false) == 1);
	assert_int_equal(msr_write(&ctx, MSR_UCODE_REV, BIT(32), true), 0);
	assert_true(get(MSR_UCODE_REV, false) == BIT(32));
}

/* User space's to see and to set, in 32 bits; the guest's only by its save area. */
static void smbase(void **state)
{
	u64 value;

	(void)state;
	assert_true(get(MSR_SMBASE, true) == 0x30000);
	assert_int_equal(msr_write(&ctx, MSR_SMBASE, 0xffff8000, true), 0);
	assert_int_equal(msr_write(&ctx, MSR_SMBASE, BIT(32), true), -NXT_EINVAL);
	assert_true(get(MSR_SMBASE, true) == 0xffff8000);
	assert_int_equal(msr_read(&ctx, MSR_SMBASE, false, &value), -NXT_EINVAL);
	assert_int_equal(msr_write(&ctx, MSR_SMBASE, 0, false), -NXT_EINVAL);
}

static void unknown(void **state)
{
	static const u32 indices[] = {0,     0x1234,	 0x210,	     0x251,	 0x260,
				      0x480, 0xc0000105, 0xc0010200, 0xc0011020, ~0u};
	u64 value;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(indices); i++) {
		for (u32 host = 0; host < 2; host++) {
			assert_int_equal(msr_read(&ctx, indices[i], host, &value), -NXT_ENOENT);
			assert_int_equal(msr_write(&ctx, indices[i], 0, host), -NXT_ENOENT);
		}
	}
}

/* QEMU writes zero to KVM's own registers whether they are offered or not, and aborts if that is refused. */
static void kvm_registers(void **state)
{
	static const u32 indices[] = {0x4b564d02, 0x4b564d04, MSR_XSS};
	u64 value;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(indices); i++) {
		assert_int_equal(msr_write(&ctx, indices[i], 0, true), 0);
		assert_true(get(indices[i], true) == 0);
		assert_int_equal(msr_write(&ctx, indices[i], 1, true), -NXT_EINVAL);
		assert_int_equal(msr_write(&ctx, indices[i], 0, false), -NXT_ENOENT);
		assert_int_equal(msr_read(&ctx, indices[i], false, &value), -NXT_ENOENT);
	}
}

/* Guests use the clocks by the numbers that their CPUID offers, user space by either. */
static void kvm_clocks(void **state)
{
	static const u32 indices[] = {0x11, 0x12, 0x4b564d00, 0x4b564d01};
	u64 value;

	(void)state;
	for (u32 offered = 0; offered < 4; offered++) {
		setup(NULL);
		if (offered & 1)
			offer(CPUID_KVM_CLOCK_OLD);
		if (offered & 2)
			offer(CPUID_KVM_CLOCK);
		for (u32 i = 0; i < ARRAY_SIZE(indices); i++) {
			int expected = offered & 1u << i / 2 ? 0 : -NXT_ENOENT;

			assert_true(msr_is_hw(indices[i]));
			assert_int_equal(msr_write(&ctx, indices[i], 0x1001, false), expected);
			assert_int_equal(msr_read(&ctx, indices[i], false, &value), expected);
			assert_int_equal(msr_write(&ctx, indices[i], 0x2001, true), 0);
			assert_int_equal(hw_index, indices[i]);
			assert_true(get(indices[i], true) == 0x2001);
		}
	}
}

static void intel_only(void **state)
{
	u64 value;

	(void)state;
	assert_int_equal(msr_write(&ctx, MSR_FEAT_CTL, 1, false), 0);
	assert_int_equal(msr_write(&ctx, MSR_FEAT_CTL, 1, false), -NXT_EINVAL); /* locked */
	assert_int_equal(msr_write(&ctx, MSR_FEAT_CTL, 0, true), 0);
	cpuid.features.amd = true;
	assert_int_equal(msr_read(&ctx, MSR_FEAT_CTL, false, &value), -NXT_ENOENT);
	assert_int_equal(msr_write(&ctx, MSR_FEAT_CTL, 1, false), -NXT_ENOENT);
}

static void mtrrs(void **state)
{
	static const struct {
		u32 index;
		u64 value;
		bool ok;
	} cases[] = {
		{MSR_MTRR_DEF_TYPE, 0xc06, true},
		{MSR_MTRR_DEF_TYPE, 0xc02, false},
		{MSR_MTRR_DEF_TYPE, 0x1006, false},
		{MSR_MTRR_FIX64K, 0x0606060606060606, true},
		{MSR_MTRR_FIX64K, 0x0606060306060606, false},
		{MSR_MTRR_FIX16K_80000, 0x0405010006060606, true},
		{MSR_MTRR_FIX16K_A0000, 0xff, false},
		{MSR_MTRR_FIX4K_LAST, 0x0700000000000000, false},
		{MSR_MTRR_VAR_FIRST, 0xffffff000 | 6, true},
		{MSR_MTRR_VAR_FIRST, 0xffffff000 | 2, false},
		{MSR_MTRR_VAR_FIRST, 0x106, false},
		{MSR_MTRR_VAR_FIRST + 14, BIT(40), false},
		{MSR_MTRR_VAR_FIRST + 14, BIT(39), true},
		{MSR_MTRR_VAR_FIRST + 1, 0xff80000800, true},
		{MSR_MTRR_VAR_FIRST + 1, 0xff80000400, false},
		{MSR_MTRR_VAR_LAST, BIT(40) | 0x800, false},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 before = get(cases[i].index, false);

		assert_int_equal(msr_write(&ctx, cases[i].index, cases[i].value, false),
				 cases[i].ok ? 0 : -NXT_EINVAL);
		assert_true(get(cases[i].index, false) == (cases[i].ok ? cases[i].value : before));
	}
	assert_true(get(MSR_MTRR_CAP, false) == 0x508);
}

static void machine_check(void **state)
{
	const u32 banks = 10;
	u64 value;

	(void)state;
	assert_int_equal(msr_write(&ctx, MSR_MCG_CAP, 0, true), -NXT_EINVAL);
	assert_int_equal(msr_write(&ctx, MSR_MCG_CAP, 33, true), -NXT_EINVAL);
	assert_int_equal(msr_write(&ctx, MSR_MCG_CAP, BIT(10) | 10, true), -NXT_EINVAL); /* CMCI */
	assert_int_equal(msr_write(&ctx, MSR_MCG_CAP, 10, false), -NXT_EINVAL);
	assert_int_equal(msr_write(&ctx, MSR_MCG_CTL, ~0ull, true), -NXT_ENOENT);
	assert_int_equal(msr_write(&ctx, MSR_MCG_CAP, BIT(8) | BIT(24) | banks, true), 0);
	assert_true(get(MSR_MCG_CAP, false) == (BIT(8) | BIT(24) | banks));
	assert_true(get(MSR_MCG_CTL, false) == ~0ull);
	assert_int_equal(msr_write(&ctx, MSR_MCG_CTL, 1, false), -NXT_EINVAL);
	assert_int_equal(msr_write(&ctx, MSR_MCG_STATUS, 5, false), 0);
	assert_true(get(MSR_MCG_STATUS, true) == 5);

	assert_int_equal(msr_write(&ctx, MSR_MC0_CTL, 1, false), -NXT_EINVAL);
	assert_int_equal(msr_write(&ctx, MSR_MC0_CTL, ~BIT(10), false), 0);
	assert_int_equal(msr_write(&ctx, MSR_MC0_CTL + 1, 1, false), -NXT_EINVAL);
	assert_int_equal(msr_write(&ctx, MSR_MC0_CTL + 1, 0, false), 0);
	assert_int_equal(msr_write(&ctx, MSR_MC0_CTL + 1, BIT(63), true), 0);
	assert_int_equal(msr_write(&ctx, MSR_HWCR, BIT(18), false), 0);
	assert_int_equal(msr_write(&ctx, MSR_MC0_CTL + 1, 1, false), 0);
	assert_int_equal(msr_write(&ctx, MSR_MC0_CTL + 4 * banks - 1, 7, false), 0);
	assert_int_equal(msr_write(&ctx, MSR_MC0_CTL + 4 * banks, 0, true), -NXT_ENOENT);
	assert_int_equal(msr_read(&ctx, MSR_MC31_MISC, true, &value), -NXT_ENOENT);
	assert_int_equal(msr_read(&ctx, MSR_MC31_MISC + 1, true, &value), -NXT_ENOENT);
}

static void hardware(void **state)
{
	static const u32 always[] = {MSR_TSC,	  MSR_APIC_BASE, MSR_EFER, MSR_STAR, MSR_SFMASK,
				     MSR_GS_BASE, MSR_PAT,	 0x808,	   0x830};
	static const struct {
		u32 index, feature;
	} gated[] = {
		{MSR_TSC_ADJUST, CPUID_TSC_ADJUST}, {MSR_TSC_DEADLINE, CPUID_TSC_DEADLINE},
		{MSR_TSC_AUX, CPUID_RDTSCP},	    {MSR_TSC_AUX, CPUID_RDPID},
		{MSR_SPEC_CTRL, CPUID_SPEC_CTRL},   {MSR_SPEC_CTRL, CPUID_AMD_SSBD},
	};
	u64 value;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(always); i++) {
		assert_int_equal(msr_write(&ctx, always[i], 1, false), 0);
		assert_int_equal(hw_index, always[i]);
		assert_true(get(always[i], false) == 1);
	}
	for (u32 i = 0; i < ARRAY_SIZE(gated); i++) {
		setup(NULL);
		assert_int_equal(msr_read(&ctx, gated[i].index, false, &value), -NXT_ENOENT);
		assert_int_equal(msr_write(&ctx, gated[i].index, 0, false), -NXT_ENOENT);
		assert_int_equal(hw_index, 0);
		assert_int_equal(msr_write(&ctx, gated[i].index, 0, true), 0);
		offer(gated[i].feature);
		assert_int_equal(msr_write(&ctx, gated[i].index, 0, false), 0);
		assert_int_equal(hw_index, gated[i].index);
	}
}

static void speculation(void **state)
{
	u64 value;

	(void)state;
	assert_int_equal(msr_write(&ctx, MSR_PRED_CMD, 1, false), -NXT_ENOENT);
	offer(CPUID_AMD_IBPB);
	assert_int_equal(msr_write(&ctx, MSR_PRED_CMD, 2, false), -NXT_EINVAL);
	assert_int_equal(msr_read(&ctx, MSR_PRED_CMD, false, &value), -NXT_EINVAL);
	assert_true(get(MSR_PRED_CMD, true) == 0);
	assert_int_equal(msr_write(&ctx, MSR_PRED_CMD, 1, true), 0);
	assert_int_equal(hw_index, 0);
	assert_int_equal(msr_write(&ctx, MSR_PRED_CMD, 1, false), 0);
	assert_int_equal(hw_index, MSR_PRED_CMD);

	offer(CPUID_AMD_IBRS);
	assert_int_equal(msr_write(&ctx, MSR_SPEC_CTRL, 3, false), 0);
	assert_int_equal(msr_write(&ctx, MSR_SPEC_CTRL, 4, false), -NXT_EINVAL);
	offer(CPUID_AMD_SSBD);
	assert_int_equal(msr_write(&ctx, MSR_SPEC_CTRL, 7, false), 0);
	assert_int_equal(msr_write(&ctx, MSR_SPEC_CTRL, 0x80, false), -NXT_EINVAL);
	assert_int_equal(msr_write(&ctx, MSR_SPEC_CTRL, BIT(32), true), -NXT_EINVAL);

	assert_int_equal(msr_read(&ctx, MSR_ARCH_CAPABILITIES, false, &value), -NXT_ENOENT);
	assert_int_equal(msr_write(&ctx, MSR_ARCH_CAPABILITIES, 0x2b, true), 0);
	offer(CPUID_ARCH_CAPABILITIES);
	assert_true(get(MSR_ARCH_CAPABILITIES, false) == 0x2b);
	assert_int_equal(msr_write(&ctx, MSR_ARCH_CAPABILITIES, 0, false), -NXT_EINVAL);
}

/* Everything in the list can be saved and written back, in any order, whatever CPUID the guest has. */
static void list_round_trip(void **state)
{
	static struct nxt_msr_list list;
	struct cpuid_features none = {0}, all;

	(void)state;
	memset(&all, 0xff, sizeof(all));
	msr_list(&list, &none);
	for (u32 i = 0; i < list.count; i++)
		assert_int_not_equal(list.msr[i].index, MSR_TSC_AUX);
	msr_list(&list, &all);
	assert_true(list.count > 40 && list.count < NXT_MSRS_MAX);
	for (u32 i = 0; i < list.count; i++) {
		assert_int_not_equal(list.msr[i].index, MSR_APIC_BASE);
		for (u32 j = 0; j < i; j++)
			assert_int_not_equal(list.msr[i].index, list.msr[j].index);
		assert_int_equal(msr_read(&ctx, list.msr[i].index, true, &list.msr[i].value), 0);
	}
	for (u32 i = list.count; i-- > 0;)
		assert_int_equal(msr_write(&ctx, list.msr[i].index, list.msr[i].value, true), 0);
}

/* Every index is either refused both ways or can be read; nothing crashes. */
static void sweep(void **state)
{
	static const u32 starts[] = {0, 0x4b564d00, 0xc0000000, 0xc0010000};
	u64 value;

	(void)state;
	for (u32 s = 0; s < ARRAY_SIZE(starts); s++) {
		for (u32 i = starts[s]; i < starts[s] + 0x2000; i++) {
			for (u32 host = 0; host < 2; host++) {
				hw_value = 0;
				if (!msr_read(&ctx, i, host, &value) && host)
					assert_int_equal(msr_write(&ctx, i, value, true), 0);
				msr_write(&ctx, i, ~0ull, host);
				msr_write(&ctx, i, 0x8000000000000001, host);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(stored_and_constant, setup),
		cmocka_unit_test_setup(smbase, setup),
		cmocka_unit_test_setup(unknown, setup),
		cmocka_unit_test_setup(kvm_registers, setup),
		cmocka_unit_test_setup(kvm_clocks, setup),
		cmocka_unit_test_setup(intel_only, setup),
		cmocka_unit_test_setup(mtrrs, setup),
		cmocka_unit_test_setup(machine_check, setup),
		cmocka_unit_test_setup(hardware, setup),
		cmocka_unit_test_setup(speculation, setup),
		cmocka_unit_test_setup(list_round_trip, setup),
		cmocka_unit_test_setup(sweep, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
