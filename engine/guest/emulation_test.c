/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An instruction that Engine does not know: who hears of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/testguest.h"

static struct vcpu *at_cpl(u8 cpl)
{
	struct vcpu *vcpu = guest_vcpu(0);
	struct nxt_sregs sregs;

	vendor->get_sregs(&vcpu->ctx, &sregs);
	sregs.cr0 |= 1; /* protected mode: only there is a CPL */
	sregs.ss.attr = 0x93 | cpl << 5;
	assert_true(vendor->set_sregs(&vcpu->ctx, &sregs));
	return vcpu;
}

static void a_kernels_ends_in_user_space(void **state)
{
	struct vcpu *vcpu = at_cpl(0);

	(void)state;
	assert_int_equal(vcpu_emulation_failed(vcpu, 0xa0000), NXT_EXIT_EMULATION);
	assert_int_equal(guest_run_page(0)->emulation.gpa, 0xa0000);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
}

static void a_programs_is_its_own_affair(void **state)
{
	struct vcpu *vcpu = at_cpl(3);

	(void)state;
	assert_int_equal(vcpu_emulation_failed(vcpu, 0xa0000), CONTINUE);
	assert_int_equal(vcpu->event.type, EVENT_EXCEPTION);
	assert_int_equal(vcpu->event.vector, VECTOR_UD);
	assert_false(vcpu->event.has_error);
}

static void unless_user_space_asked(void **state)
{
	struct vcpu *vcpu = at_cpl(3);

	(void)state;
	vcpu->tells_all = true;
	assert_int_equal(vcpu_emulation_failed(vcpu, 0xa0000), NXT_EXIT_EMULATION);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_kernels_ends_in_user_space, guest_setup, guest_teardown),
		cmocka_unit_test_setup_teardown(a_programs_is_its_own_affair, guest_setup, guest_teardown),
		cmocka_unit_test_setup_teardown(unless_user_space_asked, guest_setup, guest_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
