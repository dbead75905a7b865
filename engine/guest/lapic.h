/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's local APIC: xAPIC and x2APIC (Intel SDM vol. 3 ch. 11, AMD APM vol. 2 ch. 16).
 *
 * A struct lapic is embedded in its vCPU and is plain data. Who may touch it:
 *  - Any CPU, at any time: lapic_deliver() (lapic_ipi.h) and lapic_post(), which only set bits in IRR, TMR
 * and the events by atomic operations and read the few registers that routing needs.
 *  - Only the CPU that runs the vCPU (or a hypercall that holds it, never both): every other function here.
 *
 * The registers are kept in the layout of the architectural page, so a state save is a copy. The APIC ID is
 * fixed: it is the vCPU's id, which lets a physical destination index the VM's vCPU array. Guests' writes to
 * the ID register are ignored, as on CPUs where it is read-only.
 *
 * In xAPIC mode a destination is 8 bits, and 0xff means everybody (SDM 11.6.2). So a local APIC whose ID is
 * above 254 is named there by logical destinations, shorthands and broadcasts alone, though its ID register
 * shows bits 7:0, which are another's ID. Who can say 32 bits (an x2APIC, an MSI) names it by its whole ID in
 * either mode, as with KVM when user space chose KVM_X2APIC_API_USE_32BIT_IDS.
 *
 * The TPR lives here. With SVM the guest's CR8 is V_TPR in the VMCB: copy lapic_cr8_get() into it before
 * VMRUN, and after an exit hand V_TPR to lapic_cr8_set() if it differs from lapic_cr8_get() (V_TPR has no low
 * four bits, so an unconditional write back would lose them).
 *
 * Times are in units of the guest's TSC; "now" is the guest's TSC now.
 */
#ifndef ENGINE_GUEST_LAPIC_H
#define ENGINE_GUEST_LAPIC_H

#include "abi/hypercall.h"
#include "lib/types.h"

/* Register offsets in the page; the x2APIC MSR is LAPIC_MSR_FIRST + offset / 16. */
enum lapic_reg {
	LAPIC_ID = 0x020,
	LAPIC_VERSION = 0x030,
	LAPIC_TPR = 0x080,
	LAPIC_APR = 0x090,
	LAPIC_PPR = 0x0a0,
	LAPIC_EOI = 0x0b0,
	LAPIC_RRR = 0x0c0,
	LAPIC_LDR = 0x0d0,
	LAPIC_DFR = 0x0e0,
	LAPIC_SVR = 0x0f0,
	LAPIC_ISR = 0x100, /* eight registers each */
	LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_ICR = 0x300,
	LAPIC_ICR2 = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PMC = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TMICT = 0x380,
	LAPIC_TMCCT = 0x390,
	LAPIC_TDCR = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0, /* x2APIC only */
};

#define LAPIC_PAGE_SIZE 0x400u
#define LAPIC_STRIDE 0x10u /* from one register to the next */
#define LAPIC_MSR_FIRST 0x800u
#define LAPIC_MSR_LAST 0x83fu

#define LAPIC_BASE_BSP BIT(8)
#define LAPIC_BASE_X2APIC BIT(10)
#define LAPIC_BASE_ENABLE BIT(11)
#define LAPIC_BASE_DEFAULT 0xfee00000ull

#define LAPIC_SVR_ENABLE BIT(8)
#define LAPIC_LVT_VECTOR 0xffu
#define LAPIC_LVT_MASKED BIT(16)

/* Events that come over the APIC bus beside the vectors; bits of lapic_events(). */
#define LAPIC_EVENT_NMI 1u
#define LAPIC_EVENT_INIT 2u
#define LAPIC_EVENT_SIPI 4u
#define LAPIC_EVENT_SMI 8u

enum lapic_mode { /* delivery modes, as encoded in ICR, LVT and MSI data */
		  LAPIC_FIXED = 0,
		  LAPIC_LOWEST = 1,
		  LAPIC_SMI = 2,
		  LAPIC_REMOTE_READ = 3,
		  LAPIC_NMI = 4,
		  LAPIC_INIT = 5,
		  LAPIC_STARTUP = 6,
		  LAPIC_EXTINT = 7,
};

enum lapic_shorthand {
	LAPIC_TO_DEST = 0,
	LAPIC_TO_SELF = 1,
	LAPIC_TO_ALL = 2,
	LAPIC_TO_OTHERS = 3,
};

#define LAPIC_BROADCAST 0xffffffffu

