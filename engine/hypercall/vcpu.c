/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls on vCPUs. */
#include "guest/lapic_ipi.h"
#include "guest/vcpu.h"
#include "hypercall/hypercall.h"

s64 hypercall_vcpu_create(struct hypercall_args *args)
{
	struct vm *vm = vm_get(args->a);
	s64 result;

	if (!vm)
		return -NXT_ENOENT;
	result = vcpu_create(vm, args->b, args->c, args->d);
	vm_put(vm);
	return result;
}

static struct vcpu *find(const struct vm *vm, u64 id)
{
	return id < NXT_MAX_VCPUS ? __atomic_load_n(&vm->vcpus[id], __ATOMIC_ACQUIRE) : NULL;
}

/* Finds the vCPU, takes it for this CPU, and calls function. */
static s64 with_vcpu(struct hypercall_args *args,
		     s64 (*function)(struct vcpu *vcpu, struct hypercall_args *args))
{
	struct vm *vm = vm_get(args->a);
	struct vcpu *vcpu;
	s64 result;

	if (!vm)
		return -NXT_ENOENT;
	vcpu = find(vm, args->b);
	if (!vcpu) {
		result = -NXT_ENOENT;
	} else if (!vcpu_own(vcpu)) {
		result = -NXT_EBUSY;
	} else {
		result = function(vcpu, args);
		vcpu_disown(vcpu);
	}
	vm_put(vm);
	return result;
}

static s64 run(struct vcpu *vcpu, struct hypercall_args *args)
{
	(void)args;
	return vcpu_run(vcpu);
}

static s64 get(struct vcpu *vcpu, struct hypercall_args *args)
{
	return vcpu_get_state(vcpu, args->c, args->d);
}

static s64 set(struct vcpu *vcpu, struct hypercall_args *args)
{
	return vcpu_set_state(vcpu, args->c, args->d);
}

s64 hypercall_vcpu_run(struct hypercall_args *args)
{
	return with_vcpu(args, run);
}

s64 hypercall_vcpu_get(struct hypercall_args *args)
{
	return with_vcpu(args, get);
}

s64 hypercall_vcpu_set(struct hypercall_args *args)
{
	return with_vcpu(args, set);
}

/* Posted like an interrupt: the vCPU may run on another CPU. */
static s64 inject(struct vcpu *vcpu, u64 what)
{
	switch (what) {
	case NXT_INJECT_NMI:
		lapic_post_nmi(&vcpu->lapic);
		return 0;
	case NXT_INJECT_SMI:
		lapic_post_smi(&vcpu->lapic);
		return 0;
	case NXT_INJECT_STOPPED:
		return vcpu_clock_stopped(vcpu) ? 0 : -NXT_EINVAL;
	default:
		return -NXT_EINVAL;
	}
}

s64 hypercall_vcpu_inject(struct hypercall_args *args)
{
	struct vm *vm = vm_get(args->a);
	struct vcpu *vcpu = vm ? find(vm, args->b) : NULL;
	s64 result = -NXT_ENOENT;

	if (vcpu)
		result = inject(vcpu, args->c);
	if (!result) {
		args->has_result2 = true;
		args->result2 = kick_bit(vcpu->id);
	}
	if (vm)
		vm_put(vm);
	return result;
}
