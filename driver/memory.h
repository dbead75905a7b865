/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: which host addresses a guest's addresses stand for (the slots), and how Engine's nested
 * page table follows Linux's page tables.
 *
 * Nothing is pinned. A fault looks the page up, and maps it under mmu_lock only if no invalidation came
 * between; an invalidation unmaps, makes running vCPUs leave the guest, and releases the frames before
 * it lets Linux have them.
 */
#ifndef NXTOP_DRIVER_MEMORY_H
#define NXTOP_DRIVER_MEMORY_H

#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "../abi/hypercall.h"

struct nxt_vcpu;
struct nxt_vm;

/*
 * KVM's second address space, that of system management mode, is here the upper half of the first: its
 * frame numbers have this bit, as Engine's addresses have NXT_GPA_SMM, and its slots' ids KVM's bit 16. So
 * nothing that goes by slots or frame numbers needs to know that there are two.
 */
#define NXT_GFN_SMM (NXT_GPA_SMM >> PAGE_SHIFT)

/* Constant while it is published, but for the bits in `dirty`. */
struct nxt_slot {
	u64 gfn;	      /* first guest frame number, with NXT_GFN_SMM */
	u64 npages;	      /* > 0 */
	unsigned long hva;    /* host address of the first byte */
	u32 id;		      /* user space's */
	u32 flags;	      /* KVM_MEM_* */
	unsigned long *dirty; /* with KVM_MEM_LOG_DIRTY_PAGES: bit n is page n; changed under vm->mmu_lock */
};

/* Sorted by gfn, without overlaps. */
struct nxt_slots {
	u32 count;
	struct nxt_slot *slot[];
};

static inline unsigned long nxt_slot_hva(const struct nxt_slot *slot, u64 gfn)
{
	return slot->hva + ((gfn - slot->gfn) << PAGE_SHIFT);
}

/* -- memory.c */
int nxt_slots_init(struct nxt_vm *vm); /* 0 or -ENOMEM */
void nxt_slots_free(struct nxt_vm *vm);
/* Whether there can be a slot of user space's number: bits 31:16 are the address space. */
bool nxt_slot_id_ok(u32 id);
/* The slot that holds the frame, or NULL. The caller is in vm->srcu, as long as it uses the slot. */
struct nxt_slot *nxt_slot_find(struct nxt_vm *vm, u64 gfn);
/* KVM_SET_USER_MEMORY_REGION and ...2; cmd says which struct it is. */
long nxt_set_memory_region(struct nxt_vm *vm, unsigned int cmd, void __user *argp);
/*
 * Copies from or to guest memory, at gpa as Engine has it. 0, or -EFAULT: not all of it is there, or may be
 * written. Called by a thread of the VM's process.
 */
int nxt_guest_read(struct nxt_vm *vm, u64 gpa, void *data, size_t len);
int nxt_guest_write(struct nxt_vm *vm, u64 gpa, const void *data, size_t len);
/* The slots. The caller is in vm->srcu or holds slots_lock. */
struct nxt_slots *nxt_slots(struct nxt_vm *vm);

/* -- dirty.c */
/* Makes every page of the slot read-only, so that the next write to each is seen. slots_lock held. */
void nxt_dirty_start(struct nxt_vm *vm, const struct nxt_slot *slot);
long nxt_get_dirty_log(struct nxt_vm *vm, void __user *argp);

/* -- guest_memfd.c */
/* KVM_CREATE_GUEST_MEMFD: a file descriptor, or -errno. */
int nxt_guest_memfd_create(const void __user *argp);

/* -- fault.c */
/*
 * Maps what the guest needs at gpa; present: what is mapped there was not enough. 1: done, or worth
 * another try; 0: there is no memory, or it may not be written; or an errno for KVM_RUN. Called by the
 * vCPU's thread.
 */
int nxt_fault(struct nxt_vcpu *vcpu, u64 gpa, bool write, bool present);
/* KVM_PRE_FAULT_MEMORY. Called by the vCPU's thread. */
long nxt_pre_fault(struct nxt_vcpu *vcpu, struct kvm_pre_fault_memory __user *user);

/* -- mmio.c */
/* Lets accesses to the page exit as MMIO at once from now on. False: they need NXT_RUN_EMULATE. */
bool nxt_map_mmio(struct nxt_vcpu *vcpu, u64 gpa);

/* -- notifier.c */
int nxt_notifier_register(struct nxt_vm *vm);
/*
 * Unmaps the range, waits until no vCPU uses it any more, and gives the frames back. Does not sleep if
 * !may_sleep.
 */
void nxt_zap(struct nxt_vm *vm, u64 gfn, u64 npages, bool may_sleep);
/* The three steps of that, for callers with more than one range. */
void nxt_unmap(struct nxt_vm *vm, u64 gfn, u64 npages, bool may_sleep);
void nxt_release(struct nxt_vm *vm, u64 gfn, u64 npages, bool may_sleep);

#endif
