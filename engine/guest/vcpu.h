/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's virtual CPU. It lies in its VM's chunks. Whoever set `running` owns it; others only post to its
 * local APIC.
 */
#ifndef ENGINE_GUEST_VCPU_H
#define ENGINE_GUEST_VCPU_H

#include "abi/hypercall.h"
#include "cpu/asm.h"
#include "cpu/cpu.h"
#include "guest/cpuid.h"
#include "guest/lapic.h"
#include "guest/msr.h"
#include "guest/vm.h"
#include "guest/walk_memo.h"
#include "insn/pio_string.h"
#include "vendor.h"

#define VECTOR_BP 3
#define VECTOR_UD 6
#define VECTOR_GP 13

/* What the next VCPU_RUN has to finish before the guest goes on. */
enum vcpu_pending {
	PENDING_NONE,
	PENDING_EMULATION,  /* vcpu->emul: between two steps of an instruction */
	PENDING_MMIO_READ,  /* ... and the device's data are in the run page */
	PENDING_PIO,	    /* a plain IN or OUT */
	PENDING_PIO_OUT,    /* OUTS: the device has taken the data */
	PENDING_PIO_IN,	    /* INS: data are in the run page */
	PENDING_PIO_START,  /* INS or OUTS that waits for its guest page */
	PENDING_NPF,	    /* a fault was reported: NXT_RUN_EMULATE says what to do */
	PENDING_CLOCK,	    /* the paravirtual clock's page is to be mapped */
	PENDING_WALL_CLOCK, /* the time of day was asked for */
	PENDING_WALL_WRITE, /* ... and is known, but its page is to be mapped */
	PENDING_STEAL,	    /* the page of the steal time is to be mapped */
	PENDING_HYPERCALL,  /* the answer is in the run page */
	PENDING_FIX,	    /* the page of an instruction to be replaced was asked for */
	PENDING_MSR,	    /* an access to an MSR was reported: NXT_RUN_MSR_* say what to do */
};

/* A MOV that reached the local APIC's page, as it may be had again: see apic_page.c. */
struct apic_move {
	bool valid;
	u32 cs_attr;
	u8 bytes[INSN_MAX_LEN];
	struct insn insn;
	struct walk_memo code, operand;
};

#define APIC_MOVES 4

struct vcpu {
	struct context ctx;
	struct vm *vm;
	u32 id;
	u32 running; /* somebody is inside VCPU_RUN, GET or SET */
	u64 epoch;   /* of the VM, at the last entry: older translations are flushed */

	struct nxt_run *run; /* shared with the control domain: read once, then check */
	void *state;	     /* the page of VCPU_GET and VCPU_SET */
	u64 run_pfn, state_pfn;

	/* Where its TLB tag is valid. */
	u32 cpu;
	u32 asid_epoch;
	u64 asid_vm_epoch;

	u32 mp_state; /* enum nxt_mp_state */
	struct lapic lapic;
	u64 kick_mask;
	u64 armed; /* host TSC that the control domain's timer is set for; 0: none */
	u64 await; /* host TSC of the timer that has fired a little early; 0: none */

	/* Events on their way in. */
	u32 latched;	    /* LAPIC_EVENT_SMI and INIT that user space knows of: a SET replaces them */
	struct event event; /* goes in at the next entry, before anything else */
	bool nmi_pending, nmi_masked;
	bool smm;	 /* in system management mode: vm->npt[1] is its memory */
	bool smm_in_nmi; /* NMIs were masked before it came there */
	bool extint;	 /* extint_vector was acknowledged at the PIC and must get in */
	u8 extint_vector;
	bool wants_window;
	u8 window;	/* what the back end was last told by want_window() */
	bool tells_all; /* NXT_RUN_TELL_ALL */
	bool triple_fault;

	/* An instruction that Engine carries out. */
	enum vcpu_pending pending;
	struct insn_emul emul;
	struct pio_string pio;
	struct walk_memo code, operand; /* of the last instruction */
	struct apic_move apic_move[APIC_MOVES];
	u64 npf_gpa;  /* of PENDING_NPF, and of the access that is emulated */
	u64 unbacked; /* page that is no memory, as the control domain said; ~0: none */
	bool pio_in;  /* PENDING_PIO */
	u8 pio_size, insn_len;
	u16 pio_port;
	bool npf_walk;	      /* PENDING_NPF: on the guest's page tables, or on code */
	bool msr_write;	      /* PENDING_MSR */
	bool fixes_hypercall; /* #UD exits, for NXT_RUN_FIX_HYPERCALL */
	u32 msr_exits;	      /* NXT_RUN_ASK_MSR and NXT_RUN_TELL_MSR of this run */

