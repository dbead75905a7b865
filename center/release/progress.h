/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_PROGRESS_H
#define NXT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How far long work is, on standard error: a line that changes on a terminal, else a line every ten
 * seconds.
 */
struct progress {
	const char *what;
	uint64_t total; /* bytes */
	double began, told;
	bool terminal;
};

void progress_begin(struct progress *progress, const char *what, uint64_t total);
void progress_tell(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress);

#endif
