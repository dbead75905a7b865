/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile control domain: any hypercalls, with any arguments, on pages with any content; but no guest runs.
 * After the calls nobody may reach what is not theirs, and when all VMs are destroyed nothing may be missing.
 *
 * One step is a byte that says what happens, then what it takes: values, or bytes for a page.
 */
#include <stdlib.h>
#include <string.h>

#include "hypercall/testmachine.h"
#include "mem/identity.h"
#include "mem/phys.h"
#include "mem/walker.h"

#define CHUNKS 8
#define PAGES 8 /* for lists, run and state pages: the first frames of FIRST_CHUNK */
#define STEP_FILL 32
#define STEP_MAP 33
#define STEPS_MAX 400

struct input {
	const u8 *at;
	size_t left;
};

static u64 take(struct input *input, size_t n)
{
	u64 value = 0;

	n = MIN(n, input->left);
	memcpy(&value, input->at, n);
	input->at += n;
	input->left -= n;
	return value;
}

static u64 page_pfn(u64 index)
{
	return CHUNK_PFN(FIRST_CHUNK) + index % PAGES;
}

/* Values that mean something somewhere, in one byte; or any. */
static u64 take_value(struct input *input)
{
	static const u64 edges[] = {
		~0ULL,
		BIT(63),
		BIT(52),
		BIT(51),
		NXT_PAGE_SIZE - 1,
		BIT(48),
		BIT(48) - PAGE_SIZE,
		BIT(47),
		PAGE_1G,
		PAGE_2M,
		PAGE_2M + PAGE_SIZE,
		PAGE_2M - PAGE_SIZE,
		NXT_MAP_MAX,
		NXT_MAP_MAX + 1,
		NXT_MAX_VMS,
		NXT_MAX_VCPUS - 1,
		512,
		CHUNKS * 512,
		CHUNKS * 512 - 1,
		0xfee00000,
		0xfee01000,
		BIT(36),
		BIT(36) - 1,
		0x4000,
		0x400,
		NXT_GPA_SMM | PAGE_SIZE,
		NXT_GPA_SMM | PAGE_2M,
		NXT_GPA_SMM | (BIT(48) - PAGE_SIZE),
	};
	u8 kind = (u8)take(input, 1);

	switch (kind >> 5) {
	case 0:
	case 1:
		return kind;
	case 2:
	case 3:
		return page_pfn(kind);
	case 4:
		return CHUNK_PFN(kind & 15);
	case 5:
		return (kind & 31) * PAGE_SIZE;
	case 6:
		return edges[(kind & 31) % ARRAY_SIZE(edges)];
	default:
		return take(input, 8);
	}
}

/* Only while the page is the control domain's can it write there. */
static u8 *take_page(struct input *input)
{
	u64 pfn = page_pfn(take(input, 1));
	struct nested_walk walk = walk_nested(false, identity_root(), pfn << PAGE_SHIFT);

	return walk.writable ? phys_to_virt(pfn << PAGE_SHIFT) : NULL;
}

static void fill_page(struct input *input)
{
	u8 *page = take_page(input);
	u64 offset = take(input, 2) % NXT_PAGE_SIZE;
	u64 n = take(input, 1);

	n = MIN(n, input->left);
	n = MIN(n, NXT_PAGE_SIZE - offset);
	if (page)
		memcpy(page + offset, input->at, n);
	input->at += n;
	input->left -= n;
}

static void fill_map(struct input *input)
{
	struct nxt_map *list = (struct nxt_map *)take_page(input);
	u64 index = take(input, 1) % NXT_MAP_MAX;
	struct nxt_map map;

	map.gpa = take_value(input);
	map.pfn = take_value(input);
	map.flags = take_value(input);
	if (list)
		list[index] = map;
}

static void call(u64 number, struct input *input)
{
	bool destroys = number == NXT_HC_HELLO || number == NXT_HC_VM_DESTROY;
	bool two_results = number == NXT_HC_VM_MSI || number == NXT_HC_VCPU_INJECT ||
			   number == NXT_HC_VM_SET_CLOCK || number == NXT_HC_VM_GET_CLOCK;
	u64 before = machine_owners_hash();
	struct answer answer;
	u64 args[5];

	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = take_value(input);
	answer = machine_call(number, args);
	CHECK(answer.result >= 0 || machine_is_error(answer.result));
	CHECK(answer.rdx == args[2] || two_results);
	CHECK(answer.result >= 0 || destroys || machine_owners_hash() == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	machine_start(CHUNKS);
	for (u64 i = 0; i < PAGES; i++)
		memset(phys_to_virt(page_pfn(i) << PAGE_SHIFT), 0, NXT_PAGE_SIZE);
	for (u32 steps = 0; input.left && steps < STEPS_MAX; steps++) {
		u8 step = (u8)take(&input, 1);

		if (step == STEP_FILL)
			fill_page(&input);
		else if (step == STEP_MAP)
			fill_map(&input);
		else
			call(step, &input);
	}
	machine_check();
	machine_stop();
	return 0;
}
