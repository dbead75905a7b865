/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's memory as Engine reaches it for the emulator: by the guest's own page tables, then the nested
 * one. Frames that a look-up finds stay the VM's until this vCPU leaves NXT_HC_VCPU_RUN: releasing waits for
 * that (guest/vm.h).
 */
#include "guest/vcpu.h"
#include "guest/walk.h"
#include "lib/string.h"
#include "mem/phys.h"

/*
 * The memory at gpa, or why not: WALK_* and INSN_MEM_* agree on neither, so the caller says what each is
 * called.
 */
void *vcpu_memory(struct vcpu *vcpu, bool smm, u64 gpa, bool write, bool *ret_resident)
{
	struct npt_mapping mapping;

	*ret_resident = false;
	if (gpa >= NPT_LIMIT)
		return NULL;
	switch (npt_lookup(&vcpu->vm->npt[smm], gpa, &mapping)) {
	case NPT_PRESENT:
		if (!write || mapping.writable)
			return (u8 *)phys_to_virt(mapping.pfn << PAGE_SHIFT) + (gpa & (PAGE_SIZE - 1));
		/* Read-only: perhaps only for now, for the dirty log or copy-on-write. */
		break;
	case NPT_MMIO:
		return NULL;
	default:
		break;
	}
	*ret_resident = (gpa & PAGE_MASK) != vcpu->unbacked;
	return NULL;
}

s64 vcpu_need_page(struct vcpu *vcpu, bool smm, u64 gpa, enum vcpu_pending pending)
{
	vcpu->run->npf.gpa = vcpu_named(smm, gpa);
	vcpu->run->npf.write = true;
	vcpu->run->npf.fetch = false;
	vcpu->run->npf.present = false;
	vcpu->pending = pending;
	return NXT_EXIT_RESIDENT;
}

/* In the address space that the vCPU sees. */
static void *own_memory(struct vcpu *vcpu, u64 gpa, bool write, bool *ret_resident)
{
	return vcpu_memory(vcpu, vcpu->smm, gpa, write, ret_resident);
}

/* What a walk hands its callbacks: memo is NULL if it is not to be remembered. */
struct walker {
	struct vcpu *vcpu;
	struct walk_memo *memo;
};

static int walk_read(void *opaque, u64 gpa, void *buf, u32 len)
{
	const struct walker *walker = opaque;
	bool resident;
	const void *at = own_memory(walker->vcpu, gpa, false, &resident);
	u64 value;

	if (!at)
		return resident ? WALK_RESIDENT : WALK_NO_MEMORY;
	if (len == 8)
		*(u64 *)buf = value = READ_ONCE(*(const u64 *)at);
	else
		*(u32 *)buf = (u32)(value = READ_ONCE(*(const u32 *)at));
	if (walker->memo)
		walk_memo_read(walker->memo, at, value, len);
	return WALK_OK;
}

static bool compare_exchange(void *at, u64 old, u64 new, u32 len)
{
	switch (len) {
	case 1: {
		u8 expected = (u8)old;

		return __atomic_compare_exchange_n((u8 *)at, &expected, (u8) new, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);
	}
	case 2: {
		u16 expected = (u16)old;

		return __atomic_compare_exchange_n((u16 *)at, &expected, (u16) new, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);
	}
	case 4: {
		u32 expected = (u32)old;

		return __atomic_compare_exchange_n((u32 *)at, &expected, (u32) new, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);
	}
	default:
		return __atomic_compare_exchange_n((u64 *)at, &old, new, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);
	}
}

static int walk_cmpxchg(void *opaque, u64 gpa, u64 old, u64 new, u32 len, bool *done)
{
	const struct walker *walker = opaque;
	bool resident;
	void *at = own_memory(walker->vcpu, gpa, true, &resident);

	if (walker->memo)
		walk_memo_spoil(walker->memo);
	if (!at)
		return resident ? WALK_RESIDENT : WALK_NO_MEMORY;
	*done = compare_exchange(at, old, new, len);
	return WALK_OK;
}

static const struct walk_ops walk_ops = {.read = walk_read, .cmpxchg = walk_cmpxchg};

struct walk_mode vcpu_walk_mode(const struct vcpu *vcpu, const struct paging_state *paging)
{
	return (struct walk_mode){
		.cr0 = paging->cr0,
		.cr3 = paging->cr3,
		.cr4 = paging->cr4,
		.efer = paging->efer,
		.rflags = paging->rflags,
		.maxphyaddr = (u8)vcpu->cpuid.features.maxphyaddr,
		.no_1g = !cpuid_has(&vcpu->cpuid, CPUID_GBPAGES),
	};
}

static struct walk_mode mode_of(const struct vcpu *vcpu)
{
	struct paging_state paging;

	vendor->get_paging(&vcpu->ctx, &paging);
	return vcpu_walk_mode(vcpu, &paging);
}

u64 vcpu_map_epoch(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->vm->epoch, __ATOMIC_SEQ_CST) << 1 | vcpu->smm;
}

