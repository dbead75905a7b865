/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypercall ABI between NxTop Engine and the control domain's driver (nxtop.ko).
 *
 * Calling: the instruction is VMMCALL on AMD and VMCALL on Intel, from CPL 0 of the control domain
 * only; anything else gets #UD. The number is in RAX, arguments in RDI, RSI, RDX, R10, R8. RAX returns
 * a value >= 0, or a negative NXT_E* number, which has the value of Linux's errno of the same name.
 * RDX returns a second value where a call says so, otherwise it keeps its value. No other register
 * changes.
 *
 * Memory is named by page frame number (PFN, of 4 KiB frames) of the control domain's physical memory.
 * Engine trusts no value: each is read once, checked, and then used. A refused call changes nothing.
 *
 * Compatibility: NXT_HC_HELLO negotiates; structures only ever grow at their end.
 */
#ifndef NXTOP_ABI_HYPERCALL_H
#define NXTOP_ABI_HYPERCALL_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define NXT_ABI_VERSION 1

/*
 * Detection: CPUID leaf NXT_CPUID_BASE gives the highest leaf of the range in EAX and "NxTopEngine\0"
 * in EBX, ECX, EDX. Leaf NXT_CPUID_BASE + 1 gives the ABI version in EAX.
 */
#define NXT_CPUID_BASE 0x40004e00u
#define NXT_CPUID_EBX 0x6f54784eu /* "NxTo" */
#define NXT_CPUID_ECX 0x676e4570u /* "pEng" */
#define NXT_CPUID_EDX 0x00656e69u /* "ine\0" */

/* Errors. */
#define NXT_EPERM 1	  /* frame belongs to somebody else */
#define NXT_ENOENT 2	  /* no such VM, vCPU, group or item */
#define NXT_E2BIG 7	  /* more entries than a page or Engine holds */
#define NXT_EAGAIN 11	  /* repeat the call, after doing what the call's comment says */
#define NXT_ENOMEM 12	  /* the VM needs another chunk: NXT_HC_VM_GIVE, then repeat */
#define NXT_EBUSY 16	  /* a vCPU of it runs */
#define NXT_EEXIST 17	  /* that gpa is mapped already, that vCPU exists already */
#define NXT_EINVAL 22	  /* an argument makes no sense */
#define NXT_ENOSPC 28	  /* no free VM slot */
#define NXT_ENOSYS 38	  /* no such hypercall */
#define NXT_EOPNOTSUPP 95 /* not in this mode, or not on this CPU */

/*
 * A VM has two guest-physical address spaces: its vCPUs see the second in system management mode (SMM). This
 * bit of a gpa says that it is of that one: in the calls on memory and in nxt_run.npf. A guest's own
 * addresses have at most 52 bits.
 */
#define NXT_GPA_SMM (1ull << 63)

/* Limits. */
#define NXT_MAX_VMS 128	  /* at a time; VM ids are 1 .. NXT_MAX_VMS */
#define NXT_MAX_VCPUS 512 /* of one VM; ids are 0 .. 511, and are the (x2)APIC IDs too */
#define NXT_KICK_BITS 64  /* of a kick mask: vCPU n has bit n % NXT_KICK_BITS */
#define NXT_CHUNK_ORDER 9 /* a chunk is 2^9 frames: 2 MiB, aligned to its size */
#define NXT_CHUNK_FRAMES (1u << NXT_CHUNK_ORDER)
#define NXT_PAGE_SIZE 4096u

