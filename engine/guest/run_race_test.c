/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A control domain that lies: it takes pages from a VM whose vCPU runs, kicks nobody, and asks for the frames
 * at once. The guest writes through translations that its CPU keeps for as long as AMD's manual lets it (APM
 * vol. 2, 15.16: until the tag changes or is flushed), so a frame that is given back too early is written
 * after that. Build it with ThreadSanitizer too: it also sees a write that only happens to be early enough.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/kick.h"
#include "guest/testguest.h"
#include "hypercall/hypercall.h"
#include "mem/phys.h"
#include "svm/svm.h"

#define GPA 0x3000ull
#define FRAMES 4 /* of the guest's RAM, in turns at GPA */
#define TAGS 5
#define ROUNDS 40
#define ACCESSES 50 /* of one entry */
#define MINE 0xcc

static struct vendor_ops ops;
static struct vcpu *vcpu;
static u32 unexpected, not_yet, late;
static u64 attempts, writes; /* of the guest */
static struct {
	bool valid;
	u64 pfn;
} tlb[TAGS];

bool kick_is_ours(const struct cpu *cpu)
{
	(void)cpu;
	return false;
}

void __wrap_vcpu_load_extra(struct vcpu *self, struct cpu *cpu);
void __wrap_vcpu_unload_extra(struct vcpu *self, struct cpu *cpu);

void __wrap_vcpu_load_extra(struct vcpu *self, struct cpu *cpu)
{
	(void)self;
	(void)cpu;
}

void __wrap_vcpu_unload_extra(struct vcpu *self, struct cpu *cpu)
{
	(void)self;
	(void)cpu;
}

static void exchange(struct context *cd, struct context *ctx)
{
	(void)cd;
	(void)ctx;
}

/* Nothing is mapped: false. */
static bool guest_writes(u32 tag)
{
	struct npt_mapping mapping;

	__atomic_fetch_add(&attempts, 1, __ATOMIC_RELAXED);
	if (!tlb[tag].valid) {
		if (npt_lookup(&vcpu->vm->npt[0], GPA, &mapping) != NPT_PRESENT)
			return false;
		tlb[tag].valid = true;
		tlb[tag].pfn = mapping.pfn;
	}
	*(volatile u64 *)phys_to_virt(tlb[tag].pfn << PAGE_SHIFT) = attempts;
	__atomic_fetch_add(&writes, 1, __ATOMIC_RELAXED);
	return true;
}

static void run(struct context *ctx, struct exit *exit)
{
	static u32 entries;

	if (ctx->flush)
		memset(tlb, 0, sizeof(tlb));
	ctx->flush = false;
	((struct vmcb *)ctx->hw)->event_inj = 0;
	for (u32 i = 0; i < ACCESSES && guest_writes(ctx->asid); i++) {
		if (i % 8 == 7)
			sched_yield();
	}
	/* Sometimes the control domain is needed, sometimes Engine alone. */
	*exit = (struct exit){.kind = ++entries % 4 ? EXIT_IRQ_WINDOW : EXIT_INTR};
}

static void *runs(void *arg)
{
	s64 result;

	(void)arg;
	do {
		result = hypercall_vcpu_run(&(struct hypercall_args){.a = guest_vm()});
	} while (result == NXT_EXIT_INTR);
	if (result != -NXT_ENOENT)
		__atomic_fetch_add(&unexpected, 1, __ATOMIC_RELAXED);
	return NULL;
}

static int setup(void **state)
{
	static const u8 nop[] = {0x90};

	guest_setup(state);
	ops = *vendor;
	ops.run = run;
	ops.load = ops.unload = exchange;
	ops.inject = svm_inject;
	ops.pending = svm_pending;
	ops.want_window = svm_want_window;
	vendor = &ops;
	vcpu = guest_executes(0, nop, sizeof(nop));
	this_cpu()->asid_next = 2;
	this_cpu()->asid_count = TAGS;
	memset(tlb, 0, sizeof(tlb));
	return 0;
}

static void wait_for(const u64 *count, u64 more)
{
	u64 until = __atomic_load_n(count, __ATOMIC_RELAXED) + more;

	while (__atomic_load_n(count, __ATOMIC_RELAXED) < until)
		sched_yield();
}

static bool is_still_mine(const u8 *frame)
{
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		if (frame[i] != MINE)
			return false;
	}
	return true;
}

/* The calls as they are: machine_call() is for the CPU that is busy with the guest. */
static void takes_back(u64 ram)
{
	struct hypercall_args args = {.a = guest_vm(), .b = GPA, .c = 1};
	s64 result;

	assert_int_equal(hypercall_vm_unmap(&args), 1);
	while ((result = hypercall_vm_release(&args)) == -NXT_EAGAIN) {
		not_yet++;
		sched_yield();
	}
	assert_int_equal(result, 1);
	memset(guest_ram(ram), MINE, PAGE_SIZE);
	wait_for(&attempts, 3);
	late += !is_still_mine(guest_ram(ram));
}

static void maps(u64 ram)
{
	struct npt *npt = &vcpu->vm->npt[0];
	u64 pfn = (u64)((u8 *)guest_ram(ram) - (u8 *)phys_to_virt(0)) >> PAGE_SHIFT;

	spin_lock(&vcpu->vm->lock);
	assert_int_equal(npt_map(npt, GPA, pfn, NXT_MAP_WRITE), 0);
	spin_unlock(&vcpu->vm->lock);
}

static void destroys(void)
{
	struct hypercall_args args = {.a = guest_vm()};
	s64 result;

	do {
		sched_yield();
		result = hypercall_vm_destroy(&args);
	} while (result == -NXT_EAGAIN || result == -NXT_EBUSY);
	assert_int_equal(result, 0);
}

static void test_no_late_write(void **state)
{
	pthread_t thread;
	u64 ram;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, runs, NULL), 0);
	for (u32 i = 0; (i < ROUNDS || !not_yet) && !late; i++) {
		ram = i % FRAMES * PAGE_SIZE;
		maps(ram);
		wait_for(&writes, 1);
		takes_back(ram);
	}
	/* And all of it at once. */
	maps(0);
	wait_for(&writes, 1);
	destroys();
	memset(guest_ram(0), MINE, PAGE_SIZE);
	pthread_join(thread, NULL);
	late += !is_still_mine(guest_ram(0));
	assert_int_equal(late, 0);
	assert_int_equal(unexpected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_late_write, setup, guest_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
