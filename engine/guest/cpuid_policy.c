/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests can be offered. A feature is offered if it is on the list below and the CPU has it, or if
 * Engine emulates it
 * ("always"). A feature that is new to this list stays hidden: it may come with state that Engine does not
 * switch, or with registers that it does not guard.
 */
#include "guest/cpuid.h"
#include "lib/string.h"

#define MAX_BASIC 0xdu
#define MAX_EXTENDED 0x80000021u

#define XCR0_X87_SSE 3ull
#define XCR0_AVX BIT(2)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define XCR0_PKRU BIT(9)
#define XCR0_OFFERED (XCR0_X87_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU)

#define XSAVE_LEGACY_SIZE 576u
#define XSAVE_ALIGN 64u
#define XSAVE_ALIGNED BIT(1)
#define LEAF_D1_XSAVEC BIT(1)

#define LEAF1_ECX_XSAVE BIT(26)

/* KVM_FEATURE_*. NOP_IO_DELAY: writes to port 0x80 are not needed as a delay. */
#define KVM_CLOCKSOURCE BIT(0) /* by the old numbers of its registers */
#define KVM_NOP_IO_DELAY BIT(1)
#define KVM_CLOCKSOURCE2 BIT(3)
#define KVM_STEAL_TIME BIT(5)
#define KVM_CLOCKSOURCE_STABLE BIT(24) /* PVCLOCK_TSC_STABLE means something */

#define B(n) ((u32)BIT(n))

struct mask {
	u32 allow;  /* offered if the CPU has it */
	u32 always; /* emulated */
};