/*
 * The hypercalls.
 *
 * HELLO(abi_version)
 *	Must be the first call of a driver, when it loads. Destroys every VM that an earlier driver or
 *	kernel (kexec, kdump) left, and gives the memory back. Returns Engine's ABI version;
 *	-EOPNOTSUPP if Engine does not speak abi_version; -EAGAIN: repeat (much to destroy).
 *
 * INFO(kind, pfn, arg)
 *	Fills one page of the control domain with the struct that the kind names (NXT_INFO_*).
 *
 * VM_CREATE(chunk_pfn)
 *	Makes a VM that lives in the given 2 MiB chunk, which leaves the control domain's memory until the VM
 *	is destroyed. Returns the VM id (>= 1). -ENOSPC: too many VMs.
 *
 * VM_GIVE(vm, chunk_pfn)
 *	Gives the VM one more chunk, for its page tables and vCPUs, until it is destroyed.
 *
 * VM_DESTROY(vm)
 *	Takes the VM apart: returns 0 when all is given back (its chunks and every frame it shared are the
 *	control domain's alone again), -EAGAIN when there is more to do (repeat at once: each call does a
 *	bounded amount of work), -EBUSY while a vCPU runs. After the first call the VM takes no other call.
 *
 * VM_MAP(vm, list_pfn, count)
 *	Maps count entries (struct nxt_map, at most NXT_MAP_MAX) read from the page list_pfn, in order, up to
 *	the first failure. Returns the number mapped if any was, else the error of the first:
 *	-ENOMEM: give a chunk; -EEXIST: something is mapped there, or an entry there awaits NXT_HC_VM_RELEASE,
 *	or a 2 MiB entry hits existing 4 KiB tables (map 4 KiB pages then); -EPERM: a frame is not the control
 *	domain's to share in that way; -EINVAL.
 *	A frame may be mapped writable in one VM only (there as often as wanted), or read-only in any number.
 *
 * VM_UNMAP(vm, gpa, npages)
 *	Makes the range not present for guests; the frames stay shared until released. Returns how many pages
 *	from gpa on were done (bounded work: repeat with the rest). Then make every vCPU of the VM that is
 *	inside NXT_HC_VCPU_RUN leave it (an IPI to its CPU is enough), and call VM_RELEASE.
 *
 * VM_RELEASE(vm, gpa, npages)
 *	Gives up the frames of entries that were unmapped. Returns how many pages from gpa on were done.
 *	-EAGAIN: some vCPU has not left NXT_HC_VCPU_RUN since the unmapping.
 *
 * VM_PROTECT(vm, gpa, npages)
 *	Makes present entries of the range read-only, splitting nothing: a 2 MiB entry that only partly lies
 *	in the range is unmapped instead (release it like VM_UNMAP). Returns pages done. A vCPU that is inside
 *	NXT_HC_VCPU_RUN may write until it leaves it.
 *
 * VM_AGE(vm, gpa, npages, clear)
 *	Returns 1 if a page of the range (at most 512 pages) was accessed by the guest since the marks were
 *	last cleared, else 0; clears the marks if clear is not 0.
 *
 * VM_MSI(vm, address, data)
 *	Delivers an interrupt message (x86 MSI format; bits 63:32 of address hold bits 31:8 of the destination
 *	in bits 63:40 as x2APIC MSIs have it) to the local APICs. Returns the number of local APICs that took
 *	it (0: masked, or nobody), and in RDX a bit mask of vCPUs to wake or kick (see below).
 *
 * VM_SET_CLOCK(vm, tsc, ns, khz, flags)
 *	The guest's paravirtual clock (KVM's) shows ns at the control domain's TSC value tsc, and goes on with a TSC
 *	of khz (at least 1000, less than 2^32). Until it is set, guests find nothing where they look for it. RDX
 *	returns the mask of vCPUs that will be told when they next enter the guest: kick them.
 *
 * VM_GET_CLOCK(vm, tsc)
 *	RDX returns what the clock shows at tsc. Returns 1 if all vCPUs see the same and the clock was set with
 *	NXT_CLOCK_STABLE, else 0. -EINVAL: it was never set.
 *
 * VCPU_CREATE(vm, vcpu, run_pfn, state_pfn)
 *	Makes a vCPU in reset state (vCPU 0 is the bootstrap processor and runnable; others wait for INIT and
 *	SIPI). The two pages stay the control domain's, are shared with Engine as struct nxt_run and as the
 *	page of VCPU_GET and VCPU_SET, and can be used for nothing else until the VM is destroyed.
 *
 * VCPU_RUN(vm, vcpu)
 *	Runs the vCPU on this CPU until something needs the control domain: returns the exit reason
 *	(NXT_EXIT_*), which is also in struct nxt_run. Call it with interrupts disabled: a physical interrupt
 *	ends it and is taken when the control domain enables interrupts. -EBUSY: it runs elsewhere.
 *
 * VCPU_GET(vm, vcpu, group, arg), VCPU_SET(vm, vcpu, group, arg)
 *	Copies state (NXT_STATE_*) out to, or in from, the vCPU's state page. -EBUSY while it runs. A SET
 *	either is taken whole or refused whole (-EINVAL), but for MSRs, which report how many were taken.
 *
 * VCPU_INJECT(vm, vcpu, what)
 *	Makes an event pending from outside, also while the vCPU runs elsewhere: NXT_INJECT_*. RDX returns the
 *	kick mask.
 *
 * Kick mask: bit n set means that vCPU n has something new to look at, or vCPU n + 64, or n + 128, ...: kick
 * all of them; whom it does not concern finds nothing. If a vCPU's thread sleeps in a halt, wake it; if it is
 * inside VCPU_RUN on another CPU, send that CPU an IPI (the vCPU then leaves with NXT_EXIT_INTR). Engine
 * itself never sends interrupts to the control domain.
 */
