/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of nxtop.ko share.
 *
 * Objects and their lifetime: a struct nxt_vm lives until its last reference is dropped. The VM's file
 * holds one, and each vCPU's file holds one. A struct nxt_vcpu lives as long as its VM, so whoever may use
 * the VM may use vm->vcpus[] without a reference. In Engine the VM ends with the last nxt_vm_put(), or when
 * the machine restarts (vm->dead).
 *
 * Locks, outermost first; irqchip.h continues the list:
 *
 *	vcpu->mutex	one thread in the vCPU's ioctls. It also owns the vCPU's state page, and the control
 *			domain's half of the run page
 *	vm->lock	creation of vCPUs and of the irqchip; the end of the VM in Engine
 *	vm->slots_lock	changes of the memory slots
 *	vm->srcu	read side: the slots; taken around every look-up, also in MMU notifiers. Who holds it
 *			may wait for memory, so nobody waits for its readers who is needed to free memory
 *	vm->chunk_lock	giving chunks
 *	vm->mmu_lock	spinlock: VM_MAP against invalidation, and the dirty bitmaps
 *
 * Any context, also hard interrupts and under spinlocks with interrupts off: nxt_vm_msi(),
 * nxt_vm_kick_mask(), nxt_vcpu_kick(), nxt_vm_kick_extint().
 */
#ifndef NXTOP_DRIVER_INTERNAL_H
#define NXTOP_DRIVER_INTERNAL_H

#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rcuwait.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>

#include "../abi/hypercall.h"
#include "irqchip.h"

#define NXT_MEMSLOTS 512 /* of one address space of a VM ... */
#define NXT_SPACES 2	 /* ... of which SMM has its own: memory.h */

struct file;
struct nxt_irqchip;
struct nxt_slots; /* memory.h */

struct nxt_vm {
	refcount_t users;
	u32 id;		       /* Engine's name for it */
	bool dead;	       /* Engine's part is gone, or going */
	bool lost;	       /* ... but Engine did not give its memory back */
	struct list_head link; /* in vm.c's list of all VMs */
	struct mm_struct *mm;  /* whose memory the guest's is; grabbed, not pinned */

	struct mutex lock;
	struct mutex slots_lock;
	struct srcu_struct srcu;

	struct nxt_vcpu *vcpus[NXT_MAX_VCPUS]; /* by vCPU id; read with nxt_vm_vcpu() */
	u32 vcpu_limit;			       /* ids below it may exist */
	u32 vcpu_count;
	u32 bsp_id;	    /* KVM_SET_BOOT_CPU_ID */
	bool wide_apic_ids; /* KVM_CAP_X2APIC_API: KVM_GET_LAPIC and SET show all 32 bits of an x2APIC's ID */
	bool tells_all;	    /* KVM_CAP_EXIT_ON_EMULATION_FAILURE: also of programs in the guest */
	bool native_hlt;    /* KVM_CAP_X86_DISABLE_EXITS: vCPUs made from now on halt without an exit */
	struct nxt_msr_filter __rcu *msr_filter; /* msr_filter.c; changes under lock, read under srcu */
	u32 msr_exits;				 /* KVM_CAP_X86_USER_SPACE_MSR: KVM_MSR_EXIT_REASON_* */
	u32 apic_bus_ns;			 /* KVM_CAP_X86_APIC_BUS_CYCLES_NS; 0: nobody said */
	bool no_platform_info;			 /* KVM_CAP_MSR_PLATFORM_INFO: guests do not have the MSR */
	u64 quirks_off;				 /* KVM_CAP_DISABLE_QUIRKS2 */
	u32 vcpu_ids;				 /* KVM_CAP_MAX_VCPU_ID: ids are below; 0: nobody said */

