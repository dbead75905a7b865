/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/json.h"

#include <errno.h>

/* The deepest that objects and arrays are nested; of bytes that are no JSON, a number that means nothing. */
static bool nested_too_deep(const char *text, size_t size)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < size; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > NXT_JSON_DEPTH)
				return true;
		} else if (text[i] == '}' || text[i] == ']') {
			depth--;
		}
	}
	return false;
}

int nxt_json_load(const void *bytes, size_t size, json_t **ret, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *json = NULL;
	json_error_t why;

	if (nested_too_deep(bytes, size))
		return nxt_fail(error, -E2BIG, "JSON is nested deeper than %d", NXT_JSON_DEPTH);
	json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
	if (!json && json_error_code(&why) == json_error_out_of_memory)
		return -ENOMEM;
	if (!json)
		return nxt_fail(error, -EBADMSG, "no JSON at line %d, column %d: %s", why.line, why.column,
				why.text);
	if (!json_is_object(json))
		return nxt_fail(error, -EBADMSG, "no JSON object");
	*ret = TAKE_PTR(json);
	return 0;
}
