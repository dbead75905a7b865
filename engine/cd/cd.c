/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cd/cd.h"
#include "cpu/apic.h"
#include "cpu/asm.h"
#include "cpu/init_state.h"
#include "cpu/kick.h"
#include "cpu/msr.h"
#include "cpu/reset.h"
#include "cpu/trap.h"
#include "hypercall/hypercall.h"
#include "lib/log.h"
#include "mem/identity.h"
#include "vendor.h"

/* 32-bit, 4 GiB: bits D and G of the attributes. */
#define ATTR_FLAT (BIT(15) | BIT(14))

static void reset_to_sipi(struct context *ctx, u8 vector)
{
	struct nxt_sregs sregs = init_sregs((u16)(vector << 8), (u64)vector << 12);

	vendor->cd_save(ctx); /* what INIT leaves as it is */
	check(vendor->set_sregs(ctx, &sregs));
	ctx->regs = init_regs(0, cpuid(1, 0).eax);
	vendor->set_dr(ctx, 6, INIT_DR6);
	vendor->set_dr(ctx, 7, INIT_DR7);
	vendor->cd_load(ctx);
}

void cd_init_cpu(struct cpu *cpu)
{
	cpu->cd.npt_root = identity_root();
	cpu->cd.asid = 1;
	cpu->cd.flush = true;
	vendor->cd_init(&cpu->cd);
	cpu->waits_for_sipi = true;
}

void cd_enter_linux(struct cpu *cpu, u32 entry, u32 params)
{
	struct nxt_sregs sregs = init_sregs(0, 0);

	/* Flat segments at the selectors that the protocol names; boot/linux.h. */
	sregs.cs = (struct nxt_segment){.selector = 0x10, .limit = 0xffffffff, .attr = 0x9b | ATTR_FLAT};
	sregs.ds = (struct nxt_segment){.selector = 0x18, .limit = 0xffffffff, .attr = 0x93 | ATTR_FLAT};
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.cr0 = CR0_PE | CR0_ET;
	check(vendor->set_sregs(&cpu->cd, &sregs));
	cpu->cd.regs = (struct nxt_regs){.rip = entry, .rsi = params, .rflags = RFLAGS_FIXED};
	vendor->set_dr(&cpu->cd, 6, INIT_DR6);
	vendor->set_dr(&cpu->cd, 7, INIT_DR7);
	vendor->cd_load(&cpu->cd);
	cpu->waits_for_sipi = false;
}

/*
 * INIT makes a CPU wait for SIPI; a SIPI that finds no CPU waiting is ignored, as by the hardware. Whoever
 * sends both sends INIT first, so where both flags are set INIT is taken first.
 */
static void take_init(struct cpu *cpu)
{
	for (;;) {
		u32 sipi;

		if (__atomic_exchange_n(&cpu->init_pending, 0, __ATOMIC_ACQ_REL)) {
			cpu->waits_for_sipi = true;
			vendor->cd_catch_nmi(&cpu->cd);
			cpu->nmi_blocked = cpu->nmi_waits = false;
		}
		sipi = __atomic_exchange_n(&cpu->sipi, 0, __ATOMIC_ACQ_REL);
		if (!cpu->waits_for_sipi || kick_must_stop())
			return;
		if (sipi) {
			cpu->waits_for_sipi = false;
			reset_to_sipi(&cpu->cd, (u8)sipi);
			return;
		}
		/*
		 * Asleep, it is not in the control domain: whoever changes that one's page table need not
		 * wait for it.
		 */
		__atomic_store_n(&cpu->asleep, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&cpu->in_cd, 0, __ATOMIC_SEQ_CST);
		vendor->wait_for_nmi(&cpu->sipi);
		__atomic_store_n(&cpu->in_cd, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&cpu->asleep, 0, __ATOMIC_SEQ_CST);
		mb();
	}
}

/*
 * What others asked for, before the control domain is entered. in_cd is set already, so later requests send
 * an NMI.
 */
