/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile control domain on several CPUs: each makes any hypercalls, on the same few VMs, frames and pages
 * as the others, while one more thread scribbles into the pages that Engine reads. A guest that runs holds on
 * to what it found mapped, as a TLB does, and all of that must be its VM's until it leaves. Run under
 * ThreadSanitizer too: what Engine reads of a page that the control domain can change must be read once
 * (READ_ONCE, or one memcpy: lib/string.h), or it is a race with the scribbler.
 *
 * Which calls meet is up to the scheduler, so what is asserted of them is little: how many of each kind did
 * something and how many were refused, and that the machine is whole.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/vcpu.h"
#include "hypercall/testmachine.h"
#include "lib/string.h"
#include "mem/frames.h"
#include "mem/phys.h"
#include "mem/walker.h"

#define ROUNDS 8u
#define STEPS 2000u /* of each CPU in a round */

#define CHUNKS 8u
#define GIVABLE 3u /* the first of the chunks that VMs fight for: to the last */
#define VMS 4u	   /* ids in use: one more than there mostly are */
#define VCPUS 2u
#define GPAS 6u
#define HOT 3u /* frames in each of the two last chunks that VMs map */

/*
 * Lists, run and state pages: all CPUs use all of them, and the scribbler too. One frame of their chunk stays
 * pinned, so that nobody can give it away and they stay the control domain's.
 */
#define PAGES 5u
#define PAGE(n) (CHUNK_PFN(FIRST_CHUNK) + (n))
#define PINNED_PFN PAGE(NXT_CHUNK_FRAMES - 1)
/* What INFO fills, and Engine never reads: one of each CPU, in the chunk above or one that may be given. */
#define INFO_OFFSET 100u

/* Where a guest leaves its VM's id in memory that it may write: at a page's end, where nobody scribbles. */
#define MARK (NXT_PAGE_SIZE - sizeof(u64))

static pthread_barrier_t turn;
static bool done;
static u32 successes[NXT_HC_COUNT + 1], refusals[NXT_HC_COUNT + 1];
static u32 held, late; /* mappings that guests held on to; releases that had to wait for them */

/* -- chance ----------------------------------------------------------------------------------------- */

static __thread u64 seed;
static __thread u32 index_of_cpu;

/* xorshift64*: good enough, and the same everywhere. */
static u64 random_u64(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dULL;
}

static u32 dice(u32 sides)
{
	return (u32)(random_u64() >> 33) % sides;
}

/* Mostly the value; now and then one that is at some edge. */
static u64 or_edge(u64 value)
{
	static const u64 edges[] = {0,
				    ~0ULL,
				    BIT(63),
				    BIT(52),
				    BIT(48),
				    BIT(48) - PAGE_SIZE,
				    PAGE_SIZE - 1,
				    PAGE_1G,
				    PAGE_2M,
				    CHUNK_PFN(ENGINE_CHUNK),
				    CHUNK_PFN(HOLE_CHUNK),
				    CHUNK_PFN(CHUNKS),
				    NXT_MAP_MAX + 1,
				    NXT_MAX_VMS + 1,
				    NXT_MAX_VCPUS};

	return dice(24) ? value : edges[dice(ARRAY_SIZE(edges))];
}

static u64 a_vm(void)
{
	return or_edge(1 + dice(VMS));
}

static u64 a_vcpu(void)
{
	return or_edge(dice(VCPUS));
}

static u64 a_gpa(void)
{
	return or_edge(dice(GPAS) * PAGE_SIZE) | (dice(8) ? 0 : NXT_GPA_SMM);
}

static u64 a_chunk(void)
{
	return or_edge(CHUNK_PFN(GIVABLE + dice(CHUNKS - GIVABLE)));
}

static u64 a_page(void)
{
	return or_edge(PAGE(dice(PAGES)));
}

static u64 a_frame(void)
{
	u64 ram = CHUNK_PFN(CHUNKS - 1 - dice(2)) + dice(HOT);

	return dice(8) ? or_edge(ram) : a_page();
}

/* Time for the others; now and then also on a machine with fewer processors. */
static void mingle(void)
{
	static __thread u32 calls;

	if (calls++ % 32 == 0)
		sched_yield();
	for (u32 i = 0; i < 100; i++)
		__builtin_ia32_pause();
}

