/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One VM in the small PC of hypercall/testmachine.h, for tests of what Engine does for a guest. */
#ifndef ENGINE_GUEST_TESTGUEST_H
#define ENGINE_GUEST_TESTGUEST_H

#include "guest/vcpu.h"

/* Setup and teardown of a cmocka test: a VM with vCPU 0 and no memory mapped. Its RAM is all zero. */
int guest_setup(void **state);
int guest_teardown(void **state);

u64 guest_vm(void);
struct vcpu *guest_vcpu(u32 id);
void guest_add_vcpu(u32 id);
/* vCPU 0 in real mode, about to execute code of len bytes, which is put there. */
struct vcpu *guest_executes(u64 rip, const void *code, size_t len);

/* A hypercall of the control domain; RDX as it left it in *ret_rdx, which may be NULL. */
s64 guest_call(u64 number, const u64 args[5], u64 *ret_rdx);

/* Maps the page at gpa to its frame of the guest's RAM, of 2 MiB. flags: NXT_MAP_*. */
void guest_map(u64 gpa, u64 flags);
/* The same to the frame of ram, an address in that RAM. */
void guest_map_to(u64 gpa, u64 ram, u64 flags);
void guest_unmap(u64 gpa);
/* The guest's RAM at gpa, mapped or not. */
void *guest_ram(u64 gpa);

struct nxt_run *guest_run_page(u32 id);
void *guest_state_page(u32 id);

#endif
