/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls on their way to the control domain, and the other vendor's instruction for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/bits.h"
#include "guest/testguest.h"

#define AT 0x3fffull /* the last byte of a page */
#define PAGE_A 0x3000ull
#define PAGE_B 0x4000ull
#define TABLE 0x5000ull

static const u8 vmcall[] = {0x0f, 0x01, 0xc1}, vmmcall[] = {0x0f, 0x01, 0xd9};

static struct vcpu *vcpu;

/* In real mode; the instruction's last byte is in the second page. */
static void ready(const void *code, u64 flags)
{
	vcpu = guest_executes(AT, code, 3);
	vcpu->fixes_hypercall = true;
	guest_map(PAGE_A, NXT_MAP_WRITE);
	guest_map(PAGE_B, flags);
}

static void is_undefined(void)
{
	assert_int_equal(vcpu->event.type, EVENT_EXCEPTION);
	assert_int_equal(vcpu->event.vector, VECTOR_UD);
	assert_int_equal(vcpu->ctx.regs.rip, AT);
}

static void test_hypercall(void **state)
{
	const struct nxt_run *run = guest_run_page(0);
	struct nxt_regs *regs;

	(void)state;
	ready(vmmcall, NXT_MAP_WRITE);
	regs = &vcpu->ctx.regs;
	regs->rax = 0x1122334455667788;
	regs->rbx = 1;
	regs->rcx = 2;
	regs->rdx = 3;
	regs->rsi = ~0ull;
	assert_int_equal(vcpu_hypercall(vcpu, &(struct exit){.kind = EXIT_HYPERCALL}), NXT_EXIT_HYPERCALL);
	assert_int_equal(vcpu->pending, PENDING_HYPERCALL);
	assert_int_equal(run->hypercall.nr, 0x55667788);
	assert_int_equal(run->hypercall.args[0], 1);
	assert_int_equal(run->hypercall.args[1], 2);
	assert_int_equal(run->hypercall.args[2], 3);
	assert_int_equal(run->hypercall.args[3], 0xffffffff);
	assert_int_equal(run->hypercall.longmode, 0);
	assert_int_equal(run->hypercall.cpl, 0);
	assert_int_equal(regs->rip, AT);
	((struct nxt_run *)run)->hypercall.ret = (u64)-1000;
	assert_int_equal(vcpu_finish_hypercall(vcpu), CONTINUE);
	assert_int_equal(regs->rax, (u32)-1000);
	assert_int_equal(regs->rip, AT + 3);
}

static void test_replaced(void **state)
{
	(void)state;
	ready(vmcall, NXT_MAP_WRITE);
	assert_int_equal(vcpu_undefined(vcpu), CONTINUE);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
	assert_memory_equal(guest_ram(AT), vmmcall, sizeof(vmmcall));
	assert_int_equal(vcpu->ctx.regs.rip, AT);
}

static void test_other_instructions(void **state)
{
	static const u8 ud2[] = {0x0f, 0x0b, 0x90}, memory[] = {0x0f, 0x01, 0x01};

	(void)state;
	ready(ud2, NXT_MAP_WRITE);
	assert_int_equal(vcpu_undefined(vcpu), CONTINUE);
	is_undefined();
	vcpu->event.type = EVENT_NONE;
	memcpy(guest_ram(AT), memory, sizeof(memory)); /* SGDT, with the same operand field */
	assert_int_equal(vcpu_undefined(vcpu), CONTINUE);
	is_undefined();
}

/* For now, and for good. */
static void test_read_only(void **state)
{
	(void)state;
	ready(vmcall, 0);
	assert_int_equal(vcpu_undefined(vcpu), NXT_EXIT_RESIDENT);
	assert_int_equal(vcpu->pending, PENDING_FIX);
	assert_int_equal(guest_run_page(0)->npf.gpa & PAGE_MASK, PAGE_B);
	vcpu_finish_fix(vcpu, NXT_RUN_UNBACKED);
	assert_int_equal(vcpu_undefined(vcpu), CONTINUE);
	is_undefined();
	assert_memory_equal(guest_ram(AT), vmcall, sizeof(vmcall));

	vcpu->event.type = EVENT_NONE;
	assert_int_equal(vcpu_undefined(vcpu), NXT_EXIT_RESIDENT);
	guest_unmap(PAGE_B);
	guest_map(PAGE_B, NXT_MAP_WRITE);
	vcpu_finish_fix(vcpu, 0);
	assert_int_equal(vcpu_undefined(vcpu), CONTINUE);
	assert_memory_equal(guest_ram(AT), vmmcall, sizeof(vmmcall));
}

static void needs(u64 gpa)
{
	assert_int_equal(vcpu_undefined(vcpu), NXT_EXIT_RESIDENT);
	assert_int_equal(vcpu->pending, PENDING_FIX);
	assert_int_equal(guest_run_page(0)->npf.gpa & PAGE_MASK, gpa);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
}

/* Pages that were taken away since the instruction was executed: of its code ... */
static void test_taken_away(void **state)
{
	static const u64 pages[] = {PAGE_A, PAGE_B};

	(void)state;
	ready(vmcall, NXT_MAP_WRITE);
	for (u32 i = 0; i < 2; i++) {
		guest_unmap(pages[i]);
		needs(pages[i]);
		guest_map(pages[i], NXT_MAP_WRITE);
		vcpu_finish_fix(vcpu, 0);
	}
	assert_int_equal(vcpu_undefined(vcpu), CONTINUE);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
	assert_memory_equal(guest_ram(AT), vmmcall, sizeof(vmmcall));

	guest_unmap(PAGE_A);
	needs(PAGE_A);
	vcpu_finish_fix(vcpu, NXT_RUN_UNBACKED);
	assert_int_equal(vcpu_undefined(vcpu), CONTINUE);
	is_undefined();
}

/* ... and of the guest's page tables. */
static void test_table_taken_away(void **state)
{
	struct nxt_sregs sregs;

	(void)state;
	ready(vmcall, NXT_MAP_WRITE);
	vendor->get_sregs(&vcpu->ctx, &sregs);
	sregs.cr0 |= CR0_PE | CR0_PG;
	sregs.cr3 = TABLE;
	assert_true(vendor->set_sregs(&vcpu->ctx, &sregs));
	needs(TABLE);
	guest_map(TABLE, NXT_MAP_WRITE);
	vcpu_finish_fix(vcpu, 0);
	assert_int_equal(vcpu_undefined(vcpu), CONTINUE);
	is_undefined(); /* as the table maps nothing */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, guest_setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_hypercall), CASE(test_replaced),   CASE(test_other_instructions),
		CASE(test_read_only), CASE(test_taken_away), CASE(test_table_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
