// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>
#include <cmocka.h>

#include "pic_logic.h"

#define NONSPECIFIC_EOI 0x20

/* As firmware leaves the pair: vectors 0x08 and 0x70, all unmasked. */
static struct pic booted(void)
{
	struct pic pic;
	u32 chip;

	pic_reset(&pic);
	for (chip = 0; chip < 2; chip++) {
		pic_write(&pic, chip, false, 0x11);
		pic_write(&pic, chip, true, chip == PIC_MASTER ? 0x08 : 0x70);
		pic_write(&pic, chip, true, chip == PIC_MASTER ? 0x04 : 0x02);
		pic_write(&pic, chip, true, 0x01);
		pic_write(&pic, chip, true, 0x00);
	}
	pic.acked = 0;
	pic.unmasked = 0;
	return pic;
}

static void pulse(struct pic *pic, u32 line)
{
	pic_set_line(pic, line, true);
	pic_set_line(pic, line, false);
}

static void test_edge_is_latched(void **state)
{
	(void)state;
	struct pic pic = booted();

	assert_false(pic.output);
	assert_int_equal(pic_set_line(&pic, 1, true), 1);
	assert_true(pic.output);
	assert_int_equal(pic_set_line(&pic, 1, false), 1);
	assert_true(pic.output);
	assert_int_equal(pic_set_line(&pic, 1, true), 0);

	assert_int_equal(pic_ack(&pic), 0x09);
	assert_false(pic.output);
	assert_int_equal(pic.acked, 0);
	pic_write(&pic, PIC_MASTER, false, NONSPECIFIC_EOI);
	assert_int_equal(pic.acked, 1 << 1);
	/* The line stayed high all the time: no new edge. */
	assert_false(pic.output);
}

static void test_edge_during_service(void **state)
{
	(void)state;
	struct pic pic = booted();

	pulse(&pic, 0);
	assert_int_equal(pic_ack(&pic), 0x08);
	pulse(&pic, 0);
	assert_false(pic.output);
	pic_write(&pic, PIC_MASTER, false, NONSPECIFIC_EOI);
	assert_true(pic.output);
	assert_int_equal(pic_ack(&pic), 0x08);
}

static void test_masked_edge_waits(void **state)
{
	(void)state;
	struct pic pic = booted();

	pic_write(&pic, PIC_MASTER, true, 0xff);
	assert_int_equal(pic_set_line(&pic, 5, true), -1);
	pic_set_line(&pic, 5, false);
	assert_false(pic.output);
	pic_write(&pic, PIC_MASTER, true, 0xdf);
	assert_int_equal(pic.unmasked, 1 << 5);
	assert_true(pic.output);
	assert_int_equal(pic_ack(&pic), 0x0d);
}

static void test_level_follows_line(void **state)
{
	(void)state;
	struct pic pic = booted();

	pic_elcr_write(&pic, PIC_SLAVE, 0xff);
	assert_int_equal(pic_elcr_read(&pic, PIC_SLAVE), 0xde);
	pic_set_line(&pic, 11, true);
	assert_int_equal(pic_ack(&pic), 0x73);
	assert_false(pic.output);
	pic_write(&pic, PIC_SLAVE, false, NONSPECIFIC_EOI);
	pic_write(&pic, PIC_MASTER, false, NONSPECIFIC_EOI);
	assert_int_equal(pic.acked, 1 << 11 | 1 << PIC_CASCADE);
	assert_true(pic.output);
	pic_set_line(&pic, 11, false);
	assert_false(pic.output);
	/* The processor had begun to acknowledge: spurious, with nothing in service. */
	assert_int_equal(pic_ack(&pic), 0x0f);
	pic_write(&pic, PIC_MASTER, false, 0x0b);
	assert_int_equal(pic_read(&pic, PIC_MASTER, false), 0);
}

