/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base64.h"
#include "common/json.h"
#include "common/key.h"
#include "common/names.h"

/* Where in the document we are, for the error. */
struct where {
	const struct where *up;
	const struct nxt_json_member *member;
	size_t item; /* of an array; SIZE_MAX: the array itself, or no array */
};

static size_t put_path(const struct where *where, char *text, size_t size)
{
	size_t length = where->up ? put_path(where->up, text, size) : 0;
	int n;

	if (length >= size)
		return length;
	n = snprintf(text + length, size - length, "%s%s", length ? "." : "", where->member->name);
	if (n > 0 && where->item != SIZE_MAX && length + (size_t)n < size)
		n += snprintf(text + length + n, size - length - (size_t)n, "[%zu]", where->item);
	return length + (size_t)n;
}

static int refuse(const struct where *where, struct nxt_error *error, int r, const char *why)
{
	char path[128] = "";

	put_path(where, path, sizeof(path));
	return nxt_fail(error, r, "\"%s\" %s", path, why);
}

struct text_kind {
	bool (*valid)(const char *text);
	const char *why;
};

static bool name_or_empty(const char *text)
{
	return text[0] == '\0' || nxt_name_valid(text);
}

static const struct text_kind *text_kind(enum nxt_json_kind kind)
{
	static const struct text_kind kinds[] = {
		[NXT_JSON_NAME] = {nxt_name_valid,
				   "is no name: 1 to 63 lower-case letters, digits and inner hyphens"},
		[NXT_JSON_NAME_OR_EMPTY] =
			{name_or_empty,
			 "is neither empty nor a name: lower-case letters, digits and hyphens"},
		[NXT_JSON_ID] = {nxt_id_valid, "is no UUID in lower case"},
		[NXT_JSON_TITLE] = {nxt_title_valid,
				    "is no title: 1 to 100 characters, none of them a control character"},
		[NXT_JSON_SHA256] = {nxt_sha256_valid, "is no SHA-256 in lower-case hex"},
	};

	return (size_t)kind < ARRAY_SIZE(kinds) ? &kinds[kind] : NULL;
}

static int read_number(json_t *json, const struct nxt_json_member *m, const struct where *where,
		       uint64_t *ret, struct nxt_error *error)
{
	char why[128];
	json_int_t n;

	if (!json_is_integer(json))
		return refuse(where, error, -EBADMSG, "is no whole number");
	n = json_integer_value(json);
	if (n < 0 || (uint64_t)n < m->min || (uint64_t)n > m->max) {
		snprintf(why, sizeof(why),
			 "is %" JSON_INTEGER_FORMAT ", which is not from %" PRIu64 " to %" PRIu64, n, m->min,
			 m->max);
		return refuse(where, error, n > 0 && (uint64_t)n > m->max ? -E2BIG : -EBADMSG, why);
	}
	*ret = (uint64_t)n;
	return 0;
}

static int read_key(json_t *json, const struct where *where, struct nxt_public_key *ret,
		    struct nxt_error *error)
{
	_cleanup_free_ void *raw = NULL;
	size_t size;
	int r = -EINVAL;

	if (json_is_string(json))
		r = nxt_base64_decode(json_string_value(json), json_string_length(json), &raw, &size);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || size != sizeof(ret->raw))
		return refuse(where, error, -EBADMSG, "is no key: 32 bytes in base64");
	memcpy(ret->raw, raw, sizeof(ret->raw));
	return 0;
}

/* Which of the words it is, or -1. */
static int find_word(json_t *json, const char *const *words)
{
	for (int i = 0; json_is_string(json) && words[i]; i++)
		if (strcmp(json_string_value(json), words[i]) == 0)
			return i;
	return -1;
}

static int refuse_word(const struct where *where, const struct nxt_json_member *m, struct nxt_error *error)
{
	char why[256] = "is none of";

	for (size_t i = 0; m->words[i]; i++) {
		size_t length = strlen(why);

		snprintf(why + length, sizeof(why) - length, "%s %s", i ? "," : "", m->words[i]);
	}
	return refuse(where, error, -EBADMSG, why);
}