static const struct mask masks[CPUID_WORDS] = {
	[CPUID_1_EDX] =
		{
			/* FPU, VME, DE, PSE, TSC, MSR, PAE, MCE, CX8 */
			.allow = B(0) | B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(7) | B(8)
				 /* SEP, MTRR, PGE, MCA, CMOV, PAT, PSE36, CLFLUSH */
				 | B(11) | B(12) | B(13) | B(14) | B(15) | B(16) | B(17) | B(19)
				 /* MMX, FXSR, SSE, SSE2, SS */
				 | B(23) | B(24) | B(25) | B(26) | B(27),
			.always = B(9), /* APIC */
		},
	[CPUID_1_ECX] =
		{
			/* SSE3, PCLMULQDQ, SSSE3, FMA, CX16, PCID, SSE4.1, SSE4.2 */
			.allow = B(0) | B(1) | B(9) | B(12) | B(13) | B(17) | B(19) | B(20)
				 /* MOVBE, POPCNT, AES, XSAVE, AVX, F16C, RDRAND */
				 | B(22) | B(23) | B(25) | B(26) | B(28) | B(29) | B(30),
			.always = B(21) | B(24) | B(31), /* x2APIC, TSC-deadline, hypervisor */
		},
	[CPUID_6_EAX] = {.always = B(2)}, /* ARAT: the timer runs in every C-state */
	[CPUID_7_EBX] =
		{
			/* FSGSBASE, BMI1, AVX2, FDP_EXCPTN_ONLY, SMEP, BMI2, ERMS, INVPCID, no FPU CS/DS */
			.allow = B(0) | B(3) | B(5) | B(6) | B(7) | B(8) | B(9) | B(10) | B(13)
				 /* AVX512F, AVX512DQ, RDSEED, ADX, SMAP, AVX512_IFMA, CLFLUSHOPT, CLWB */
				 | B(16) | B(17) | B(18) | B(19) | B(20) | B(21) | B(23) | B(24)
				 /* AVX512PF, AVX512ER, AVX512CD, SHA, AVX512BW, AVX512VL */
				 | B(26) | B(27) | B(28) | B(29) | B(30) | B(31),
			.always = B(1), /* TSC_ADJUST */
		},
	/* PREFETCHWT1, AVX512_VBMI, UMIP, PKU, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ */
	[CPUID_7_ECX] = {.allow = B(0) | B(1) | B(2) | B(3) | B(6) | B(8) | B(9) | B(10) | B(11) | B(12) | B(14)
				  /* RDPID, CLDEMOTE, MOVDIRI, MOVDIR64B */
				  | B(22) | B(25) | B(27) | B(28)},
	/* AVX512_4VNNIW, AVX512_4FMAPS, FSRM, AVX512_VP2INTERSECT, MD_CLEAR, SERIALIZE, AVX512_FP16 */
	[CPUID_7_EDX] = {.allow = B(2) | B(3) | B(4) | B(8) | B(10) | B(14) | B(23)
				  /* IBRS and IBPB, STIBP, L1D_FLUSH, SSBD */
				  | B(26) | B(27) | B(28) | B(31)},
	/* SHA512, SM3, SM4, AVX_VNNI, AVX512_BF16, CMPCCXADD, FZRM, FSRS, FSRC, AVX_IFMA */
	[CPUID_7_1_EAX] = {.allow = B(0) | B(1) | B(2) | B(4) | B(5) | B(7) | B(10) | B(11) | B(12) | B(23)},
	/* AVX_VNNI_INT8, AVX_NE_CONVERT, AVX_VNNI_INT16, PREFETCHI */
	[CPUID_7_1_EDX] = {.allow = B(4) | B(5) | B(10) | B(14)},
	[CPUID_7_2_EDX] = {.allow = B(5)}, /* MCDT_NO */
	/* XSAVEOPT, XSAVEC, XGETBV with ECX = 1; no XSAVES, which would need IA32_XSS */
	[CPUID_D_1_EAX] = {.allow = B(0) | B(1) | B(2)},
	/* AMD's copies of leaf 1 EDX: FPU .. CX8, APIC, MTRR .. PSE36, MMX, FXSR */
	[CPUID_E1_EDX] = {.allow = 0x3ff | B(12) | B(13) | B(14) | B(15) | B(16) | B(17) | B(23) | B(24)
				   /*
				    * SYSCALL, NX, MMXEXT, FXSR_OPT, 1 GiB pages, RDTSCP, LM, 3DNOWEXT, 3DNOW
				    */
				   | B(11) | B(20) | B(22) | B(25) | B(26) | B(27) | B(29) | B(30) | B(31)},
	/*
	 * LAHF_LM, CMP_LEGACY, CR8_LEGACY, ABM, SSE4A, MISALIGNSSE, 3DNOWPREFETCH, OSVW, XOP, FMA4, TBM,
	 * TOPOEXT
	 */
	[CPUID_E1_ECX] = {.allow = B(0) | B(1) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9) | B(11) | B(16) | B(21) |
				   B(22)},
	[CPUID_E7_EDX] = {.allow = B(8)}, /* invariant TSC */
	/*
	 * CLZERO, XSAVEERPTR, WBNOINVD, IBPB, IBRS, STIBP, STIBP always on, SSBD, SSB_NO, PSFD, BTC_NO,
	 * IBPB_RET
	 */
	[CPUID_E8_EBX] = {.allow = B(0) | B(2) | B(9) | B(12) | B(14) | B(15) | B(17) | B(24) | B(26) | B(28) |
				   B(29) | B(30)},
	/*
	 * no nested data breakpoints, LFENCE serializes, null selector clears base, IBPB flushes branch
	 * types, SRSO_NO
	 */
	[CPUID_E21_EAX] = {.allow = B(0) | B(2) | B(6) | B(28) | B(29)},
	[CPUID_KVM_EAX] = {.always = KVM_CLOCKSOURCE | KVM_NOP_IO_DELAY | KVM_CLOCKSOURCE2 | KVM_STEAL_TIME | KVM_CLOCKSOURCE_STABLE},
};

/* VME, PVI, TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT: every CPU that Engine runs on has them. */
#define CR4_ALWAYS 0x7ffull

static u32 offer(enum cpuid_word word, u32 raw)
{
	return (raw & masks[word].allow) | masks[word].always;
}

u64 cpuid_guest_xcr0(cpuid_raw_fn *raw)
{
	struct cpuid_regs r;
	u64 xcr0;

	raw(0, 0, &r);
	if (r.eax < 0xd)
		return 0;
	raw(1, 0, &r);
	if (!(r.ecx & LEAF1_ECX_XSAVE))
		return 0;
	raw(0xd, 0, &r);
	xcr0 = ((u64)r.edx << 32 | r.eax) & XCR0_OFFERED;
	/* AVX-512's three parts go together, and need AVX (SDM 13.3). */
	if ((xcr0 & XCR0_AVX512) != XCR0_AVX512 || !(xcr0 & XCR0_AVX))
		xcr0 &= ~XCR0_AVX512;
	if (cpuid_xsave_size(raw, xcr0) > NXT_PAGE_SIZE)
		xcr0 &= XCR0_X87_SSE | XCR0_AVX;
	return xcr0;
}