enum nxt_hypercall {
	NXT_HC_HELLO = 0,
	NXT_HC_INFO = 1,
	NXT_HC_VM_CREATE = 2,
	NXT_HC_VM_GIVE = 3,
	NXT_HC_VM_DESTROY = 4,
	NXT_HC_VM_MAP = 5,
	NXT_HC_VM_UNMAP = 6,
	NXT_HC_VM_RELEASE = 7,
	NXT_HC_VM_PROTECT = 8,
	NXT_HC_VM_AGE = 9,
	NXT_HC_VM_MSI = 10,
	NXT_HC_VCPU_CREATE = 11,
	NXT_HC_VCPU_RUN = 12,
	NXT_HC_VCPU_GET = 13,
	NXT_HC_VCPU_SET = 14,
	NXT_HC_VCPU_INJECT = 15,
	NXT_HC_SELFTEST = 16, /* (what): only with Engine's option "selftest", else -ENOSYS; NXT_SELFTEST_* */
	NXT_HC_VM_SET_CLOCK = 17,
	NXT_HC_VM_GET_CLOCK = 18,
	NXT_HC_COUNT
};

#define NXT_CLOCK_STABLE 1u /* flag of VM_SET_CLOCK: the TSC is the same on all CPUs, and keeps its speed */

enum nxt_selftest {
	NXT_SELFTEST_PANIC = 0, /* Engine panics on purpose */
	NXT_SELFTEST_FRAME = 1, /* returns a PFN that Engine owns, for the test that tries to touch it */
	NXT_SELFTEST_FAULT = 2, /* Engine executes an instruction that does not exist */
};

enum nxt_inject {
	NXT_INJECT_NMI = 0,
	NXT_INJECT_STOPPED =
		1, /* the guest stood still: its paravirtual clock says so. -EINVAL: it uses none */
	NXT_INJECT_SMI = 2,
};

/* -- INFO ----------------------------------------------------------------------------------------- */

enum nxt_info {
	NXT_INFO_ENGINE = 0, /* struct nxt_info_engine; arg 0 */
	NXT_INFO_LOG = 1,    /* struct nxt_info_log; arg: position to read from */
	NXT_INFO_STATS = 2,  /* struct nxt_info_stats; arg: CPU index 0 .. cpus - 1 */
	NXT_INFO_CPUID = 3,  /* struct nxt_cpuid_list: what guests can be offered; arg 0 */
	NXT_INFO_MSRS = 4,   /* struct nxt_msr_list, values unused: MSRs to save and restore; arg 0 */
	NXT_INFO_CRASH = 5,  /* struct nxt_info_log: the log of a panic before the last warm reset */
	NXT_INFO_VM = 6,     /* struct nxt_info_vm; arg: VM id */
};

