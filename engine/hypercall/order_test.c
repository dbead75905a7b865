/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every order in which a control domain can do things to one or two frames with two VMs: give their chunk,
 * map them read-only or writable, unmap, release, pin them as a vCPU's page, destroy a VM and make it again.
 * After each step Engine's answer, its table of owners, and what the page tables of the VMs and of the
 * control domain let them reach (by a walk of its own) are compared with a model.
 *
 * Where a step changes nothing (it is refused, or finds nothing to do) Engine must be as it was: owners and
 * tables are compared. So such a step is tried in every state, but nothing behind it: an order with it ends
 * like the one without. Literally all orders of these lengths would take hours: each begins with new VMs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guest/vm.h"
#include "hypercall/testmachine.h"
#include "mem/frames.h"
#include "mem/identity.h"
#include "mem/phys.h"
#include "mem/walker.h"

#define CHUNKS 6
#define LIST_PFN CHUNK_PFN(FIRST_CHUNK)
#define STATE_PFN(vm) (LIST_PFN + 1 + (vm))
#define VM_CHUNK(vm) CHUNK_PFN(FIRST_CHUNK + 1 + (vm))
#define FRAME(f) (CHUNK_PFN(FIRST_CHUNK + 3) + (f)) /* in a chunk that can be given */
#define GPA(place) ((place)*PAGE_SIZE)
#define NO_VM NXT_MAX_VMS /* an id that is never in use here */

#define VMS 2u
#define FRAMES 2u
#define PLACES 2u
#define LENGTH_MAX 8u

enum kind { CREATE, DESTROY, GIVE, PIN, UNMAP, RELEASE, MAP_READ_ONLY, MAP_WRITABLE };

struct step {
	enum kind kind;
	u32 vm, place, frame;
};

/* Words only: two of them are compared as memory. */
struct model_frame {
	u32 kind, vm, count;
};

struct model_vm {
	u32 alive, given, pins, pinned; /* pins: its vCPU has the frame pinned */
	struct {
		u32 state, frame, writable;
	} place[PLACES];
};

struct model {
	struct model_frame frame[FRAMES];
	struct model_vm vm[VMS];
};

static struct step alphabet[32];
static u32 letters;
static u64 ids[VMS];
static u64 hash_at_start;
static struct step path[LENGTH_MAX];
static u64 orders, refused; /* orders that were tried to their end, and steps that changed nothing */

/* -- the model -------------------------------------------------------------------------------------- */

static bool may_hold(const struct model_frame *frame, const struct step *step)
{
	switch (frame->kind) {
	case FRAME_CONTROL:
		return true;
	case FRAME_PINNED:
		return step->kind == PIN;
	case FRAME_SHARED:
		return step->kind != PIN && frame->vm == step->vm;
	case FRAME_SHARED_RO:
		return step->kind == MAP_READ_ONLY;
	default:
		return false;
	}
}

static void m_hold(struct model_frame *frame, const struct step *step)
{
	if (frame->kind == FRAME_CONTROL) {
		frame->kind = step->kind == PIN		   ? FRAME_PINNED
			      : step->kind == MAP_WRITABLE ? FRAME_SHARED
							   : FRAME_SHARED_RO;
		frame->vm = step->kind == MAP_WRITABLE ? step->vm : 0;
	}
	frame->count++;
}

static void m_let_go(struct model_frame *frame)
{
	if (--frame->count == 0)
		*frame = (struct model_frame){.kind = FRAME_CONTROL};
}

static s64 m_give(struct model *m, u32 vm)
{
	for (u32 f = 0; f < FRAMES; f++)
		if (m->frame[f].kind != FRAME_CONTROL)
			return -NXT_EPERM;
	for (u32 f = 0; f < FRAMES; f++)
		m->frame[f] = (struct model_frame){.kind = FRAME_GIVEN, .vm = vm};
	m->vm[vm].given = true;
	return 0;
}

static s64 m_destroy(struct model *m, u32 vm)
{
	struct model_vm *gone = &m->vm[vm];

	for (u32 p = 0; p < PLACES; p++)
		if (gone->place[p].state != NPT_ABSENT)
			m_let_go(&m->frame[gone->place[p].frame]);
	if (gone->pins)
		m_let_go(&m->frame[gone->pinned]);
	for (u32 f = 0; f < FRAMES && gone->given; f++)
		m->frame[f] = (struct model_frame){.kind = FRAME_CONTROL};
	*gone = (struct model_vm){0};
	return 0;
}

static s64 m_pin(struct model *m, const struct step *step)
{
	struct model_vm *vm = &m->vm[step->vm];

	if (!may_hold(&m->frame[step->frame], step))
		return -NXT_EPERM;
	if (vm->pins)
		return -NXT_EEXIST;
	m_hold(&m->frame[step->frame], step);
	vm->pins = true;
	vm->pinned = step->frame;
	return 0;
}

