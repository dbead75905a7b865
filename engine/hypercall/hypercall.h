/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypercalls of abi/hypercall.h. Each handler checks all it is given, and returns a value or a negative
 * NXT_E*.
 */
#ifndef ENGINE_HYPERCALL_HYPERCALL_H
#define ENGINE_HYPERCALL_HYPERCALL_H

#include "cpu/cpu.h"

struct hypercall_args {
	u64 a, b, c, d, e;
	u64 result2; /* goes to RDX */
	bool has_result2;
};

/* Carries out the hypercall that the control domain's registers on this CPU ask for. */
void hypercall(struct cpu *cpu);

/* info.c */
s64 hypercall_info(struct hypercall_args *args);

/* vm.c */
s64 hypercall_vm_create(struct hypercall_args *args);
s64 hypercall_vm_give(struct hypercall_args *args);
s64 hypercall_vm_destroy(struct hypercall_args *args);
s64 hypercall_vm_map(struct hypercall_args *args);
s64 hypercall_vm_unmap(struct hypercall_args *args);
s64 hypercall_vm_release(struct hypercall_args *args);
s64 hypercall_vm_protect(struct hypercall_args *args);
s64 hypercall_vm_age(struct hypercall_args *args);
s64 hypercall_vm_msi(struct hypercall_args *args);
s64 hypercall_vm_set_clock(struct hypercall_args *args);
s64 hypercall_vm_get_clock(struct hypercall_args *args);

/* vcpu.c */
s64 hypercall_vcpu_create(struct hypercall_args *args);
s64 hypercall_vcpu_run(struct hypercall_args *args);
s64 hypercall_vcpu_get(struct hypercall_args *args);
s64 hypercall_vcpu_set(struct hypercall_args *args);
s64 hypercall_vcpu_inject(struct hypercall_args *args);

#endif