/* An interrupt message, made by an ICR write or from an MSI; see lapic_ipi.h. */
struct lapic_msg {
	u32 dest; /* LAPIC_BROADCAST: everybody, in either format */
	u8 vector;
	u8 mode;      /* enum lapic_mode */
	u8 shorthand; /* enum lapic_shorthand */
	bool logical;
	bool level;    /* level-triggered */
	bool deassert; /* level-triggered and not asserted: means nothing to anybody but is legal */
	bool lowest;   /* one of the destinations takes it: lowest priority, or an MSI's redirection hint */
	bool x2apic;   /* sent in x2APIC mode: a logical destination is cluster and mask */
};

/* What the caller of a register write has to do next: bits of lapic_actions.what. */
#define LAPIC_DO_TIMER 1u /* lapic_timer_deadline() may have changed */
#define LAPIC_DO_IPI 2u	  /* give msg to lapic_deliver() */
#define LAPIC_DO_EOI 4u	  /* end of level-triggered eoi_vector, for the I/O APIC: NXT_EXIT_EOI */
#define LAPIC_DO_CHECK 8u /* lapic_pending() or lapic_takes_extint() may have changed */

struct lapic_actions {
	u32 what; /* LAPIC_DO_*; always set by the callee */
	u8 eoi_vector;
	struct lapic_msg msg;
};

struct lapic_timer {
	u64 deadline;	/* guest TSC at which it fires next, if armed */
	u64 period;	/* of TMICT and TDCR, in whole TSC ticks ... */
	u32 period_rem; /* ... and in millionths of a tick, */
	u32 phase;	/* whose sum is kept, so that a periodic timer does not drift */
	u32 tsc_khz;	/* of the guest's TSC */
	u32 bus_ns;	/* a cycle of the clock that TDCR divides */
	bool armed;
};

struct lapic {
	u32 regs[LAPIC_PAGE_SIZE / 4]; /* use lapic_reg(); IRR and TMR are set by any CPU */
	u64 base;		       /* IA32_APIC_BASE */
	u64 base_reserved;	       /* its bits that the guest may not set */
	u32 events;		       /* LAPIC_EVENT_*, set by any CPU */
	u32 turn;		       /* lowest-priority messages taken: whose turn it is */
	u32 id;			       /* APIC ID in either mode, and the index in the VM's array */
	u32 esr;		       /* errors since ESR was last written */
	u8 sipi_vector;
	bool bsp;
	bool tsc_deadline; /* CPUID offers the TSC-deadline mode */
	struct lapic_timer timer;
};

_Static_assert(sizeof(struct lapic) <= 1152, "struct lapic is part of the vCPU's fixed frame budget");

/* -- life ------------------------------------------------------------------------------------------ */

/* Power-on state of the local APIC with that id (the vCPU's id, < NXT_MAX_VCPUS). Forgets features and TSC
 * rate. */
void lapic_reset(struct lapic *l, u32 id, bool bsp);

/* What an INIT does: registers as at power-on, APIC ID and IA32_APIC_BASE kept (SDM 11.4.7.3). Clears pending
 * NMI. */
void lapic_init_signal(struct lapic *l);

/* Takes over what the guest's CPUID says: physical address bits, x2APIC, TSC-deadline timer. */
void lapic_set_features(struct lapic *l, u32 maxphyaddr, bool x2apic, bool tsc_deadline);

/* -- IA32_APIC_BASE ------------------------------------------------------------------------------- */

static inline u64 lapic_base(const struct lapic *l)
{
	return __atomic_load_n(&l->base, __ATOMIC_RELAXED);
}

static inline bool lapic_enabled(const struct lapic *l)
{
	return lapic_base(l) & LAPIC_BASE_ENABLE;
}

static inline bool lapic_x2apic(const struct lapic *l)
{
	return lapic_base(l) & LAPIC_BASE_X2APIC;
}

/* Guest-physical address of the register page; meaningful in xAPIC mode: lapic_enabled() and not
 * lapic_x2apic(). */
static inline u64 lapic_page(const struct lapic *l)
{
	return lapic_base(l) & PAGE_MASK;
}

/*
 * Writes IA32_APIC_BASE. host: user space restores state, so any mode may follow any other; a guest must obey
 * SDM 11.12.5. Returns 0 or -NXT_EINVAL: #GP, nothing changed. After success the caller renews what hangs on
 * the mode: the page's mapping, the MSR bitmap, the timer's deadline.
 */
int lapic_base_write(struct lapic *l, u64 value, bool host);

/* -- register access ------------------------------------------------------------------------------ */

/*
 * xAPIC page, mode not checked: the caller routed the access here; 32-bit accesses. offset is any guest's
 * value below 4096: what is no register (or not a multiple of 16, which the SDM leaves undefined) reads 0 and
 * ignores writes.
 */
u32 lapic_read(struct lapic *l, u32 offset, u64 now);
void lapic_write(struct lapic *l, u32 offset, u32 value, u64 now, struct lapic_actions *out);

