/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Engine's hypercalls as C functions. They return what Engine returns: a value >= 0, or a negative errno
 * (Engine's numbers are Linux's). abi/hypercall.h says what each does. All but nxt_hc_vcpu_run() may be
 * made in any context.
 */
#ifndef NXTOP_DRIVER_HYPERCALL_H
#define NXTOP_DRIVER_HYPERCALL_H

#include <linux/types.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>

#include "../abi/hypercall.h"

/* In *rdx goes the third argument, and out comes the call's second value. */
static inline long nxt_hypercall(enum nxt_hypercall nr, u64 a1, u64 a2, u64 *rdx, u64 a4, u64 a5)
{
	register u64 r10 asm("r10") = a4;
	register u64 r8 asm("r8") = a5;
	long ret;

	/* Linux sets the feature for every AMD and Hygon CPU, and patches the module when it loads. */
	asm volatile(ALTERNATIVE("vmcall", "vmmcall", X86_FEATURE_VMMCALL)
		     : "=a"(ret), "+d"(*rdx)
		     : "0"((u64)nr), "D"(a1), "S"(a2), "r"(r10), "r"(r8)
		     : "memory");
	return ret;
}

static inline long nxt_hypercall3(enum nxt_hypercall nr, u64 a1, u64 a2, u64 a3)
{
	return nxt_hypercall(nr, a1, a2, &a3, 0, 0);
}

static inline long nxt_hc_hello(u32 abi_version)
{
	return nxt_hypercall3(NXT_HC_HELLO, abi_version, 0, 0);
}

static inline long nxt_hc_info(enum nxt_info kind, u64 pfn, u64 arg)
{
	return nxt_hypercall3(NXT_HC_INFO, kind, pfn, arg);
}

static inline long nxt_hc_vm_create(u64 chunk_pfn)
{
	return nxt_hypercall3(NXT_HC_VM_CREATE, chunk_pfn, 0, 0);
}

static inline long nxt_hc_vm_give(u32 vm, u64 chunk_pfn)
{
	return nxt_hypercall3(NXT_HC_VM_GIVE, vm, chunk_pfn, 0);
}

static inline long nxt_hc_vm_destroy(u32 vm)
{
	return nxt_hypercall3(NXT_HC_VM_DESTROY, vm, 0, 0);
}

static inline long nxt_hc_vm_map(u32 vm, u64 list_pfn, u32 count)
{
	return nxt_hypercall3(NXT_HC_VM_MAP, vm, list_pfn, count);
}

/* VM_UNMAP, VM_RELEASE, VM_PROTECT: the calls that do a part of a range and return how much. */
static inline long nxt_hc_vm_range(enum nxt_hypercall nr, u32 vm, u64 gpa, u64 npages)
{
	return nxt_hypercall3(nr, vm, gpa, npages);
}

static inline long nxt_hc_vm_age(u32 vm, u64 gpa, u64 npages, bool clear)
{
	return nxt_hypercall(NXT_HC_VM_AGE, vm, gpa, &npages, clear, 0);
}

static inline long nxt_hc_vm_msi(u32 vm, u64 address, u32 data, u64 *kick_mask)
{
	*kick_mask = data;
	return nxt_hypercall(NXT_HC_VM_MSI, vm, address, kick_mask, 0, 0);
}

static inline long nxt_hc_vm_set_clock(u32 vm, u64 tsc, u64 ns, u64 khz, u64 flags, u64 *kick_mask)
{
	*kick_mask = ns;
	return nxt_hypercall(NXT_HC_VM_SET_CLOCK, vm, tsc, kick_mask, khz, flags);
}

static inline long nxt_hc_vm_get_clock(u32 vm, u64 tsc, u64 *ns)
{
	return nxt_hypercall(NXT_HC_VM_GET_CLOCK, vm, tsc, ns, 0, 0);
}

static inline long nxt_hc_vcpu_create(u32 vm, u32 vcpu, u64 run_pfn, u64 state_pfn)
{
	return nxt_hypercall(NXT_HC_VCPU_CREATE, vm, vcpu, &run_pfn, state_pfn, 0);
}

/* Interrupts off: the one that ends the run is taken when they come on. */
static inline long nxt_hc_vcpu_run(u32 vm, u32 vcpu)
{
	return nxt_hypercall3(NXT_HC_VCPU_RUN, vm, vcpu, 0);
}

static inline long nxt_hc_vcpu_get(u32 vm, u32 vcpu, enum nxt_state group, u64 arg)
{
	u64 rdx = group;

	return nxt_hypercall(NXT_HC_VCPU_GET, vm, vcpu, &rdx, arg, 0);
}

static inline long nxt_hc_vcpu_set(u32 vm, u32 vcpu, enum nxt_state group, u64 arg)
{
	u64 rdx = group;

	return nxt_hypercall(NXT_HC_VCPU_SET, vm, vcpu, &rdx, arg, 0);
}

static inline long nxt_hc_vcpu_inject(u32 vm, u32 vcpu, enum nxt_inject what, u64 *kick_mask)
{
	*kick_mask = what;
	return nxt_hypercall(NXT_HC_VCPU_INJECT, vm, vcpu, kick_mask, 0, 0);
}

#endif
