/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host's half (exits.c) and the guest's half (guest.c) of the benchmark share.
 *
 * The guest's half is one section of the program, which is copied to GUEST_CODE in the guest's memory, so it
 * uses no address of its own. It runs in long mode, where the first 4 GiB are mapped to themselves.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include <stdint.h>

#define GUEST __attribute__((section("guest"), noinline, used))

#define GUEST_CODE 0x10000
#define GUEST_SHARED 0x40000
#define GUEST_MMIO 0xd0000000u /* where the guest has no memory */
#define PORT_DONE 0xe0	       /* written when an operation is over */
#define PORT_BENCH 0xe1	       /* written and read for its own sake */
#define VECTOR 0x40
#define ROUNDS 201

/* At GUEST_SHARED. */
struct shared {
	uint64_t sample[ROUNDS]; /* TSC ticks of each round */
	uint64_t when;		 /* TSC when the handler of VECTOR last began */
	uint64_t count;		 /* how often it ran, on either vCPU */
};

/* Each measures one kind of exit, in rounds, and writes PORT_DONE. */
void guest_empty(struct shared *shared);
void guest_cpuid(struct shared *shared);
void guest_msr_read(struct shared *shared);
void guest_msr_write(struct shared *shared);
void guest_apic_read(struct shared *shared);
void guest_apic_write(struct shared *shared);
void guest_x2apic_read(struct shared *shared);
void guest_x2apic_write(struct shared *shared);
void guest_timer_arm(struct shared *shared);
void guest_timer_fire(struct shared *shared);
void guest_timer_wake(struct shared *shared);
void guest_port_out(struct shared *shared);
void guest_port_in(struct shared *shared);
void guest_mmio_write(struct shared *shared);
void guest_mmio_read(struct shared *shared);
void guest_pge(struct shared *shared);
void guest_ipi(struct shared *shared);
/* The other vCPU of guest_ipi(): halts, and answers each interrupt with one. Never returns. */
void guest_answer(struct shared *shared);
/* The handler of VECTOR: an interrupt gate leads here. */
void guest_handler(void);

#endif
