/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/vm.h"
#include "cpu/kick.h"
#include "guest/vcpu.h"
#include "lib/string.h"
#include "mem/frames.h"
#include "mem/identity.h"
#include "mem/phys.h"
#include "vendor.h"

static struct vm vms[NXT_MAX_VMS];
static struct spinlock table_lock;

static struct vm *by_id(u64 id)
{
	return id >= 1 && id <= NXT_MAX_VMS ? &vms[id - 1] : NULL;
}

struct vm *vm_get(u64 id)
{
	struct vm *vm = by_id(id);

	if (!vm)
		return NULL;
	/*
	 * Inside first, then a look whether the door was open: vm_destroy_step() does it the other way round.
	 */
	__atomic_fetch_add(&vm->users, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&vm->state, __ATOMIC_SEQ_CST) == VM_ALIVE)
		return vm;
	vm_put(vm);
	return NULL;
}

void vm_put(struct vm *vm)
{
	__atomic_fetch_sub(&vm->users, 1, __ATOMIC_RELEASE);
}

/* The chunk leaves the control domain: for the table of owners, for its page table, and for every TLB. */
static s64 take_chunk(u32 vm, u64 pfn)
{
	s64 error = frame_give(pfn, vm);

	if (error)
		return error;
	error = identity_hide(pfn << PAGE_SHIFT, PAGE_2M);
	if (error) {
		frame_take_back(pfn, vm);
		return error;
	}
	kick_flush_cd();
	return 0;
}

static u64 alloc_table(void *owner)
{
	struct vm *vm = owner;

	return chunk_alloc_page(&vm->chunks);
}

_Static_assert(NXT_MAX_VCPUS * sizeof(void *) <= PAGE_SIZE, "an array of pointers by vCPU id is a page");

static s64 init(struct vm *vm, u64 chunk_pfn)
{
	s64 error = take_chunk(vm->id, chunk_pfn);

	if (error)
		return error;
	chunk_list_init(&vm->chunks);
	chunk_add(&vm->chunks, chunk_pfn << PAGE_SHIFT);
	/* A fresh chunk has these pages. */
	vm->vcpus = phys_to_virt(chunk_alloc_page(&vm->chunks));
	vm->lapics = phys_to_virt(chunk_alloc_page(&vm->chunks));
	for (u32 i = 0; i < ARRAY_SIZE(vm->npt) && !error; i++)
		error = npt_init(&vm->npt[i], vendor->npt, vm->id, alloc_table, vm);
	return error;
}

s64 vm_create(u64 chunk_pfn)
{
	s64 result = -NXT_ENOSPC;

	spin_lock(&table_lock);
	for (u32 i = 0; i < NXT_MAX_VMS; i++) {
		struct vm *vm = &vms[i];

		if (vm->state != VM_FREE || __atomic_load_n(&vm->users, __ATOMIC_SEQ_CST))
			continue;
		/* All but the users: somebody may be trying the door just now. */
		memset(&vm->lock, 0, sizeof(*vm) - offsetof(struct vm, lock));
		vm->id = i + 1;
		result = init(vm, chunk_pfn);
		if (!result) {
			__atomic_store_n(&vm->state, VM_ALIVE, __ATOMIC_SEQ_CST);
			result = vm->id;
		}
		break;
	}
	spin_unlock(&table_lock);
	return result;
}

s64 vm_give(struct vm *vm, u64 chunk_pfn)
{
	s64 error = take_chunk(vm->id, chunk_pfn);

	if (error)
		return error;
	spin_lock(&vm->lock);
	chunk_add(&vm->chunks, chunk_pfn << PAGE_SHIFT);
	spin_unlock(&vm->lock);
	return 0;
}

static bool any_running(const struct vm *vm)
{
	/* Who is inside may be making one. */
	u32 limit = READ_ONCE(vm->vcpu_limit);

	for (u32 i = 0; i < limit; i++) {
		const struct vcpu *vcpu = __atomic_load_n(&vm->vcpus[i], __ATOMIC_ACQUIRE);

		if (vcpu && vcpu_is_running(vcpu))
			return true;
	}
	return false;
}

/* From here on the vCPUs are not looked at any more: their memory, and that of the arrays, can go. */
static void forget_vcpus(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_limit; i++) {
		if (vm->vcpus[i])
			vcpu_unpin(vm->vcpus[i]);
	}
	vm->vcpu_limit = 0;
	vm->vcpus = NULL;
	vm->lapics = NULL;
}

static s64 give_back_chunk(struct vm *vm)
{
	u64 chunk = chunk_pop(&vm->chunks);

	if (!chunk)
		return 0;
	identity_show(chunk, PAGE_2M);
	kick_flush_cd();
	frame_take_back(chunk >> PAGE_SHIFT, vm->id);
	return -NXT_EAGAIN;
}

static s64 destroy_step(struct vm *vm)
{
	s64 result;

	if (vm->state == VM_FREE)
		return -NXT_ENOENT;
	__atomic_store_n(&vm->state, VM_DYING, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&vm->users, __ATOMIC_SEQ_CST))
		return any_running(vm) ? -NXT_EBUSY : -NXT_EAGAIN;
	/* Nobody is inside. */
	forget_vcpus(vm);
	result = npt_destroy_step(&vm->npt[0]);
	if (!result)
		result = npt_destroy_step(&vm->npt[1]);
	if (!result)
		result = give_back_chunk(vm);
	if (!result)
		__atomic_store_n(&vm->state, VM_FREE, __ATOMIC_SEQ_CST);
	return result;
}

s64 vm_destroy_step(u64 id)
{
	struct vm *vm = by_id(id);
	s64 result;

	if (!vm)
		return -NXT_ENOENT;
	spin_lock(&table_lock);
	result = destroy_step(vm);
	spin_unlock(&table_lock);
	return result;
}

s64 vm_destroy_all(void)
{
	for (u32 id = 1; id <= NXT_MAX_VMS; id++) {
		s64 result = vm_destroy_step(id);

		if (result && result != -NXT_ENOENT)
			return result == -NXT_EBUSY ? -NXT_EAGAIN : result;
	}
	return 0;
}

u32 vm_count(void)
{
	u32 count = 0;

	for (u32 i = 0; i < NXT_MAX_VMS; i++)
		count += READ_ONCE(vms[i].state) != VM_FREE;
	return count;
}

bool vm_quiet(const struct vm *vm)
{
	u64 epoch = __atomic_load_n(&vm->epoch, __ATOMIC_SEQ_CST);

	for (u32 i = 0; i < vm->vcpu_limit; i++) {
		const struct vcpu *vcpu = vm->vcpus[i];

		if (vcpu && vcpu_is_running(vcpu) && vcpu_epoch(vcpu) < epoch)
			return false;
	}
	return true;
}
