/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/control_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"

#define LOG_LINES 50
#define LOG_LINES_MAX 1000

enum member {
	WORKSPACE = 1 << 0,
	SNAPSHOT = 1 << 1,
	SNAPSHOT_NEEDED = 1 << 2,
	TEXT = 1 << 3,
	LINES = 1 << 4,
};

static const struct {
	const char *word;
	unsigned members;
} words[] = {
	[CONTROL_STATUS] = {"status", 0},
	[CONTROL_START] = {"start", WORKSPACE},
	[CONTROL_STOP] = {"stop", WORKSPACE},
	[CONTROL_RESTART] = {"restart", WORKSPACE},
	[CONTROL_SNAPSHOT] = {"snapshot", WORKSPACE | SNAPSHOT},
	[CONTROL_REVERT] = {"revert", WORKSPACE | SNAPSHOT},
	[CONTROL_FORGET] = {"forget", WORKSPACE | SNAPSHOT | SNAPSHOT_NEEDED},
	[CONTROL_ERASE] = {"erase", WORKSPACE},
	[CONTROL_LOG] = {"log", LINES},
	[CONTROL_ENROL] = {"enrol", TEXT},
};

static int find_word(json_t *request, enum control_do *ret, struct nxt_error *error)
{
	const char *text = json_string_value(json_object_get(request, "do"));

	for (size_t i = 0; text && i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, text))
			continue;
		*ret = i;
		return 0;
	}
	return nxt_fail(error, -EBADMSG,
			"the request does not say what to do, or something that this nxtopd does not know");
}

/* A text that fits; an empty one only if it may be missing. */
static int get_text(json_t *request, const char *name, bool needed, char *ret, size_t size,
		    struct nxt_error *error)
{
	json_t *value = json_object_get(request, name);
	const char *text = json_string_value(value);

	ret[0] = 0;
	if (!value && !needed)
		return 0;
	if (!text || (needed && !text[0]))
		return nxt_fail(error, -EBADMSG, "the request has no text \"%s\"", name);
	if (strlen(text) >= size)
		return nxt_fail(error, -E2BIG, "\"%s\" is longer than %zu bytes", name, size - 1);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int check_members(json_t *request, unsigned allowed, struct nxt_error *error)
{
	const char *name;
	json_t *value;

	json_object_foreach(request, name, value)
	{
		if (strcmp(name, "do") && !(allowed & WORKSPACE && !strcmp(name, "workspace")) &&
		    !(allowed & SNAPSHOT && !strcmp(name, "snapshot")) &&
		    !(allowed & TEXT && !strcmp(name, "text")) &&
		    !(allowed & LINES && !strcmp(name, "lines")))
			return nxt_fail(error, -EBADMSG,
					"the request has a member that means nothing here: %.40s", name);
	}
	return 0;
}

int control_request_parse(const char *line, size_t size, struct control_request *ret, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *request = NULL;
	struct control_request parsed = {.lines = LOG_LINES};
	json_t *lines;
	unsigned members;
	int r;

	if (size > CONTROL_LINE_MAX)
		return nxt_fail(error, -E2BIG, "the request has more than %d bytes", CONTROL_LINE_MAX);
	r = nxt_json_load(line, size, &request, error);
	if (r < 0)
		return r;
	r = find_word(request, &parsed.what, error);
	if (r < 0)
		return r;
	members = words[parsed.what].members;
	r = check_members(request, members, error);
	if (r < 0)
		return r;
	r = get_text(request, "workspace", members & WORKSPACE, parsed.workspace, sizeof(parsed.workspace),
		     error);
	if (r < 0)
		return r;
	r = get_text(request, "snapshot", members & SNAPSHOT_NEEDED, parsed.snapshot, sizeof(parsed.snapshot),
		     error);
	if (r < 0)
		return r;
	if (parsed.snapshot[0] && !nxt_name_valid(parsed.snapshot))
		return nxt_fail(error, -EBADMSG,
				"a snapshot's name has up to 63 lower-case letters, digits and hyphens, and "
				"no hyphen first");
	r = get_text(request, "text", members & TEXT, parsed.text, sizeof(parsed.text), error);
	if (r < 0)
		return r;
	lines = json_object_get(request, "lines");
	if (lines && (!json_is_integer(lines) || json_integer_value(lines) < 1 ||
		      json_integer_value(lines) > LOG_LINES_MAX))
		return nxt_fail(error, -EBADMSG, "\"lines\" is no number from 1 to %d", LOG_LINES_MAX);
	if (lines)
		parsed.lines = json_integer_value(lines);
	*ret = parsed;
	return 0;
}
