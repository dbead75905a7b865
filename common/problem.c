/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/problem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"

/* What an error of ours can have at most, with room to spare. */
#define BODY_MAX 65536

int nxt_problem_build(const struct nxt_problem *problem, char **ret, size_t *ret_size)
{
	_cleanup_(nxt_json_unrefp) json_t *object = json_object();
	const struct {
		const char *name, *text;
	} members[] = {{"title", problem->title}, {"detail", problem->detail}, {"hint", problem->hint}};
	char *text;

	if (json_object_set_new(object, "status", json_integer(problem->status)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_t *string;

		if (members[i].text[0] == '\0')
			continue;
		/* Not UTF-8, perhaps because it was cut: better no text than no answer. */
		string = json_string(members[i].text);
		if (string && json_object_set_new(object, members[i].name, string) < 0)
			return -ENOMEM;
	}
	text = json_dumps(object, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	*ret = text;
	*ret_size = strlen(text);
	return 0;
}

static void take_text(json_t *object, const char *name, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(object, name));
	size_t length = 0;

	for (; text && text[length] && length < size - 1; length++)
		ret[length] = (unsigned char)text[length] < 0x20 || text[length] == 0x7f ? '?' : text[length];
	/* Not in the middle of a character: those bytes go that continue one, and the one that begins it. */
	if (text && text[length]) {
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	ret[length] = '\0';
}

void nxt_problem_parse(int status, const void *body, size_t size, struct nxt_problem *ret)
{
	_cleanup_(nxt_json_unrefp) json_t *object = NULL;

	memset(ret, 0, sizeof(*ret));
	ret->status = status;
	if (size <= BODY_MAX && nxt_json_load(body, size, &object, NULL) >= 0) {
		take_text(object, "title", ret->title, sizeof(ret->title));
		take_text(object, "detail", ret->detail, sizeof(ret->detail));
		take_text(object, "hint", ret->hint, sizeof(ret->hint));
	}
	if (ret->title[0] == '\0')
		snprintf(ret->title, sizeof(ret->title), "HTTP status %d", status);
}
