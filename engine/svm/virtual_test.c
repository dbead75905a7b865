/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "svm/svm.h"
#include "cpu/bits.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define INTR(vector) (EVENT_VALID | EVENT_TYPE_INTR << EVENT_TYPE_SHIFT | (vector))
#define EXCEPTION(vector) (EVENT_VALID | EVENT_TYPE_EXCEPTION << EVENT_TYPE_SHIFT | (vector))
#define TPR 5

static struct vmcb vmcb;
static struct context ctx = {.hw = &vmcb};

/* A guest that can take interrupts, with one on its way in. */
static void ready(u8 vector)
{
	vmcb = (struct vmcb){.event_inj = INTR(vector),
			     .rflags = RFLAGS_IF,
			     .int_ctl = INT_CTL_INTR_MASKING | TPR};
}

static void an_interrupt_becomes_virtual(void **state)
{
	(void)state;
	ready(0xec);
	assert_true(svm_make_virtual(&vmcb));
	assert_int_equal(vmcb.event_inj, 0);
	assert_int_equal(vmcb.int_ctl, INT_CTL_INTR_MASKING | INT_CTL_IRQ | INT_CTL_PRIO | INT_CTL_IGN_TPR |
					       TPR | 0xecULL << INT_CTL_VECTOR_SHIFT);
}

static void nothing_else_does(void **state)
{
	(void)state;
	ready(0xec);
	vmcb.event_inj = EXCEPTION(14);
	assert_false(svm_make_virtual(&vmcb));
	ready(0xec);
	vmcb.event_inj &= ~EVENT_VALID;
	assert_false(svm_make_virtual(&vmcb));
	/* It goes in whatever the guest's state, as the control domain asked. */
	ready(0xec);
	vmcb.rflags = 0;
	assert_false(svm_make_virtual(&vmcb));
	ready(0xec);
	vmcb.int_state = INT_STATE_SHADOW;
	assert_false(svm_make_virtual(&vmcb));
	/* V_IRQ serves the window for the next one. */
	ready(0xec);
	svm_want_window(&ctx, TPR + 1);
	assert_false(svm_make_virtual(&vmcb));
	assert_int_equal(vmcb.event_inj, INTR(0xec));
}

static void a_window_that_the_tpr_closes_waits_for_cr8(void **state)
{
	(void)state;
	ready(0x31);
	for (u32 priority = TPR - 1; priority <= 16; priority++) {
		svm_want_window(&ctx, priority);
		assert_int_equal(vmcb.intercept_cr, INTERCEPT_CR8_WRITE);
		assert_int_equal(!!(vmcb.int_ctl & INT_CTL_IRQ), priority > TPR);
	}
	svm_want_window(&ctx, 0);
	assert_int_equal(vmcb.intercept_cr, 0);
	assert_false(vmcb.int_ctl & INT_CTL_IRQ);
}

static void taken_it_is_over(void **state)
{
	struct event event;

	(void)state;
	ready(0x31);
	assert_true(svm_make_virtual(&vmcb));
	vmcb.int_ctl &= ~INT_CTL_IRQ; /* by the processor */
	svm_end_virtual(&vmcb);
	assert_int_equal(vmcb.int_ctl, INT_CTL_INTR_MASKING | TPR);
	assert_false(svm_pending(&ctx, &event));
}

static void not_taken_it_is_pending(void **state)
{
	struct event event;

	(void)state;
	ready(0x31);
	assert_true(svm_make_virtual(&vmcb));
	svm_end_virtual(&vmcb);
	assert_int_equal(vmcb.int_ctl, INT_CTL_INTR_MASKING | TPR);
	assert_true(svm_pending(&ctx, &event));
	assert_int_equal(event.type, EVENT_INTR);
	assert_int_equal(event.vector, 0x31);
	assert_false(event.has_error);
	assert_false(svm_pending(&ctx, &event));
}

static void interrupted_on_its_way_in_it_is_pending_once(void **state)
{
	struct event event;

	(void)state;
	ready(0x31);
	assert_true(svm_make_virtual(&vmcb));
	vmcb.exit_int_info = EXCEPTION(0x31); /* emulation: V_IRQ is still set, and the type is wrong */
	svm_end_virtual(&vmcb);
	assert_true(svm_pending(&ctx, &event));
	assert_int_equal(event.type, EVENT_INTR);
	assert_int_equal(event.vector, 0x31);
	assert_false(svm_pending(&ctx, &event));
	assert_int_equal(vmcb.int_ctl, INT_CTL_INTR_MASKING | TPR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interrupt_becomes_virtual),
		cmocka_unit_test(nothing_else_does),
		cmocka_unit_test(a_window_that_the_tpr_closes_waits_for_cr8),
		cmocka_unit_test(taken_it_is_over),
		cmocka_unit_test(not_taken_it_is_pending),
		cmocka_unit_test(interrupted_on_its_way_in_it_is_pending_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
