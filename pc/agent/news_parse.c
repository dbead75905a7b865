/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/news_parse.h"

#include <errno.h>
#include <string.h>

#include "common/base64.h"
#include "common/json.h"
#include "common/names.h"

#define PEM_MAX 16384

/* A text, or NULL where that is allowed. */
static int get_text(json_t *object, const char *name, bool may_be_null, const char **ret,
		    struct nxt_error *error)
{
	json_t *value = json_object_get(object, name);

	if (may_be_null && (!value || json_is_null(value))) {
		*ret = NULL;
		return 0;
	}
	if (!json_is_string(value))
		return nxt_fail(error, -EBADMSG, "Center's answer has no text \"%s\"", name);
	*ret = json_string_value(value);
	return 0;
}

int news_parse(const void *bytes, size_t size, struct news *ret, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *json = NULL;
	struct news news = {0};
	json_t *orders;
	int r;

	if (size > NEWS_MAX)
		return nxt_fail(error, -E2BIG, "Center's answer has more than %d bytes", NEWS_MAX);
	r = nxt_json_load(bytes, size, &json, error);
	if (r < 0)
		return r;
	r = get_text(json, "operations", true, &news.operations, error);
	if (r < 0)
		return r;
	r = get_text(json, "assignment", true, &news.assignment, error);
	if (r < 0)
		return r;
	orders = json_object_get(json, "orders");
	if (!json_is_array(orders))
		return nxt_fail(error, -EBADMSG, "Center's answer has no array \"orders\"");
	if (json_array_size(orders) > NEWS_ORDERS_MAX)
		return nxt_fail(error, -E2BIG, "Center's answer has more than %d orders", NEWS_ORDERS_MAX);
	for (size_t i = 0; i < json_array_size(orders); i++) {
		news.orders[i] = json_string_value(json_array_get(orders, i));
		if (!news.orders[i])
			return nxt_fail(error, -EBADMSG, "an order in Center's answer is no text");
	}
	news.n_orders = json_array_size(orders);
	news.json = TAKE_PTR(json);
	*ret = news;
	return 0;
}

void news_done(struct news *news)
{
	json_decref(news->json);
	*news = (struct news){0};
}

static int copy_pem(json_t *json, const char *name, char **ret, struct nxt_error *error)
{
	const char *text;
	char *copy;
	int r;

	r = get_text(json, name, false, &text, error);
	if (r < 0)
		return r;
	if (strlen(text) > PEM_MAX)
		return nxt_fail(error, -E2BIG, "\"%s\" in Center's answer has more than %d bytes", name,
				PEM_MAX);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int trust_parse(const void *bytes, size_t size, char **ret_ca, unsigned char ret_release[32],
		struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *json = NULL;
	_cleanup_free_ void *release = NULL;
	const char *text;
	size_t n;
	int r;

	r = nxt_json_load(bytes, size, &json, error);
	if (r < 0)
		return r;
	r = get_text(json, "release_key", false, &text, error);
	if (r < 0)
		return r;
	if (nxt_base64_decode(text, strlen(text), &release, &n) < 0 || n != 32)
		return nxt_fail(error, -EBADMSG,
				"the release key in Center's answer is no base64 of 32 bytes");
	r = copy_pem(json, "ca", ret_ca, error);
	if (r < 0)
		return r;
	memcpy(ret_release, release, 32);
	return 0;
}

int certificate_parse(const void *bytes, size_t size, char *ret_pc, char **ret_certificate,
		      struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *json = NULL;
	const char *pc = NULL;
	int r;

	r = nxt_json_load(bytes, size, &json, error);
	if (r < 0)
		return r;
	if (ret_pc) {
		r = get_text(json, "pc", false, &pc, error);
		if (r < 0)
			return r;
		if (!nxt_id_valid(pc))
			return nxt_fail(error, -EBADMSG, "the PC's id in Center's answer is no id");
	}
	r = copy_pem(json, "certificate", ret_certificate, error);
	if (r < 0)
		return r;
	if (ret_pc)
		memcpy(ret_pc, pc, NXT_ID_SIZE);
	return 0;
}

int confirmed_parse(const void *bytes, size_t size, int64_t *ret, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *json = NULL;
	json_t *value;
	int r;

	r = nxt_json_load(bytes, size, &json, error);
	if (r < 0)
		return r;
	value = json_object_get(json, "confirmed");
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return nxt_fail(error, -EBADMSG, "Center's answer has no number \"confirmed\"");
	*ret = json_integer_value(value);
	return 0;
}
