// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>
#include <cmocka.h>

#include "ioapic_logic.h"

/* The local APICs: what came, and how many take what comes. */
static struct {
	u32 count;
	u64 address;
	u32 data;
	int taken;
} sent;

static int send(struct ioapic *io, u64 address, u32 data)
{
	(void)io;
	sent.count++;
	sent.address = address;
	sent.data = data;
	return sent.taken;
}

static struct ioapic fresh(void)
{
	struct ioapic io = {.send = send};

	ioapic_reset(&io);
	memset(&sent, 0, sizeof(sent));
	sent.taken = 1;
	return io;
}

static struct ioapic_written write_reg(struct ioapic *io, u32 index, u32 value)
{
	ioapic_write(io, 0x00, index);
	return ioapic_write(io, 0x10, value);
}

static u32 read_reg(struct ioapic *io, u32 index)
{
	ioapic_write(io, 0x00, index);
	return ioapic_read(io, 0x10);
}

/* What the driver does after a write. */
static void set_entry(struct ioapic *io, u32 pin, u64 entry)
{
	struct ioapic_written written;

	write_reg(io, 0x11 + 2 * pin, entry >> 32);
	written = write_reg(io, 0x10 + 2 * pin, entry);
	if (written.service >= 0)
		ioapic_service(io, written.service);
}

static void eoi(struct ioapic *io, u8 vector)
{
	u32 pins = ioapic_eoi_begin(io, vector), pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (pins & 1u << pin)
			ioapic_eoi_end(io, pin);
}

static void test_registers(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	assert_int_equal(read_reg(&io, 1), 0x170011);
	write_reg(&io, 0, 0xff000000);
	assert_int_equal(read_reg(&io, 0), 0x0f000000);
	assert_int_equal(read_reg(&io, 0x10), 0x10000);
	write_reg(&io, 0x10, 0xffffffff);
	assert_int_equal(read_reg(&io, 0x10), 0x1afff); /* status and remote IRR are read-only */
	write_reg(&io, 0x11, 0xffffffff);
	assert_int_equal(read_reg(&io, 0x11), 0xff000000);
	assert_int_equal(read_reg(&io, 0x40), 0xffffffff);
	write_reg(&io, 0x40, 0);
	write_reg(&io, 0x0f, 0);
	write_reg(&io, 0xff, 0);
	assert_int_equal(ioapic_read(&io, 0x00), 0xff);
	assert_int_equal(ioapic_read(&io, 0x20), 0);
}

static void test_message(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 4, 0x12ull << 56 | IOAPIC_LOGICAL | 1 << 8 | 0x41);
	assert_int_equal(ioapic_set_line(&io, 4, true, false), 1);
	assert_int_equal(sent.address, 0xfee12004);
	assert_int_equal(sent.data, 0xc141);
	set_entry(&io, 5, 0xffull << 56 | IOAPIC_LEVEL | 0x42);
	ioapic_set_line(&io, 5, true, false);
	assert_int_equal(sent.address, 0xfeeff000);
	assert_int_equal(sent.data, 0xc042);
}

static void test_edge(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 1, 0x31);
	assert_int_equal(ioapic_set_line(&io, 1, true, false), 1);
	assert_int_equal(ioapic_set_line(&io, 1, true, false), 0);
	ioapic_set_line(&io, 1, false, false);
	/* No EOI is needed for the next. */
	assert_int_equal(ioapic_set_line(&io, 1, true, false), 1);
	assert_int_equal(sent.count, 2);
	assert_int_equal(ioapic_eoi_begin(&io, 0x32), 0);
	assert_int_equal(ioapic_eoi_begin(&io, 0x31), 1 << 1);
	assert_false(ioapic_eoi_end(&io, 1));
	assert_int_equal(ioapic_eoi_begin(&io, 0x31), 0);
	assert_int_equal(sent.count, 2);
}

