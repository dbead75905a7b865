/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/msr.h"
#include "lib/string.h"

/* MTRRcap: eight variable ranges, fixed ranges, write-combining; no SMRR. */
#define MTRR_CAP_VALUE (0x500u | MSR_MTRR_VAR_COUNT)
#define MTRR_DEF_TYPE_RESERVED (~0xcffull)

#define MCG_CTL_P BIT(8)
#define MCG_CAP_COUNTS 0xff00ffull /* banks, and extended registers */
#define HWCR_MC_STATUS_WRITE BIT(18)
#define HWCR_TSC_FREQ_SEL BIT(24)
/* Flush filter disable, IGNNE emulation, TLB cache disable: BIOSes and old kernels set them; they mean
 * nothing here. */
#define HWCR_IGNORED (BIT(6) | BIT(8) | BIT(3))

#define MISC_ENABLE_NO_BTS BIT(11)
#define MISC_ENABLE_NO_PEBS BIT(12)
#define MISC_ENABLE_READ_ONLY (BIT(7) | MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS)

#define FEAT_CTL_LOCKED BIT(0)

#define SMBASE_RESET 0x30000 /* APM vol. 2, 10.2.2 */

#define SPEC_CTRL_IBRS BIT(0)
#define SPEC_CTRL_STIBP BIT(1)
#define SPEC_CTRL_SSBD BIT(2)
#define SPEC_CTRL_PSFD BIT(7)
#define CPUID_AMD_PSFD CPUID_F(CPUID_E8_EBX, 28)

/* -- registers of one value ------------------------------------------------------------------------ */

enum on_write {
	REFUSE, /* #GP */
	IGNORE,
};

/*
 * Registers that kernels touch without asking CPUID first. The values are KVM's, which guests are known to
 * bear; zero says "nothing here" for most.
 */
static const struct constant {
	u32 first, last;
	enum on_write on_write;
	u64 value;
} constants[] = {
	{MSR_PLATFORM_ID, MSR_PLATFORM_ID, REFUSE, 0},
	{MSR_EBL_CR_POWERON, MSR_EBL_CR_POWERON, REFUSE, 0},
	{MSR_EBC_FREQUENCY, MSR_EBC_FREQUENCY, REFUSE, BIT(24)},
	{MSR_UCODE_WRITE, MSR_UCODE_WRITE, IGNORE, 0},
	{MSR_P6_PERFCTR0, MSR_P6_PERFCTR1, IGNORE, 0},
	{MSR_FSB_FREQ, MSR_FSB_FREQ, REFUSE, 3},
	{MSR_MTRR_CAP, MSR_MTRR_CAP, REFUSE, MTRR_CAP_VALUE},
	{MSR_BBL_CR_CTL3, MSR_BBL_CR_CTL3, IGNORE, 0xbe702111},
	{MSR_MISC_FEATURES, MSR_MISC_FEATURES, REFUSE, 0},
	{MSR_P6_EVNTSEL0, MSR_P6_EVNTSEL1, IGNORE, 0},
	{MSR_PERF_STATUS, MSR_PERF_STATUS, REFUSE, 1000 | 4ull << 40},
	{MSR_PERF_CTL, MSR_PERF_CTL, IGNORE, 0},
	{MSR_LAST_BRANCH_FROM, MSR_LAST_INT_TO, REFUSE, 0},
	{MSR_POWER_CTL, MSR_POWER_CTL, IGNORE, 0},
	{MSR_RAPL_POWER_UNIT, MSR_RAPL_POWER_UNIT, REFUSE, 0},
	{MSR_PKG_ENERGY_STATUS, MSR_PKG_ENERGY_STATUS, REFUSE, 0},
	{MSR_DRAM_ENERGY_STATUS, MSR_DRAM_ENERGY_STATUS, REFUSE, 0},
	{MSR_PP0_ENERGY_STATUS, MSR_PP0_ENERGY_STATUS, REFUSE, 0},
	{MSR_PP1_ENERGY_STATUS, MSR_PP1_ENERGY_STATUS, REFUSE, 0},
	{MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, IGNORE, 0},
	{MSR_SYSCFG, MSR_SYSCFG, IGNORE, 0},
	{MSR_K7_CLK_CTL, MSR_K7_CLK_CTL, IGNORE, 0x20000000},
	{MSR_NB_CFG, MSR_PATCH_LOADER, IGNORE, 0},
	{MSR_INT_PENDING, MSR_INT_PENDING, REFUSE, 0},
	{MSR_MMIO_CONF_BASE, MSR_MMIO_CONF_BASE, REFUSE, 0},
	{MSR_TSEG_ADDR, MSR_TSEG_MASK, REFUSE, 0},
	{MSR_VM_CR, MSR_VM_CR, REFUSE, 0},
	{MSR_VM_HSAVE_PA, MSR_VM_HSAVE_PA, IGNORE, 0},
	{MSR_OSVW_ID_LENGTH, MSR_OSVW_ID_LENGTH, REFUSE, 3}, /* three errata are known, */
	{MSR_OSVW_STATUS, MSR_OSVW_STATUS, REFUSE, 0},	     /* none needs a workaround */
	{MSR_IC_CFG, MSR_TW_CFG, IGNORE, 0},
	{MSR_DE_CFG, MSR_DE_CFG, IGNORE,
	 BIT(1)}, /* LFENCE serializes: the control domain's kernel sets that */
	{MSR_BU_CFG2, MSR_BU_CFG2, IGNORE, 0},
	{MSR_EX_CFG, MSR_EX_CFG, IGNORE, 0},
};