static void test_priority_and_nesting(void **state)
{
	(void)state;
	struct pic pic = booted();

	pulse(&pic, 4);
	assert_int_equal(pic_ack(&pic), 0x0c);
	pulse(&pic, 6);
	assert_false(pic.output);
	pulse(&pic, 9); /* through line 2, above 4 */
	assert_true(pic.output);
	assert_int_equal(pic_ack(&pic), 0x71);
	pulse(&pic, 1);
	assert_int_equal(pic_ack(&pic), 0x09);
	/* Non-specific EOIs end them in the order of priority. */
	pic_write(&pic, PIC_MASTER, false, NONSPECIFIC_EOI);
	assert_int_equal(pic.acked, 1 << 1);
	pic_write(&pic, PIC_SLAVE, false, NONSPECIFIC_EOI);
	pic_write(&pic, PIC_MASTER, false, NONSPECIFIC_EOI);
	assert_false(pic.output);
	pic_write(&pic, PIC_MASTER, false, 0x60 | 4);
	assert_int_equal(pic_ack(&pic), 0x0e);
}

static void test_slave_requests_in_a_row(void **state)
{
	(void)state;
	struct pic pic = booted();

	pulse(&pic, 8);
	pulse(&pic, 12);
	assert_int_equal(pic_ack(&pic), 0x70);
	assert_false(pic.output);
	/* The order that Linux uses: the slave first. */
	pic_write(&pic, PIC_SLAVE, false, 0x60);
	assert_false(pic.output);
	pic_write(&pic, PIC_MASTER, false, 0x62);
	assert_true(pic.output);
	assert_int_equal(pic_ack(&pic), 0x74);
}

static void test_special_fully_nested(void **state)
{
	(void)state;
	struct pic pic = booted();

	pic.chip[PIC_MASTER].special_fully_nested_mode = 1;
	pulse(&pic, 12);
	assert_int_equal(pic_ack(&pic), 0x74);
	pulse(&pic, 8);
	assert_true(pic.output);
	assert_int_equal(pic_ack(&pic), 0x70);
}

static void test_special_mask(void **state)
{
	(void)state;
	struct pic pic = booted();

	pulse(&pic, 1);
	assert_int_equal(pic_ack(&pic), 0x09);
	pulse(&pic, 5);
	assert_false(pic.output);
	pic_write(&pic, PIC_MASTER, true, 0x02);
	pic_write(&pic, PIC_MASTER, false, 0x68);
	assert_true(pic.output);
	assert_int_equal(pic_ack(&pic), 0x0d);
	pic_write(&pic, PIC_MASTER, false, NONSPECIFIC_EOI); /* ends 5, not the masked 1 */
	pic_write(&pic, PIC_MASTER, false, 0x0b);
	assert_int_equal(pic_read(&pic, PIC_MASTER, false), 1 << 1);
}

static void test_rotation(void **state)
{
	(void)state;
	struct pic pic = booted();

	pulse(&pic, 0);
	pulse(&pic, 3);
	assert_int_equal(pic_ack(&pic), 0x08);
	pic_write(&pic, PIC_MASTER, false, 0xa0); /* rotate: 0 is the lowest now */
	pulse(&pic, 0);
	assert_int_equal(pic_ack(&pic), 0x0b);
	pic_write(&pic, PIC_MASTER, false, 0x63);
	pic_write(&pic, PIC_MASTER, false, 0xc7); /* 7 is the lowest: as at first */
	pulse(&pic, 3);
	assert_int_equal(pic_ack(&pic), 0x08);
}

static void test_automatic_eoi(void **state)
{
	(void)state;
	struct pic pic = booted();
	u32 chip;

	for (chip = 0; chip < 2; chip++)
		pic.chip[chip].auto_eoi = 1;
	pulse(&pic, 8);
	pulse(&pic, 9);
	assert_int_equal(pic_ack(&pic), 0x70);
	assert_int_equal(pic.acked, 1 << 8 | 1 << PIC_CASCADE);
	/* Nothing is in service, so the next is due at once. */
	assert_true(pic.output);
	assert_int_equal(pic_ack(&pic), 0x71);
	assert_false(pic.output);
}