struct nxt_info_engine {
	uint32_t abi_version;
	uint32_t cpus;
	char version[32];	 /* NUL-terminated, for people */
	char vendor[16];	 /* back end: "svm", "vmx" */
	uint64_t memory_base;	 /* Engine's own physical memory: first byte ... */
	uint64_t memory_size;	 /* ... and bytes */
	uint64_t memory_used;	 /* of them, bytes in use now */
	uint64_t tsc_khz;	 /* 0: not known; the driver knows from Linux */
	uint64_t exits_cd_types; /* number of valid counters in struct nxt_info_stats */
	uint32_t vms;		 /* VMs that exist now */
	uint32_t xsave_size;	 /* bytes of the XSAVE area for all state guests may have, <= 4096 */
	uint64_t xcr0;		 /* XCR0 bits that guests may have */
	uint64_t frames_shared;	 /* frames mapped into guests now */
	uint64_t frames_given;	 /* frames given in chunks now */
	uint64_t frames_pinned; /* frames pinned now: run and state pages, lists; not the page of this call */
};

struct nxt_info_vm {
	uint64_t pages_4k; /* 4 KiB mapped into the guest now, in so many pages ... */
	uint64_t pages_2m; /* ... and 2 MiB */
};

struct nxt_info_log {
	uint64_t next; /* position for the next call; positions count bytes since boot */
	uint32_t len;  /* bytes in text, 0: nothing new */
	uint32_t lost; /* bytes skipped, because the ring was overwritten since */
	char text[NXT_PAGE_SIZE - 16];
};

/* One counter for each reason, for each CPU; name is empty past the last. */
struct nxt_stat {
	char name[24]; /* "cd:cpuid", "vm:npf", ... */
	uint64_t count;
};

#define NXT_STATS_MAX 127
struct nxt_info_stats {
	uint32_t count;
	uint32_t reserved[3];
	struct nxt_stat stat[NXT_STATS_MAX];
};

/* -- memory --------------------------------------------------------------------------------------- */

#define NXT_MAP_WRITE 1u /* the guest may write (reading and executing is always possible) */
#define NXT_MAP_2M 2u	 /* a 2 MiB page: gpa and pfn are 2 MiB-aligned */
#define NXT_MAP_MMIO 4u	 /* no memory: accesses exit as NXT_EXIT_MMIO at once; pfn is ignored */

struct nxt_map {
	uint64_t gpa;	/* 4 KiB-aligned */
	uint64_t pfn;	/* frame number */
	uint64_t flags; /* NXT_MAP_* */
};
#define NXT_MAP_MAX 170

/* -- running -------------------------------------------------------------------------------------- */

enum nxt_exit {
	NXT_EXIT_INTR = 0, /* a physical interrupt is pending: enable interrupts, then run again */
	NXT_EXIT_NPF = 1,  /* npf: nothing is mapped at gpa, or not writable. Map memory, or map NXT_MAP_MMIO,
				   or set NXT_RUN_EMULATE, and run again */
	NXT_EXIT_MMIO = 2, /* mmio: for a read, put the bytes into data; run again to finish */
	NXT_EXIT_PIO = 3,  /* pio: for "in", put size * count bytes into data; run again to finish */
	NXT_EXIT_HALTED = 4, /* mp_state says why; sleep until kicked, or timer_deadline, then run again */
	NXT_EXIT_TIMER = 5,  /* timer_deadline changed */
	NXT_EXIT_EOI = 6,    /* eoi.vector: end of a level-triggered interrupt, for the I/O APIC */
	NXT_EXIT_KICK = 7,   /* kick_mask: wake or kick these, then run again */
	NXT_EXIT_IRQ_WINDOW = 8, /* NXT_RUN_IRQ_WINDOW was set and an external interrupt can be taken now */
	NXT_EXIT_SHUTDOWN = 9,	 /* triple fault */
	NXT_EXIT_DEBUG = 10,	 /* debug: as NXT_STATE_DEBUG_CTL asked */
	NXT_EXIT_EMULATION = 11, /* emulation: an instruction that Engine cannot emulate */
	NXT_EXIT_FAIL = 12,	 /* fail.reason: the CPU refused the vCPU's state */
	NXT_EXIT_NMI = 13,	/* a physical NMI is for the control domain, and was delivered there by now */
	NXT_EXIT_RESIDENT = 14, /* npf.gpa: Engine needs this guest page (a table, say): map it, run again.
				   If it is no memory, set NXT_RUN_UNBACKED and run again */
	NXT_EXIT_MSR = 15,	/* msr: NXT_RUN_ASK_MSR or NXT_RUN_TELL_MSR asked for it; run again with
				   NXT_RUN_MSR_GO, or with NXT_RUN_MSR_DONE and what is read in data, or with
				   neither: the guest gets #GP */
	NXT_EXIT_HYPERCALL = 16,  /* hypercall, of the guest: set hypercall.ret and run again */
	NXT_EXIT_WALL_CLOCK = 17, /* the guest asks for the time of day: fill in wall_clock, run again */
	NXT_EXIT_SMI = 18, /* the vCPU is in SMM now, but for its registers: save them, load the handler's */
	NXT_EXIT_RSM = 19, /* it has left SMM, but for its registers: load what was saved */
	NXT_EXIT_COUNT
};

