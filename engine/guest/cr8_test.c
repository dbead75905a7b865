/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A write of CR8 that exits: carried out, or left to the guest if it has become something else meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/bits.h"
#include "guest/testguest.h"

#define AT 0x3ffeull /* the last two bytes of a page */
#define PAGE_A 0x3000ull
#define PAGE_B 0x4000ull

/* In real mode, with a value in EAX: the form of CR8 that needs no REX. */
static const u8 mov_cr8_eax[] = {0xf0, 0x0f, 0x22, 0xc0};

static struct vcpu *vcpu;

static void ready(const void *code, size_t len, u64 rax)
{
	vcpu = guest_executes(AT, code, len);
	vcpu->ctx.regs.rax = rax;
	guest_map(PAGE_A, NXT_MAP_WRITE);
	guest_map(PAGE_B, NXT_MAP_WRITE);
	lapic_cr8_set(&vcpu->lapic, 9);
}

static void is_left_to_the_guest(void)
{
	assert_int_equal(vcpu_write_cr8(vcpu), CONTINUE);
	assert_int_equal(lapic_cr8_get(&vcpu->lapic), 9);
	assert_int_equal(vcpu->ctx.regs.rip, AT);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
}

static void test_written(void **state)
{
	(void)state;
	ready(mov_cr8_eax, sizeof(mov_cr8_eax), 0xffffffff00000003);
	vendor->set_shadow(&vcpu->ctx, true);
	assert_int_equal(vcpu_write_cr8(vcpu), CONTINUE);
	assert_int_equal(lapic_cr8_get(&vcpu->lapic), 3);
	assert_int_equal(vcpu->ctx.regs.rip, AT + sizeof(mov_cr8_eax));
	assert_int_equal(vendor->get_shadow(&vcpu->ctx), 0);
}

static void test_stepped(void **state)
{
	(void)state;
	ready(mov_cr8_eax, sizeof(mov_cr8_eax), 0);
	vcpu->ctx.regs.rflags |= RFLAGS_TF;
	assert_int_equal(vcpu_write_cr8(vcpu), CONTINUE);
	assert_int_equal(vcpu->event.type, EVENT_EXCEPTION);
	assert_int_equal(vcpu->event.vector, 1);
}

static void test_too_large(void **state)
{
	(void)state;
	ready(mov_cr8_eax, sizeof(mov_cr8_eax), 0x10);
	assert_int_equal(vcpu_write_cr8(vcpu), CONTINUE);
	assert_int_equal(vcpu->event.vector, VECTOR_GP);
	assert_int_equal(vcpu->event.error, 0);
	assert_int_equal(lapic_cr8_get(&vcpu->lapic), 9);
	assert_int_equal(vcpu->ctx.regs.rip, AT);
}

static void test_changed_meanwhile(void **state)
{
	static const u8 mov_cr0_eax[] = {0x0f, 0x22, 0xc0};
	static const u8 nop[] = {0x90};

	(void)state;
	ready(mov_cr0_eax, sizeof(mov_cr0_eax), 0);
	is_left_to_the_guest();
	memcpy(guest_ram(AT), nop, sizeof(nop));
	is_left_to_the_guest();
	memset(guest_ram(AT), 0xf0, 16); /* longer than an instruction can be */
	is_left_to_the_guest();
}

static void test_page_is_gone(void **state)
{
	(void)state;
	ready(mov_cr8_eax, sizeof(mov_cr8_eax), 0);
	guest_unmap(PAGE_B);
	is_left_to_the_guest();
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, guest_setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_written),	      CASE(test_stepped),      CASE(test_too_large),
		CASE(test_changed_meanwhile), CASE(test_page_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
