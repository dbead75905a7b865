/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control domain wrote to a page that its nested table does not let it write: the local APIC's registers,
 * or memory that is not its own. The instruction is emulated; what it writes to memory that is hidden is
 * dropped, as by an address where no device answers.
 */
#include "cd/memory.h"
#include "cd/cd.h"
#include "cpu/msr.h"
#include "guest/walk.h"
#include "insn/emulate.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mem/frames.h"
#include "mem/phys.h"
#include "vendor.h"

/* What the direct map reaches; see boot/paging.c. */
#define DIRECT_MAP_LIMIT GIB(512)

/*
 * Memory of the control domain, held so that nobody can make it anybody else's meanwhile: NULL if it is not
 * plain memory of its own. Give it back with let_go().
 */
static void *hold(u64 pa)
{
	return frame_pin(pa >> PAGE_SHIFT) ? NULL : phys_to_virt(pa);
}

static void let_go(u64 pa)
{
	frame_unpin(pa >> PAGE_SHIFT);
}

/* A device, which only the control domain has anything to do with. Memory that could not be held is none. */
static bool is_device(u64 pa)
{
	return frame_read(pa >> PAGE_SHIFT).kind == FRAME_NONE && pa < DIRECT_MAP_LIMIT;
}

static int walk_read(void *cpu, u64 pa, void *buf, u32 len)
{
	const void *at = hold(pa);

	(void)cpu;
	if (!at)
		return WALK_NO_MEMORY;
	if (len == 8)
		*(u64 *)buf = READ_ONCE(*(const u64 *)at);
	else
		*(u32 *)buf = READ_ONCE(*(const u32 *)at);
	let_go(pa);
	return WALK_OK;
}

static int walk_cmpxchg(void *cpu, u64 pa, u64 old, u64 new, u32 len, bool *done)
{
	void *at = hold(pa);
	u32 old32 = (u32)old;

	(void)cpu;
	if (!at)
		return WALK_NO_MEMORY;
	if (len == 8)
		*done = __atomic_compare_exchange_n((u64 *)at, &old, new, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
	else
		*done = __atomic_compare_exchange_n((u32 *)at, &old32, (u32) new, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
	let_go(pa);
	return WALK_OK;
}

static const struct walk_ops walk_ops = {.read = walk_read, .cmpxchg = walk_cmpxchg};

static int translate(void *opaque, u64 linear, u32 access, u64 *gpa, struct insn_fault *fault)
{
	struct cpu *cpu = opaque;
	struct paging_state paging;
	struct walk walk;

	vendor->get_paging(&cpu->cd, &paging);
	struct walk_mode mode = {
		.cr0 = paging.cr0,
		.cr3 = paging.cr3,
		.cr4 = paging.cr4,
		.efer = paging.efer,
		.rflags = paging.rflags,
		.maxphyaddr = 52,
	};

	switch (guest_walk(&walk_ops, cpu, &mode, linear, access, true, &walk)) {
	case WALK_OK:
		*gpa = walk.gpa;
		return INSN_MEM_OK;
	case WALK_FAULT:
		*fault = (struct insn_fault){
			.vector = 14, .has_error = true, .error = walk.error, .cr2 = linear};
		return INSN_MEM_FAULT;
	default:
		*fault = (struct insn_fault){.vector = 13, .has_error = true};
		return INSN_MEM_FAULT;
	}
}

static int ram(void *cpu, u64 pa, void *buf, u32 len, bool write)
{
	void *at = hold(pa);

	(void)cpu;
	if (!at)
		return INSN_MEM_MMIO;
	if (write)
		memcpy(at, buf, len);
	else
		memcpy(buf, at, len);
	let_go(pa);
	return INSN_MEM_OK;
}

/* A locked instruction on memory never gets here: its memory operand is the page that faulted. */
static int ram_cmpxchg(void *cpu, u64 pa, u64 old, u64 new, u32 len)
{
	(void)cpu;
	(void)pa;
	(void)old;
	(void)new;
	(void)len;
	return INSN_MEM_MMIO;
}

static void segment(void *opaque, enum insn_seg seg, struct nxt_segment *out)
{
	struct cpu *cpu = opaque;

	if (seg == INSN_FS || seg == INSN_GS)
		vendor->cd_save(&cpu->cd);
	vendor->get_segment(&cpu->cd, seg, out);
}

/*
 * What vector registers hold does not matter: these writes are dropped, and no register of the APIC is as
 * wide.
 */
static void xmm(void *cpu, u32 index, u8 buf[32], enum insn_xmm op)
{
	(void)cpu;
	(void)index;
	if (op == INSN_XMM_READ)
		memset(buf, 0, 32);
}

static const struct insn_ops ops = {
	.translate = translate,
	.ram = ram,
	.ram_cmpxchg = ram_cmpxchg,
	.segment = segment,
	.xmm = xmm,
};

static u64 device_read(u64 pa, u32 len)
{
	u64 value = ~0ULL;

	if (cd_is_apic(pa))
		return cd_apic_read((u32)(pa & 0xfff));
	if (is_device(pa))
		memcpy(&value, phys_to_virt(pa), len);
	return value;
}

static void device_write(struct cpu *cpu, u64 pa, u64 value, u32 len)
{
	if (cd_is_apic(pa)) {
		if (len == 4 && IS_ALIGNED(pa, 16))
			cd_apic_write(cpu, (u32)(pa & 0xfff), (u32)value);
	} else if (is_device(pa)) {
		memcpy(phys_to_virt(pa), &value, len);
	}
}

void cd_memory_fault(struct cpu *cpu, const struct exit *exit)
{
	struct insn_emul *emul = &cpu->emul;
	struct paging_state paging;

	if (exit->npf.walk || exit->npf.fetch) {
		/*
		 * Page tables or code in memory that is not its own: nothing sensible can follow but an
		 * exception.
		 */
		cd_fault_gp(cpu);
		return;
	}
	vendor->get_paging(&cpu->cd, &paging);
	struct insn_ctx ctx = {
		.ops = &ops,
		.cpu = cpu,
		.regs = &cpu->cd.regs,
		.cr0 = paging.cr0,
		.cr4 = paging.cr4,
		.efer = paging.efer,
		.xcr0 = 7,
		.cpl = paging.cpl,
	};

	insn_start(emul, NULL, 0);
	for (;;) {
		switch (insn_emulate(emul, &ctx)) {
		case INSN_DONE:
			return;
		case INSN_READ:
			insn_complete_read(emul, device_read(emul->gpa, emul->len));
			break;
		case INSN_WRITE:
			device_write(cpu, emul->gpa, emul->data, emul->len);
			break;
		case INSN_FAULT:
			vendor->set_cr2(&cpu->cd, emul->fault.cr2);
			vendor->inject(&cpu->cd, &(struct event){.type = EVENT_EXCEPTION,
								 .vector = emul->fault.vector,
								 .has_error = emul->fault.has_error,
								 .error = emul->fault.error});
			return;
		default:
			cd_fault_gp(cpu);
			return;
		}
	}
}