	/* memory.c, mmio.c, fault.c, notifier.c */
	struct nxt_slots __rcu *slots;
	spinlock_t mmu_lock;
	struct mmu_notifier notifier;
	unsigned long invalidate_seq;
	long invalidate_count;		/* invalidations that began and have not ended ... */
	unsigned long invalidate_start; /* ... and the host addresses that they cover together */
	unsigned long invalidate_end;
	atomic_t mmio_pages; /* NXT_MAP_MMIO entries made so far */
	struct mutex chunk_lock;
	struct list_head chunks; /* given to Engine: the first struct page of each, linked by lru */
	u32 chunk_count; /* changes under chunk_lock; read without it to see whether somebody gave one */

	struct nxt_irqchip *irqchip; /* irqchip.h; private to the irqchip's files */
};

enum nxt_vcpu_stat {
	NXT_STAT_EXITS,
	NXT_STAT_IO,
	NXT_STAT_MMIO,
	NXT_STAT_HALT,
	NXT_STAT_IRQ,
	NXT_STAT_IRQ_WINDOW,
	NXT_STAT_FAULT,
	NXT_STAT_SIGNAL,
	NXT_STATS
};

enum nxt_vcpu_mode {
	NXT_OUTSIDE,
	NXT_IN_GUEST, /* inside VCPU_RUN, or on the way there with interrupts off */
};

struct nxt_vcpu {
	struct nxt_vm *vm;
	u32 id;
	struct mutex mutex;

	struct nxt_run *run; /* shared with Engine: whatever is read from it is read once */
	void *state;	     /* page for VCPU_GET and VCPU_SET */
	struct nxt_map *map; /* page for VM_MAP, used by the vCPU's thread */

	struct kvm_run *kvm_run; /* pages that user space maps: kvm_run ... */
	void *pio_page;		 /* ... and port data */

	/* Whoever kicks reads these two without a lock: see nxt_vcpu_kick(). */
	enum nxt_vcpu_mode mode;
	int cpu;
	bool wake;	      /* something happened since the last VCPU_RUN began: do not sleep */
	struct rcuwait sleep; /* the thread, while it sleeps in a halt */

	struct hrtimer timer; /* the local APIC's timer */
	u64 timer_deadline;   /* the TSC value of which `timer` is timer_ahead ticks ahead; 0: not set */
	s64 timer_ahead;
	bool timer_near; /* the alarm has gone off: the next run waits for the deadline */

	bool unfinished;     /* an instruction's MMIO or PIO was done; the next VCPU_RUN finishes it */
	u32 answer_len;	     /* bytes that user space was asked to read; 0: none */
	void *answer;	     /* ... and where it puts them */
	bool msr_asked;	     /* ... about an MSR, and kvm_run->msr.error counts */
	u32 run_flags;	     /* NXT_RUN_* for the next VCPU_RUN */
	int extint;	     /* vector of KVM_INTERRUPT that waits, -1: none */
	bool immediate_exit; /* user space wants this KVM_RUN to finish what is unfinished, and no more */
	bool has_run;
	bool pv_enforced; /* KVM_CAP_ENFORCE_PV_FEATURE_CPUID */
	bool sigset_active;
	sigset_t sigset;

	u64 stats[NXT_STATS]; /* stats.c; written by the vCPU's thread alone */

	u32 cpuid_count;
	struct kvm_cpuid_entry2 *cpuid; /* what KVM_SET_CPUID2 set last */
};

/* -- vm.c -------------------------------------------------------------------------------------- */

int nxt_vm_create_fd(unsigned long type);
/* The caller must know that the VM lives: it comes from its file, or holds a reference. */
void nxt_vm_get(struct nxt_vm *vm);
void nxt_vm_put(struct nxt_vm *vm); /* may sleep for long: the last one takes the VM apart */
/* Ends every VM in Engine, and refuses new ones. Their files stay, and answer -EIO. */
void nxt_vm_kill_all(void);
/* Every guest is about to stand still. */
void nxt_vm_all_stopped(void);
/*
 * Engine asked for memory (-ENOMEM): gives it a chunk, unless vm->chunk_count is not `seen` any more,
 * because another thread gave one. 0 or -ENOMEM. Sleeps.
 */
int nxt_vm_give(struct nxt_vm *vm, u32 seen);