/* -- the control domain's calls --------------------------------------------------------------------- */

static void add(u32 *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static s64 call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
	s64 result = machine_call(number, (const u64[5]){a, b, c, d, 0}).result;

	CHECK(result >= 0 || machine_is_error(result));
	add((result >= 0 ? successes : refusals) + MIN(number, NXT_HC_COUNT));
	return result;
}

/* The driver repeats these as long as it is told to; here others may meet a VM that is half gone. */
static void repeat(u64 number, u64 arg)
{
	for (u32 tries = 1 + dice(20); tries && call(number, arg, 0, 0, 0) == -NXT_EAGAIN; tries--)
		;
}

static void hello(void)
{
	repeat(NXT_HC_HELLO, NXT_ABI_VERSION + dice(2));
}

static void create(void)
{
	call(NXT_HC_VM_CREATE, a_chunk(), 0, 0, 0);
}

static void give(void)
{
	call(NXT_HC_VM_GIVE, a_vm(), a_chunk(), 0, 0);
}

static void destroy(void)
{
	repeat(NXT_HC_VM_DESTROY, a_vm());
}

/* The others may use the same list. */
static void map(void)
{
	u64 list = PAGE(dice(PAGES)), count = 1 + dice(3);
	u64 *word = phys_to_virt(list << PAGE_SHIFT);

	for (u64 i = 0; i < count; i++) {
		WRITE_ONCE(*word++, a_gpa());
		WRITE_ONCE(*word++, a_frame());
		WRITE_ONCE(*word++, or_edge(dice(4) ? dice(2) : dice(8)));
	}
	call(NXT_HC_VM_MAP, a_vm(), or_edge(list), or_edge(count), 0);
}

/* Without a kick: whoever runs leaves when it likes. */
static void take_back(void)
{
	u64 vm = a_vm(), gpa = a_gpa(), npages = or_edge(1 + dice(GPAS));
	u64 first = dice(4) ? NXT_HC_VM_UNMAP : NXT_HC_VM_PROTECT;

	call(first, vm, gpa, npages, 0);
	if (dice(4) == 0)
		return;
	for (u32 tries = 1 + dice(4); tries && call(NXT_HC_VM_RELEASE, vm, gpa, npages, 0) == -NXT_EAGAIN;
	     tries--) {
		add(&late);
		mingle();
	}
}

static void age(void)
{
	call(NXT_HC_VM_AGE, a_vm(), a_gpa(), or_edge(1 + dice(GPAS)), dice(2));
}

static void create_vcpu(void)
{
	call(NXT_HC_VCPU_CREATE, a_vm(), a_vcpu(), a_page(), a_page());
}

static void run(void)
{
	call(NXT_HC_VCPU_RUN, a_vm(), a_vcpu(), 0, 0);
}

static void state(void)
{
	call(dice(2) ? NXT_HC_VCPU_GET : NXT_HC_VCPU_SET, a_vm(), a_vcpu(), or_edge(dice(20)), dice(2));
}

static void inject(void)
{
	call(NXT_HC_VCPU_INJECT, a_vm(), a_vcpu(), or_edge(dice(3)), 0);
}

static void msi(void)
{
	call(NXT_HC_VM_MSI, a_vm(), 0xfee00000 | dice(4) << 12 | (dice(2) ? 0xff000 : 0), dice(0x800), 0);
}

static void set_clock(void)
{
	if (dice(2))
		call(NXT_HC_VM_SET_CLOCK, a_vm(), random_u64(), random_u64(), or_edge(1000000));
	else
		call(NXT_HC_VM_GET_CLOCK, a_vm(), random_u64(), 0, 0);
}

static void info(void)
{
	u64 chunk = dice(2) ? FIRST_CHUNK : GIVABLE + dice(CHUNKS - GIVABLE);
	u64 pfn = dice(8) ? CHUNK_PFN(chunk) + INFO_OFFSET + index_of_cpu : CHUNK_PFN(ENGINE_CHUNK);

	call(NXT_HC_INFO, or_edge(dice(7)), pfn, or_edge(dice(VMS)), 0);
}