static void test_clock_is_coalesced(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, IOAPIC_RTC, 0x38);
	assert_int_equal(ioapic_set_line(&io, IOAPIC_RTC, true, true), 1);
	ioapic_set_line(&io, IOAPIC_RTC, false, true);
	assert_int_equal(ioapic_set_line(&io, IOAPIC_RTC, true, true), 0);
	assert_int_equal(sent.count, 1);
	/* Who does not repeat must not lose it. */
	assert_int_equal(ioapic_set_line(&io, IOAPIC_RTC, true, false), 1);
	ioapic_set_line(&io, IOAPIC_RTC, false, true);
	eoi(&io, 0x38);
	assert_int_equal(ioapic_set_line(&io, IOAPIC_RTC, true, true), 1);
	ioapic_set_line(&io, IOAPIC_RTC, false, true);
	/* No EOI any more, but the guest starts over. */
	set_entry(&io, IOAPIC_RTC, 0x39);
	assert_int_equal(ioapic_set_line(&io, IOAPIC_RTC, true, true), 1);
}

static void test_masked_edge_is_ignored(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	assert_int_equal(ioapic_set_line(&io, 1, true, false), -1);
	set_entry(&io, 1, 0x31);
	assert_int_equal(sent.count, 0);
	ioapic_set_line(&io, 1, false, false);
	ioapic_set_line(&io, 1, true, false);
	assert_int_equal(sent.count, 1);
}

static void test_level(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	assert_int_equal(ioapic_set_line(&io, 10, true, false), 1);
	assert_int_equal(ioapic_set_line(&io, 10, true, false), -1);
	assert_int_equal(read_reg(&io, 0x10 + 20), IOAPIC_LEVEL | IOAPIC_REMOTE_IRR | 0x50);
	eoi(&io, 0x51);
	assert_int_equal(sent.count, 1);
	eoi(&io, 0x50);
	assert_int_equal(sent.count, 2);
	ioapic_set_line(&io, 10, false, false);
	eoi(&io, 0x50);
	assert_int_equal(sent.count, 2);
	assert_int_equal(read_reg(&io, 0x10 + 20), IOAPIC_LEVEL | 0x50);
	ioapic_set_line(&io, 10, true, false);
	assert_int_equal(sent.count, 3);
}

static void test_level_rises_before_eoi(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	ioapic_set_line(&io, 10, true, false);
	ioapic_set_line(&io, 10, false, false);
	ioapic_set_line(&io, 10, true, false);
	assert_int_equal(sent.count, 1);
	eoi(&io, 0x50);
	assert_int_equal(sent.count, 2);
}

static void test_level_unmask(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 10, IOAPIC_LEVEL | IOAPIC_MASKED | 0x50);
	assert_int_equal(ioapic_set_line(&io, 10, true, false), -1);
	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	assert_int_equal(sent.count, 1);
	/* Masked in service, EOI, unmasked: the line is still high. */
	set_entry(&io, 10, IOAPIC_LEVEL | IOAPIC_MASKED | 0x50);
	eoi(&io, 0x50);
	assert_int_equal(sent.count, 1);
	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	assert_int_equal(sent.count, 2);
	/* Masked and unmasked in service: not before EOI. */
	set_entry(&io, 10, IOAPIC_LEVEL | IOAPIC_MASKED | 0x50);
	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	assert_int_equal(sent.count, 2);
	eoi(&io, 0x50);
	assert_int_equal(sent.count, 3);
}

static void test_level_not_taken(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	sent.taken = 0;
	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	assert_int_equal(ioapic_set_line(&io, 10, true, false), 0);
	assert_int_equal(io.entry[10] & IOAPIC_REMOTE_IRR, 0);
	sent.taken = 1;
	assert_int_equal(ioapic_set_line(&io, 10, true, false), 1);
	sent.taken = -5;
	set_entry(&io, 11, IOAPIC_LEVEL | 0x51);
	assert_int_equal(ioapic_set_line(&io, 11, true, false), -1);
	assert_int_equal(io.entry[11] & IOAPIC_REMOTE_IRR, 0);
}

static void test_eoi_after_vector_change(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	ioapic_set_line(&io, 10, true, false);
	set_entry(&io, 10, IOAPIC_LEVEL | 0x60);
	eoi(&io, 0x50);
	assert_int_equal(sent.count, 2);
	assert_int_equal(sent.data & 0xff, 0x60);
}

static void test_eoi_through_edge(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	ioapic_set_line(&io, 10, true, false);
	set_entry(&io, 10, IOAPIC_MASKED | 0x50);
	assert_int_equal(io.entry[10] & IOAPIC_REMOTE_IRR, 0);
	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	assert_int_equal(sent.count, 2);
}