static int read_set(json_t *json, const struct nxt_json_member *m, const struct where *where,
		    unsigned int *ret, struct nxt_error *error)
{
	unsigned int set = 0;
	size_t i;
	json_t *item;

	if (!json_is_array(json) || json_array_size(json) == 0)
		return refuse(where, error, -EBADMSG, "is no array with something in it");
	json_array_foreach(json, i, item)
	{
		struct where here = {where->up, m, i};
		int word = find_word(item, m->words);

		if (word < 0)
			return refuse_word(&here, m, error);
		if (set & 1U << word)
			return refuse(&here, error, -EBADMSG, "is there twice");
		set |= 1U << word;
	}
	*ret = set;
	return 0;
}

static int read_object(json_t *json, const struct nxt_json_member *members, const struct where *where,
		       void *value, struct nxt_error *error);

static int read_array(json_t *json, const struct nxt_json_member *m, const struct where *where, char *value,
		      size_t *count, struct nxt_error *error)
{
	char why[64];
	size_t i;
	json_t *item;

	if (!json_is_array(json))
		return refuse(where, error, -EBADMSG, "is no array");
	if (json_array_size(json) < m->min || json_array_size(json) > m->max) {
		snprintf(why, sizeof(why), "has %zu members, not %" PRIu64 " to %" PRIu64,
			 json_array_size(json), m->min, m->max);
		return refuse(where, error, json_array_size(json) > m->max ? -E2BIG : -EBADMSG, why);
	}
	json_array_foreach(json, i, item)
	{
		struct where here = {where->up, m, i};
		int r = read_object(item, m->members, &here, value + i * m->size, error);

		if (r < 0)
			return r;
	}
	*count = json_array_size(json);
	return 0;
}

static int read_member(json_t *json, const struct nxt_json_member *m, const struct where *where, char *value,
		       struct nxt_error *error)
{
	const struct text_kind *text = text_kind(m->kind);
	char *field = value + m->offset;
	int word;

	if (text) {
		if (!json_is_string(json) || !text->valid(json_string_value(json)))
			return refuse(where, error, -EBADMSG, text->why);
		memcpy(field, json_string_value(json), json_string_length(json) + 1);
		return 0;
	}

	switch (m->kind) {
	case NXT_JSON_TIME:
		if (!json_is_string(json) || nxt_time_parse(json_string_value(json), (int64_t *)field) < 0)
			return refuse(where, error, -EBADMSG, "is no time like 2026-11-24T12:00:00Z");
		return 0;
	case NXT_JSON_NUMBER:
		return read_number(json, m, where, (uint64_t *)field, error);
	case NXT_JSON_BOOL:
		if (!json_is_boolean(json))
			return refuse(where, error, -EBADMSG, "is neither true nor false");
		*(bool *)field = json_is_true(json);
		return 0;
	case NXT_JSON_KEY:
		return read_key(json, where, (struct nxt_public_key *)field, error);
	case NXT_JSON_CHOICE:
		word = find_word(json, m->words);
		if (word < 0)
			return refuse_word(where, m, error);
		*(unsigned int *)field = (unsigned int)word;
		return 0;
	case NXT_JSON_SET:
		return read_set(json, m, where, (unsigned int *)field, error);
	case NXT_JSON_OBJECT:
		return read_object(json, m->members, where, field, error);
	case NXT_JSON_ARRAY:
		return read_array(json, m, where, field, (size_t *)(value + m->count), error);
	default:
		abort(); /* a table of ours is wrong */
	}
}

static int read_object(json_t *json, const struct nxt_json_member *members, const struct where *up,
		       void *value, struct nxt_error *error)
{
	size_t known = 0;
	const char *key;
	json_t *item;

	if (!json_is_object(json))
		return refuse(up, error, -EBADMSG, "is no object");

	for (const struct nxt_json_member *m = members; m->name; m++, known++) {
		struct where where = {up, m, SIZE_MAX};
		int r;

		item = json_object_get(json, m->name);
		if (!item)
			return refuse(&where, error, -EBADMSG, "is missing");
		r = read_member(item, m, &where, value, error);
		if (r < 0)
			return r;
	}
	if (json_object_size(json) == known)
		return 0;

	json_object_foreach(json, key, item)
	{
		struct nxt_json_member stranger = {.name = key};
		struct where where = {up, &stranger, SIZE_MAX};
		const struct nxt_json_member *m = members;

		while (m->name && strcmp(m->name, key) != 0)
			m++;
		if (!m->name)
			return refuse(&where, error, -EBADMSG, "is not known here: misspelt?");
	}
	return -EBADMSG;
}