static void nonsense(void)
{
	call(dice(2) ? NXT_HC_SELFTEST : NXT_HC_COUNT + dice(3), or_edge(dice(3)), 0, 0, 0);
}

static void (*const steps[])(void) = {create,	   create,	give,	   destroy,   map,
				      map,	   map,		take_back, take_back, take_back,
				      create_vcpu, create_vcpu, run,	   run,	      run,
				      run,	   state,	state,	   state,     inject,
				      set_clock,   nonsense,	info,	   age,	      msi};

static void *control_domain(void *arg)
{
	index_of_cpu = (u32)(uintptr_t)arg;
	seed = index_of_cpu + 1;
	machine_be_cpu(index_of_cpu);
	for (u32 round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&turn);
		for (u32 i = 0; i < STEPS; i++) {
			/* One at a time: it takes Engine's lock for each VM there can be. */
			if (index_of_cpu == 0 && dice(100) == 0)
				hello();
			steps[dice(ARRAY_SIZE(steps))]();
		}
		pthread_barrier_wait(&turn); /* nobody is inside: the machine is looked at */
	}
	return NULL;
}

/* -- the VM's lock ---------------------------------------------------------------------------------- */

/* The real ones, and what takes their place here (--wrap): who changes a VM's tables is alone with them. */
int __real_npt_map(struct npt *npt, u64 gpa, u64 pfn, u64 flags);
s64 __real_npt_unmap(struct npt *npt, u64 gpa, u64 npages);
s64 __real_npt_release(struct npt *npt, u64 gpa, u64 npages);
s64 __real_npt_protect(struct npt *npt, u64 gpa, u64 npages);
int __real_npt_age(struct npt *npt, u64 gpa, u64 npages, bool clear);

static bool changed_now[NXT_MAX_VMS + 1]; /* by the VM's id */

/* Not ordered, so that ThreadSanitizer still sees what a lock that is not there would have ordered. */
static void begin(const struct npt *npt)
{
	CHECK(!__atomic_exchange_n(&changed_now[npt->vm], true, __ATOMIC_RELAXED));
	for (u32 i = dice(64); i; i--)
		__builtin_ia32_pause();
}

static s64 end(const struct npt *npt, s64 result)
{
	__atomic_store_n(&changed_now[npt->vm], false, __ATOMIC_RELAXED);
	return result;
}

int __wrap_npt_map(struct npt *npt, u64 gpa, u64 pfn, u64 flags)
{
	begin(npt);
	return (int)end(npt, __real_npt_map(npt, gpa, pfn, flags));
}

s64 __wrap_npt_unmap(struct npt *npt, u64 gpa, u64 npages)
{
	begin(npt);
	return end(npt, __real_npt_unmap(npt, gpa, npages));
}

s64 __wrap_npt_release(struct npt *npt, u64 gpa, u64 npages)
{
	begin(npt);
	return end(npt, __real_npt_release(npt, gpa, npages));
}

s64 __wrap_npt_protect(struct npt *npt, u64 gpa, u64 npages)
{
	begin(npt);
	return end(npt, __real_npt_protect(npt, gpa, npages));
}

int __wrap_npt_age(struct npt *npt, u64 gpa, u64 npages, bool clear)
{
	begin(npt);
	return (int)end(npt, __real_npt_age(npt, gpa, npages, clear));
}

/* -- the guest -------------------------------------------------------------------------------------- */

/* A page that it found mapped, as a TLB keeps it. */
struct held {
	bool there;
	struct npt_mapping mapping;
};

static u64 *mark_of(u64 pfn)
{
	return phys_to_virt((pfn << PAGE_SHIFT) + MARK);
}

static struct held hold(struct vcpu *vcpu, u64 gpa)
{
	struct held found = {0};

	found.there = npt_lookup(&vcpu->vm->npt[vcpu->smm], gpa, &found.mapping) == NPT_PRESENT;
	if (!found.there)
		return found;
	add(&held);
	if (found.mapping.writable)
		WRITE_ONCE(*mark_of(found.mapping.pfn), vcpu->vm->id);
	return found;
}

