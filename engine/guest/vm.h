/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual machines. The table of VMs is Engine's; everything that grows with a VM lies in chunks of memory
 * that the control domain gave it: nested page tables, vCPUs.
 *
 * A VM is used between vm_get() and vm_put(), which keep it alive. vm_destroy_step() first closes the door,
 * then works only when nobody is inside any more. Who changes the VM's memory holds vm->lock; running vCPUs
 * take no lock.
 */
#ifndef ENGINE_GUEST_VM_H
#define ENGINE_GUEST_VM_H

#include "abi/hypercall.h"
#include "guest/lapic.h"
#include "guest/pvclock.h"
#include "lib/spinlock.h"
#include "mem/chunk.h"
#include "mem/npt.h"

struct vcpu;

enum vm_state { VM_FREE, VM_ALIVE, VM_DYING };

struct vm {
	u32 id;
	u32 state; /* enum vm_state */
	u32 users; /* vm_get() without vm_put() */
	struct spinlock lock;
	struct chunk_list chunks;
	struct npt npt[2]; /* the second is what vCPUs see in system management mode */
	/*
	 * Counts revocations of translations. A vCPU that runs with an older one may still use what was
	 * revoked.
	 */
	u64 epoch;

	u32 vcpu_limit; /* ids below it may exist */
	/* Of NXT_MAX_VCPUS each, by id, in the VM's first chunk; NULL: there is none of that id. */
	struct vcpu **vcpus;
	struct lapic **lapics;

	/* The last synchronizing write of a guest's TSC; see guest/tsc.c. */
	struct spinlock tsc_lock;
	u64 tsc_value, tsc_host, tsc_offset;
	bool tsc_written;

	/* The paravirtual clock; see guest/clock.c. */
	struct spinlock clock_lock;
	struct pvclock clock;
	bool clock_stable;  /* the control domain trusts the TSC */
	u64 wall_clock_msr; /* where a guest last wanted the time of day */
};

/* The VM of that id if it is alive, which it stays until vm_put(); else NULL. */
struct vm *vm_get(u64 id);
void vm_put(struct vm *vm);

/* A VM that lives in the chunk (PFN). Returns its id or -NXT_E*. */
s64 vm_create(u64 chunk_pfn);
/* Another chunk for it. 0 or -NXT_E*. The caller does not hold vm->lock. */
s64 vm_give(struct vm *vm, u64 chunk_pfn);
/* One bounded step of taking the VM apart: 0: it is gone; -NXT_EAGAIN, -NXT_EBUSY, -NXT_ENOENT. */
s64 vm_destroy_step(u64 id);
/* The same for all there are. */
s64 vm_destroy_all(void);
u32 vm_count(void);

/* clock.c: the paravirtual clock shows ns at tsc, and goes on with a TSC of khz. 0 or -NXT_EINVAL. */
s64 vm_set_clock(struct vm *vm, u64 tsc, u64 ns, u64 khz, bool stable);
/*
 * What it shows at tsc. 1: to all vCPUs alike, and the TSC is trusted; 0: not; -NXT_EINVAL: it was never set.
 */
s64 vm_get_clock(struct vm *vm, u64 tsc, u64 *ret_ns);
/*
 * What guests were told is not so any more. Returns the kick mask of vCPUs to be told, before they next enter
 * the guest.
 */
u64 vm_clock_changed(struct vm *vm);

/* The table of the address space that gpa names. Of no gpa that a guest chose: they have no such mark. */
static inline struct npt *vm_npt(struct vm *vm, u64 gpa)
{
	return &vm->npt[!!(gpa & NXT_GPA_SMM)];
}

/* True when no vCPU can use a translation any more that was revoked before now. */
bool vm_quiet(const struct vm *vm);

#endif
