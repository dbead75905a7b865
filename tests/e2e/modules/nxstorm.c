// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile control domain: on every CPU a thread that makes any hypercall with any arguments, while all they
 * name changes under Engine's hands. All of it is memory of this module: 32 chunks, each of which may be
 * given, mapped into guests, be a list, a run page or a state page, in any order and at once.
 *
 * insmod nxstorm.ko seed=N seconds=N, without nxtop.ko. It fails with EIO if something is left when all is
 * destroyed, or if a page or a register shows an address of Engine's.
 */
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../../../driver/hypercall.h"

#define CHUNKS 32
#define CHUNK_BYTES (PAGE_SIZE << NXT_CHUNK_ORDER)

static unsigned int seed = 1;
module_param(seed, uint, 0);
static unsigned int seconds = 10;
module_param(seconds, uint, 0);

static struct page *chunk[CHUNKS];
static struct page *report;
static bool told; /* a hypercall's registers showed an address of Engine's */

struct storm {
	u64 state;
	unsigned long end;
	u64 calls, taken, runs;
};

/* xorshift64: the same for the same seed. The highest bit stays clear: see shows_engine(). */
static u64 draw(struct storm *storm)
{
	storm->state ^= storm->state << 13;
	storm->state ^= storm->state >> 7;
	storm->state ^= storm->state << 17;
	return storm->state & ~BIT_ULL(63);
}

static u64 draw_frame(struct storm *storm)
{
	static const u64 edges[] = {0xfee00,	 0xfec00,     BIT_ULL(40), BIT_ULL(52) - 1,
				    BIT_ULL(52), BIT_ULL(63), ~0ULL,	   ~0ULL - 511};
	u64 x = draw(storm), pfn = page_to_pfn(chunk[x % CHUNKS]);

	switch (x >> 8 & 15) {
	case 0:
		return edges[x >> 16 & 7];
	case 1 ... 7:
		return pfn; /* whole */
	default:
		return pfn + (x >> 16 & (x & 1 ? 7 : 511));
	}
}

/* Guest-physical addresses, and counts. */
static u64 draw_number(struct storm *storm)
{
	static const u64 edges[] = {0,		 1,
				    511,	 512,
				    513,	 0x200000,
				    BIT_ULL(30), BIT_ULL(39),
				    BIT_ULL(47), BIT_ULL(48) - 4096,
				    BIT_ULL(48), BIT_ULL(52) - 4096,
				    BIT_ULL(52), BIT_ULL(63),
				    ~0ULL,	 ~0ULL - 4095};
	u64 x = draw(storm);

	switch (x & 7) {
	case 0:
		return edges[x >> 8 & 15];
	case 1:
		return x >> (x >> 8 & 63);
	default:
		return (x >> 8 & 0x7ff) << PAGE_SHIFT;
	}
}

/* One word of a page that somebody may be reading: a list, a run page, a state page, a chunk. */
static void scribble(struct storm *storm)
{
	u64 x = draw(storm);
	u64 *page = page_address(chunk[x % CHUNKS]) + ((x >> 8 & 7) << PAGE_SHIFT);
	u64 value = x & BIT_ULL(20) ? draw_number(storm) : draw_frame(storm);

	WRITE_ONCE(page[x >> 12 & (x & BIT_ULL(21) ? 511 : 31)], x & BIT_ULL(22) ? value : value & 7);
}

/* An entry as VM_MAP wants it, so that some of them come to something. */
static void fill_list(struct storm *storm, u64 pfn)
{
	struct nxt_map *entry;
	unsigned int i;

	if (!pfn_valid(pfn))
		return;
	for (i = 0; i < CHUNKS; i++)
		if (pfn - page_to_pfn(chunk[i]) < NXT_CHUNK_FRAMES)
			break;
	if (i == CHUNKS)
		return;
	entry = page_address(pfn_to_page(pfn));
	for (i = 0; i < 8; i++) {
		WRITE_ONCE(entry[i].gpa, draw_number(storm));
		WRITE_ONCE(entry[i].pfn, draw_frame(storm));
		WRITE_ONCE(entry[i].flags, draw(storm) & 7);
	}
}