static void test_poll(void **state)
{
	(void)state;
	struct pic pic = booted();

	pic_write(&pic, PIC_MASTER, false, 0x0c);
	assert_int_equal(pic_read(&pic, PIC_MASTER, false), 0);
	pulse(&pic, 6);
	pic_write(&pic, PIC_MASTER, false, 0x0c);
	assert_int_equal(pic_read(&pic, PIC_MASTER, false), 0x86);
	assert_false(pic.output);
	pic_write(&pic, PIC_MASTER, false, NONSPECIFIC_EOI);
	assert_int_equal(pic.acked, 1 << 6);
}

static void test_reset_acknowledges(void **state)
{
	(void)state;
	struct pic pic = booted();

	pulse(&pic, 0);
	pic_ack(&pic);
	pulse(&pic, 3);
	pic_write(&pic, PIC_MASTER, false, 0x11);
	assert_int_equal(pic.acked, 1 << 0 | 1 << 3);
	assert_false(pic.output);
}

static void test_level_survives_reset(void **state)
{
	(void)state;
	struct pic pic = booted();

	pic_elcr_write(&pic, PIC_MASTER, 1 << 5);
	pic_set_line(&pic, 5, true);
	pic_write(&pic, PIC_MASTER, false, 0x11);
	pic_write(&pic, PIC_MASTER, true, 0x20);
	pic_write(&pic, PIC_MASTER, true, 0x04);
	pic_write(&pic, PIC_MASTER, true, 0x01);
	assert_true(pic.output);
	assert_int_equal(pic_ack(&pic), 0x25);
}

static void test_hostile_state(void **state)
{
	(void)state;
	struct kvm_pic_state bad;
	struct pic pic = booted();
	u32 i;

	memset(&bad, 0xff, sizeof(bad));
	pic_set_state(&pic, PIC_MASTER, &bad);
	pic_set_state(&pic, PIC_SLAVE, &bad);
	assert_int_equal(pic_elcr_read(&pic, PIC_MASTER), 0xf8);
	for (i = 0; i < 1000; i++) {
		pic_ack(&pic);
		pic_set_line(&pic, i & 15, i & 16);
		pic_write(&pic, i & 1, i & 2, i * 37);
		pic_read(&pic, i & 1, i & 4);
	}
}

/* Whatever the guest did before, a controller that it programs anew takes interrupts again. */
static void test_recovers(void **state)
{
	(void)state;
	struct pic pic = booted();
	u32 round, i;

	srand(1);
	for (round = 0; round < 1000; round++) {
		for (i = 0; i < 50; i++) {
			switch (rand() % 4) {
			case 0:
				pic_set_line(&pic, rand() & 15, rand() & 1);
				break;
			case 1:
				pic_write(&pic, rand() & 1, rand() & 1, rand());
				break;
			case 2:
				if (pic.output)
					pic_ack(&pic);
				break;
			case 3:
				pic_elcr_write(&pic, rand() & 1, rand());
				break;
			}
		}
		for (i = 0; i < 16; i++)
			pic_set_line(&pic, i, false);
		for (i = 0; i < 2; i++) {
			pic_elcr_write(&pic, i, 0);
			pic_write(&pic, i, false, 0x11);
			pic_write(&pic, i, true, 0x40 + 8 * i);
			pic_write(&pic, i, true, 0);
			pic_write(&pic, i, true, 0x01);
		}
		assert_false(pic.output);
		pulse(&pic, 14);
		assert_true(pic.output);
		assert_int_equal(pic_ack(&pic), 0x4e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edge_is_latched),
		cmocka_unit_test(test_edge_during_service),
		cmocka_unit_test(test_masked_edge_waits),
		cmocka_unit_test(test_level_follows_line),
		cmocka_unit_test(test_priority_and_nesting),
		cmocka_unit_test(test_slave_requests_in_a_row),
		cmocka_unit_test(test_special_fully_nested),
		cmocka_unit_test(test_special_mask),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_automatic_eoi),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_reset_acknowledges),
		cmocka_unit_test(test_level_survives_reset),
		cmocka_unit_test(test_hostile_state),
		cmocka_unit_test(test_recovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