/* x2APIC MSRs LAPIC_MSR_FIRST .. LAPIC_MSR_LAST. Returns 0 or -NXT_EINVAL: #GP (also: not in x2APIC mode). */
int lapic_msr_read(struct lapic *l, u32 msr, u64 now, u64 *value);
int lapic_msr_write(struct lapic *l, u32 msr, u64 value, u64 now, struct lapic_actions *out);

/* EOI without the decoding of a register write. */
void lapic_eoi(struct lapic *l, struct lapic_actions *out);

/* CR8 is TPR bits 7:4. A value over 15 is the caller's #GP. */
u8 lapic_cr8_get(const struct lapic *l);
void lapic_cr8_set(struct lapic *l, u8 cr8);

/* -- interrupts ------------------------------------------------------------------------------------ */

/* The vector that the CPU would take now if RFLAGS.IF and the interrupt shadow allow it, or -1. */
int lapic_pending(const struct lapic *l);

/* The highest vector that waits in IRR, deliverable or masked by priority, or -1: for a TPR intercept's
 * threshold. */
int lapic_highest_irr(const struct lapic *l);
/* The highest vector in service, or -1: what it outranks waits for its EOI, which exits. */
int lapic_highest_isr(const struct lapic *l);

/* The CPU takes vector, which lapic_pending() just returned: IRR to ISR. */
void lapic_accept(struct lapic *l, u8 vector);

/* The PIC's interrupts pass through: the APIC is off, or LINT0 is unmasked in ExtINT mode. */
bool lapic_takes_extint(const struct lapic *l);

/* A signal at LINT1 is an NMI for this CPU (the APIC is off, or LINT1 is unmasked in NMI mode). */
bool lapic_takes_nmi(const struct lapic *l);

/* LAPIC_EVENT_* that are pending. */
static inline u32 lapic_events(const struct lapic *l)
{
	return __atomic_load_n(&l->events, __ATOMIC_ACQUIRE);
}

/* Takes those of mask that are pending, and returns them. If INIT and SIPI are both there, INIT came first.
 */
static inline u32 lapic_take_events(struct lapic *l, u32 mask)
{
	return __atomic_fetch_and(&l->events, ~mask, __ATOMIC_ACQ_REL) & mask;
}

/* The start page of the last SIPI: execution starts at CS selector vector << 8, IP 0. */
static inline u8 lapic_sipi_vector(const struct lapic *l)
{
	return __atomic_load_n(&l->sipi_vector, __ATOMIC_RELAXED);
}

/* Makes LAPIC_EVENT_NMI pending from outside (NXT_INJECT_NMI); from any CPU. */
void lapic_post_nmi(struct lapic *l);
/* The same for SMI and INIT. */
void lapic_post_smi(struct lapic *l);
void lapic_post_init(struct lapic *l);

/* -- saved state: the page of KVM_GET_LAPIC, bits 7:0 of the APIC ID in bits 31:24 in either mode --- */

void lapic_get_state(struct lapic *l, u64 now, void *page /* LAPIC_PAGE_SIZE bytes */);

/*
 * page may change while it is read: each register is read once. What no guest could have written is cleared,
 * so this never fails; the ID and the version stay this vCPU's own. IA32_APIC_BASE must have been set before.
 * Re-arms the timer with what TMCCT says remains (IA32_TSC_DEADLINE is not in the page: set that MSR
 * afterwards).
 */
void lapic_set_state(struct lapic *l, u64 now, const void *page);

/* -- registers, for the other lapic_*.c ------------------------------------------------------------- */

/* Relaxed atomics: other CPUs read routing registers and set IRR and TMR bits; it costs nothing on x86. */
static inline u32 lapic_reg(const struct lapic *l, u32 offset)
{
	return __atomic_load_n(&l->regs[offset / 4], __ATOMIC_RELAXED);
}

static inline void lapic_reg_set(struct lapic *l, u32 offset, u32 value)
{
	__atomic_store_n(&l->regs[offset / 4], value, __ATOMIC_RELAXED);
}

static inline bool lapic_software_enabled(const struct lapic *l)
{
	return lapic_reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE;
}

/*
 * Puts a vector into IRR, level-triggered or not; from any CPU. Returns false if it waited there already
 * (then whoever put it there kicks).
 */
bool lapic_post(struct lapic *l, u8 vector, bool level);

/* After a change of TPR, or of ISR behind lapic_accept()'s and lapic_eoi()'s back. */
void lapic_update_ppr(struct lapic *l);

/* Raises the interrupt of the timer's or the error LVT entry, if it is not masked. */
void lapic_local(struct lapic *l, u32 lvt);

#endif
