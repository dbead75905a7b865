/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random operations against the model. Arguments: the number of operations (default one million) and the
 * seed, which a failing run has printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem/model.h"

#define OPS_PER_MACHINE 20000
#define OPS_PER_CHECK 250

static u64 operations = 1000000;
static u64 seed;

/* xorshift64*: good enough, and the same everywhere. */
static u64 random_u64(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dULL;
}

static void test_random(void **state)
{
	u64 i;

	(void)state;
	for (i = 0; i < operations; i++) {
		u64 bytes = random_u64();
		u8 op[MODEL_OP_BYTES];

		if (i % OPS_PER_MACHINE == 0) {
			if (i)
				model_finish();
			model_start(i / OPS_PER_MACHINE & 1);
		}
		memcpy(op, &bytes, sizeof(op));
		model_op(op);
		if (i % OPS_PER_CHECK == 0)
			model_check();
	}
	model_finish();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

	if (argc > 1)
		operations = strtoull(argv[1], NULL, 0);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL) << 16 | 1;
	fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
