/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls on VMs and their memory. */
#include "guest/lapic_ipi.h"
#include "guest/vm.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"
#include "mem/frames.h"
#include "mem/phys.h"

s64 hypercall_vm_create(struct hypercall_args *args)
{
	return vm_create(args->a);
}

s64 hypercall_vm_give(struct hypercall_args *args)
{
	struct vm *vm = vm_get(args->a);
	s64 result;

	if (!vm)
		return -NXT_ENOENT;
	result = vm_give(vm, args->b);
	vm_put(vm);
	return result;
}

s64 hypercall_vm_destroy(struct hypercall_args *args)
{
	return vm_destroy_step(args->a);
}

static s64 map_list(struct vm *vm, const struct nxt_map *list, u64 count)
{
	s64 error = 0;
	u64 done = 0;

	while (done < count && !error) {
		struct nxt_map map = {
			.gpa = READ_ONCE(list[done].gpa),
			.pfn = READ_ONCE(list[done].pfn),
			.flags = READ_ONCE(list[done].flags),
		};

		error = npt_map(vm_npt(vm, map.gpa), map.gpa & ~NXT_GPA_SMM, map.pfn, map.flags);
		done += !error;
	}
	return done ? (s64)done : error;
}

s64 hypercall_vm_map(struct hypercall_args *args)
{
	struct vm *vm;
	s64 result;

	if (args->c > NXT_MAP_MAX)
		return -NXT_EINVAL;
	vm = vm_get(args->a);
	if (!vm)
		return -NXT_ENOENT;
	result = -NXT_EPERM;
	if (!frame_pin(args->b)) {
		spin_lock(&vm->lock);
		result = map_list(vm, phys_to_virt(args->b << PAGE_SHIFT), args->c);
		spin_unlock(&vm->lock);
		frame_unpin(args->b);
	}
	vm_put(vm);
	return result;
}

/* A call on a range of guest memory; revokes: what it takes away may be in TLBs. */
static s64 on_range(struct hypercall_args *args, s64 (*function)(struct npt *npt, u64 gpa, u64 npages),
		    bool revokes)
{
	struct vm *vm = vm_get(args->a);
	s64 result;

	if (!vm)
		return -NXT_ENOENT;
	spin_lock(&vm->lock);
	result = function(vm_npt(vm, args->b), args->b & ~NXT_GPA_SMM, args->c);
	if (revokes)
		__atomic_fetch_add(&vm->epoch, 1, __ATOMIC_SEQ_CST);
	spin_unlock(&vm->lock);
	vm_put(vm);
	return result;
}

s64 hypercall_vm_unmap(struct hypercall_args *args)
{
	return on_range(args, npt_unmap, true);
}

s64 hypercall_vm_protect(struct hypercall_args *args)
{
	return on_range(args, npt_protect, true);
}

s64 hypercall_vm_release(struct hypercall_args *args)
{
	struct vm *vm = vm_get(args->a);
	s64 result = -NXT_EAGAIN;

	if (!vm)
		return -NXT_ENOENT;
	spin_lock(&vm->lock);
	if (vm_quiet(vm))
		result = npt_release(vm_npt(vm, args->b), args->b & ~NXT_GPA_SMM, args->c);
	spin_unlock(&vm->lock);
	vm_put(vm);
	return result;
}

s64 hypercall_vm_age(struct hypercall_args *args)
{
	struct vm *vm = vm_get(args->a);
	s64 result;

	if (!vm)
		return -NXT_ENOENT;
	spin_lock(&vm->lock);
	result = npt_age(vm_npt(vm, args->b), args->b & ~NXT_GPA_SMM, args->c, args->d);
	spin_unlock(&vm->lock);
	vm_put(vm);
	return result;
}

s64 hypercall_vm_msi(struct hypercall_args *args)
{
	struct vm *vm = vm_get(args->a);
	struct lapic_msg msg;
	s64 result;

	if (!vm)
		return -NXT_ENOENT;
	args->has_result2 = true;
	lapic_msi_decode(args->b, (u32)args->c, &msg);
	result = lapic_deliver(vm->lapics, READ_ONCE(vm->vcpu_limit), &msg, NULL, &args->result2);
	vm_put(vm);
	return result;
}

s64 hypercall_vm_set_clock(struct hypercall_args *args)
{
	struct vm *vm;
	s64 result;

	if (args->e & ~(u64)NXT_CLOCK_STABLE)
		return -NXT_EINVAL;
	vm = vm_get(args->a);
	if (!vm)
		return -NXT_ENOENT;
	result = vm_set_clock(vm, args->b, args->c, args->d, args->e & NXT_CLOCK_STABLE);
	if (!result) {
		args->has_result2 = true;
		args->result2 = vm_clock_changed(vm);
	}
	vm_put(vm);
	return result;
}

s64 hypercall_vm_get_clock(struct hypercall_args *args)
{
	struct vm *vm = vm_get(args->a);
	s64 result;

	if (!vm)
		return -NXT_ENOENT;
	result = vm_get_clock(vm, args->b, &args->result2);
	args->has_result2 = result >= 0;
	vm_put(vm);
	return result;
}