/* nxt_run.in_flags, cleared by Engine when it has taken them. */
#define NXT_RUN_IRQ_WINDOW (1u << 0) /* leave with NXT_EXIT_IRQ_WINDOW as soon as an interrupt can be taken */
#define NXT_RUN_EXTINT (1u << 1)     /* extint_vector is to be injected: allowed only if irq_ready was 1 */
#define NXT_RUN_EMULATE (1u << 2) /* the NXT_EXIT_NPF just reported is no memory (or not writable): emulate */
#define NXT_RUN_UNBACKED (1u << 3)	/* the NXT_EXIT_RESIDENT just reported is no memory */
#define NXT_RUN_IMMEDIATE (1u << 4)	/* finish a pending MMIO, PIO or MSR, then leave (NXT_EXIT_INTR) */
#define NXT_RUN_ASK_MSR (1u << 5)	/* exit before each access to an MSR, but those of the x2APIC */
#define NXT_RUN_TELL_MSR (1u << 6)	/* exit where an access to an MSR would raise #GP */
#define NXT_RUN_MSR_GO (1u << 7)	/* the NXT_MSR_ASKED just reported may go on */
#define NXT_RUN_MSR_DONE (1u << 8)	/* the NXT_EXIT_MSR just reported was done elsewhere */
#define NXT_RUN_FIX_HYPERCALL (1u << 9) /* the other vendor's VMCALL or VMMCALL becomes this one's */
#define NXT_RUN_TELL_ALL (1u << 10)	/* NXT_EXIT_EMULATION also at CPL 1 to 3, where it else is #UD */
#define NXT_RUN_AWAIT_TIMER (1u << 11)	/* wait for a timer that fires within NXT_AWAIT_TICKS, then enter */

/* TSC ticks, a few 10 us: the control domain sets its alarm ahead by what its own way to the guest takes. */
#define NXT_AWAIT_TICKS 65536

/* Why there is an NXT_EXIT_MSR. */
enum nxt_msr_reason {
	NXT_MSR_ASKED = 0,
	NXT_MSR_UNKNOWN = 1, /* there is no such MSR */
	NXT_MSR_INVALID = 2, /* there is, but not for this guest, or not with this value */
};

/* Values as KVM_MP_STATE_*. */
enum nxt_mp_state {
	NXT_MP_RUNNABLE = 0,
	NXT_MP_UNINITIALIZED = 1, /* waits for INIT */
	NXT_MP_INIT_RECEIVED = 2, /* waits for SIPI */
	NXT_MP_HALTED = 3,
	NXT_MP_SIPI_RECEIVED = 4,
};

#define NXT_RUN_DATA 2048u