	/* State that the back end does not switch. */
	u64 tsc_offset, tsc_adjust;
	u64 tsc_khz;
	u32 tsc_aux;
	u64 spec_ctrl;
	u64 xcr0;
	u64 db[4];
	bool db_live; /* the guest uses its debug registers: DR0 to DR3 are switched */
	struct nxt_debug_ctl debug;
	u64 guest_dr7; /* while NXT_DEBUG_HW_BP has its own in the CPU */
	struct guest_msrs msrs;
	struct {
		u64 msr;      /* KVM's SYSTEM_TIME: address, and bit 0: enabled */
		u32 due;      /* what to do before the next entry; others set it too */
		u64 wall_gpa; /* of PENDING_WALL_CLOCK and PENDING_WALL_WRITE */
		u64 wall_ns;  /* of PENDING_WALL_WRITE: since 1970 */
	} clock;
	struct {
		u64 msr;     /* KVM's STEAL_TIME: address, and bit 0: enabled */
		u64 now;     /* ns, as the control domain said last ... */
		u64 written; /* ... and of them, added to the guest's sum */
		bool due;
	} steal;
	s64 msr_reason; /* what a WRMSR asks of the control domain, or CONTINUE */
	struct cpuid_table cpuid;
	u8 fpu[NXT_PAGE_SIZE] ALIGNED(64);
};

static inline bool vcpu_is_running(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->running, __ATOMIC_SEQ_CST);
}

/* LAPIC_EVENT_* that wait, wherever they do. */
static inline u32 vcpu_events(const struct vcpu *vcpu)
{
	return vcpu->latched | lapic_events(&vcpu->lapic);
}

/* Takes those of mask, and returns them. A SIPI always came after an INIT, as with lapic_take_events(). */
static inline u32 vcpu_take_events(struct vcpu *vcpu, u32 mask)
{
	u32 latched = vcpu->latched & mask;

	vcpu->latched &= ~mask;
	return latched | lapic_take_events(&vcpu->lapic, mask);
}

static inline u64 vcpu_epoch(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->epoch, __ATOMIC_SEQ_CST);
}

/* vcpu.c: makes a vCPU; the VM is held, not locked. 0 or -NXT_E*. */
s64 vcpu_create(struct vm *vm, u64 id, u64 run_pfn, u64 state_pfn);
/* The control domain's two pages that it uses are the control domain's alone again. For the VM's end. */
void vcpu_unpin(const struct vcpu *vcpu);
/* Takes it for this CPU: false if somebody else has it. */
bool vcpu_own(struct vcpu *vcpu);
void vcpu_disown(struct vcpu *vcpu);
/* The state after INIT (SIPI vector in cs), or at power-on. */
void vcpu_reset(struct vcpu *vcpu, bool power_on, u8 sipi_vector);

/* run.c: runs the owned vCPU; returns an enum nxt_exit. */
s64 vcpu_run(struct vcpu *vcpu);

/* exit.c: handles an exit. Returns an enum nxt_exit, or CONTINUE: enter again. */
#define CONTINUE (-1)
s64 vcpu_exit(struct vcpu *vcpu, const struct exit *exit);
/* Finishes what the last exit left to be done. */
s64 vcpu_finish(struct vcpu *vcpu, u32 in_flags);

/* raise.c: an exception is the next thing that happens in the guest. */
void vcpu_raise(struct vcpu *vcpu, u8 vector, bool has_error, u32 error);
/* An interrupt that was about to enter waits until it can, as one that the PIC has just given does. */
void vcpu_put_back(struct vcpu *vcpu);
/* Which exceptions are to exit may have changed. */
void vcpu_intercept_exceptions(struct vcpu *vcpu);

/*
 * event.c: puts the next event into the guest, if one is due and possible. CONTINUE or NXT_EXIT_IRQ_WINDOW.
 */
s64 vcpu_inject(struct vcpu *vcpu);
/* Takes INIT, SIPI and NMI that came over the APIC bus. */
void vcpu_take_signals(struct vcpu *vcpu);

