/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is the body of an answer. What comes out can be shown and sent on. */
#include <string.h>

#include "common/cleanup.h"
#include "common/problem.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct nxt_problem problem, again;
	_cleanup_free_ char *text = NULL;
	size_t text_size;

	nxt_problem_parse(400, data, size, &problem);
	if (problem.title[0] == '\0' || nxt_problem_build(&problem, &text, &text_size) < 0)
		abort();
	nxt_problem_parse(400, text, text_size, &again);
	if (memcmp(&problem, &again, sizeof(problem)) != 0)
		abort();
	return 0;
}
