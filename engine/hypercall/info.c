/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NXT_HC_INFO: what the control domain may know of Engine. */
#include "boot/pool.h"
#include "cpu/asm.h"
#include "engine.h"
#include "guest/cpuid.h"
#include "guest/msr.h"
#include "guest/vcpu.h"
#include "guest/vm.h"
#include "hypercall/hypercall.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mem/frames.h"
#include "mem/phys.h"
#include "vendor.h"

_Static_assert(EXIT_SOURCES *EXIT_KINDS <= NXT_STATS_MAX, "every counter has a place");

static s64 fill_engine(struct nxt_info_engine *out, const struct frames_stats *frames)
{
	*out = (struct nxt_info_engine){
		.abi_version = NXT_ABI_VERSION,
		.cpus = cpu_count,
		.version = ENGINE_VERSION,
		.memory_base = engine.memory_base,
		.memory_size = engine.memory_size,
		.memory_used = pool_used(),
		.exits_cd_types = EXIT_SOURCES * EXIT_KINDS,
		.vms = vm_count(),
		.xsave_size = fpu_area_size(),
		.xcr0 = fpu_guest_xcr0(),
		.frames_shared = frames->shared,
		.frames_given = frames->given,
		.frames_pinned = frames->pinned,
	};
	memcpy(out->vendor, vendor->name, MIN(strlen(vendor->name), sizeof(out->vendor) - 1));
	return 0;
}

static s64 fill_vm(struct nxt_info_vm *out, u64 id)
{
	struct vm *vm = vm_get(id);

	if (!vm)
		return -NXT_ENOENT;
	*out = (struct nxt_info_vm){
		.pages_4k = npt_present(&vm->npt[0], 1) + npt_present(&vm->npt[1], 1),
		.pages_2m = npt_present(&vm->npt[0], 2) + npt_present(&vm->npt[1], 2),
	};
	vm_put(vm);
	return 0;
}

static s64 fill_log(struct nxt_info_log *out, const struct log_ring *ring, u64 pos)
{
	u64 lost;

	if (!ring)
		return -NXT_ENOENT;
	out->len = (u32)log_read(ring, &pos, out->text, sizeof(out->text), &lost);
	out->lost = (u32)MIN(lost, 0xffffffffULL);
	out->next = pos;
	return 0;
}

static s64 fill_stats(struct nxt_info_stats *out, u64 index)
{
	static const char *const prefix[EXIT_SOURCES] = {[EXIT_FROM_CD] = "cd:", [EXIT_FROM_VM] = "vm:"};
	u32 count = 0;

	if (index >= cpu_count)
		return -NXT_ENOENT;
	/* The page is shared: the count must be our own until the end. */
	memset(out, 0, sizeof(*out));
	for (u32 source = 0; source < EXIT_SOURCES; source++) {
		for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
			struct nxt_stat *stat = &out->stat[count++];
			const char *name = exit_name(kind);

			memcpy(stat->name, prefix[source], 3);
			memcpy(stat->name + 3, name, MIN(strlen(name), sizeof(stat->name) - 4));
			stat->count = READ_ONCE(cpus[index]->exits[source][kind]);
		}
	}
	out->count = count;
	return 0;
}

static void raw_cpuid(u32 leaf, u32 subleaf, struct cpuid_regs *out)
{
	*out = cpuid(leaf, subleaf);
}

static s64 fill_msrs(struct nxt_msr_list *out)
{
	/* Too large for the stack. One CPU at a time, because it is cleared while it is filled. */
	static struct nxt_cpuid_list host;
	static struct spinlock lock;
	struct cpuid_features features;

	spin_lock(&lock);
	cpuid_policy(&host, raw_cpuid);
	cpuid_features_of(&features, host.entry, host.count);
	spin_unlock(&lock);
	msr_list(out, &features);
	return 0;
}

s64 hypercall_info(struct hypercall_args *args)
{
	struct frames_stats frames = frames_stats(); /* before this call pins a page of its own */
	u64 kind = args->a, pfn = args->b;
	void *page;
	s64 result;

	/* Pinned, the page stays the control domain's while Engine writes to it. */
	if (frame_pin(pfn))
		return -NXT_EPERM;
	page = phys_to_virt(pfn << PAGE_SHIFT);
	switch (kind) {
	case NXT_INFO_ENGINE:
		result = fill_engine(page, &frames);
		break;
	case NXT_INFO_VM:
		result = fill_vm(page, args->c);
		break;
	case NXT_INFO_LOG:
		result = fill_log(page, log_current(), args->c);
		break;
	case NXT_INFO_CRASH:
		result = fill_log(page, log_crash(), args->c);
		break;
	case NXT_INFO_STATS:
		result = fill_stats(page, args->c);
		break;
	case NXT_INFO_CPUID:
		cpuid_policy(page, raw_cpuid);
		result = 0;
		break;
	case NXT_INFO_MSRS:
		result = fill_msrs(page);
		break;
	default:
		result = -NXT_EINVAL;
	}
	frame_unpin(pfn);
	return result;
}
