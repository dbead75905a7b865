// SPDX-License-Identifier: GPL-2.0-only
/* Marks of devices' pages: how many of them a guest can make its VM pay for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "testvcpu.h"

#include <cmocka.h>

#define NXTOP_DRIVER_HYPERCALL_H

struct nxt_vm {
	u32 id;
	int srcu; /* readers */
	int mmio_pages;
	u32 chunk_count;
};

/* Linux, for one thread. */
#define srcu_read_lock(at) (++*(at))
#define srcu_read_unlock(at, idx) (assert_int_equal(idx, 1), --*(at))
#define atomic_read(at) (*(at))
#define atomic_inc(at) (++*(at))
#define atomic_dec(at) (--*(at))
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a)-1))
#define virt_to_page(at) (at)
#define page_to_pfn(page) ((u64)(uintptr_t)(page))

static long nxt_hc_vm_map(u32 vm, u64 list_pfn, u64 count);
static int nxt_vm_give(struct nxt_vm *vm, u32 seen);

#include "../mmio.c"

#define MOST 1024
#define VM 7

static struct nxt_map map;
static struct nxt_vm vm;
static struct nxt_vcpu vcpu = {.vm = &vm, .map = &map};
static struct nxt_slot *slot;
static long result;	 /* of VM_MAP */
static u32 wants_chunks; /* before that */
static u32 marks, given; /* in Engine */

static long nxt_hc_vm_map(u32 id, u64 list_pfn, u64 count)
{
	assert_int_equal(vm.srcu, 1);
	assert_int_equal(id, VM);
	assert_int_equal(list_pfn, (uintptr_t)&map);
	assert_int_equal(count, 1);
	assert_int_equal(map.flags, NXT_MAP_MMIO);
	assert_int_equal(map.gpa % PAGE_SIZE, 0);
	if (wants_chunks > given)
		return -ENOMEM;
	marks += result == 1;
	return result;
}

static int nxt_vm_give(struct nxt_vm *self, u32 seen)
{
	assert_int_equal(seen, self->chunk_count);
	self->chunk_count++;
	given++;
	return 0;
}

struct nxt_slot *nxt_slot_find(struct nxt_vm *self, u64 gfn)
{
	(void)self;
	(void)gfn;
	return slot;
}

static int setup(void **state)
{
	(void)state;
	vm = (struct nxt_vm){.id = VM};
	slot = NULL;
	result = 1;
	wants_chunks = marks = given = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(vm.srcu, 0);
	return 0;
}

/* Each in a table of its own, as a guest would choose them. */
static u64 gpa(u32 n)
{
	return (u64)n << 30 | 0x123;
}

static void test_bounded(void **state)
{
	(void)state;
	for (u32 i = 0; i < MOST; i++)
		assert_true(nxt_map_mmio(&vcpu, gpa(i)));
	for (u32 i = 0; i < MOST; i++)
		assert_false(nxt_map_mmio(&vcpu, gpa(MOST + i)));
	assert_int_equal(marks, MOST);
}

/* What was not made takes no place of one that could be. */
static void test_failures_do_not_count(void **state)
{
	(void)state;
	result = -EEXIST;
	for (u32 i = 0; i < 2 * MOST; i++)
		assert_false(nxt_map_mmio(&vcpu, gpa(i)));
	result = 1;
	assert_true(nxt_map_mmio(&vcpu, gpa(0)));
	assert_int_equal(vm.mmio_pages, 1);
}

static void test_memory_is_not_marked(void **state)
{
	struct nxt_slot there = {0};

	(void)state;
	slot = &there;
	assert_false(nxt_map_mmio(&vcpu, gpa(0)));
	assert_int_equal(marks, 0);
	assert_int_equal(vm.mmio_pages, 0);
}

static void test_tables_are_paid_for(void **state)
{
	(void)state;
	wants_chunks = 2;
	assert_true(nxt_map_mmio(&vcpu, gpa(0)));
	assert_int_equal(given, 2);
	assert_int_equal(marks, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bounded),
		TEST(test_failures_do_not_count),
		TEST(test_memory_is_not_marked),
		TEST(test_tables_are_paid_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