/* Registers of features that guests are not offered, which user space restores to zero all the same. */
static bool zero_for_host(u32 index)
{
	return (index >= MSR_KVM_FIRST && index <= MSR_KVM_LAST) || index == MSR_XSS;
}

static const struct constant *find_constant(u32 index)
{
	for (u32 i = 0; i < ARRAY_SIZE(constants); i++)
		if (index >= constants[i].first && index <= constants[i].last)
			return &constants[i];
	return NULL;
}

static int read_constant(u32 index, bool host, u64 *value)
{
	const struct constant *c = find_constant(index);

	if (!c && !(host && zero_for_host(index)))
		return -NXT_ENOENT;
	*value = c ? c->value : 0;
	return 0;
}

/* The value that a read gave can always be written back by user space. */
static int write_constant(u32 index, u64 value, bool host)
{
	const struct constant *c = find_constant(index);

	if (!c) {
		if (!host || !zero_for_host(index))
			return -NXT_ENOENT;
		return value ? -NXT_EINVAL : 0;
	}
	if (c->on_write == IGNORE || (host && value == c->value))
		return 0;
	return -NXT_EINVAL;
}

/* -- memory types ---------------------------------------------------------------------------------- */

static bool legal_type(u8 type)
{
	return type < 8 && (0x73 >> type & 1); /* UC, WC, WT, WP, WB */
}

static bool legal_types(u64 types)
{
	for (; types; types >>= 8)
		if (!legal_type(types & 0xff))
			return false;
	return true;
}

/* The storage of an MTRR, or NULL. */
static u64 *mtrr(struct guest_msrs *m, u32 index)
{
	switch (index) {
	case MSR_MTRR_VAR_FIRST ... MSR_MTRR_VAR_LAST:
		return &m->mtrr_var[index - MSR_MTRR_VAR_FIRST];
	case MSR_MTRR_FIX64K:
		return &m->mtrr_fixed[0];
	case MSR_MTRR_FIX16K_80000 ... MSR_MTRR_FIX16K_A0000:
		return &m->mtrr_fixed[1 + index - MSR_MTRR_FIX16K_80000];
	case MSR_MTRR_FIX4K_FIRST ... MSR_MTRR_FIX4K_LAST:
		return &m->mtrr_fixed[3 + index - MSR_MTRR_FIX4K_FIRST];
	case MSR_MTRR_DEF_TYPE:
		return &m->mtrr_def_type;
	default:
		return NULL;
	}
}