static s64 m_map(struct model *m, const struct step *step)
{
	struct model_vm *vm = &m->vm[step->vm];

	if (vm->place[step->place].state != NPT_ABSENT)
		return -NXT_EEXIST;
	if (!may_hold(&m->frame[step->frame], step))
		return -NXT_EPERM;
	m_hold(&m->frame[step->frame], step);
	vm->place[step->place].state = NPT_PRESENT;
	vm->place[step->place].frame = step->frame;
	vm->place[step->place].writable = step->kind == MAP_WRITABLE;
	return 1;
}

static s64 m_take_away(struct model *m, const struct step *step)
{
	struct model_vm *vm = &m->vm[step->vm];
	u32 *state = &vm->place[step->place].state;

	if (step->kind == UNMAP && *state == NPT_PRESENT) {
		*state = NPT_ZAPPED;
	} else if (step->kind == RELEASE && *state == NPT_ZAPPED) {
		m_let_go(&m->frame[vm->place[step->place].frame]);
		memset(&vm->place[step->place], 0, sizeof(vm->place[0]));
	}
	return 1;
}

/* What the step answers, and what is different afterwards. CREATE answers an id. */
static s64 m_step(struct model *m, const struct step *step)
{
	if (step->kind == CREATE) {
		if (m->vm[step->vm].alive)
			return -NXT_EPERM; /* it lives in the chunk */
		m->vm[step->vm].alive = true;
		return 0;
	}
	if (!m->vm[step->vm].alive)
		return -NXT_ENOENT;
	switch (step->kind) {
	case DESTROY:
		return m_destroy(m, step->vm);
	case GIVE:
		return m_give(m, step->vm);
	case PIN:
		return m_pin(m, step);
	case UNMAP:
	case RELEASE:
		return m_take_away(m, step);
	default:
		return m_map(m, step);
	}
}

/* -- Engine ----------------------------------------------------------------------------------------- */

static s64 call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
	return machine_call(number, (const u64[5]){a, b, c, d, 0}).result;
}

static s64 create(u32 vm)
{
	s64 id = call(NXT_HC_VM_CREATE, VM_CHUNK(vm), 0, 0, 0);

	if (id < 0)
		return id;
	CHECK(id > 0 && (u64)id != ids[!vm] && (u64)id != NO_VM);
	ids[vm] = (u64)id;
	return 0;
}

static s64 destroy(u32 vm)
{
	s64 result;

	while ((result = call(NXT_HC_VM_DESTROY, ids[vm], 0, 0, 0)) == -NXT_EAGAIN)
		;
	ids[vm] = NO_VM;
	return result;
}

static s64 map(const struct step *step)
{
	*(struct nxt_map *)phys_to_virt(LIST_PFN << PAGE_SHIFT) =
		(struct nxt_map){.gpa = GPA(step->place),
				 .pfn = FRAME(step->frame),
				 .flags = step->kind == MAP_WRITABLE ? NXT_MAP_WRITE : 0};
	return call(NXT_HC_VM_MAP, ids[step->vm], LIST_PFN, 1, 0);
}

static s64 take(const struct step *step)
{
	u64 id = ids[step->vm];

	switch (step->kind) {
	case CREATE:
		return create(step->vm);
	case DESTROY:
		return destroy(step->vm);
	case GIVE:
		return call(NXT_HC_VM_GIVE, id, FRAME(0), 0, 0);
	case PIN:
		return call(NXT_HC_VCPU_CREATE, id, 0, FRAME(step->frame), STATE_PFN(step->vm));
	case UNMAP:
		return call(NXT_HC_VM_UNMAP, id, GPA(step->place), 1, 0);
	case RELEASE:
		return call(NXT_HC_VM_RELEASE, id, GPA(step->place), 1, 0);
	default:
		return map(step);
	}
}

static bool is_of_vm(u32 kind)
{
	return kind == FRAME_SHARED || kind == FRAME_GIVEN;
}

static void check_frame(const struct model_frame *expected, u64 pfn)
{
	struct nested_walk walk = walk_nested(false, identity_root(), pfn << PAGE_SHIFT);
	struct frame frame = frame_read(pfn);
	bool hidden = expected->kind == FRAME_GIVEN;

	CHECK(frame.kind == expected->kind && frame.count == expected->count);
	CHECK(frame.vm == (is_of_vm(expected->kind) ? ids[expected->vm] : 0));
	CHECK(walk.present && walk.writable == !hidden && (walk.pa >> PAGE_SHIFT == pfn) == !hidden);
}

static void check_vm(const struct model_vm *expected, u64 id)
{
	struct vm *vm = vm_get(id);

	CHECK(!!vm == expected->alive);
	for (u32 p = 0; p < PLACES && vm; p++) {
		struct nested_walk walk = walk_nested(false, vm->npt[0].root, GPA(p));

		CHECK(walk.present == (expected->place[p].state == NPT_PRESENT));
		CHECK(!walk.present || walk.pa >> PAGE_SHIFT == FRAME(expected->place[p].frame));
		CHECK(!walk.present || walk.writable == expected->place[p].writable);
	}
	if (vm)
		vm_put(vm);
}

