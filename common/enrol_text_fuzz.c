/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is what a file or the operator's typing gives. What is accepted can be written, and read again
 * the same.
 */
#include <string.h>

#include "common/cleanup.h"
#include "common/enrol_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *input = strndup((const char *)data, size);
	struct nxt_enrol_text text, again;
	char written[NXT_ENROL_TEXT_SIZE];

	if (nxt_enrol_text_parse(input, &text, NULL) < 0)
		return 0;
	if (nxt_enrol_text_format(&text, written) < 0 || !strstr(input, written) ||
	    nxt_enrol_text_parse(written, &again, NULL) < 0 || memcmp(&text, &again, sizeof(text)) != 0)
		abort();
	return 0;
}