u64 cpuid_guest_cr4(cpuid_raw_fn *raw)
{
	static const struct {
		enum cpuid_word word;
		u8 feature, cr4;
	} bits[] = {
		{CPUID_7_ECX, 2, 11},  /* UMIP */
		{CPUID_7_ECX, 16, 12}, /* LA57 */
		{CPUID_7_EBX, 0, 16},  /* FSGSBASE */
		{CPUID_1_ECX, 17, 17}, /* PCIDE */
		{CPUID_1_ECX, 26, 18}, /* OSXSAVE */
		{CPUID_7_EBX, 7, 20},  /* SMEP */
		{CPUID_7_EBX, 20, 21}, /* SMAP */
		{CPUID_7_ECX, 3, 22},  /* PKE */
	};
	u32 offered[CPUID_WORDS] = {0};
	u64 cr4 = CR4_ALWAYS;
	struct cpuid_regs r;

	raw(1, 0, &r);
	offered[CPUID_1_ECX] = offer(CPUID_1_ECX, r.ecx);
	raw(0, 0, &r);
	if (r.eax >= 7) {
		raw(7, 0, &r);
		offered[CPUID_7_EBX] = offer(CPUID_7_EBX, r.ebx);
		offered[CPUID_7_ECX] = offer(CPUID_7_ECX, r.ecx);
	}
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		if (offered[bits[i].word] & BIT(bits[i].feature))
			cr4 |= BIT(bits[i].cr4);
	return cr4;
}

u32 cpuid_xsave_size(cpuid_raw_fn *raw, u64 xcr0)
{
	u32 size = XSAVE_LEGACY_SIZE;
	struct cpuid_regs r;

	for (u64 left = xcr0 & ~XCR0_X87_SSE; left; left &= left - 1) {
		raw(0xd, __builtin_ctzll(left), &r);
		size = MAX(size, r.ebx + r.eax);
	}
	return size;
}

static u32 compacted_size(cpuid_raw_fn *raw, u64 xcr0)
{
	u32 size = XSAVE_LEGACY_SIZE;
	struct cpuid_regs r;

	for (u64 left = xcr0 & ~XCR0_X87_SSE; left; left &= left - 1) {
		raw(0xd, __builtin_ctzll(left), &r);
		size = (r.ecx & XSAVE_ALIGNED ? ALIGN_UP(size, XSAVE_ALIGN) : size) + r.eax;
	}
	return size;
}

/* The list may lie in a page that the control domain writes meanwhile: it is only written here, never read.
 */
struct builder {
	struct nxt_cpuid_list *out;
	u32 count;
};

static void add_entry(struct builder *b, u32 leaf, u32 subleaf, u32 flags, const struct cpuid_regs *r)
{
	if (b->count < NXT_CPUIDS_MAX)
		b->out->entry[b->count++] =
			(struct nxt_cpuid){leaf, subleaf, flags, r->eax, r->ebx, r->ecx, r->edx, 0};
}

static void add(struct builder *b, u32 leaf, const struct cpuid_regs *r)
{
	add_entry(b, leaf, 0, 0, r);
}

static void add_sub(struct builder *b, u32 leaf, u32 subleaf, const struct cpuid_regs *r)
{
	add_entry(b, leaf, subleaf, NXT_CPUID_SUBLEAF, r);
}

/* Intel leaf 4, AMD leaf 0x8000001d. How many CPUs share a cache is user space's affair: here it is one. */
static void add_caches(struct builder *b, u32 leaf, cpuid_raw_fn *raw)
{
	for (u32 i = 0; i < 8; i++) {
		struct cpuid_regs r;

		raw(leaf, i, &r);
		if (!(r.eax & 0x1f))
			break;
		r.eax &= 0x3fff;
		add_sub(b, leaf, i, &r);
	}
}

static void add_xsave(struct builder *b, cpuid_raw_fn *raw)
{
	u64 xcr0 = cpuid_guest_xcr0(raw);
	struct cpuid_regs r, d1;
	u32 size = cpuid_xsave_size(raw, xcr0);

	if (!xcr0)
		return;
	add_sub(b, 0xd, 0, &(struct cpuid_regs){(u32)xcr0, size, size, xcr0 >> 32});
	raw(0xd, 1, &d1);
	r = (struct cpuid_regs){.eax = offer(CPUID_D_1_EAX, d1.eax)};
	if (r.eax & LEAF_D1_XSAVEC)
		r.ebx = compacted_size(raw, xcr0);
	add_sub(b, 0xd, 1, &r);
	for (u64 left = xcr0 & ~XCR0_X87_SSE; left; left &= left - 1) {
		u32 i = __builtin_ctzll(left);

		raw(0xd, i, &r);
		r.ecx &= XSAVE_ALIGNED;
		r.edx = 0;
		add_sub(b, 0xd, i, &r);
	}
}