/* Of the direct map or the image (engine/lib/layout.h). Linux has no addresses there, draw() makes none. */
static bool shows_engine(u64 value)
{
	return value - 0xffff800000000000ULL < BIT_ULL(39) || value - 0xffffffff80000000ULL < BIT_ULL(23);
}

static long one_call(struct storm *storm)
{
	static const u8 likely[] = {NXT_HC_VM_CREATE,	NXT_HC_VM_GIVE,	 NXT_HC_VM_MAP,
				    NXT_HC_VM_MAP,	NXT_HC_VM_UNMAP, NXT_HC_VM_RELEASE,
				    NXT_HC_VM_PROTECT,	NXT_HC_VM_AGE,	 NXT_HC_VM_MSI,
				    NXT_HC_VCPU_CREATE, NXT_HC_VCPU_RUN, NXT_HC_VCPU_RUN,
				    NXT_HC_VCPU_GET,	NXT_HC_VCPU_SET, NXT_HC_VCPU_INJECT,
				    NXT_HC_VM_DESTROY};
	u64 x = draw(storm), number = likely[x & 15];
	u64 vm = x >> 4 & 63 ? 1 + (x >> 10 & 3) : draw_number(storm);
	u64 a2 = draw_number(storm), a3 = draw_number(storm), a4 = draw(storm) & 15, a5 = draw_number(storm);
	unsigned long flags;
	long ret;

	if (!(x >> 16 & 31))
		number = x >> 21 & 1 ? NXT_HC_VM_SET_CLOCK + (x >> 22 & 1) : x >> 22 & 63;
	/* VMs have to live for a while, or hardly one gets as far as a vCPU. */
	if (number == NXT_HC_VM_DESTROY && x >> 32 & 7)
		number = NXT_HC_VCPU_RUN;
	if (number == NXT_HC_SELFTEST || (number == NXT_HC_HELLO && x >> 28 & 7))
		return -NXT_ENOSYS;
	switch (number) {
	case NXT_HC_HELLO:
		vm = x >> 32 & 3; /* a version, more often the right one */
		break;
	case NXT_HC_INFO:
		vm = x >> 32 & 7;
		a2 = draw_frame(storm);
		break;
	case NXT_HC_VM_CREATE:
		vm = draw_frame(storm);
		break;
	case NXT_HC_VM_GIVE:
		a2 = draw_frame(storm);
		break;
	case NXT_HC_VM_MAP:
		a2 = draw_frame(storm);
		a3 = x >> 32 & 1 ? 8 : a3;
		fill_list(storm, a2);
		break;
	case NXT_HC_VM_UNMAP ... NXT_HC_VM_AGE:
		a3 = x >> 32 & 1 ? x >> 33 & 1023 : a3;
		break;
	case NXT_HC_VCPU_CREATE:
		a2 = x >> 32 & 1 ? x >> 33 & 3 : a2;
		a3 = draw_frame(storm);
		a4 = draw_frame(storm);
		break;
	case NXT_HC_VCPU_RUN ... NXT_HC_VCPU_INJECT:
		a2 = x >> 32 & 15 ? x >> 36 & 3 : a2;
		a3 = x >> 40 & 15;
		break;
	}
	/* VCPU_RUN ends with an interrupt, which waits until they are on again; the others do not care. */
	local_irq_save(flags);
	ret = nxt_hypercall(number, vm, a2, &a3, a4, a5);
	local_irq_restore(flags);
	storm->runs += number == NXT_HC_VCPU_RUN && ret >= 0;
	if (shows_engine(ret) || shows_engine(a3)) {
		pr_err("nxstorm: hypercall %llu shows %lx and %llx\n", number, ret, a3);
		WRITE_ONCE(told, true);
	}
	return ret;
}

static int storm_thread(void *arg)
{
	struct storm *storm = arg;

	while (time_before(jiffies, storm->end)) {
		scribble(storm);
		storm->taken += one_call(storm) >= 0;
		if (!(++storm->calls & 63))
			cond_resched();
	}
	pr_info("nxstorm: CPU %u: %llu calls, of which %llu were taken and %llu ran a guest\n",
		raw_smp_processor_id(), storm->calls, storm->taken, storm->runs);
	kfree(storm);
	return 0;
}

