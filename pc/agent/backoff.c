/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/backoff.h"

#include <stdint.h>
#include <sys/random.h>

int backoff_milliseconds(unsigned failures)
{
	unsigned wait = failures < 9 ? 1000U << failures : 300000;
	uint32_t random = 0;

	if (wait > 300000)
		wait = 300000;
	(void)getrandom(&random, sizeof(random), 0);
	return wait - random % (wait / 2 + 1);
}