static void take_requests(struct cpu *cpu)
{
	if (kick_must_stop()) {
		__atomic_store_n(&cpu->in_cd, 0, __ATOMIC_RELEASE);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	if (__atomic_load_n(&cpu->init_pending, __ATOMIC_ACQUIRE) || cpu->waits_for_sipi ||
	    __atomic_load_n(&cpu->sipi, __ATOMIC_ACQUIRE))
		take_init(cpu);
	if (__atomic_load_n(&cpu->flush_cd, __ATOMIC_ACQUIRE)) {
		cpu->cd.flush = true;
		__atomic_store_n(&cpu->flush_cd, 0, __ATOMIC_RELEASE);
	}
}

static void handle_hypercall(struct cpu *cpu, const struct exit *exit)
{
	struct paging_state paging;

	vendor->get_paging(&cpu->cd, &paging);
	if (paging.cpl != 0 || !(paging.efer & EFER_LMA)) {
		cd_fault_ud(cpu);
		return;
	}
	hypercall(cpu);
	cpu->cd.regs.rip += exit->insn_len ?: 3;
}

static void handle_msr(struct cpu *cpu, const struct exit *exit)
{
	struct nxt_regs *regs = &cpu->cd.regs;
	u32 index = (u32)regs->rcx;
	u64 value = (u64)(u32)regs->rdx << 32 | (u32)regs->rax;

	if (exit->msr.write ? !cd_write_msr(cpu, index, value) : !cd_read_msr(cpu, index, &value)) {
		cd_fault_gp(cpu);
		return;
	}
	if (!exit->msr.write) {
		regs->rax = (u32)value;
		regs->rdx = value >> 32;
	}
	regs->rip += exit->insn_len ?: 2;
}

/* An NMI is pending: Engine's own, or one for the control domain, which waits while that handles another. */
static void take_nmi(struct cpu *cpu, bool reinjected)
{
	bool ours = kick_is_ours(cpu);

	/* There is room for one injection: left pending, the NMI exits again after that. */
	if (!ours && reinjected)
		return;
	vendor->consume_nmi();
	if (ours)
		return;
	if (cpu->nmi_blocked) {
		cpu->nmi_waits = true;
		return;
	}
	cpu->nmi_blocked = true;
	vendor->cd_pass_nmi(&cpu->cd);
}

static void handle(struct cpu *cpu, const struct exit *exit)
{
	struct event event;
	bool reinjected;

	/*
	 * An exit may have interrupted an event on its way in (a page fault's push, say): it goes in again.
	 */
	reinjected = vendor->pending(&cpu->cd, &event);
	if (reinjected)
		vendor->inject(&cpu->cd, &event);

	switch (exit->kind) {
	case EXIT_CPUID:
		cd_cpuid(cpu);
		cpu->cd.regs.rip += exit->insn_len ?: 2;
		break;
	case EXIT_MSR:
		handle_msr(cpu, exit);
		break;
	case EXIT_HYPERCALL:
		handle_hypercall(cpu, exit);
		break;
	case EXIT_NMI:
		take_nmi(cpu, reinjected);
		break;
	case EXIT_IRET:
		/* The control domain takes another NMI from here on. Linux copes with one on its IRET. */
		vendor->cd_catch_nmi(&cpu->cd);
		cpu->nmi_blocked = cpu->nmi_waits;
		if (cpu->nmi_waits)
			vendor->cd_pass_nmi(&cpu->cd);
		cpu->nmi_waits = false;
		break;
	case EXIT_NPF:
		cd_memory_fault(cpu, exit);
		break;
	case EXIT_CACHE:
		/* INVD: what it asks for, without losing anybody's data. */
		__asm__ volatile("wbinvd" : : : "memory");
		cpu->cd.regs.rip += exit->insn_len ?: 2;
		break;
	case EXIT_UNDEFINED:
		cd_fault_ud(cpu);
		break;
	case EXIT_SHUTDOWN:
		/* A triple fault is one of Linux' ways to restart the PC. */
		log_line("control domain: triple fault on CPU %u: restarting the PC", cpu->index);
		reset_pc();
	default:
		panic("control domain: unexpected exit %s (%lx) on CPU %u, rip %lx", exit_name(exit->kind),
		      exit->code, cpu->index, cpu->cd.regs.rip);
	}
}

void cd_run(struct cpu *cpu)
{
	struct exit exit;

	for (;;) {
		__atomic_store_n(&cpu->in_cd, 1, __ATOMIC_SEQ_CST);
		mb();
		take_requests(cpu);
		vendor->run(&cpu->cd, &exit);
		__atomic_store_n(&cpu->in_cd, 0, __ATOMIC_RELEASE);
		cpu->exits[EXIT_FROM_CD][exit.kind]++;
		handle(cpu, &exit);
	}
}
