/* SPDX-License-Identifier: GPL-2.0-or-later */
/* String I/O where no memory is, or none to write: it ends, whatever the guest asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/testguest.h"

#define CODE 0x3000ull
#define ROM 0x4000ull
#define NOWHERE 0x5000ull

enum { INSB = 0x6c, OUTSB = 0x6e };

/* In real mode at one of the two, with its operand there. */
static struct vcpu *ready(u8 opcode, u64 operand)
{
	struct vcpu *vcpu = guest_executes(CODE, &opcode, sizeof(opcode));

	vcpu->ctx.regs.rsi = vcpu->ctx.regs.rdi = operand;
	guest_map(CODE, NXT_MAP_WRITE);
	guest_map(ROM, 0);
	return vcpu;
}

static s64 start(struct vcpu *vcpu, bool in)
{
	const struct exit exit = {.kind = EXIT_IO, .io = {.port = 0x60, .size = 1, .in = in, .string = true}};

	return vcpu_pio(vcpu, &exit);
}

static void into_rom(void **state)
{
	struct vcpu *vcpu = ready(INSB, ROM);

	(void)state;
	assert_int_equal(start(vcpu, true), NXT_EXIT_PIO);
	assert_int_equal(vcpu_pio_finish(vcpu, 0), NXT_EXIT_RESIDENT);
	assert_int_equal(guest_run_page(0)->npf.gpa, ROM);
	assert_int_equal(vcpu_pio_finish(vcpu, NXT_RUN_UNBACKED), NXT_EXIT_EMULATION);
	assert_int_equal(vcpu->ctx.regs.rip, CODE);
	/* The answer counts for that instruction only: memory may be there the next time. */
	assert_int_equal(start(vcpu, true), NXT_EXIT_PIO);
	assert_int_equal(vcpu_pio_finish(vcpu, 0), NXT_EXIT_RESIDENT);
}

static void from_nowhere(void **state)
{
	struct vcpu *vcpu = ready(OUTSB, NOWHERE);

	(void)state;
	assert_int_equal(start(vcpu, false), NXT_EXIT_RESIDENT);
	assert_int_equal(guest_run_page(0)->npf.gpa, NOWHERE);
	assert_int_equal(vcpu_pio_finish(vcpu, NXT_RUN_UNBACKED), NXT_EXIT_EMULATION);
	assert_int_equal(start(vcpu, false), NXT_EXIT_RESIDENT);
	guest_map(NOWHERE, NXT_MAP_WRITE);
	assert_int_equal(vcpu_pio_finish(vcpu, 0), NXT_EXIT_PIO);
	assert_int_equal(vcpu_pio_finish(vcpu, 0), CONTINUE);
	assert_int_equal(vcpu->ctx.regs.rip, CODE + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(into_rom, guest_setup, guest_teardown),
		cmocka_unit_test_setup_teardown(from_nowhere, guest_setup, guest_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
