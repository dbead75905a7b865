// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the time is, for a benchmark of the whole machine: prints the TSC, the nanoseconds of CLOCK_MONOTONIC,
 * and the nanoseconds that all CPUs have been idle since the kernel started. With -icount
 * shift=0,sleep=off each instruction adds one to all three, and idle time passes without any: busy is a
 * difference, less idle time.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

/* The exact figure is only in the list of timers; /proc/stat has it in hundredths of a second. */
static unsigned long long idle_ns(void)
{
	FILE *file = fopen("/proc/timer_list", "r");
	unsigned long long sum = 0, ns;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " .idle_sleeptime : %llu", &ns) == 1 ||
		    sscanf(line, " .iowait_sleeptime : %llu", &ns) == 1)
			sum += ns;
	fclose(file);
	return sum;
}

int main(void)
{
	unsigned long long idle = idle_ns();
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%llu %llu %llu\n", (unsigned long long)__rdtsc(),
	       (unsigned long long)now.tv_sec * 1000000000ull + (unsigned long long)now.tv_nsec, idle);
	return 0;
}
