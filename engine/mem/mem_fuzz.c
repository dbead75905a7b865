/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The input is a list of operations on the model's machine; the first byte chooses the identity map's format.
 */
#include "mem/model.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	size_t at;

	model_start(size > 0 && (data[0] & 1));
	for (at = 1; at + MODEL_OP_BYTES <= size; at += MODEL_OP_BYTES)
		model_op(data + at);
	model_finish();
	return 0;
}
