/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "pc/agent/control_request.h"

/* What is taken keeps the rules that the rest of nxtopd counts on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request request;
	struct nxt_error error;

	if (control_request_parse((const char *)data, size, &request, &error) < 0)
		return 0;
	if (request.snapshot[0] && !nxt_name_valid(request.snapshot))
		abort();
	if (request.what == CONTROL_START && !request.workspace[0])
		abort();
	return 0;
}