struct nxt_run {
	/* in */
	uint32_t in_flags;
	uint8_t extint_vector;
	uint8_t pad0[3];
	uint64_t steal_ns; /* how long the vCPU's thread has waited for a CPU, in all; guests are told */
	/* out, valid at every exit */
	uint32_t exit_reason;
	uint8_t irq_ready;   /* an external interrupt could be injected at once */
	uint8_t if_flag;     /* RFLAGS.IF */
	uint8_t cr8;	     /* task priority */
	uint8_t mp_state;    /* enum nxt_mp_state */
	uint8_t extint_open; /* the PIC's interrupts get through to this vCPU (LINT0, or APIC disabled) */
	uint8_t smm;	     /* it is in system management mode; also after a SET */
	uint8_t pad1[6];
	uint64_t apic_base;
	uint64_t timer_deadline; /* host TSC at which the local APIC timer fires; 0: not armed */
	uint64_t kick_mask;	 /* NXT_EXIT_KICK; other exits may carry one as well: always obey */
	int64_t timer_early;	 /* NXT_RUN_AWAIT_TIMER: so many TSC ticks before the timer; 0: none */
	union {
		struct {
			uint64_t gpa;
			uint32_t write;
			uint32_t fetch;
			uint32_t present; /* 1: a mapping is there but read-only */
		} npf;
		struct {
			uint64_t gpa;
			uint32_t len; /* 1 .. 8 */
			uint32_t write;
		} mmio;
		struct {
			uint16_t port;
			uint8_t size; /* 1, 2, 4 */
			uint8_t in;
			uint32_t count; /* of a string instruction; size * count <= NXT_RUN_DATA */
		} pio;
		struct {
			uint32_t vector;
		} eoi;
		struct {
			uint32_t index;
			uint16_t write;
			uint16_t reason; /* enum nxt_msr_reason */
			uint64_t value;	 /* of a write */
		} msr;
		struct {
			uint64_t reason;
		} fail;
		struct {
			uint8_t insn_len; /* bytes that could be fetched */
			uint8_t insn[15];
			uint64_t gpa; /* the access that asked for emulation, 0: none */
		} emulation;
		struct {
			uint32_t exception; /* 1 or 3 */
			uint32_t pad;
			uint64_t pc;
			uint64_t dr6;
			uint64_t dr7;
		} debug;
		struct {
			uint64_t tsc; /* at this value of the control domain's TSC ... */
			uint64_t ns;  /* ... so many ns had passed since 1970 */
		} wall_clock;
		struct {
			uint64_t nr;
			uint64_t args[4];
			uint64_t ret;
			uint32_t longmode;
			uint32_t cpl;
		} hypercall;
		uint8_t size[128];
	};
	uint8_t pad2[NXT_PAGE_SIZE - NXT_RUN_DATA - 192];
	uint8_t data[NXT_RUN_DATA];
};

/* -- vCPU state ----------------------------------------------------------------------------------- */

enum nxt_state {
	NXT_STATE_REGS = 0,	  /* struct nxt_regs */
	NXT_STATE_SREGS = 1,	  /* struct nxt_sregs */
	NXT_STATE_DEBUGREGS = 2,  /* struct nxt_debugregs */
	NXT_STATE_EVENTS = 3,	  /* struct nxt_events */
	NXT_STATE_XSAVE = 4,	  /* the XSAVE area, standard format, nxt_info_engine.xsave_size bytes */
	NXT_STATE_XCR0 = 5,	  /* uint64_t */
	NXT_STATE_MSRS = 6,	  /* struct nxt_msr_list; the return value says how many were done */
	NXT_STATE_CPUID = 7,	  /* struct nxt_cpuid_list; set it before the first run. GET: as CPUID answers
				     now, where that depends on CR4, XCR0 or the local APIC */
	NXT_STATE_LAPIC = 8,	  /* 1 KiB: the register page, as KVM_GET_LAPIC has it */
	NXT_STATE_MP = 9,	  /* uint32_t, enum nxt_mp_state */
	NXT_STATE_DEBUG_CTL = 10, /* struct nxt_debug_ctl; SET only */
	NXT_STATE_TRANSLATE = 11, /* GET only: struct nxt_translate, in and out */
	NXT_STATE_NATIVE = 13,	  /* SET only: uint64_t, NXT_NATIVE_*: what the guest does without an exit */
	NXT_STATE_TSC_OFFSET = 14, /* uint64_t: the guest's TSC less the control domain's */
	NXT_STATE_APIC_BUS =
		15, /* SET only: uint64_t ns that a cycle of the local APIC's timer takes, before its
				      division; 1 at first, at most NXT_APIC_BUS_NS_MAX. Before the first run */
	NXT_STATE_TSC_KHZ = 12, /* SET: uint64_t kHz of the guest's TSC (the timer needs it); GET */
};