static int translate(void *cpu, u64 linear, u32 access, u64 *gpa, struct insn_fault *fault)
{
	struct vcpu *vcpu = cpu;
	struct walk_mode mode = mode_of(vcpu);
	struct walk_memo *memo = access & INSN_ACCESS_FETCH ? &vcpu->code : &vcpu->operand;
	struct walker walker = {.vcpu = vcpu, .memo = memo};
	u64 epoch = vcpu_map_epoch(vcpu);
	struct walk result;

	if (walk_memo_find(memo, epoch, &mode, linear, access, gpa))
		return INSN_MEM_OK;
	walk_memo_start(memo, epoch, &mode, linear, access);
	switch (guest_walk(&walk_ops, &walker, &mode, linear, access, true, &result)) {
	case WALK_OK:
		walk_memo_done(memo, result.gpa);
		*gpa = result.gpa;
		return INSN_MEM_OK;
	case WALK_RESIDENT:
		*gpa = result.gpa;
		return INSN_MEM_RESIDENT;
	case WALK_FAULT:
		*fault = (struct insn_fault){
			.vector = 14, .has_error = true, .error = result.error, .cr2 = linear};
		return INSN_MEM_FAULT;
	default:
		*fault = (struct insn_fault){.vector = 13, .has_error = true};
		return INSN_MEM_FAULT;
	}
}

/* Instructions are read from the page that was just translated, mostly the same as the last time. */
static const u8 *code_page(struct vcpu *vcpu, u64 gpa)
{
	struct walk_memo *code = &vcpu->code;
	bool resident;

	if (!code->valid || code->gpa != (gpa & PAGE_MASK) || code->epoch != vcpu_map_epoch(vcpu))
		return NULL;
	if (!code->page)
		code->page = own_memory(vcpu, code->gpa, false, &resident);
	return code->page;
}

static int ram(void *cpu, u64 gpa, void *buf, u32 len, bool write)
{
	const u8 *code = write ? NULL : code_page(cpu, gpa);
	bool resident;
	void *at;

	if (code) {
		memcpy(buf, code + (gpa & ~PAGE_MASK), len);
		return INSN_MEM_OK;
	}
	if (vcpu_is_apic(cpu, gpa))
		return INSN_MEM_MMIO;
	at = own_memory(cpu, gpa, write, &resident);
	if (!at)
		return resident ? INSN_MEM_RESIDENT : INSN_MEM_MMIO;
	if (write)
		memcpy(at, buf, len);
	else
		memcpy(buf, at, len);
	return INSN_MEM_OK;
}

static int ram_cmpxchg(void *cpu, u64 gpa, u64 old, u64 new, u32 len)
{
	bool resident;
	void *at = own_memory(cpu, gpa, true, &resident);

	if (!at)
		return resident ? INSN_MEM_RESIDENT : INSN_MEM_MMIO;
	return compare_exchange(at, old, new, len) ? INSN_MEM_OK : INSN_MEM_CHANGED;
}

/* The local APIC answers here, without the way to the control domain. */
static bool own_read(void *cpu, u64 gpa, u64 *data)
{
	struct vcpu *vcpu = cpu;

	if (!vcpu_is_apic(vcpu, gpa))
		return false;
	*data = lapic_read(&vcpu->lapic, (u32)(gpa & ~PAGE_MASK), vcpu_tsc(vcpu));
	return true;
}

static void segment(void *cpu, enum insn_seg seg, struct nxt_segment *out)
{
	struct vcpu *vcpu = cpu;

	/* FS, GS and TR are in the CPU while the vCPU is loaded. */
	if (seg == INSN_FS || seg == INSN_GS)
		vendor->cd_save(&vcpu->ctx);
	vendor->get_segment(&vcpu->ctx, seg, out);
}

#define XSAVE_XMM 160 /* of the legacy area: XMM0 .. XMM15 */
#define XSAVE_BV 512  /* XSTATE_BV */
#define XSAVE_YMM 576 /* standard format: upper halves, where every CPU with AVX has them */
#define XSTATE_SSE BIT(1)
#define XSTATE_AVX BIT(2)

static void xmm(void *cpu, u32 index, u8 buf[32], enum insn_xmm op)
{
	struct vcpu *vcpu = cpu;
	u8 *low = vcpu->fpu + XSAVE_XMM + index * 16, *high = vcpu->fpu + XSAVE_YMM + index * 16;
	u64 *present = (u64 *)(vcpu->fpu + XSAVE_BV);
	bool avx = fpu_guest_xcr0() & XSTATE_AVX;

	vcpu_fpu_sync(vcpu);
	if (op == INSN_XMM_READ) {
		memset(buf, 0, 32);
		if (*present & XSTATE_SSE)
			memcpy(buf, low, 16);
		if (avx && (*present & XSTATE_AVX))
			memcpy(buf + 16, high, 16);
		return;
	}
	/* A component that is in its initial state has no valid bytes in the area. */
	if (!(*present & XSTATE_SSE))
		memset(vcpu->fpu + XSAVE_XMM, 0, 256);
	*present |= XSTATE_SSE;
	memcpy(low, buf, 16);
	if (op == INSN_XMM_WRITE256 && avx) {
		if (!(*present & XSTATE_AVX))
			memset(vcpu->fpu + XSAVE_YMM, 0, 256);
		*present |= XSTATE_AVX;
		memcpy(high, buf + 16, 16);
	}
	vcpu_fpu_reload(vcpu);
}

const struct insn_ops vcpu_insn_ops = {
	.translate = translate,
	.ram = ram,
	.ram_cmpxchg = ram_cmpxchg,
	.own_read = own_read,
	.segment = segment,
	.xmm = xmm,
};

bool vcpu_translate(struct vcpu *vcpu, u64 linear, struct nxt_translate *out)
{
	struct walk_mode mode = mode_of(vcpu);
	struct walker walker = {.vcpu = vcpu};
	struct walk result;

	*out = (struct nxt_translate){.linear = linear};
	if (guest_walk(&walk_ops, &walker, &mode, linear, 0, false, &result) != WALK_OK)
		return false;
	out->physical = result.gpa;
	out->valid = 1;
	out->writable = result.write;
	out->user = result.user;
	return true;
}
