/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first byte chooses the type; the rest is a payload. What is accepted can be written, and read again
 * the same.
 */
#include <string.h>

#include "common/cleanup.h"
#include "common/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nxt_document document, again;
	_cleanup_free_ char *payload = NULL;
	struct nxt_error error = {.text = ""};
	size_t payload_size;
	int r;

	if (size == 0)
		return 0;
	r = nxt_document_parse(data[0] % NXT_TYPES, data + 1, size - 1, &document, &error);
	if (r < 0)
		return error.text[0] != '\0' ? 0 : (abort(), 0);
	if (nxt_document_build(&document, &payload, &payload_size, NULL) < 0 ||
	    nxt_document_parse(document.type, payload, payload_size, &again, NULL) < 0 ||
	    memcmp(&document, &again, sizeof(document)) != 0)
		abort();
	return 0;
}
