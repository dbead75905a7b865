/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of hypercalls: calls as a control domain makes them on testmachine.h's machine, and VMs in
 * known places of it.
 */
#ifndef ENGINE_HYPERCALL_TESTCALLS_H
#define ENGINE_HYPERCALL_TESTCALLS_H

#include "guest/vcpu.h"
#include "hypercall/testmachine.h"

#define CHUNKS 136 /* one for each VM there can be, and some */
#define VM_CHUNK CHUNK_PFN(3)
#define SPARE_CHUNK CHUNK_PFN(4)
#define RAM CHUNK_PFN(5)
#define LIST_PFN CHUNK_PFN(FIRST_CHUNK)
#define RUN_PFN (LIST_PFN + 1)
#define STATE_PFN (LIST_PFN + 2)

extern u64 rdx; /* what the last call left there; 7 before a call */

/* Makes the hypercall: RAX. */
s64 call(u64 number, u64 a, u64 b, u64 c, u64 d);
/* Where the test sees that frame. */
void *page(u64 pfn);

/* A VM in VM_CHUNK; one with vCPU 0 in RUN_PFN and STATE_PFN. Their id. */
u64 create_vm(void);
u64 create_vm_with_vcpu(void);
void destroy_vm(u64 vm);
/* Maps one entry, by the list at LIST_PFN. VM_MAP's result. */
s64 map(u64 vm, u64 gpa, u64 pfn, u64 flags);
/* Engine's own view of the vCPU. */
struct vcpu *vcpu_of(u64 vm, u32 id);

/* Of each test: a machine of CHUNKS, and whether it is whole at the end. */
int setup(void **state);
int teardown(void **state);
#define CALL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