/* SDM 12.11.2. They are stored for the guest to read; nested paging takes the memory types from the PAT. */
static bool legal_mtrr(const struct msr_ctx *ctx, u32 index, u64 value)
{
	u64 beyond = ~(BIT(MAX(ctx->cpuid->features.maxphyaddr, 36u)) - 1);

	if (index == MSR_MTRR_DEF_TYPE)
		return !(value & MTRR_DEF_TYPE_RESERVED) && legal_type(value & 0xff);
	if (index > MSR_MTRR_VAR_LAST)
		return legal_types(value);
	if (index % 2) /* mask: bit 11 is valid, 10:0 reserved */
		return !(value & (beyond | 0x7ff));
	return !(value & (beyond | 0xf00)) && legal_type(value & 0xff);
}

/* -- machine check --------------------------------------------------------------------------------- */

static u32 banks(const struct guest_msrs *m)
{
	return m->mcg_cap & 0xff;
}

static int setup_mce(struct guest_msrs *m, u64 cap)
{
	u32 count = cap & 0xff;

	if (!count || count > MSR_MCE_BANKS_MAX || cap & ~(MSR_MCG_CAP_SUPPORTED | MCG_CAP_COUNTS))
		return -NXT_EINVAL;
	m->mcg_cap = cap;
	if (cap & MCG_CTL_P)
		m->mcg_ctl = ~0ull;
	for (u32 i = 0; i < count; i++)
		m->mc[4 * i] = ~0ull;
	return 0;
}

/* CTL is all or nothing, but for the bits that old kernels clear to work round errata (bank 4 bit 10, bit 0).
 */
static int write_bank(struct guest_msrs *m, u32 i, u64 value, bool host)
{
	if (i % 4 == 0 && value && (value | BIT(10) | BIT(0)) != ~0ull)
		return -NXT_EINVAL;
	/* STATUS: software writes only zero, unless HWCR lets it (APM vol. 2, 9.3.2.2). */
	if (i % 4 == 1 && value && !host && !(m->hwcr & HWCR_MC_STATUS_WRITE))
		return -NXT_EINVAL;
	m->mc[i] = value;
	return 0;
}

static int read_mce(const struct guest_msrs *m, u32 index, bool host, u64 *value)
{
	switch (index) {
	case MSR_MCG_CAP:
		*value = m->mcg_cap;
		return 0;
	case MSR_MCG_STATUS:
		*value = m->mcg_status;
		return 0;
	case MSR_MCG_CTL:
		*value = m->mcg_ctl;
		return host || m->mcg_cap & MCG_CTL_P ? 0 : -NXT_ENOENT;
	default:
		if (index - MSR_MC0_CTL >= 4 * banks(m))
			return -NXT_ENOENT;
		*value = m->mc[index - MSR_MC0_CTL];
		return 0;
	}
}

static int write_mce(struct guest_msrs *m, u32 index, u64 value, bool host)
{
	switch (index) {
	case MSR_MCG_CAP:
		return host ? setup_mce(m, value) : -NXT_EINVAL;
	case MSR_MCG_STATUS:
		m->mcg_status = value;
		return 0;
	case MSR_MCG_CTL:
		if (!(m->mcg_cap & MCG_CTL_P))
			return host && !value ? 0 : -NXT_ENOENT;
		if (value && value != ~0ull)
			return -NXT_EINVAL;
		m->mcg_ctl = value;
		return 0;
	default:
		if (index - MSR_MC0_CTL >= 4 * banks(m))
			return -NXT_ENOENT;
		return write_bank(m, index - MSR_MC0_CTL, value, host);
	}
}

static bool is_mce(u32 index)
{
	return (index >= MSR_MCG_CAP && index <= MSR_MCG_CTL) ||
	       (index >= MSR_MC0_CTL && index <= MSR_MC31_MISC);
}

/* -- registers of the hardware --------------------------------------------------------------------- */