int nxt_json_read(json_t *object, const struct nxt_json_member *members, void *value, struct nxt_error *error)
{
	return read_object(object, members, NULL, value, error);
}

static int write_object(const char *value, const struct nxt_json_member *members, const struct where *up,
			json_t **ret, struct nxt_error *error);

static int write_array(const struct nxt_json_member *m, const struct where *where, const char *value,
		       size_t count, json_t **ret, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *array = json_array();

	if (count > m->max)
		return refuse(where, error, -E2BIG, "has too many members");
	for (size_t i = 0; i < count; i++) {
		struct where here = {where->up, m, i};
		json_t *item;
		int r = write_object(value + i * m->size, m->members, &here, &item, error);

		if (r < 0)
			return r;
		if (json_array_append_new(array, item) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(array);
	return 0;
}

static json_t *write_set(unsigned int set, const char *const *words)
{
	json_t *array = json_array();

	for (size_t i = 0; words[i]; i++)
		if (set & 1U << i)
			json_array_append_new(array, json_string(words[i]));
	return array;
}

static int write_member(const char *value, const struct nxt_json_member *m, const struct where *where,
			json_t **ret, struct nxt_error *error)
{
	const struct text_kind *text = text_kind(m->kind);
	const char *field = value + m->offset;
	_cleanup_free_ char *base64 = NULL;
	char time[NXT_TIME_SIZE];
	unsigned int words = 0;

	if (text) {
		if (!text->valid(field))
			return refuse(where, error, -EBADMSG, text->why);
		*ret = json_string(field);
		return *ret ? 0 : -ENOMEM;
	}

	switch (m->kind) {
	case NXT_JSON_TIME:
		if (nxt_time_format(*(const int64_t *)field, time) < 0)
			return refuse(where, error, -EBADMSG, "is not between the years 1970 and 9999");
		*ret = json_string(time);
		break;
	case NXT_JSON_NUMBER:
		if (*(const uint64_t *)field > m->max)
			return refuse(where, error, -E2BIG, "is too high");
		*ret = json_integer((json_int_t) * (const uint64_t *)field);
		break;
	case NXT_JSON_BOOL:
		*ret = json_boolean(*(const bool *)field);
		break;
	case NXT_JSON_KEY:
		if (nxt_base64_encode(field, NXT_PUBLIC_KEY_SIZE, &base64) < 0)
			return -ENOMEM;
		*ret = json_string(base64);
		break;
	case NXT_JSON_CHOICE:
		while (m->words[words])
			words++;
		if (*(const unsigned int *)field >= words)
			return refuse_word(where, m, error);
		*ret = json_string(m->words[*(const unsigned int *)field]);
		break;
	case NXT_JSON_SET:
		*ret = write_set(*(const unsigned int *)field, m->words);
		break;
	case NXT_JSON_OBJECT:
		return write_object(field, m->members, where, ret, error);
	case NXT_JSON_ARRAY:
		return write_array(m, where, field, *(const size_t *)(value + m->count), ret, error);
	default:
		abort(); /* a table of ours is wrong */
	}
	return *ret ? 0 : -ENOMEM;
}

static int write_object(const char *value, const struct nxt_json_member *members, const struct where *up,
			json_t **ret, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *object = json_object();

	for (const struct nxt_json_member *m = members; m->name; m++) {
		struct where where = {up, m, SIZE_MAX};
		json_t *item;
		int r = write_member(value, m, &where, &item, error);

		if (r < 0)
			return r;
		if (json_object_set_new(object, m->name, item) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(object);
	return 0;
}

int nxt_json_write(const void *value, const struct nxt_json_member *members, json_t **ret,
		   struct nxt_error *error)
{
	return write_object(value, members, NULL, ret, error);
}
