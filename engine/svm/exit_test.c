/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SVM's exit codes into words: every code there is, with what the processor says beside it. */
#include "svm/svm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct exit decode(struct vmcb vmcb)
{
	struct exit exit;

	__builtin_memset(&exit, 0xa5, sizeof(exit));
	svm_decode_exit(&vmcb, &exit);
	return exit;
}

static void test_plain(void **state)
{
	static const struct {
		u64 code;
		enum exit_kind kind;
	} known[] = {
		{0x018, EXIT_CR8},	   {0x060, EXIT_INTR},	    {0x061, EXIT_NMI},
		{0x064, EXIT_IRQ_WINDOW},  {0x06f, EXIT_RDPMC},	    {0x072, EXIT_CPUID},
		{0x073, EXIT_RSM},	   {0x074, EXIT_IRET},	    {0x076, EXIT_CACHE},
		{0x077, EXIT_PAUSE},	   {0x078, EXIT_HLT},	    {0x07a, EXIT_UNDEFINED},
		{0x07d, EXIT_TASK_SWITCH}, {0x07f, EXIT_SHUTDOWN},  {0x080, EXIT_UNDEFINED},
		{0x081, EXIT_HYPERCALL},   {0x082, EXIT_UNDEFINED}, {0x083, EXIT_UNDEFINED},
		{0x084, EXIT_UNDEFINED},   {0x085, EXIT_UNDEFINED}, {0x086, EXIT_UNDEFINED},
		{0x089, EXIT_CACHE},	   {0x08a, EXIT_UNDEFINED}, {0x08b, EXIT_UNDEFINED},
		{0x08d, EXIT_XSETBV},	   {0x08e, EXIT_UNDEFINED},
	};
	/* Those that carry more, of the tests below. */
	static const struct {
		u64 first, last;
	} others[] = {{0x020, 0x03f}, {0x040, 0x05f}, {0x07b, 0x07c}, {0x400, 0x400}};
	size_t at = 0;

	(void)state;
	for (u64 code = 0; code < 0x1000; code++) {
		struct exit exit = decode((struct vmcb){.exit_code = code});
		bool other = false;

		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			other |= code >= others[i].first && code <= others[i].last;
		if (other)
			continue;
		if (at < ARRAY_SIZE(known) && known[at].code == code) {
			assert_int_equal(exit.kind, known[at++].kind);
		} else {
			assert_int_equal(exit.kind, EXIT_UNKNOWN);
			assert_int_equal(exit.code, code);
		}
		assert_int_equal(exit.insn_len, 0);
	}
	assert_int_equal(at, ARRAY_SIZE(known));
	assert_int_equal(decode((struct vmcb){.exit_code = ~0ULL}).kind, EXIT_INVALID);
	/* The code has 64 bits. */
	assert_int_equal(decode((struct vmcb){.exit_code = BIT(32) | 0x60}).kind, EXIT_UNKNOWN);
}

static void test_msr_and_dr(void **state)
{
	(void)state;
	assert_int_equal(decode((struct vmcb){.exit_code = VMEXIT_MSR}).kind, EXIT_MSR);
	assert_false(decode((struct vmcb){.exit_code = VMEXIT_MSR}).msr.write);
	assert_true(decode((struct vmcb){.exit_code = VMEXIT_MSR, .exit_info1 = 1}).msr.write);
	for (u64 code = 0x20; code < 0x40; code++)
		assert_int_equal(decode((struct vmcb){.exit_code = code}).kind, EXIT_DR);
}

/* APM vol. 2, 15.25.6. */
static void test_nested_page_fault(void **state)
{
	struct exit exit = decode(
		(struct vmcb){.exit_code = 0x400, .exit_info1 = BIT(1) | BIT(2), .exit_info2 = 0x12345678});

	(void)state;
	assert_int_equal(exit.kind, EXIT_NPF);
	assert_int_equal(exit.npf.gpa, 0x12345678);
	assert_true(exit.npf.write);
	assert_false(exit.npf.fetch || exit.npf.present || exit.npf.walk);
	exit = decode((struct vmcb){.exit_code = 0x400, .exit_info1 = BIT(0) | BIT(4) | BIT(33)});
	assert_true(exit.npf.present && exit.npf.fetch && exit.npf.walk);
	assert_false(exit.npf.write);
	exit = decode((struct vmcb){.exit_code = 0x400, .exit_info1 = BIT(32)});
	assert_false(exit.npf.present || exit.npf.fetch || exit.npf.walk || exit.npf.write);
}

/* APM vol. 2, 15.10.2. */
static void test_io(void **state)
{
	struct vmcb vmcb = {.exit_code = 0x7b, .rip = 0x1000, .exit_info2 = 0x1002};
	struct exit exit;

	(void)state;
	vmcb.exit_info1 = 0x3f8ULL << 16 | BIT(4) | BIT(0);
	exit = decode(vmcb);
	assert_int_equal(exit.kind, EXIT_IO);
	assert_int_equal(exit.io.port, 0x3f8);
	assert_int_equal(exit.io.size, 1);
	assert_true(exit.io.in);
	assert_false(exit.io.string || exit.io.rep);
	assert_int_equal(exit.insn_len, 2);
	vmcb.exit_info1 = 0xffffULL << 16 | BIT(6) | BIT(3) | BIT(2);
	exit = decode(vmcb);
	assert_int_equal(exit.io.port, 0xffff);
	assert_int_equal(exit.io.size, 4);
	assert_true(exit.io.string && exit.io.rep);
	assert_false(exit.io.in);
	vmcb.exit_info1 = BIT(5);
	assert_int_equal(decode(vmcb).io.size, 2);
}

/* Of those that push an error code (APM vol. 2, 8.2), those that Engine asks for, and their neighbours. */
static void test_exceptions(void **state)
{
	(void)state;
	for (u64 vector = 0; vector < 32; vector++) {
		struct exit exit = decode((struct vmcb){.exit_code = 0x40 + vector,
							.exit_info1 = 0x77,
							.exit_info2 = 0xdead000,
							.dr6 = 0xffff4ff0});
		bool error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;

		assert_int_equal(exit.kind, EXIT_EXCEPTION);
		assert_int_equal(exit.exception.vector, vector);
		assert_int_equal(exit.exception.has_error, error);
		assert_int_equal(exit.exception.error, error ? 0x77 : 0);
		assert_int_equal(exit.exception.address, vector == 14 ? 0xdead000 : 0);
		assert_int_equal(exit.exception.dr6, 0xffff4ff0);
	}
}

/* Believed only where the processor has it, and where it can be an instruction's length. */
static void test_length(void **state)
{
	struct vmcb vmcb = {.exit_code = VMEXIT_CPUID, .rip = 0x1000, .next_rip = 0x1002};

	(void)state;
	svm_tables.has_nrips = false;
	assert_int_equal(decode(vmcb).insn_len, 0);
	svm_tables.has_nrips = true;
	assert_int_equal(decode(vmcb).insn_len, 2);
	vmcb.next_rip = 0x100f;
	assert_int_equal(decode(vmcb).insn_len, 15);
	vmcb.next_rip = 0x1010;
	assert_int_equal(decode(vmcb).insn_len, 0);
	vmcb.next_rip = 0x1000;
	assert_int_equal(decode(vmcb).insn_len, 0);
	vmcb.next_rip = 0;
	assert_int_equal(decode(vmcb).insn_len, 0);
	svm_tables.has_nrips = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_msr_and_dr),
		cmocka_unit_test(test_nested_page_fault),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
