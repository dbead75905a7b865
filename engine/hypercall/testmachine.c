/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hypercall/testmachine.h"

#include <stdarg.h>
#include <sys/mman.h>

#include "boot/pool.h"
#include "cpu/kick.h"
#include "cpu/trap.h"
#include "engine.h"
#include "guest/vcpu.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"
#include "mem/frames.h"
#include "mem/identity.h"
#include "mem/walker.h"
#include "svm/svm.h"

#define FRAMES_MAX (MACHINE_CHUNKS_MAX * NXT_CHUNK_FRAMES)

u8 *test_memory;
static u32 owners[FRAMES_MAX];
static u64 frame_count;
static u64 flushes;
static u64 used_at_start; /* bytes of Engine's memory */
static struct cpu machine_cpus[MACHINE_CPUS];
static __thread struct cpu *self = &machine_cpus[0];

/* -- what Engine has elsewhere ---------------------------------------------------------------------- */

struct engine engine;
struct cpu *cpus[CPUS_MAX] = {&machine_cpus[0], &machine_cpus[1], &machine_cpus[2], &machine_cpus[3]};
u32 cpu_count = 1;

/* Nothing of a context is in the CPU here. */
static void stay(struct context *ctx)
{
	(void)ctx;
}

static const struct vendor_ops state_only = {
	.name = "svm",
	.hypercall = 0xd9,
	.npt = &npt_format_amd,
	.vcpu_init = svm_vcpu_init,
	.cd_read_msr = svm_cd_read_msr,
	.cd_load = stay,
	.cd_save = stay,
	.get_sregs = svm_get_sregs,
	.set_sregs = svm_set_sregs,
	.get_paging = svm_get_paging,
	.get_segment = svm_get_segment,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.intercept_msrs = svm_intercept_msrs,
	.get_dr = svm_get_dr,
	.set_dr = svm_set_dr,
	.set_cr2 = svm_set_cr2,
	.intercept_dr = svm_intercept_dr,
	.intercept_exceptions = svm_intercept_exceptions,
	.inject = svm_inject,
	.want_window = svm_want_window,
	.irq_open = svm_irq_open,
	.get_shadow = svm_get_shadow,
	.set_shadow = svm_set_shadow,
	.intercept_hlt = svm_intercept_hlt,
	.intercept_iret = svm_intercept_iret,
	.get_tpr = svm_get_tpr,
	.set_tpr = svm_set_tpr,
	.set_tsc_offset = svm_set_tsc_offset,
};
const struct vendor_ops *vendor = &state_only;

void kick_flush_cd(void)
{
	__atomic_fetch_add(&flushes, 1, __ATOMIC_RELAXED);
}

struct cpu *this_cpu(void)
{
	return self;
}

/* No guest runs: an interrupt is always quicker. Weak: guest/run_test.c has the real one. */
__attribute__((weak)) s64 vcpu_run(struct vcpu *vcpu)
{
	CHECK(vcpu_is_running(vcpu));
	return NXT_EXIT_INTR;
}

/* Weak: guest/fpu_test.c has a processor. */
__attribute__((weak)) bool wrmsr_safe(u32 index, u64 value)
{
	(void)index;
	(void)value;
	return true;
}

void panic(const char *fmt, ...)
{
	fprintf(stderr, "Engine panics: %s\n", fmt);
	abort();
}

/* -- the PC ----------------------------------------------------------------------------------------- */

static bool is_hole(u64 pfn)
{
	return pfn / NXT_CHUNK_FRAMES == HOLE_CHUNK && pfn % NXT_CHUNK_FRAMES < NXT_CHUNK_FRAMES / 2;
}