/* emulation.c */
s64 vcpu_emulate(struct vcpu *vcpu); /* goes on with vcpu->emul */
s64 vcpu_emulate_start(struct vcpu *vcpu);
s64 vcpu_emulation_failed(struct vcpu *vcpu, u64 gpa);
/*
 * After an instruction that was carried out for the guest, and not by the processor, with reason as its
 * outcome: what RFLAGS.TF means is ours to do. NXT_EXIT_DEBUG only in the place of CONTINUE; a debugger's
 * step that coincides with another exit ends one instruction later.
 */
s64 vcpu_stepped(struct vcpu *vcpu, s64 reason);
/* NXT_EXIT_DEBUG, with what the debugger is told. */
s64 vcpu_debug_exit(struct vcpu *vcpu, u8 vector, u64 dr6);
/* What to do after a write to the local APIC. */
s64 vcpu_apic_actions(struct vcpu *vcpu, const struct lapic_actions *actions);
/* Is gpa in the page of its local APIC, which it accesses as memory? */
static inline bool vcpu_is_apic(const struct vcpu *vcpu, u64 gpa)
{
	return lapic_enabled(&vcpu->lapic) && !lapic_x2apic(&vcpu->lapic) &&
	       (gpa & PAGE_MASK) == lapic_page(&vcpu->lapic);
}
/* apic_page.c: the exit for an access to that page. */
s64 vcpu_apic_page(struct vcpu *vcpu);
struct insn_ctx vcpu_insn_ctx(struct vcpu *vcpu);

/*
 * smm.c: in or out of system management mode from the next entry on, registers apart. Not between the parts
 * of an instruction.
 */
void vcpu_set_smm(struct vcpu *vcpu, bool on);
/* An SMI waits that the vCPU, not being in SMM, takes as soon as it can. */
static inline bool vcpu_smi_due(const struct vcpu *vcpu)
{
	return (vcpu_events(vcpu) & LAPIC_EVENT_SMI) && !vcpu->smm;
}
/* Takes it: NXT_EXIT_SMI. */
s64 vcpu_enter_smm(struct vcpu *vcpu);
/* The guest executes RSM: NXT_EXIT_RSM, or #UD and CONTINUE. */
s64 vcpu_rsm(struct vcpu *vcpu);
bool vcpu_is_rsm(const struct insn *insn);

/*
 * decode.c: the instruction at RIP, and INSN_MEM_OK. INSN_MEM_RESIDENT: the page at *ret_gpa, of the code or
 * of the guest's page tables, was taken away. Anything else: it cannot be fetched, or is none. The processor
 * has just executed it, so another CPU has changed it or its page since.
 */
int vcpu_decode(struct vcpu *vcpu, const struct insn_ctx *ctx, struct insn *ret_insn, u64 *ret_gpa);

/* cr8.c: the exit for a write of CR8. */
s64 vcpu_write_cr8(struct vcpu *vcpu);

/* vmcall.c: the guest's hypercall, and PENDING_HYPERCALL. */
s64 vcpu_hypercall(struct vcpu *vcpu, const struct exit *exit);
s64 vcpu_finish_hypercall(struct vcpu *vcpu);
/* #UD with NXT_RUN_FIX_HYPERCALL or in SMM, and PENDING_FIX. */
s64 vcpu_undefined(struct vcpu *vcpu);
void vcpu_finish_fix(struct vcpu *vcpu, u32 in_flags);

/* pio.c */
s64 vcpu_pio(struct vcpu *vcpu, const struct exit *exit);
s64 vcpu_pio_finish(struct vcpu *vcpu, u32 in_flags);

/* memory.c: accesses to guest memory, for the emulator. */
extern const struct insn_ops vcpu_insn_ops;
bool vcpu_translate(struct vcpu *vcpu, u64 linear, struct nxt_translate *out);
struct walk_mode vcpu_walk_mode(const struct vcpu *vcpu, const struct paging_state *paging);
/* For walk_memo.h: changes when something was taken away from the VM, and differs in SMM. */
u64 vcpu_map_epoch(const struct vcpu *vcpu);
/*
 * The memory at gpa, up to its page's end, while this vCPU is inside VCPU_RUN; or NULL, and whether the
 * control domain may be able to provide it. smm says in which address space: the vCPU's own is vcpu->smm.
 */