/* The vCPU with that id, or NULL. Its lifetime is the VM's. */
static inline struct nxt_vcpu *nxt_vm_vcpu(struct nxt_vm *vm, u32 id)
{
	return id < NXT_MAX_VCPUS ? smp_load_acquire(&vm->vcpus[id]) : NULL;
}

#define nxt_for_each_vcpu(id, vcpu, vm)                                                                      \
	for ((id) = 0; (id) < READ_ONCE((vm)->vcpu_limit); (id)++)                                           \
		if (!((vcpu) = nxt_vm_vcpu(vm, id))) {                                                       \
		} else

/* -- vcpu.c ------------------------------------------------------------------------------------ */

/* KVM_CREATE_VCPU. Returns a file descriptor. */
long nxt_vcpu_create_fd(struct nxt_vm *vm, unsigned long id);
/* Whether a guest's TSC can have the frequency: it runs as fast as the CPU's. 0: whatever the CPU has. */
bool nxt_tsc_khz_ok(unsigned long khz);
/* After Engine's part is gone. */
void nxt_vcpu_free(struct nxt_vcpu *vcpu);

/* -- run.c, timer.c ---------------------------------------------------------------------------- */

/* KVM_RUN. 0: kvm_run says why it returned; -EINTR: a signal, or immediate_exit. */
int nxt_vcpu_run(struct nxt_vcpu *vcpu);
void nxt_timer_init(struct nxt_vcpu *vcpu);
/* Of all vCPUs; no KVM_RUN follows. */
void nxt_timers_cancel(struct nxt_vm *vm);
/* Follows what Engine said at the last exit. */
void nxt_timer_update(struct nxt_vcpu *vcpu);

/* -- clock.c ----------------------------------------------------------------------------------- */

#define NXT_CLOCK_FLAGS (KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)
/* The paravirtual clock of a new VM starts from 0. 0 or Engine's error. */
long nxt_clock_init(struct nxt_vm *vm);
long nxt_clock_get(struct nxt_vm *vm, struct kvm_clock_data __user *user); /* KVM_GET_CLOCK */
long nxt_clock_set(struct nxt_vm *vm, const struct kvm_clock_data __user *user);
/* NXT_EXIT_WALL_CLOCK: the next VCPU_RUN tells the guest. */
void nxt_wall_clock(struct nxt_vcpu *vcpu);
/* KVM_KVMCLOCK_CTRL: the guest is not to take this pause for a lockup. -EINVAL: it has no such clock. */
long nxt_clock_stopped(struct nxt_vcpu *vcpu);

/* -- kick.c ------------------------------------------------------------------------------------ */

/*
 * Delivers an MSI (address as in struct nxt_map's call NXT_HC_VM_MSI: bits 63:32 are x2APIC's high
 * destination bits) and wakes whom Engine names. Returns the number of local APICs that took it (0:
 * masked, coalesced or nobody), or a negative errno. Any context.
 */
int nxt_vm_msi(struct nxt_vm *vm, u64 address, u32 data);
/* Makes the vCPU look at its state: wakes it from a halt, or makes it leave the guest. Any context. */
void nxt_vcpu_kick(struct nxt_vcpu *vcpu);
/* The same for every vCPU of which Engine's kick mask has the bit. */
void nxt_vm_kick_mask(struct nxt_vm *vm, u64 mask);
/* The same for those that take the PIC's interrupts: call it when nxt_pic_pending() becomes true. */
void nxt_vm_kick_extint(struct nxt_vm *vm);
/*
 * Returns when every CPU that was inside VCPU_RUN for this VM has left it since the call. Interrupts
 * must be enabled; does not sleep.
 */
void nxt_vm_kick_wait(struct nxt_vm *vm);
/* Runs of the vCPU on this CPU: what nxt_vm_kick_wait() looks at. Interrupts off. */
void nxt_kick_enter(struct nxt_vcpu *vcpu);
void nxt_kick_leave(struct nxt_vcpu *vcpu);

#endif
