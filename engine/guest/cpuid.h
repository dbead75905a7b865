/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID for guests, in three steps:
 *  1. cpuid_policy(): what guests can be offered on this PC: an allow-list of features, cut to what the CPU
 * has.
 *  2. cpuid_set(): the table that user space chose for a vCPU, checked and indexed.
 *  3. cpuid_lookup(): the answer to one CPUID instruction, with the bits that follow the vCPU's state.
 * User space may claim features that the CPU lacks; that harms only its guest. What Engine itself does (which
 * MSRs exist, which XCR0 and CR4 bits may be set) asks cpuid_has() *and* what the hardware can do.
 */
#ifndef ENGINE_GUEST_CPUID_H
#define ENGINE_GUEST_CPUID_H

#include "abi/hypercall.h"
#include "lib/cpuid.h"
#include "lib/types.h"

/* The CPUID instruction of this CPU, or a test's idea of one. */
typedef void cpuid_raw_fn(u32 leaf, u32 subleaf, struct cpuid_regs *out);

/* The registers that hold feature bits. A feature is CPUID_F(word, bit). */
enum cpuid_word {
	CPUID_1_EDX,
	CPUID_1_ECX,
	CPUID_6_EAX,
	CPUID_7_EBX,
	CPUID_7_ECX,
	CPUID_7_EDX,
	CPUID_7_1_EAX,
	CPUID_7_1_EDX,
	CPUID_7_2_EDX,
	CPUID_D_1_EAX,
	CPUID_E1_EDX, /* 0x80000001 */
	CPUID_E1_ECX,
	CPUID_E7_EDX,  /* 0x80000007 */
	CPUID_E8_EBX,  /* 0x80000008 */
	CPUID_E21_EAX, /* 0x80000021 */
	CPUID_KVM_EAX, /* 0x40000001 */
	CPUID_WORDS
};
#define CPUID_F(word, bit) ((u32)(word)*32u + (bit))

/* The features that Engine itself asks about. */
#define CPUID_DE CPUID_F(CPUID_1_EDX, 2)
#define CPUID_MCE CPUID_F(CPUID_1_EDX, 7)
#define CPUID_APIC CPUID_F(CPUID_1_EDX, 9)
#define CPUID_SEP CPUID_F(CPUID_1_EDX, 11)
#define CPUID_MTRR CPUID_F(CPUID_1_EDX, 12)
#define CPUID_PGE CPUID_F(CPUID_1_EDX, 13)
#define CPUID_MCA CPUID_F(CPUID_1_EDX, 14)
#define CPUID_PAT CPUID_F(CPUID_1_EDX, 16)
#define CPUID_XSAVE CPUID_F(CPUID_1_ECX, 26)
#define CPUID_PCID CPUID_F(CPUID_1_ECX, 17)
#define CPUID_X2APIC CPUID_F(CPUID_1_ECX, 21)
#define CPUID_TSC_DEADLINE CPUID_F(CPUID_1_ECX, 24)
#define CPUID_HYPERVISOR CPUID_F(CPUID_1_ECX, 31)
#define CPUID_FSGSBASE CPUID_F(CPUID_7_EBX, 0)
#define CPUID_TSC_ADJUST CPUID_F(CPUID_7_EBX, 1)
#define CPUID_SMEP CPUID_F(CPUID_7_EBX, 7)
#define CPUID_INVPCID CPUID_F(CPUID_7_EBX, 10)
#define CPUID_SMAP CPUID_F(CPUID_7_EBX, 20)
#define CPUID_UMIP CPUID_F(CPUID_7_ECX, 2)
#define CPUID_PKU CPUID_F(CPUID_7_ECX, 3)
#define CPUID_LA57 CPUID_F(CPUID_7_ECX, 16)
#define CPUID_RDPID CPUID_F(CPUID_7_ECX, 22)
#define CPUID_SPEC_CTRL CPUID_F(CPUID_7_EDX, 26)
#define CPUID_INTEL_STIBP CPUID_F(CPUID_7_EDX, 27)
#define CPUID_FLUSH_L1D CPUID_F(CPUID_7_EDX, 28)
#define CPUID_ARCH_CAPABILITIES CPUID_F(CPUID_7_EDX, 29)
#define CPUID_SPEC_CTRL_SSBD CPUID_F(CPUID_7_EDX, 31)
#define CPUID_XSAVES CPUID_F(CPUID_D_1_EAX, 3)
#define CPUID_SYSCALL CPUID_F(CPUID_E1_EDX, 11)
#define CPUID_NX CPUID_F(CPUID_E1_EDX, 20)
#define CPUID_FXSR_OPT CPUID_F(CPUID_E1_EDX, 25)
#define CPUID_GBPAGES CPUID_F(CPUID_E1_EDX, 26)
#define CPUID_RDTSCP CPUID_F(CPUID_E1_EDX, 27)
#define CPUID_LM CPUID_F(CPUID_E1_EDX, 29)
#define CPUID_SVM CPUID_F(CPUID_E1_ECX, 2)
#define CPUID_AMD_IBPB CPUID_F(CPUID_E8_EBX, 12)
#define CPUID_AMD_IBRS CPUID_F(CPUID_E8_EBX, 14)
#define CPUID_AMD_STIBP CPUID_F(CPUID_E8_EBX, 15)
#define CPUID_AMD_SSBD CPUID_F(CPUID_E8_EBX, 24)
#define CPUID_KVM_CLOCK_OLD CPUID_F(CPUID_KVM_EAX, 0)
#define CPUID_KVM_CLOCK CPUID_F(CPUID_KVM_EAX, 3)
#define CPUID_KVM_STEAL_TIME CPUID_F(CPUID_KVM_EAX, 5)
#define CPUID_AUTOIBRS CPUID_F(CPUID_E21_EAX, 8)