bool msr_is_hw(u32 index)
{
	switch (index) {
	case MSR_TSC:
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_SYSTEM_TIME_OLD:
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_STEAL_TIME:
	case MSR_APIC_BASE:
	case MSR_TSC_ADJUST:
	case MSR_SPEC_CTRL:
	case MSR_PRED_CMD:
	case MSR_FLUSH_CMD:
	case MSR_SYSENTER_CS:
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
	case MSR_DEBUGCTL:
	case MSR_PAT:
	case MSR_TSC_DEADLINE:
	case MSR_X2APIC_FIRST ... MSR_X2APIC_LAST:
	case MSR_EFER ... MSR_SFMASK:
	case MSR_FS_BASE ... MSR_TSC_AUX:
		return true;
	default:
		return false;
	}
}

static bool has_any(const struct msr_ctx *ctx, u32 a, u32 b, u32 c, u32 d)
{
	return cpuid_has(ctx->cpuid, a) || cpuid_has(ctx->cpuid, b) || cpuid_has(ctx->cpuid, c) ||
	       cpuid_has(ctx->cpuid, d);
}

/* Whether the guest's CPUID offers the register. */
static bool offered(const struct msr_ctx *ctx, u32 index)
{
	switch (index) {
	case MSR_TSC_ADJUST:
		return cpuid_has(ctx->cpuid, CPUID_TSC_ADJUST);
	case MSR_TSC_DEADLINE:
		return cpuid_has(ctx->cpuid, CPUID_TSC_DEADLINE);
	case MSR_TSC_AUX:
		return cpuid_has(ctx->cpuid, CPUID_RDTSCP) || cpuid_has(ctx->cpuid, CPUID_RDPID);
	case MSR_SPEC_CTRL:
		return has_any(ctx, CPUID_SPEC_CTRL, CPUID_AMD_IBRS, CPUID_AMD_STIBP, CPUID_AMD_SSBD);
	case MSR_PRED_CMD:
		return cpuid_has(ctx->cpuid, CPUID_SPEC_CTRL) || cpuid_has(ctx->cpuid, CPUID_AMD_IBPB);
	case MSR_FLUSH_CMD:
		return cpuid_has(ctx->cpuid, CPUID_FLUSH_L1D);
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_SYSTEM_TIME_OLD:
		return cpuid_has(ctx->cpuid, CPUID_KVM_CLOCK_OLD);
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		return cpuid_has(ctx->cpuid, CPUID_KVM_CLOCK);
	case MSR_KVM_STEAL_TIME:
		return cpuid_has(ctx->cpuid, CPUID_KVM_STEAL_TIME);
	default:
		return true;
	}
}

static u64 spec_ctrl_bits(const struct msr_ctx *ctx)
{
	u64 bits = 0;

	if (cpuid_has(ctx->cpuid, CPUID_SPEC_CTRL) || cpuid_has(ctx->cpuid, CPUID_AMD_IBRS))
		bits |= SPEC_CTRL_IBRS;
	/* Where IBRS is there, STIBP may be set and does nothing (SDM, IA32_SPEC_CTRL). */
	if (has_any(ctx, CPUID_INTEL_STIBP, CPUID_AMD_STIBP, CPUID_SPEC_CTRL, CPUID_AMD_IBRS))
		bits |= SPEC_CTRL_STIBP;
	if (cpuid_has(ctx->cpuid, CPUID_SPEC_CTRL_SSBD) || cpuid_has(ctx->cpuid, CPUID_AMD_SSBD))
		bits |= SPEC_CTRL_SSBD;
	if (cpuid_has(ctx->cpuid, CPUID_AMD_PSFD))
		bits |= SPEC_CTRL_PSFD;
	return bits;
}

static bool is_command(u32 index)
{
	return index == MSR_PRED_CMD || index == MSR_FLUSH_CMD;
}