static void check_held(const struct vcpu *vcpu, const struct held *found)
{
	struct frame frame = frame_read(found->mapping.pfn);

	CHECK(frame.kind == FRAME_SHARED || (frame.kind == FRAME_SHARED_RO && !found->mapping.writable));
	CHECK(frame.kind == FRAME_SHARED_RO || frame.vm == vcpu->vm->id);
	CHECK(!found->mapping.writable || READ_ONCE(*mark_of(found->mapping.pfn)) == vcpu->vm->id);
}

/* In the place of testmachine.c's: run.c's promise, that the epoch is told before anything is looked up. */
s64 vcpu_run(struct vcpu *vcpu)
{
	u64 epoch = __atomic_load_n(&vcpu->vm->epoch, __ATOMIC_SEQ_CST);
	struct held found[GPAS];

	CHECK(vcpu_is_running(vcpu));
	CHECK(frame_read(vcpu->run_pfn).kind == FRAME_PINNED);
	CHECK(frame_read(vcpu->state_pfn).kind == FRAME_PINNED);
	__atomic_store_n(&vcpu->epoch, epoch, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < GPAS; i++)
		found[i] = hold(vcpu, i * PAGE_SIZE);
	mingle();
	for (u32 i = 0; i < GPAS; i++)
		if (found[i].there)
			check_held(vcpu, &found[i]);
	WRITE_ONCE(vcpu->run->exit_reason, NXT_EXIT_INTR);
	return NXT_EXIT_INTR;
}

/* -- the scribbler ---------------------------------------------------------------------------------- */

/* Values that lead on, in a list or in a group of state: mostly at the beginning of the page. */
static u64 a_word(void)
{
	switch (dice(8)) {
	case 0:
		return random_u64();
	case 1:
		return a_frame();
	case 2:
		return a_gpa();
	default:
		return or_edge(dice(10));
	}
}

static void *scribble(void *arg)
{
	seed = (u64)(uintptr_t)arg;
	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		for (u32 i = 0; i < 32; i++) {
			u64 at = (dice(4) ? dice(16) : dice(MARK / 8)) * 8;
			u64 word = a_word();

			WRITE_ONCE(*(u64 *)phys_to_virt((PAGE(dice(PAGES)) << PAGE_SHIFT) + at), word);
			/* Engine may only write to these, and does so at leisure: not for TSan to see. */
			memcpy(phys_to_virt((PAGE(INFO_OFFSET + dice(MACHINE_CPUS)) << PAGE_SHIFT) + at),
			       &word, sizeof(word));
		}
		sched_yield();
	}
	return NULL;
}

/* -- all of them ------------------------------------------------------------------------------------ */

/* So many at least of each kind that can succeed, or be refused, must have done so. */
#define ENOUGH 10u

static void expect_calls(void)
{
	for (u32 i = 0; i <= NXT_HC_COUNT; i++) {
		fprintf(stderr, "call %2u: %6u did something, %6u were refused\n", i, successes[i],
			refusals[i]);
		if (i != NXT_HC_SELFTEST && i != NXT_HC_COUNT)
			assert_true(successes[i] >= ENOUGH);
		assert_true(refusals[i] >= ENOUGH);
	}
	fprintf(stderr, "guests held %u mappings, %u releases had to wait\n", held, late);
	assert_true(held >= 10 * ENOUGH && late >= 1);
}

static void test_race(void **unused)
{
	pthread_t cpu[MACHINE_CPUS], scribbler;

	(void)unused;
	machine_start(CHUNKS);
	cpu_count = MACHINE_CPUS;
	assert_int_equal(frame_pin(PINNED_PFN), 0);
	pthread_barrier_init(&turn, NULL, MACHINE_CPUS + 1);
	for (u32 i = 0; i < MACHINE_CPUS; i++)
		assert_int_equal(pthread_create(&cpu[i], NULL, control_domain, (void *)(uintptr_t)i), 0);
	assert_int_equal(pthread_create(&scribbler, NULL, scribble, (void *)99), 0);
	for (u32 round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&turn);
		pthread_barrier_wait(&turn);
		machine_check();
	}
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (u32 i = 0; i < MACHINE_CPUS; i++)
		pthread_join(cpu[i], NULL);
	pthread_join(scribbler, NULL);

	frame_unpin(PINNED_PFN);
	machine_stop();
	expect_calls();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_race)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