struct cpuid_features {
	u32 word[CPUID_WORDS];
	u32 maxphyaddr; /* physical address bits, 32 .. 52; 36 if not said */
	bool amd;	/* the vendor is AMD or Hygon: out-of-range leaves are zero */
	u64 xcr0;	/* XCR0 bits that leaf 0xd offers */
};

struct cpuid_table {
	struct cpuid_features features;
	u32 count;
	u8 order[NXT_CPUIDS_MAX];		/* the entries, sorted by leaf and then by position */
	struct nxt_cpuid entry[NXT_CPUIDS_MAX]; /* as user space gave them */
};

/* What of the vCPU's state shows in CPUID. */
struct cpuid_state {
	u64 cr4;
	u64 xcr0;
	bool apic_enabled; /* IA32_APIC_BASE.EN */
};

/* XCR0 bits that guests may have: what the CPU has of x87, SSE, AVX, AVX-512 and PKRU; 0 without XSAVE. */
u64 cpuid_guest_xcr0(cpuid_raw_fn *raw);

/* CR4 bits that belong to what guests can be offered. */
u64 cpuid_guest_cr4(cpuid_raw_fn *raw);

/* Bytes of the standard-format XSAVE area that holds the components of xcr0. */
u32 cpuid_xsave_size(cpuid_raw_fn *raw, u64 xcr0);

/* Fills *out (NXT_INFO_CPUID), which may be a shared page, with what guests can be offered. */
void cpuid_policy(struct nxt_cpuid_list *out, cpuid_raw_fn *raw);

/* The feature bits that a list (of count entries that no one else changes) offers. */
void cpuid_features_of(struct cpuid_features *f, const struct nxt_cpuid *entry, u32 count);

/*
 * Copies the list (which may change while it is read) into the table. -NXT_E2BIG: too many entries, and the
 * table keeps what it had. Any other content is the guest's own problem.
 */
int cpuid_set(struct cpuid_table *t, const struct nxt_cpuid_list *list);

/* What cpuid_set() was given, in that order, with what CPUID answers now where that depends on the state. */
void cpuid_get(const struct cpuid_table *t, const struct cpuid_state *state, struct nxt_cpuid_list *list);

/* The answer to CPUID with EAX = leaf and ECX = subleaf. A table that was never set (all zero) answers zero.
 */
void cpuid_lookup(const struct cpuid_table *t, u32 leaf, u32 subleaf, const struct cpuid_state *state,
		  struct cpuid_regs *out);

static inline bool cpuid_feature(const struct cpuid_features *f, u32 feature)
{
	return f->word[feature / 32] >> (feature % 32) & 1;
}

static inline bool cpuid_has(const struct cpuid_table *t, u32 feature)
{
	return cpuid_feature(&t->features, feature);
}

#endif