static int read_hw(const struct msr_ctx *ctx, u32 index, bool host, u64 *value)
{
	if (!host && !offered(ctx, index))
		return -NXT_ENOENT;
	if (is_command(index)) { /* write-only; nothing to save */
		*value = 0;
		return host ? 0 : -NXT_EINVAL;
	}
	return ctx->hw_read(ctx->vcpu, index, host, value);
}

static int write_hw(const struct msr_ctx *ctx, u32 index, u64 value, bool host)
{
	if (!host && !offered(ctx, index))
		return -NXT_ENOENT;
	if (is_command(index)) {
		if (value & ~1ull)
			return -NXT_EINVAL;
		if (host || !value)
			return 0;
	}
	if (index == MSR_SPEC_CTRL && value & ~spec_ctrl_bits(ctx))
		return -NXT_EINVAL;
	return ctx->hw_write(ctx->vcpu, index, value, host);
}

/* -- the rest -------------------------------------------------------------------------------------- */

static int read_stored(const struct msr_ctx *ctx, u32 index, bool host, u64 *value)
{
	const struct guest_msrs *m = ctx->msrs;

	switch (index) {
	case MSR_SMI_COUNT:
		*value = m->smi_count;
		return 0;
	case MSR_SMBASE:
		*value = m->smbase;
		return host ? 0 : -NXT_EINVAL;
	case MSR_FEAT_CTL:
		*value = m->feat_ctl;
		return host || !ctx->cpuid->features.amd ? 0 : -NXT_ENOENT;
	case MSR_UCODE_REV:
		*value = m->ucode_rev;
		return 0;
	case MSR_PLATFORM_INFO:
		*value = m->platform_info;
		return 0;
	case MSR_ARCH_CAPABILITIES:
		*value = m->arch_capabilities;
		return host || cpuid_has(ctx->cpuid, CPUID_ARCH_CAPABILITIES) ? 0 : -NXT_ENOENT;
	case MSR_MISC_ENABLE:
		*value = m->misc_enable;
		return 0;
	case MSR_HWCR:
		*value = m->hwcr;
		return 0;
	default:
		return read_constant(index, host, value);
	}
}

static int write_stored(const struct msr_ctx *ctx, u32 index, u64 value, bool host)
{
	struct guest_msrs *m = ctx->msrs;

	switch (index) {
	case MSR_SMI_COUNT:
		if (!host)
			return -NXT_EINVAL;
		m->smi_count = value;
		return 0;
	case MSR_SMBASE:
		if (!host || value >> 32)
			return -NXT_EINVAL;
		m->smbase = (u32)value;
		return 0;
	case MSR_FEAT_CTL: /* nothing is behind it but the lock */
		if (!host && ctx->cpuid->features.amd)
			return -NXT_ENOENT;
		if (value & ~FEAT_CTL_LOCKED || (!host && m->feat_ctl & FEAT_CTL_LOCKED))
			return -NXT_EINVAL;
		m->feat_ctl = value;
		return 0;
	case MSR_UCODE_REV: /* Intel's way to read it is to write zero first */
		if (host)
			m->ucode_rev = value;
		return 0;
	case MSR_PLATFORM_INFO:
		if (!host)
			return -NXT_EINVAL;
		m->platform_info = value;
		return 0;
	case MSR_ARCH_CAPABILITIES:
		if (!host)
			return -NXT_EINVAL;
		m->arch_capabilities = value;
		return 0;
	case MSR_MISC_ENABLE:
		if (!host)
			value = (value & ~MISC_ENABLE_READ_ONLY) | (m->misc_enable & MISC_ENABLE_READ_ONLY);
		m->misc_enable = value;
		return 0;
	case MSR_HWCR:
		value &= ~HWCR_IGNORED;
		if (value & ~(HWCR_MC_STATUS_WRITE | HWCR_TSC_FREQ_SEL))
			return -NXT_EINVAL;
		m->hwcr = value;
		return 0;
	default:
		return write_constant(index, value, host);
	}
}