static void add_leaf7(struct builder *b, cpuid_raw_fn *raw)
{
	struct cpuid_regs r;
	u32 last;

	raw(7, 0, &r);
	last = MIN(r.eax, 2u);
	r = (struct cpuid_regs){last, offer(CPUID_7_EBX, r.ebx), offer(CPUID_7_ECX, r.ecx),
				offer(CPUID_7_EDX, r.edx)};
	add_sub(b, 7, 0, &r);
	if (last >= 1) {
		raw(7, 1, &r);
		r = (struct cpuid_regs){.eax = offer(CPUID_7_1_EAX, r.eax),
					.edx = offer(CPUID_7_1_EDX, r.edx)};
		add_sub(b, 7, 1, &r);
	}
	if (last >= 2) {
		raw(7, 2, &r);
		r = (struct cpuid_regs){.edx = offer(CPUID_7_2_EDX, r.edx)};
		add_sub(b, 7, 2, &r);
	}
}

static void add_basic(struct builder *b, cpuid_raw_fn *raw)
{
	struct cpuid_regs r;
	u32 last;

	raw(0, 0, &r);
	last = r.eax = MIN(r.eax, MAX_BASIC);
	add(b, 0, &r);
	raw(1, 0, &r);
	r.ebx = (r.ebx & 0xff00) | 1u << 16; /* CLFLUSH size; one logical CPU, APIC ID 0 */
	r.ecx = offer(CPUID_1_ECX, r.ecx);
	r.edx = offer(CPUID_1_EDX, r.edx);
	add(b, 1, &r);
	if (last >= 2) {
		raw(2, 0, &r);
		add(b, 2, &r);
	}
	if (last >= 4)
		add_caches(b, 4, raw);
	if (last >= 6)
		add(b, 6, &(struct cpuid_regs){.eax = offer(CPUID_6_EAX, 0)});
	if (last >= 7)
		add_leaf7(b, raw);
	if (last >= 0xd)
		add_xsave(b, raw);
}

static void add_kvm(struct builder *b)
{
	/* "KVMKVMKVM\0\0\0" in EBX, ECX, EDX */
	add(b, 0x40000000, &(struct cpuid_regs){0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d});
	add(b, 0x40000001, &(struct cpuid_regs){.eax = offer(CPUID_KVM_EAX, 0)});
}

/* One leaf of the extended range, cut to what is offered. Leaves that are not named are not offered. */
static void add_extended_leaf(struct builder *b, u32 leaf, cpuid_raw_fn *raw)
{
	struct cpuid_regs r;

	raw(leaf, 0, &r);
	switch (leaf) {
	case 0x80000001:
		r = (struct cpuid_regs){r.eax, r.ebx, offer(CPUID_E1_ECX, r.ecx), offer(CPUID_E1_EDX, r.edx)};
		break;
	case 0x80000002: /* the CPU's name */
	case 0x80000003:
	case 0x80000004:
	case 0x80000005: /* caches and TLBs */
	case 0x80000006:
	case 0x8000001a: /* how wide the FPU's data paths are */
		break;
	case 0x80000007:
		r = (struct cpuid_regs){.edx = offer(CPUID_E7_EDX, r.edx)};
		break;
	case 0x80000008: /* physical address bits, and 48 linear ones: no five-level paging */
		r = (struct cpuid_regs){.eax = (r.eax & 0xff) | 48u << 8, .ebx = offer(CPUID_E8_EBX, r.ebx)};
		break;
	case 0x8000001d:
		add_caches(b, leaf, raw);
		return;
	case 0x8000001e: /* the topology is user space's affair */
		r = (struct cpuid_regs){0};
		break;
	case 0x80000021:
		r = (struct cpuid_regs){.eax = offer(CPUID_E21_EAX, r.eax)};
		break;
	default:
		return;
	}
	add(b, leaf, &r);
}

void cpuid_policy(struct nxt_cpuid_list *out, cpuid_raw_fn *raw)
{
	struct builder builder = {.out = out}, *b = &builder;
	struct cpuid_regs r;
	u32 last;

	memset(out, 0, sizeof(*out));
	add_basic(b, raw);
	add_kvm(b);
	raw(0x80000000, 0, &r);
	last = MIN(r.eax, MAX_EXTENDED);
	if (last >= 0x80000000) {
		r.eax = last;
		add(b, 0x80000000, &r);
	}
	for (u32 leaf = 0x80000001; leaf <= last; leaf++)
		add_extended_leaf(b, leaf, raw);
	out->count = b->count;
}
