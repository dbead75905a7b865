/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/shape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/names.h"

static bool is_text(json_t *value, const struct shape *shape)
{
	const unsigned char *text = (const unsigned char *)json_string_value(value);
	size_t length = json_string_length(value);

	if (length < shape->min || length > shape->max || strlen((const char *)text) != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (shape->kind == SHAPE_LINES && (text[i] == '\n' || text[i] == '\r'))
			continue;
		/* C0, DEL, and C1, which UTF-8 writes as C2 80 to C2 9F. */
		if (text[i] < ' ' || text[i] == 0x7f || (text[i] == 0xc2 && text[i + 1] < 0xa0))
			return false;
	}
	return true;
}

static bool is_word(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

static bool is_string(json_t *value, const struct shape *shape)
{
	const char *text = json_string_value(value);
	int64_t time;

	if (!text || strlen(text) != json_string_length(value))
		return false;
	switch (shape->kind) {
	case SHAPE_NAME:
		return nxt_name_valid(text);
	case SHAPE_NAME_OR_EMPTY:
		return !*text || nxt_name_valid(text);
	case SHAPE_ID:
		return nxt_id_valid(text);
	case SHAPE_TITLE:
		return nxt_title_valid(text);
	case SHAPE_TIME:
		return nxt_time_parse(text, &time) == 0;
	case SHAPE_WORD:
		return is_word(text, shape->words);
	default:
		return is_text(value, shape);
	}
}

static bool is_number(json_t *value, const struct shape *shape)
{
	json_int_t number = json_integer_value(value);

	return json_is_integer(value) && number >= 0 && (uint64_t)number >= shape->min &&
	       (uint64_t)number <= shape->max;
}

static bool are_ids(json_t *array)
{
	json_t *id;
	size_t i;

	json_array_foreach(array, i,
			   id) if (!json_is_string(id) || !nxt_id_valid(json_string_value(id))) return false;
	return true;
}

static void describe(const struct shape *shape, char *ret, size_t size)
{
	static const char *const texts[] = {
		[SHAPE_NAME] = "a name: up to 63 of a-z, 0-9 and -, not beginning with -",
		[SHAPE_NAME_OR_EMPTY] = "a name or empty",
		[SHAPE_ID] = "an id (a UUID in lower case)",
		[SHAPE_TITLE] = "1 to 100 characters without control characters",
		[SHAPE_TIME] = "a time such as 2026-11-24T12:00:00Z",
		[SHAPE_BOOL] = "true or false",
		[SHAPE_OBJECT] = "an object",
	};
	size_t length;

	switch (shape->kind) {
	case SHAPE_WORD:
		length = snprintf(ret, size, "one of");
		for (const char *const *word = shape->words; *word && length < size; word++)
			length += snprintf(ret + length, size - length, " %s", *word);
		break;
	case SHAPE_TEXT:
	case SHAPE_LINES:
		snprintf(ret, size, "text of %ju to %ju bytes without control characters",
			 (uintmax_t)shape->min, (uintmax_t)shape->max);
		break;
	case SHAPE_NUMBER:
		snprintf(ret, size, "a whole number from %ju to %ju", (uintmax_t)shape->min,
			 (uintmax_t)shape->max);
		break;
	case SHAPE_ARRAY:
	case SHAPE_IDS:
		snprintf(ret, size, "an array of %ju to %ju %s", (uintmax_t)shape->min, (uintmax_t)shape->max,
			 shape->kind == SHAPE_IDS ? "ids" : "objects");
		break;
	default:
		snprintf(ret, size, "%s", texts[shape->kind]);
	}
}

static int check(json_t *object, const struct shape *members, const char *path, struct nxt_error *error);

static int check_member(json_t *value, const struct shape *shape, const char *path, struct nxt_error *error)
{
	char inner[160], want[200];
	json_t *item;
	size_t i;
	bool good;
	int r;

	switch (shape->kind) {
	case SHAPE_NUMBER:
		good = is_number(value, shape);
		break;
	case SHAPE_BOOL:
		good = json_is_boolean(value);
		break;
	case SHAPE_OBJECT:
		if (json_is_object(value))
			return check(value, shape->members, path, error);
		good = false;
		break;
	case SHAPE_ARRAY:
	case SHAPE_IDS:
		good = json_is_array(value) && json_array_size(value) >= shape->min &&
		       json_array_size(value) <= shape->max;
		if (good && shape->kind == SHAPE_IDS)
			good = are_ids(value);
		if (!good || shape->kind == SHAPE_IDS)
			break;
		json_array_foreach(value, i, item)
		{
			snprintf(inner, sizeof(inner), "%.130s[%zu]", path, i);
			r = json_is_object(item) ? check(item, shape->members, inner, error)
						 : nxt_fail(error, -EBADMSG, "%s must be an object", inner);
			if (r < 0)
				return r;
		}
		break;
	default:
		good = is_string(value, shape);
	}
	if (good)
		return 0;
	describe(shape, want, sizeof(want));
	return nxt_fail(error, -EBADMSG, "%s must be %s", path, want);
}

static int check(json_t *object, const struct shape *members, const char *path, struct nxt_error *error)
{
	size_t known = 0;
	const char *name;
	json_t *value;
	char inner[160];
	int r;

	for (const struct shape *shape = members; shape->name; shape++) {
		snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", shape->name);
		value = json_object_get(object, shape->name);
		if (!value) {
			if (shape->optional)
				continue;
			return nxt_fail(error, -EBADMSG, "%s is missing", inner);
		}
		known++;
		r = check_member(value, shape, inner, error);
		if (r < 0)
			return r;
	}
	if (known == json_object_size(object))
		return 0;
	json_object_foreach(object, name, value)
	{
		const struct shape *shape = members;

		while (shape->name && strcmp(shape->name, name))
			shape++;
		if (!shape->name)
			return nxt_fail(error, -EBADMSG, "%s%s%.64s is not known", path, *path ? "." : "",
					name);
	}
	return 0;
}

int shape_check(json_t *object, const struct shape *members, struct nxt_error *error)
{
	if (!json_is_object(object))
		return nxt_fail(error, -EBADMSG, "it must be a JSON object");
	return check(object, members, "", error);
}

const char *shape_text(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

int64_t shape_number(json_t *object, const char *name, int64_t otherwise)
{
	json_t *value = json_object_get(object, name);

	return value ? json_integer_value(value) : otherwise;
}

int64_t shape_time(json_t *object, const char *name, int64_t otherwise)
{
	int64_t time;

	return nxt_time_parse(shape_text(object, name), &time) == 0 ? time : otherwise;
}

int shape_word(json_t *object, const char *name, const char *const *words)
{
	const char *text = shape_text(object, name);

	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	return -1;
}
