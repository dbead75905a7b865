/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MOVs to and from the local APIC's page: had again only while nothing that they stand on has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/bits.h"
#include "guest/testguest.h"
#include "svm/svm.h"

#define AT 0x3ff0ull
#define CODE_PAGE 0x3000ull
#define DATA_PAGE 0x4000ull
#define PML4 0x10000ull
#define PDPT 0x11000ull
#define PD_LOW 0x12000ull
#define PD_APIC 0x13000ull
#define APIC 0xfee00000ull
#define APIC_PDE (PD_APIC + (APIC >> 21 & 511) * 8)
#define PRESENT_WRITE 0x63ull /* accessed and dirty: a walk that marks entries is not remembered */
#define LARGE 0x80ull
#define PF 14
#define UNTOUCHED 99

static const u8 store_tpr[] = {0x89, 0x83, 0x80, 0, 0, 0};	     /* mov %eax, 0x80(%rbx) */
static const u8 store_tpr_imm[] = {0xc7, 0x83, 0x80, 0, 0, 0, 0x50}; /* movl $0x50, 0x80(%rbx) */
static const u8 load_tpr[] = {0x8b, 0x8b, 0x80, 0, 0, 0};	     /* mov 0x80(%rbx), %ecx */

static struct vcpu *vcpu;

static void entry(u64 at, u64 value)
{
	memcpy(guest_ram(at), &value, sizeof(value));
}

/* The lowest 2 MiB and the APIC's are mapped one to one; RBX points to the APIC. */
static void ready(const u8 *code, size_t len)
{
	struct nxt_sregs sregs;

	vcpu = guest_executes(AT, code, len);
	guest_map(CODE_PAGE, NXT_MAP_WRITE);
	guest_map(DATA_PAGE, NXT_MAP_WRITE);
	for (u64 table = PML4; table <= PD_APIC; table += PAGE_SIZE)
		guest_map(table, NXT_MAP_WRITE);
	entry(PML4, PDPT | PRESENT_WRITE);
	entry(PDPT, PD_LOW | PRESENT_WRITE);
	entry(PDPT + 3 * 8, PD_APIC | PRESENT_WRITE);
	entry(PD_LOW, LARGE | PRESENT_WRITE);
	entry(APIC_PDE, APIC | LARGE | PRESENT_WRITE);
	svm_tables.efer = 0x500; /* what this machine has */
	vendor->get_sregs(&vcpu->ctx, &sregs);
	sregs.cs = (struct nxt_segment){.attr = 0xa09b, .limit = ~0u, .selector = 8};
	sregs.ss = sregs.ds = (struct nxt_segment){.attr = 0xc093, .limit = ~0u, .selector = 16};
	sregs.cr0 = 0x80000011;
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;
	sregs.efer = 0x500;
	assert_true(vendor->set_sregs(&vcpu->ctx, &sregs));
	vcpu->ctx.regs.rbx = APIC;
}

static u32 tpr(void)
{
	return lapic_read(&vcpu->lapic, LAPIC_TPR, 0);
}

/* Executes what is at AT. Returns whether the emulator had no part in it. */
static bool again(u64 rax, s64 reason)
{
	vcpu->ctx.regs.rip = AT;
	vcpu->ctx.regs.rax = rax;
	vcpu->emul.nbytes = UNTOUCHED;
	assert_int_equal(vcpu_apic_page(vcpu), reason);
	return vcpu->emul.nbytes == UNTOUCHED;
}

static void a_store_is_had_again(void **state)
{
	(void)state;
	ready(store_tpr, sizeof(store_tpr));
	assert_false(again(0x20, CONTINUE));
	assert_int_equal(tpr(), 0x20);
	vendor->set_shadow(&vcpu->ctx, true);
	vcpu->ctx.regs.rflags |= RFLAGS_RF;
	assert_true(again(0xffffffff00000070, CONTINUE));
	assert_int_equal(tpr(), 0x70);
	assert_int_equal(vcpu->ctx.regs.rip, AT + sizeof(store_tpr));
	assert_int_equal(vcpu->ctx.regs.rflags & RFLAGS_RF, 0);
	assert_int_equal(vendor->get_shadow(&vcpu->ctx), 0);
}

static void an_immediate_is_too(void **state)
{
	(void)state;
	ready(store_tpr_imm, sizeof(store_tpr_imm));
	assert_false(again(0, CONTINUE));
	lapic_cr8_set(&vcpu->lapic, 0);
	assert_true(again(0, CONTINUE));
	assert_int_equal(tpr(), 0x50);
}