void *vcpu_memory(struct vcpu *vcpu, bool smm, u64 gpa, bool write, bool *ret_resident);
/* NXT_EXIT_RESIDENT, for a page that may be written: pending says what then goes on. */
s64 vcpu_need_page(struct vcpu *vcpu, bool smm, u64 gpa, enum vcpu_pending pending);
/* How gpa, below NPT_LIMIT or from the processor, is named to the control domain. */
static inline u64 vcpu_named(bool smm, u64 gpa)
{
	return smm ? gpa | NXT_GPA_SMM : gpa;
}

/* msrs.c: callbacks for guest/msr.h, and the exit. */
struct msr_ctx vcpu_msr_ctx(struct vcpu *vcpu);
s64 vcpu_msr_exit(struct vcpu *vcpu, const struct exit *exit);
/* PENDING_MSR */
s64 vcpu_finish_msr(struct vcpu *vcpu, u32 in_flags);

/* The guest's time stamp counter, now. */
static inline u64 vcpu_tsc(const struct vcpu *vcpu)
{
	return rdtsc() + vcpu->tsc_offset;
}
/* tsc.c */
void vcpu_write_tsc(struct vcpu *vcpu, u64 value, bool host);
void vcpu_set_tsc_offset(struct vcpu *vcpu, u64 offset);
/* The same by user space: what other vCPUs' counters are synchronized with from now on. */
void vcpu_put_tsc_offset(struct vcpu *vcpu, u64 offset);
/* Host TSC at which the local APIC's timer fires, 0: not armed. */
u64 vcpu_deadline(const struct vcpu *vcpu);

/* clock.c: the paravirtual clock. A write of SYSTEM_TIME: */
void vcpu_set_clock_msr(struct vcpu *vcpu, u64 value);
/* A write of WALL_CLOCK by the guest: what to do for it, NXT_EXIT_WALL_CLOCK or CONTINUE. */
s64 vcpu_ask_wall_clock(struct vcpu *vcpu, u64 gpa);
/* The guest stood still, and is to know; false: it has no such clock. By anybody, at any time. */
bool vcpu_clock_stopped(struct vcpu *vcpu);
/* The next entry must not be before vcpu_write_clock() has returned CONTINUE. */
static inline bool vcpu_clock_due(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->clock.due, __ATOMIC_SEQ_CST);
}
s64 vcpu_write_clock(struct vcpu *vcpu);
/* PENDING_CLOCK, PENDING_WALL_CLOCK, PENDING_WALL_WRITE. */
void vcpu_finish_clock(struct vcpu *vcpu, u32 in_flags);
s64 vcpu_finish_wall_clock(struct vcpu *vcpu);
s64 vcpu_finish_wall_write(struct vcpu *vcpu, u32 in_flags);

/* steal.c: a write of STEAL_TIME; false: no such value. */
bool vcpu_set_steal_msr(struct vcpu *vcpu, u64 value);
/* What the control domain says at the start of a run. */
void vcpu_take_steal(struct vcpu *vcpu);
/* Due before the next entry: CONTINUE, or NXT_EXIT_RESIDENT and PENDING_STEAL. */
s64 vcpu_write_steal(struct vcpu *vcpu);
void vcpu_finish_steal(struct vcpu *vcpu, u32 in_flags);

/* fpu.c: FPU state and the MSRs that hardware does not switch. */
void vcpu_load_extra(struct vcpu *vcpu, struct cpu *cpu);
void vcpu_unload_extra(struct vcpu *vcpu, struct cpu *cpu);
/* The loaded vCPU's value of one of these MSRs has changed; of others nothing is done. */
void vcpu_wrote_msr(u32 index, u64 value);
void vcpu_fpu_sync(struct vcpu *vcpu);	 /* registers to vcpu->fpu */
void vcpu_fpu_reload(struct vcpu *vcpu); /* and back */
void vcpu_fpu_reset(struct vcpu *vcpu);
bool vcpu_set_xcr0(struct vcpu *vcpu, u64 value);
u64 fpu_guest_xcr0(void);
u32 fpu_area_size(void);
/* CR4 bits that guests may have. */
u64 cpu_guest_cr4(void);

/* state.c */
struct cpuid_state vcpu_cpuid_state(const struct vcpu *vcpu);
s64 vcpu_get_state(struct vcpu *vcpu, u64 group, u64 arg);
s64 vcpu_set_state(struct vcpu *vcpu, u64 group, u64 arg);

#endif