int msr_read(const struct msr_ctx *ctx, u32 index, bool host, u64 *value)
{
	const u64 *type = mtrr(ctx->msrs, index);

	if (msr_is_hw(index))
		return read_hw(ctx, index, host, value);
	if (type) {
		*value = *type;
		return 0;
	}
	if (is_mce(index))
		return read_mce(ctx->msrs, index, host, value);
	return read_stored(ctx, index, host, value);
}

int msr_write(const struct msr_ctx *ctx, u32 index, u64 value, bool host)
{
	u64 *type = mtrr(ctx->msrs, index);

	if (msr_is_hw(index))
		return write_hw(ctx, index, value, host);
	if (type) {
		if (!legal_mtrr(ctx, index, value))
			return -NXT_EINVAL;
		*type = value;
		return 0;
	}
	if (is_mce(index))
		return write_mce(ctx->msrs, index, value, host);
	return write_stored(ctx, index, value, host);
}

void msr_reset(struct guest_msrs *m, bool amd)
{
	*m = (struct guest_msrs){
		.mcg_cap = MSR_MCE_BANKS_MAX,
		.misc_enable = MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS,
		.smbase = SMBASE_RESET,
		/* A revision that no vendor published: drivers look for one that is old. */
		.ucode_rev = amd ? 0x01000065 : BIT(32),
	};
}

/* The list may lie in a page that the control domain writes meanwhile: it is only written, never read. */
static u32 list_add(struct nxt_msr_list *out, u32 count, u32 first, u32 last)
{
	for (u32 i = first; i <= last && count < NXT_MSRS_MAX; i++)
		out->msr[count++] = (struct nxt_msr){.index = i};
	return count;
}

void msr_list(struct nxt_msr_list *out, const struct cpuid_features *host)
{
	static const struct {
		u32 first, last;
	} always[] = {
		{MSR_SYSENTER_CS, MSR_SYSENTER_EIP},
		{MSR_STAR, MSR_SFMASK},
		{MSR_KERNEL_GS_BASE, MSR_KERNEL_GS_BASE},
		{MSR_PAT, MSR_PAT},
		{MSR_TSC, MSR_TSC},
		{MSR_KVM_WALL_CLOCK_OLD, MSR_KVM_SYSTEM_TIME_OLD},
		{MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME},
		{MSR_KVM_STEAL_TIME, MSR_KVM_STEAL_TIME},
		{MSR_TSC_ADJUST, MSR_TSC_ADJUST},
		{MSR_TSC_DEADLINE, MSR_TSC_DEADLINE},
		{MSR_MISC_ENABLE, MSR_MISC_ENABLE},
		{MSR_MCG_STATUS, MSR_MCG_CTL},
		{MSR_SMI_COUNT, MSR_SMI_COUNT},
		{MSR_SMBASE, MSR_SMBASE},
		{MSR_UCODE_REV, MSR_UCODE_REV},
		{MSR_PLATFORM_INFO, MSR_PLATFORM_INFO},
		{MSR_HWCR, MSR_HWCR},
		{MSR_MTRR_VAR_FIRST, MSR_MTRR_VAR_LAST},
		{MSR_MTRR_FIX64K, MSR_MTRR_FIX64K},
		{MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000},
		{MSR_MTRR_FIX4K_FIRST, MSR_MTRR_FIX4K_LAST},
		{MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE},
	};
	u32 count = 0;

	memset(out, 0, sizeof(*out));
	for (u32 i = 0; i < ARRAY_SIZE(always); i++)
		count = list_add(out, count, always[i].first, always[i].last);
	if (cpuid_feature(host, CPUID_RDTSCP) || cpuid_feature(host, CPUID_RDPID))
		count = list_add(out, count, MSR_TSC_AUX, MSR_TSC_AUX);
	if (cpuid_feature(host, CPUID_SPEC_CTRL) || cpuid_feature(host, CPUID_AMD_IBRS) ||
	    cpuid_feature(host, CPUID_AMD_STIBP) || cpuid_feature(host, CPUID_AMD_SSBD))
		count = list_add(out, count, MSR_SPEC_CTRL, MSR_SPEC_CTRL);
	out->count = count;
}