static void a_load_is_had_again(void **state)
{
	(void)state;
	ready(load_tpr, sizeof(load_tpr));
	assert_false(again(0, CONTINUE));
	lapic_cr8_set(&vcpu->lapic, 6);
	vcpu->ctx.regs.rcx = ~0ull;
	assert_true(again(0, CONTINUE));
	assert_int_equal(vcpu->ctx.regs.rcx, 0x60);
}

static void a_changed_instruction_is_what_it_is_now(void **state)
{
	(void)state;
	ready(store_tpr, sizeof(store_tpr));
	assert_false(again(0x20, CONTINUE));
	memcpy(guest_ram(AT), load_tpr, sizeof(load_tpr));
	assert_false(again(0x70, CONTINUE));
	assert_int_equal(tpr(), 0x20);
	assert_int_equal(vcpu->ctx.regs.rcx, 0x20);
}

static void another_place_gets_it(void **state)
{
	u32 value;

	(void)state;
	ready(store_tpr, sizeof(store_tpr));
	assert_false(again(0x20, CONTINUE));
	vcpu->ctx.regs.rbx = DATA_PAGE;
	assert_false(again(0x70, CONTINUE));
	assert_int_equal(tpr(), 0x20);
	memcpy(&value, guest_ram(DATA_PAGE + 0x80), sizeof(value));
	assert_int_equal(value, 0x70);
}

static void a_changed_page_table_counts(void **state)
{
	(void)state;
	ready(store_tpr, sizeof(store_tpr));
	assert_false(again(0x20, CONTINUE));
	entry(APIC_PDE, 0);
	assert_false(again(0x70, CONTINUE));
	assert_int_equal(vcpu->event.vector, PF);
	assert_int_equal(tpr(), 0x20);
	/* And that of the instruction's own page: there is nothing to execute. */
	vcpu->event.type = EVENT_NONE;
	entry(APIC_PDE, APIC | LARGE | PRESENT_WRITE);
	entry(PD_LOW, 0);
	assert_false(again(0x70, CONTINUE));
	assert_int_equal(vcpu->event.vector, PF);
	assert_int_equal(tpr(), 0x20);
}

static void a_page_that_was_taken_away_is_not_read(void **state)
{
	(void)state;
	ready(store_tpr, sizeof(store_tpr));
	assert_false(again(0x20, CONTINUE));
	guest_unmap(CODE_PAGE);
	assert_false(again(0x70, NXT_EXIT_RESIDENT));
	assert_int_equal(tpr(), 0x20);
}

static void a_moved_apic_does_not_get_it(void **state)
{
	(void)state;
	ready(store_tpr, sizeof(store_tpr));
	assert_false(again(0x20, CONTINUE));
	assert_int_equal(lapic_base_write(&vcpu->lapic, 0xfed00900, true), 0);
	assert_false(again(0x70, NXT_EXIT_RESIDENT));
	assert_int_equal(tpr(), 0x20);
}

static void a_program_is_not_its_kernel(void **state)
{
	struct nxt_sregs sregs;

	(void)state;
	ready(store_tpr, sizeof(store_tpr));
	assert_false(again(0x20, CONTINUE));
	vendor->get_sregs(&vcpu->ctx, &sregs);
	sregs.cs.attr = 0xa0fb;
	sregs.ss.attr = 0xc0f3;
	assert_true(vendor->set_sregs(&vcpu->ctx, &sregs));
	assert_false(again(0x70, CONTINUE));
	assert_int_equal(vcpu->event.vector, PF);
	assert_int_equal(tpr(), 0x20);
}

static void a_step_is_the_emulators(void **state)
{
	(void)state;
	ready(store_tpr, sizeof(store_tpr));
	assert_false(again(0x20, CONTINUE));
	vcpu->ctx.regs.rflags |= RFLAGS_TF;
	assert_false(again(0x70, CONTINUE));
	assert_int_equal(tpr(), 0x70);
	assert_int_equal(vcpu->event.vector, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, guest_setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_store_is_had_again),
		CASE(an_immediate_is_too),
		CASE(a_load_is_had_again),
		CASE(a_changed_instruction_is_what_it_is_now),
		CASE(another_place_gets_it),
		CASE(a_changed_page_table_counts),
		CASE(a_page_that_was_taken_away_is_not_read),
		CASE(a_moved_apic_does_not_get_it),
		CASE(a_program_is_not_its_kernel),
		CASE(a_step_is_the_emulators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
