/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What INFO says of Engine, of a VM, and of a processor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/pool.h"
#include "engine.h"
#include "hypercall/testcalls.h"
#include "mem/frames.h"

static void test_info(void **state)
{
	const struct nxt_info_engine *info = page(LIST_PFN);
	const struct nxt_info_log *log = page(LIST_PFN);
	const struct nxt_info_stats *stats = page(LIST_PFN);
	const struct nxt_cpuid_list *cpuids = page(LIST_PFN);
	const struct nxt_msr_list *msrs = page(LIST_PFN);

	(void)state;
	create_vm();
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, LIST_PFN, 0, 0), 0);
	assert_int_equal(info->abi_version, NXT_ABI_VERSION);
	assert_string_equal(info->version, ENGINE_VERSION);
	assert_string_equal(info->vendor, "svm");
	assert_int_equal(info->cpus, 1);
	assert_int_equal(info->vms, 1);
	assert_int_equal(info->frames_given, NXT_CHUNK_FRAMES);
	assert_in_range(info->xsave_size, 512, NXT_PAGE_SIZE);

	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_LOG, LIST_PFN, ~0ULL, 0), 0);
	assert_int_equal(log->len, 0);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_CRASH, LIST_PFN, 0, 0), -NXT_ENOENT);

	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_STATS, LIST_PFN, 0, 0), 0);
	assert_in_range(stats->count, 1, NXT_STATS_MAX);
	assert_string_equal(stats->stat[0].name, "cd:intr");
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_STATS, LIST_PFN, 1, 0), -NXT_ENOENT);

	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_CPUID, LIST_PFN, 0, 0), 0);
	assert_in_range(cpuids->count, 1, NXT_CPUIDS_MAX);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_MSRS, LIST_PFN, 0, 0), 0);
	assert_in_range(msrs->count, 1, NXT_MSRS_MAX);

	assert_int_equal(call(NXT_HC_INFO, 99, LIST_PFN, 0, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, CHUNK_PFN(ENGINE_CHUNK), 0, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, VM_CHUNK, 0, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, ~0ULL, 0, 0), -NXT_EPERM);
	assert_int_equal(frame_read(LIST_PFN).kind, FRAME_CONTROL);
}

static const struct nxt_info_engine *ask(void)
{
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, LIST_PFN, 0, 0), 0);
	return page(LIST_PFN);
}

/* A vCPU's two pages; not the page that the answer goes to. */
static void test_info_pinned(void **state)
{
	u64 vm;

	(void)state;
	assert_int_equal(ask()->frames_pinned, 0);
	vm = create_vm_with_vcpu();
	assert_int_equal(ask()->frames_pinned, 2);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 1, RUN_PFN, STATE_PFN + 1), 0);
	assert_int_equal(ask()->frames_pinned, 3);
	destroy_vm(vm);
	assert_int_equal(ask()->frames_pinned, 0);
}

static void expect_pages(u64 vm, u64 pages_4k, u64 pages_2m)
{
	const struct nxt_info_vm *info = page(LIST_PFN);

	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, vm, 0), 0);
	assert_int_equal(info->pages_4k, pages_4k);
	assert_int_equal(info->pages_2m, pages_2m);
}

/* What the guest can reach now: neither marks nor what was unmapped. */
static void test_info_vm(void **state)
{
	u64 vm = create_vm();

	(void)state;
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, 0, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, vm + 1, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, ~0ULL, 0), -NXT_ENOENT);
	expect_pages(vm, 0, 0);
	assert_int_equal(map(vm, 0, RAM, NXT_MAP_WRITE | NXT_MAP_2M), 1);
	assert_int_equal(map(vm, PAGE_2M, RAM, NXT_MAP_WRITE), 1);
	assert_int_equal(map(vm, PAGE_2M + PAGE_SIZE, RAM + 1, 0), 1);
	assert_int_equal(map(vm, PAGE_2M + PAGE_SIZE, RAM + 1, 0), -NXT_EEXIST);
	assert_int_equal(map(vm, PAGE_1G, 0, NXT_MAP_MMIO), 1);
	expect_pages(vm, 2, 1);
	assert_int_equal(call(NXT_HC_VM_PROTECT, vm, 0, 513, 0), 513);
	expect_pages(vm, 2, 1);
	assert_int_equal(call(NXT_HC_VM_UNMAP, vm, 0, 513, 0), 513);
	expect_pages(vm, 1, 0);
	assert_int_equal(call(NXT_HC_VM_RELEASE, vm, 0, 513, 0), 513);
	expect_pages(vm, 1, 0);
	destroy_vm(vm);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, vm, 0), -NXT_ENOENT);
}

static u64 memory_used(void)
{
	return ask()->memory_used;
}

/* A VM lives in its chunks, and in nothing else. */
static void test_memory_used(void **state)
{
	u64 before = memory_used(), vm = create_vm_with_vcpu();

	(void)state;
	assert_in_range(before, PAGE_SIZE, PAGE_2M);
	assert_int_equal(call(NXT_HC_VM_GIVE, vm, SPARE_CHUNK, 0, 0), 0);
	for (u64 gpa = 0; gpa < GIB(1); gpa += PAGE_2M)
		assert_int_equal(map(vm, gpa, 0, NXT_MAP_MMIO), 1);
	assert_int_equal(memory_used(), before);
	destroy_vm(vm);
	assert_int_equal(memory_used(), before);
}

/* What is said is what is used when it is asked. Without teardown(), which would find what is missing. */
static void test_memory_used_now(void **state)
{
	u64 before = memory_used();

	(void)state;
	pool_alloc(3);
	assert_int_equal(memory_used(), before + 3 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALL_TEST(test_info),
		CALL_TEST(test_info_pinned),
		CALL_TEST(test_info_vm),
		CALL_TEST(test_memory_used),
		cmocka_unit_test_setup(test_memory_used_now, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
