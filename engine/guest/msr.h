/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's model-specific registers. Those that the hardware or the vCPU's code holds (EFER, the SYSCALL
 * and SYSENTER registers, segment bases, PAT, TSC, TSC_ADJUST, TSC_DEADLINE, TSC_AUX, DEBUGCTL, SPEC_CTRL,
 * PRED_CMD, APIC_BASE, the x2APIC range, KVM's clocks and steal time) are reached through the caller's hw
 * callbacks; the rest is storage in struct guest_msrs, or a constant. A register that nobody here knows does
 * not exist: #GP for a guest, and not in the list that user space saves.
 */
#ifndef ENGINE_GUEST_MSR_H
#define ENGINE_GUEST_MSR_H

#include "abi/hypercall.h"
#include "guest/cpuid.h"
#include "lib/types.h"

enum msr_index {
	MSR_TSC = 0x10,
	MSR_KVM_WALL_CLOCK_OLD = 0x11,
	MSR_KVM_SYSTEM_TIME_OLD = 0x12,
	MSR_PLATFORM_ID = 0x17,
	MSR_APIC_BASE = 0x1b,
	MSR_EBL_CR_POWERON = 0x2a,
	MSR_EBC_FREQUENCY = 0x2c,
	MSR_SMI_COUNT = 0x34,
	MSR_FEAT_CTL = 0x3a,
	MSR_TSC_ADJUST = 0x3b,
	MSR_SPEC_CTRL = 0x48,
	MSR_PRED_CMD = 0x49,
	MSR_UCODE_WRITE = 0x79,
	MSR_UCODE_REV = 0x8b,
	MSR_SMBASE = 0x9e,
	MSR_P6_PERFCTR0 = 0xc1,
	MSR_P6_PERFCTR1 = 0xc2,
	MSR_FSB_FREQ = 0xcd,
	MSR_PLATFORM_INFO = 0xce,
	MSR_MTRR_CAP = 0xfe,
	MSR_ARCH_CAPABILITIES = 0x10a,
	MSR_FLUSH_CMD = 0x10b,
	MSR_BBL_CR_CTL3 = 0x11e,
	MSR_MISC_FEATURES = 0x140,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
	MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS = 0x17a,
	MSR_MCG_CTL = 0x17b,
	MSR_P6_EVNTSEL0 = 0x186,
	MSR_P6_EVNTSEL1 = 0x187,
	MSR_PERF_STATUS = 0x198,
	MSR_PERF_CTL = 0x199,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUGCTL = 0x1d9,
	MSR_LAST_BRANCH_FROM = 0x1db,
	MSR_LAST_INT_TO = 0x1de,
	MSR_POWER_CTL = 0x1fc,
	MSR_MTRR_VAR_FIRST = 0x200, /* base and mask by turns */
	MSR_MTRR_VAR_LAST = 0x20f,
	MSR_MTRR_FIX64K = 0x250,
	MSR_MTRR_FIX16K_80000 = 0x258,
	MSR_MTRR_FIX16K_A0000 = 0x259,
	MSR_MTRR_FIX4K_FIRST = 0x268,
	MSR_MTRR_FIX4K_LAST = 0x26f,
	MSR_PAT = 0x277,
	MSR_MTRR_DEF_TYPE = 0x2ff,
	MSR_MC0_CTL = 0x400, /* CTL, STATUS, ADDR, MISC of each bank */
	MSR_MC31_MISC = 0x47f,
	MSR_RAPL_POWER_UNIT = 0x606,
	MSR_PKG_ENERGY_STATUS = 0x611,
	MSR_DRAM_ENERGY_STATUS = 0x619,
	MSR_PP0_ENERGY_STATUS = 0x639,
	MSR_PP1_ENERGY_STATUS = 0x641,
	MSR_TSC_DEADLINE = 0x6e0,
	MSR_X2APIC_FIRST = 0x800,
	MSR_X2APIC_LAST = 0x8ff,
	MSR_XSS = 0xda0,
	MSR_KVM_FIRST = 0x4b564d00,
	MSR_KVM_WALL_CLOCK = 0x4b564d00,
	MSR_KVM_SYSTEM_TIME = 0x4b564d01,
	MSR_KVM_STEAL_TIME = 0x4b564d03,
	MSR_KVM_LAST = 0x4b564d08,
	MSR_EFER = 0xc0000080,
	MSR_STAR = 0xc0000081,
	MSR_LSTAR = 0xc0000082,
	MSR_CSTAR = 0xc0000083,
	MSR_SFMASK = 0xc0000084,
	MSR_FS_BASE = 0xc0000100,
	MSR_GS_BASE = 0xc0000101,
	MSR_KERNEL_GS_BASE = 0xc0000102,
	MSR_TSC_AUX = 0xc0000103,
	MSR_K7_EVNTSEL0 = 0xc0010000,
	MSR_K7_PERFCTR3 = 0xc0010007,
	MSR_SYSCFG = 0xc0010010,
	MSR_HWCR = 0xc0010015,
	MSR_K7_CLK_CTL = 0xc001001b,
	MSR_NB_CFG = 0xc001001f,
	MSR_PATCH_LOADER = 0xc0010020,
	MSR_INT_PENDING = 0xc0010055,
	MSR_MMIO_CONF_BASE = 0xc0010058,
	MSR_TSEG_ADDR = 0xc0010112,
	MSR_TSEG_MASK = 0xc0010113,
	MSR_VM_CR = 0xc0010114,
	MSR_VM_HSAVE_PA = 0xc0010117,
	MSR_OSVW_ID_LENGTH = 0xc0010140,
	MSR_OSVW_STATUS = 0xc0010141,
	MSR_IC_CFG = 0xc0011021,
	MSR_DC_CFG = 0xc0011022,
	MSR_TW_CFG = 0xc0011023,
	MSR_DE_CFG = 0xc0011029,
	MSR_BU_CFG2 = 0xc001102a,
	MSR_EX_CFG = 0xc001102c,
};

#define MSR_MTRR_VAR_COUNT 8u
#define MSR_MTRR_FIXED_COUNT 11u
#define MSR_MCE_BANKS_MAX 32u
/* MCG_CAP beside the number of banks, which user space may choose: MCG_CTL_P and SER_P, as KVM. */
#define MSR_MCG_CAP_SUPPORTED (BIT(8) | BIT(24))

struct guest_msrs {
	u64 mtrr_def_type;
	u64 mtrr_fixed[MSR_MTRR_FIXED_COUNT]; /* 64K, 16K x 2, 4K x 8 */
	u64 mtrr_var[2 * MSR_MTRR_VAR_COUNT];
	u64 mcg_cap, mcg_status, mcg_ctl;
	u64 mc[4 * MSR_MCE_BANKS_MAX];
	u64 misc_enable;
	u64 platform_info;
	u64 ucode_rev; /* revision in bits 63:32, as the MSR has it */
	u64 feat_ctl;
	u64 arch_capabilities;
	u64 hwcr;
	u64 smi_count;
	u32 smbase; /* where SMM's handler and save area are; user space's to see, not the guest's */
};

/*
 * The callbacks access a register for which msr_is_hw() holds; they check the value, but for SPEC_CTRL,
 * PRED_CMD and FLUSH_CMD, whose value is checked against the guest's CPUID before. host: for user space, not
 * the guest. Returns 0, or -NXT_EINVAL (no such value, #GP) or -NXT_ENOENT (does not exist on this CPU, #GP).
 */
struct msr_ctx {
	struct guest_msrs *msrs;
	const struct cpuid_table *cpuid;
	void *vcpu; /* handed to the callbacks */
	int (*hw_read)(void *vcpu, u32 index, bool host, u64 *value);
	int (*hw_write)(void *vcpu, u32 index, u64 value, bool host);
};

/* Values at power-on. amd: the CPU's vendor, for the defaults of the few registers that differ. */
void msr_reset(struct guest_msrs *m, bool amd);

/*
 * 0, -NXT_ENOENT: no such register, -NXT_EINVAL: no such value; both #GP for a guest. host: user space saves
 * or restores: it may also write what guests only read, and use what the guest's CPUID does not offer. A host
 * write of MSR_MCG_CAP is KVM_X86_SETUP_MCE.
 */
int msr_read(const struct msr_ctx *ctx, u32 index, bool host, u64 *value);
int msr_write(const struct msr_ctx *ctx, u32 index, u64 value, bool host);

/* Whether the callbacks hold the register. */
bool msr_is_hw(u32 index);

/*
 * NXT_INFO_MSRS (out may be a shared page): the registers to save and restore, whose values may be written
 * back in any order. host is what cpuid_policy() offers: registers of features that the CPU lacks are left
 * out.
 */
void msr_list(struct nxt_msr_list *out, const struct cpuid_features *host);

#endif
