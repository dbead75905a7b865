/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/release/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_begin(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){.what = what, .total = total, .terminal = isatty(STDERR_FILENO)};
	progress->began = progress->told = now();
}

void progress_tell(struct progress *progress, uint64_t done)
{
	double t = now();

	if (t - progress->told < (progress->terminal ? 0.5 : 10))
		return;
	progress->told = t;
	fprintf(stderr, "%s%s: %3.0f %%, %.0f MB/s%s", progress->terminal ? "\r" : "", progress->what,
		100.0 * (double)done / (double)progress->total, (double)done / 1e6 / (t - progress->began),
		progress->terminal ? "   " : "\n");
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->terminal)
		fputs("\r\033[K", stderr);
}
