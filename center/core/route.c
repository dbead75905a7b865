/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/route.h"

#include <stdlib.h>
#include <string.h>

static bool number_valid(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits <= 15 && !text[digits] && *text != '0';
}

static bool part_valid(const char *kind, const char *text)
{
	if (!strncmp(kind, "{id}", 4))
		return nxt_id_valid(text);
	if (!strncmp(kind, "{name}", 6))
		return nxt_name_valid(text);
	if (!strncmp(kind, "{sha256}", 8))
		return nxt_sha256_valid(text);
	return number_valid(text);
}

static bool matches(const char *pattern, const char *path, char parameters[][NXT_SHA256_HEX])
{
	int n = 0;

	while (*pattern) {
		size_t length;

		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		length = strcspn(path, "/");
		if (length >= NXT_SHA256_HEX || n == REQUEST_PARAMETERS)
			return false;
		memcpy(parameters[n], path, length);
		parameters[n][length] = 0;
		if (!part_valid(pattern, parameters[n++]))
			return false;
		path += length;
		pattern += strcspn(pattern, "}") + 1;
	}
	return !*path;
}

int route_find(struct request *request)
{
	char parameters[REQUEST_PARAMETERS][NXT_SHA256_HEX];
	bool other = false;

	for (const struct route *route = routes; route->method; route++) {
		if (!matches(route->path, request->path, parameters))
			continue;
		if (strcmp(route->method, request->method)) {
			other = true;
			continue;
		}
		request->route = route;
		memcpy(request->parameters, parameters, sizeof(parameters));
		return 0;
	}
	if (other)
		return reply_problem(request, 405, "Method not allowed", "See abi/center.yaml for what is.",
				     "This method is not possible here.");
	return reply_problem(request, 404, "Not found", "See abi/center.yaml for what there is.",
			     "There is nothing at this address.");
}

int64_t route_number(struct request *request, int parameter)
{
	return strtoll(request->parameters[parameter], NULL, 10);
}
