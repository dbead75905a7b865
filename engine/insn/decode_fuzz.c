/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decodes any bytes in all modes: no byte outside is read (ASan), and what comes out is in range. */
#include <stdlib.h>
#include <string.h>

#include "abi/hypercall.h"
#include "insn/decode.h"

static void check(const struct insn *in, size_t n)
{
	if (in->len == 0 || in->len > INSN_MAX_LEN || in->len > n)
		abort();
	if (in->op_size != 2 && in->op_size != 4 && in->op_size != 8)
		abort();
	if (in->addr_size != 2 && in->addr_size != 4 && in->addr_size != 8)
		abort();
	if (in->reg > 15 || in->rm > 15 || in->mod > 3 || in->vex_v > 15 || in->vex_l > 3 ||
	    in->seg >= INSN_SEGS)
		abort();
	if (in->base > 15 && in->base != INSN_REG_NONE && in->base != INSN_REG_RIP)
		abort();
	if (in->index > 15 && in->index != INSN_REG_NONE)
		abort();
	if (in->mode != INSN_MODE_64 && (in->reg > 7 || in->rm > 7 || in->base == INSN_REG_RIP))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum insn_mode modes[] = {INSN_MODE_16, INSN_MODE_32, INSN_MODE_64};

	for (u32 m = 0; m < ARRAY_SIZE(modes); m++) {
		struct insn in, shorter;
		int rc = insn_decode(&in, data, size, modes[m]);

		if (rc == 0) {
			check(&in, size);
			/* The bytes after it do not matter, and none of its own is spare. */
			if (insn_decode(&shorter, data, in.len, modes[m]) ||
			    memcmp(&in, &shorter, sizeof(in)))
				abort();
			if (insn_decode(&shorter, data, in.len - 1, modes[m]) != -NXT_EAGAIN)
				abort();
		} else if (rc == -NXT_EAGAIN ? size >= INSN_MAX_LEN : rc != -NXT_EINVAL && rc != -NXT_E2BIG) {
			abort();
		}
	}
	return 0;
}