static void check(const struct model *m)
{
	for (u32 f = 0; f < FRAMES; f++)
		check_frame(&m->frame[f], FRAME(f));
	for (u32 vm = 0; vm < VMS; vm++)
		check_vm(&m->vm[vm], ids[vm]);
}

/* -- all orders ------------------------------------------------------------------------------------- */

/* Two VMs and nothing else, after whatever was before. */
static void start_over(void)
{
	struct frames_stats stats;

	for (u32 vm = 0; vm < VMS; vm++)
		if (ids[vm] != NO_VM)
			CHECK(destroy(vm) == 0);
	stats = frames_stats();
	CHECK(vm_count() == 0 && !stats.shared && !stats.given && !stats.pinned && !stats.bad);
	CHECK(machine_owners_hash() == hash_at_start);
	for (u32 vm = 0; vm < VMS; vm++)
		CHECK(create(vm) == 0);
}

static void go_again(u32 length)
{
	start_over();
	for (u32 i = 0; i < length; i++)
		take(&path[i]);
}

/* Those that change nothing, one after the other where Engine is. Returns the set of the others. */
static u32 try_in_place(const struct model *m)
{
	u64 owners = machine_owners_hash();
	u32 others = 0;

	for (u32 i = 0; i < letters; i++) {
		struct model after = *m;
		s64 expected = m_step(&after, &alphabet[i]);

		if (memcmp(m, &after, sizeof(after))) {
			others |= 1u << i;
			continue;
		}
		CHECK(take(&alphabet[i]) == expected);
		refused++;
	}
	CHECK(machine_owners_hash() == owners);
	check(m);
	return others;
}

/* Engine is where the first steps of path lead, so many; the model knows. */
static void explore(const struct model *m, u32 steps, u32 length)
{
	u32 others = try_in_place(m);
	bool moved = false;

	for (u32 i = 0; i < letters && steps < length; i++) {
		struct model next = *m;

		/* In the beginning the VMs are alike: it is enough if the first does the first step. */
		if (!(others & 1u << i) || (steps == 0 && alphabet[i].vm))
			continue;
		if (moved)
			go_again(steps);
		moved = true;
		path[steps] = alphabet[i];
		CHECK(take(&alphabet[i]) == m_step(&next, &alphabet[i]));
		check(&next);
		explore(&next, steps + 1, length);
	}
	orders += !moved;
}

static void add(enum kind kind, u32 vm, u32 place, u32 frame)
{
	CHECK(letters < ARRAY_SIZE(alphabet));
	alphabet[letters++] = (struct step){.kind = kind, .vm = vm, .place = place, .frame = frame};
}

static void make_alphabet(u32 frames, u32 places)
{
	letters = 0;
	for (u32 vm = 0; vm < VMS; vm++) {
		add(CREATE, vm, 0, 0);
		add(DESTROY, vm, 0, 0);
		add(GIVE, vm, 0, 0);
		add(PIN, vm, 0, 0);
		for (u32 p = 0; p < places; p++) {
			add(UNMAP, vm, p, 0);
			add(RELEASE, vm, p, 0);
			for (u32 f = 0; f < frames; f++) {
				add(MAP_READ_ONLY, vm, p, f);
				add(MAP_WRITABLE, vm, p, f);
			}
		}
	}
}

static void all_orders(u32 frames, u32 places, u32 length)
{
	struct model m = {.vm = {{.alive = true}, {.alive = true}}};

	for (u32 f = 0; f < FRAMES; f++)
		m.frame[f].kind = FRAME_CONTROL;
	machine_start(CHUNKS);
	hash_at_start = machine_owners_hash();
	ids[0] = ids[1] = NO_VM;
	make_alphabet(frames, places);
	orders = refused = 0;
	start_over();
	explore(&m, 0, length);
	machine_check();
	machine_stop();
	fprintf(stderr, "%u frames, %u places, length %u: %llu orders, %llu steps that changed nothing\n",
		frames, places, length, (unsigned long long)orders, (unsigned long long)refused);
}

static void test_one_frame(void **state)
{
	(void)state;
	all_orders(1, 1, 7);
	assert_true(orders > 1000 && refused > 1000);
}

static void test_one_frame_twice(void **state)
{
	(void)state;
	all_orders(1, 2, 5);
	assert_true(orders > 1000 && refused > 1000);
}

static void test_two_frames(void **state)
{
	(void)state;
	all_orders(2, 2, 4);
	assert_true(orders > 1000 && refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_frame),
		cmocka_unit_test(test_one_frame_twice),
		cmocka_unit_test(test_two_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