static bool nothing_is_disclosed(void)
{
	unsigned int i;
	size_t n;

	for (i = 0; i < CHUNKS; i++) {
		const u64 *words = page_address(chunk[i]);

		for (n = 0; n < CHUNK_BYTES / sizeof(u64); n++)
			if (shows_engine(words[n])) {
				pr_err("nxstorm: chunk %u shows %llx at %zx\n", i, words[n], n * sizeof(u64));
				return false;
			}
		cond_resched();
	}
	return !told;
}

/* Engine's own figures, of which memory_used must not grow. */
static bool ask(struct nxt_info_engine *info)
{
	if (nxt_hc_info(NXT_INFO_ENGINE, page_to_pfn(report), 0))
		return false;
	memcpy(info, page_address(report), sizeof(*info));
	return true;
}

static bool nothing_is_left(const struct nxt_info_engine *before)
{
	struct nxt_info_engine after;
	long ret;

	do {
		ret = nxt_hc_hello(NXT_ABI_VERSION);
		cond_resched();
	} while (ret == -NXT_EAGAIN);
	if (ret != NXT_ABI_VERSION || !ask(&after)) {
		pr_err("nxstorm: Engine does not answer as it should: %ld\n", ret);
		return false;
	}
	pr_info("nxstorm: afterwards %u VMs, %llu frames shared, %llu given, %llu pinned, %llu bytes of "
		"Engine's "
		"used (before: %llu)\n",
		after.vms, after.frames_shared, after.frames_given, after.frames_pinned, after.memory_used,
		before->memory_used);
	return !after.vms && !after.frames_shared && !after.frames_given && !after.frames_pinned &&
	       after.memory_used == before->memory_used;
}

/* Returns when all have ended: they go by the time, and this module's code must outlive them. */
static int run_threads(void)
{
	static struct task_struct *tasks[NR_CPUS];
	unsigned int cpu;
	int ret = 0;

	for_each_online_cpu(cpu)
	{
		struct storm *storm = kzalloc(sizeof(*storm), GFP_KERNEL);
		struct task_struct *task = ERR_PTR(-ENOMEM);

		if (storm) {
			storm->state = 0x9e3779b97f4a7c15ULL * (seed * 64ULL + cpu + 1);
			storm->end = jiffies + seconds * HZ;
			task = kthread_create_on_cpu(storm_thread, storm, cpu, "nxstorm/%u");
		}
		if (IS_ERR(task)) {
			kfree(storm);
			ret = PTR_ERR(task);
			break;
		}
		tasks[cpu] = get_task_struct(task);
		wake_up_process(task);
	}
	for_each_possible_cpu(cpu) if (tasks[cpu]) kthread_stop_put(tasks[cpu]);
	return ret;
}

static void free_all(void)
{
	unsigned int i;

	for (i = 0; i < CHUNKS; i++)
		if (chunk[i])
			__free_pages(chunk[i], NXT_CHUNK_ORDER);
	if (report)
		__free_page(report);
}

static int __init nxstorm_init(void)
{
	struct nxt_info_engine before;
	unsigned int i;
	int ret = -ENOMEM;

	report = alloc_page(GFP_KERNEL | __GFP_ZERO);
	for (i = 0; i < CHUNKS; i++)
		chunk[i] = alloc_pages(GFP_KERNEL | __GFP_ZERO, NXT_CHUNK_ORDER);
	for (i = 0; i < CHUNKS; i++)
		if (!chunk[i] || !report)
			goto out;
	ret = -EIO;
	if (nxt_hc_hello(NXT_ABI_VERSION) != NXT_ABI_VERSION || !ask(&before))
		goto out;
	ret = run_threads();
	if (!nothing_is_left(&before) || !nothing_is_disclosed())
		/* Engine may still have some of it: it stays. */
		return -EIO;
out:
	free_all();
	return ret ?: -ECANCELED; /* done: nothing stays loaded */
}

module_init(nxstorm_init);
MODULE_DESCRIPTION("For NxTop's end-to-end scenarios: a hostile control domain");
MODULE_LICENSE("GPL");