void machine_start(u32 chunks)
{
	u64 ram_top = chunks * PAGE_2M;
	u32 tables = (u32)identity_tables_needed(ram_top, WALK_PHYS_BITS);

	CHECK(chunks > FIRST_CHUNK && chunks <= MACHINE_CHUNKS_MAX && vm_count() == 0);
	if (!test_memory) {
		test_memory = mmap(NULL, MACHINE_CHUNKS_MAX * PAGE_2M, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		CHECK(test_memory != MAP_FAILED);
	}
	frame_count = chunks * NXT_CHUNK_FRAMES;
	frames_init(owners, frame_count);
	frames_set_range(CHUNK_PFN(HOLE_CHUNK) + NXT_CHUNK_FRAMES / 2, frame_count, FRAME_CONTROL);
	frames_set_range(CHUNK_PFN(ENGINE_CHUNK), NXT_CHUNK_FRAMES, FRAME_ENGINE);
	pool_init(PAGE_SIZE, PAGE_2M - PAGE_SIZE);
	CHECK(identity_init(&npt_format_amd, WALK_PHYS_BITS, pool_alloc(tables), tables) == 0);
	CHECK(identity_hide(0, PAGE_2M) == 0);
	used_at_start = pool_used();
	engine = (struct engine){.memory_size = PAGE_2M};
}

void machine_be_cpu(u32 index)
{
	CHECK(index < MACHINE_CPUS);
	self = cpus[index];
}

struct answer machine_call(u64 number, const u64 args[5])
{
	self->cd.regs = (struct nxt_regs){
		.rax = number, .rdi = args[0], .rsi = args[1], .rdx = args[2], .r10 = args[3], .r8 = args[4]};
	hypercall(self);
	return (struct answer){.result = (s64)self->cd.regs.rax, .rdx = self->cd.regs.rdx};
}

bool machine_is_error(s64 result)
{
	static const u8 errors[] = {NXT_EPERM,	NXT_ENOENT, NXT_E2BIG,	NXT_EAGAIN, NXT_ENOMEM,	   NXT_EBUSY,
				    NXT_EEXIST, NXT_EINVAL, NXT_ENOSPC, NXT_ENOSYS, NXT_EOPNOTSUPP};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (result == -errors[i])
			return true;
	return false;
}

u64 machine_flushes(void)
{
	return flushes;
}

u64 machine_owners_hash(void)
{
	u64 hash = 0xcbf29ce484222325ULL;

	for (u64 pfn = 0; pfn < frame_count; pfn++)
		hash = (hash ^ owners[pfn]) * 0x100000001b3ULL;
	return hash;
}

/* -- checks ----------------------------------------------------------------------------------------- */

static bool is_hidden(u64 pfn)
{
	enum frame_kind kind = frame_read(pfn).kind;

	return kind == FRAME_ENGINE || kind == FRAME_GIVEN;
}

static void check_control_domain(void)
{
	for (u64 pfn = 0; pfn < frame_count; pfn++) {
		struct nested_walk walk = walk_nested(false, identity_root(), pfn << PAGE_SHIFT);

		CHECK(walk.present);
		if (is_hidden(pfn)) {
			CHECK(!walk.writable);
			CHECK(*(u64 *)phys_to_virt(walk.pa) == ~0ULL);
		} else {
			CHECK(walk.writable && walk.pa >> PAGE_SHIFT == pfn);
		}
	}
}

/* A frame that a VM can reach must be shared with it, and counted for at least each of these mappings. */
static void check_leaf(u32 vm, u64 entry, u32 level, u32 *holders)
{
	u64 first = (entry & 0x000ffffffffff000ULL) >> PAGE_SHIFT;
	bool writable = entry & 2;

	CHECK(level <= 2);
	for (u64 pfn = first; pfn < first + (level == 2 ? 512 : 1); pfn++) {
		struct frame frame = frame_read(pfn);

		CHECK(frame.kind == FRAME_SHARED || (frame.kind == FRAME_SHARED_RO && !writable));
		CHECK(frame.kind == FRAME_SHARED_RO || frame.vm == vm);
		CHECK(++holders[pfn] <= frame.count);
	}
}

/* APM vol. 2, 5.3: bit 0 present, bit 7 a large page. */
static void check_table(u32 vm, u64 table, u32 level, u32 *holders)
{
	struct frame frame = frame_read(table >> PAGE_SHIFT);
	const u64 *entries = phys_to_virt(table);

	CHECK(frame.kind == FRAME_GIVEN && frame.vm == vm);
	for (u32 i = 0; i < 512; i++) {
		if (!(entries[i] & 1))
			continue;
		if (level == 1 || (entries[i] & 0x80))
			check_leaf(vm, entries[i], level, holders);
		else
			check_table(vm, entries[i] & 0x000ffffffffff000ULL, level - 1, holders);
	}
}

void machine_check(void)
{
	static u32 holders[FRAMES_MAX];

	memset(holders, 0, frame_count * sizeof(holders[0]));
	for (u32 id = 1; id <= NXT_MAX_VMS; id++) {
		struct vm *vm = vm_get(id);

		if (!vm)
			continue;
		for (u32 i = 0; i < ARRAY_SIZE(vm->npt); i++)
			check_table(id, vm->npt[i].root, 4, holders);
		vm_put(vm);
	}
	check_control_domain();
	CHECK(frames_stats().bad == 0);
}

void machine_stop(void)
{
	struct frames_stats stats;
	s64 result;
	u32 calls = 0;

	do {
		result = vm_destroy_all();
		CHECK(++calls < 100000);
	} while (result == -NXT_EAGAIN);
	CHECK(result == 0 && vm_count() == 0);
	stats = frames_stats();
	CHECK(stats.shared == 0 && stats.given == 0 && stats.pinned == 0);
	CHECK(pool_used() == used_at_start);
	for (u64 pfn = 0; pfn < frame_count; pfn++)
		CHECK(frame_read(pfn).kind == (is_hole(pfn)		? FRAME_NONE
					       : pfn < NXT_CHUNK_FRAMES ? FRAME_ENGINE
									: FRAME_CONTROL));
	machine_check();
}