#define NXT_APIC_BUS_NS_MAX 1024u
#define NXT_NATIVE_HLT                                                                                       \
	1u /* the physical CPU sleeps where the guest halts, until an interrupt that ends the run */

struct nxt_regs {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi; /* the order of the instruction encoding */
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

/* Attributes as VMX's access rights: 3:0 type, 4 S, 6:5 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G, 16 unusable. */
#define NXT_SEG_UNUSABLE (1u << 16)
struct nxt_segment {
	uint64_t base;
	uint32_t limit; /* in bytes, whatever G says */
	uint32_t attr;
	uint16_t selector;
	uint16_t pad[3];
};

struct nxt_dtable {
	uint64_t base;
	uint16_t limit;
	uint16_t pad[3];
};

struct nxt_sregs {
	struct nxt_segment cs, ds, es, fs, gs, ss, tr, ldt;
	struct nxt_dtable gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base;
	uint64_t flags; /* bit 0: pdptr holds the PAE page-directory pointers */
	uint64_t pdptr[4];
};

struct nxt_debugregs {
	uint64_t db[4], dr6, dr7;
};

struct nxt_events {
	uint8_t exception_injected, exception_pending, exception_nr, exception_has_error;
	uint32_t exception_error;
	uint8_t irq_injected, irq_nr, irq_soft, irq_shadow; /* shadow: 1 MOV SS, 2 STI */
	uint8_t nmi_injected, nmi_pending, nmi_masked, pad;
	uint32_t sipi_vector;
	uint32_t triple_fault_pending;
	uint8_t smm, smi_pending;
	uint8_t smm_in_nmi;   /* NMIs were masked before SMM already */
	uint8_t init_pending; /* in SMM it waits */
	uint8_t sets_smm;     /* SET: the four before count. GET: 0 */
	uint8_t pad2[3];
};
/*
 * arg of VCPU_GET, for user space that is going to set what it got: from then on a SET replaces the NMI, SMI
 * and INIT that wait. What comes after this GET, a SET leaves alone.
 */
#define NXT_EVENTS_LATCH 1u

struct nxt_msr {
	uint32_t index, pad;
	uint64_t value;
};
#define NXT_MSRS_MAX 255
struct nxt_msr_list {
	uint32_t count, pad[3];
	struct nxt_msr msr[NXT_MSRS_MAX];
};

#define NXT_CPUID_SUBLEAF 1u /* the subleaf (ECX) matters */
struct nxt_cpuid {
	uint32_t leaf, subleaf, flags, eax, ebx, ecx, edx, pad;
};
#define NXT_CPUIDS_MAX 127
struct nxt_cpuid_list {
	uint32_t count, pad[7];
	struct nxt_cpuid entry[NXT_CPUIDS_MAX];
};

#define NXT_DEBUG_ENABLE 1u
#define NXT_DEBUG_STEP 2u
#define NXT_DEBUG_SW_BP 4u /* #BP exits */
#define NXT_DEBUG_HW_BP 8u /* db and dr7 below replace the guest's */
struct nxt_debug_ctl {
	uint32_t flags, pad;
	uint64_t db[4], dr7;
};

struct nxt_translate {
	uint64_t linear;
	uint64_t physical; /* out */
	uint32_t valid, writable, user, pad;
};

#ifdef __KERNEL__
static_assert(sizeof(struct nxt_run) == NXT_PAGE_SIZE);
#else
_Static_assert(sizeof(struct nxt_run) == NXT_PAGE_SIZE, "struct nxt_run fills its page");
_Static_assert(sizeof(struct nxt_info_log) == NXT_PAGE_SIZE, "a log read fills its page");
_Static_assert(sizeof(struct nxt_info_stats) <= NXT_PAGE_SIZE, "the counters fit in a page");
_Static_assert(sizeof(struct nxt_msr_list) <= NXT_PAGE_SIZE, "the MSRs fit in a page");
_Static_assert(sizeof(struct nxt_cpuid_list) <= NXT_PAGE_SIZE, "the CPUID leaves fit in a page");
_Static_assert(sizeof(struct nxt_map) * NXT_MAP_MAX <= NXT_PAGE_SIZE, "a map list fits in a page");
#endif

#endif