static void test_shared_vector(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	set_entry(&io, 11, IOAPIC_LEVEL | 0x50);
	ioapic_set_line(&io, 10, true, false);
	sent.taken = 0; /* coalesced with the first */
	ioapic_set_line(&io, 11, true, false);
	sent.taken = 1;
	ioapic_set_line(&io, 10, false, false);
	eoi(&io, 0x50);
	assert_int_equal(sent.count, 3);
	assert_true(io.entry[11] & IOAPIC_REMOTE_IRR);
}

static void test_special_delivery(void **state)
{
	(void)state;
	struct ioapic io = fresh();

	set_entry(&io, 0, 7 << 8);
	assert_int_equal(ioapic_set_line(&io, 0, true, false), -1);
	assert_int_equal(sent.count, 0);
	/* NMI is an edge, whatever the entry says. */
	set_entry(&io, 2, IOAPIC_LEVEL | 4 << 8);
	assert_int_equal(ioapic_set_line(&io, 2, true, false), 1);
	assert_int_equal(sent.data, 0x4400);
	assert_int_equal(ioapic_set_line(&io, 2, true, false), 0);
	assert_int_equal(sent.count, 1);
}

static void test_storm(void **state)
{
	(void)state;
	struct ioapic io = fresh();
	u32 i;

	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	ioapic_set_line(&io, 10, true, false);
	for (i = 1; i < IOAPIC_STORM; i++)
		assert_false(ioapic_eoi_end(&io, 10));
	assert_int_equal(sent.count, IOAPIC_STORM);
	assert_true(ioapic_eoi_end(&io, 10));
	assert_int_equal(sent.count, IOAPIC_STORM);
	ioapic_service(&io, 10);
	assert_int_equal(sent.count, IOAPIC_STORM + 1);
	ioapic_service(&io, 10);
	assert_int_equal(sent.count, IOAPIC_STORM + 1);
}

static void test_state(void **state)
{
	(void)state;
	struct ioapic io = fresh();
	struct kvm_ioapic_state saved;

	set_entry(&io, 1, 0x31);
	set_entry(&io, 10, IOAPIC_LEVEL | 0x50);
	ioapic_set_line(&io, 1, true, false);
	ioapic_set_line(&io, 10, true, false);
	ioapic_set_line(&io, 10, false, false);
	ioapic_set_line(&io, 10, true, false);
	ioapic_get_state(&io, &saved);
	assert_int_equal(saved.irr, 1 << 10);

	io = fresh();
	ioapic_set_state(&io, &saved);
	assert_int_equal(sent.count, 0);
	eoi(&io, 0x50);
	assert_int_equal(sent.count, 1);

	memset(&saved, 0xff, sizeof(saved));
	ioapic_set_state(&io, &saved);
	assert_int_equal(io.select, 0xff);
	assert_int_equal(read_reg(&io, 0x10), 0x1afff);
}

/*
 * In any state the rule holds: high, unmasked, level-triggered and not in service means that nobody took it.
 * /
 */
static void test_no_level_is_lost(void **state)
{
	(void)state;
	struct ioapic io = fresh();
	u32 i, pin;

	srand(1);
	for (i = 0; i < 200000; i++) {
		pin = rand() % IOAPIC_PINS;
		switch (rand() % 3) {
		case 0:
			ioapic_set_line(&io, pin, rand() & 1, false);
			break;
		case 1:
			set_entry(&io, pin,
				  (rand() & 3 ? IOAPIC_LEVEL : 0) | (rand() & 1 ? IOAPIC_MASKED : 0) |
					  (0x30 + rand() % 4));
			break;
		case 2:
			eoi(&io, 0x30 + rand() % 4);
			break;
		}
		for (pin = 0; pin < IOAPIC_PINS; pin++)
			if (io.entry[pin] & IOAPIC_LEVEL && io.lines & 1u << pin &&
			    !(io.entry[pin] & IOAPIC_MASKED))
				assert_true(io.entry[pin] & IOAPIC_REMOTE_IRR);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_clock_is_coalesced),
		cmocka_unit_test(test_masked_edge_is_ignored),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_level_rises_before_eoi),
		cmocka_unit_test(test_level_unmask),
		cmocka_unit_test(test_level_not_taken),
		cmocka_unit_test(test_eoi_after_vector_change),
		cmocka_unit_test(test_eoi_through_edge),
		cmocka_unit_test(test_shared_vector),
		cmocka_unit_test(test_special_delivery),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_no_level_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
