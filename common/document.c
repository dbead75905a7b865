/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/document.h"

#include <errno.h>
#include <string.h>

#include "common/document_tables.h"
#include "common/envelope.h"

/* The rules that no single member shows. */

static int check_image(const struct nxt_image *image, struct nxt_error *error)
{
	for (size_t i = 0; i < image->n_disks; i++) {
		if (image->disks[i].size % 512 != 0)
			return nxt_fail(error, -EBADMSG, "\"disks[%zu].size\" is no multiple of 512", i);
		if (image->disks[i].filled > image->disks[i].size)
			return nxt_fail(error, -EBADMSG, "\"disks[%zu].filled\" is above the disk's size", i);
	}
	return 0;
}

static int check_operations(const struct nxt_operations *operations, struct nxt_error *error)
{
	if (operations->not_before > operations->not_after)
		return nxt_fail(error, -EBADMSG, "\"not_after\" lies before \"not_before\"");
	return 0;
}

static int check_assignment(const struct nxt_assignment *assignment, struct nxt_error *error)
{
	for (size_t i = 0; i < assignment->n_workspaces; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(assignment->workspaces[i].workspace,
				   assignment->workspaces[j].workspace) == 0)
				return nxt_fail(error, -EBADMSG, "workspace %s is there twice",
						assignment->workspaces[i].workspace);
	return 0;
}

static int check_order(const struct nxt_order *order, struct nxt_error *error)
{
	bool named = order->snapshot[0] != '\0';

	if (order->issued > order->expires)
		return nxt_fail(error, -EBADMSG, "\"expires\" lies before \"issued\"");
	switch (order->what) {
	case NXT_DO_SNAPSHOT:
	case NXT_DO_FORGET:
		if (!named)
			return nxt_fail(error, -EBADMSG,
					"\"snapshot\" is empty: %s needs the snapshot's name",
					nxt_do_text(order->what));
		return 0;
	case NXT_DO_REVERT:
		return 0;
	default:
		if (named)
			return nxt_fail(error, -EBADMSG,
					"\"snapshot\" is not empty: %s is not about a snapshot",
					nxt_do_text(order->what));
		return 0;
	}
}

static int check(const struct nxt_document *document, struct nxt_error *error)
{
	switch (document->type) {
	case NXT_IMAGE:
		return check_image(&document->image, error);
	case NXT_OPERATIONS:
		return check_operations(&document->operations, error);
	case NXT_ASSIGNMENT:
		return check_assignment(&document->assignment, error);
	case NXT_ORDER:
		return check_order(&document->order, error);
	default:
		return 0;
	}
}

static int check_format(json_t *object, struct nxt_error *error)
{
	json_t *format = json_object_get(object, "format");

	if (!json_is_integer(format) || json_integer_value(format) < 1)
		return nxt_fail(error, -EBADMSG, "\"format\" is no whole number from 1");
	if (json_integer_value(format) > NXT_FORMAT)
		return nxt_fail(error, -EPROTONOSUPPORT,
				"made for a newer NxTop: its format is %" JSON_INTEGER_FORMAT
				", known here is %d",
				json_integer_value(format), NXT_FORMAT);
	return 0;
}

int nxt_document_parse(enum nxt_type type, const void *payload, size_t size, struct nxt_document *ret,
		       struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *object = NULL;
	struct nxt_document document;
	int r;

	if (size > NXT_ENVELOPE_MAX)
		return nxt_fail(error, -E2BIG, "a payload larger than %d bytes", NXT_ENVELOPE_MAX);
	r = nxt_json_load(payload, size, &object, error);
	if (r < 0)
		return r;
	r = check_format(object, error);
	if (r < 0)
		return r;
	json_object_del(object, "format");

	/*
	 * Zeroed, so that equal documents are equal byte for byte. All members of the union start where
	 * image does.
	 */
	memset(&document, 0, sizeof(document));
	document.type = type;
	r = nxt_json_read(object, nxt_document_members(type), &document.image, error);
	if (r < 0)
		return r;
	r = check(&document, error);
	if (r < 0)
		return r;
	*ret = document;
	return 0;
}

int nxt_document_build(const struct nxt_document *document, char **ret, size_t *ret_size,
		       struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *members = NULL, *object = json_object();
	_cleanup_free_ char *payload = NULL;
	struct nxt_document again;
	int r;

	r = nxt_json_write(&document->image, nxt_document_members(document->type), &members, error);
	if (r < 0)
		return r;
	if (json_object_set_new(object, "format", json_integer(NXT_FORMAT)) < 0 ||
	    json_object_update(object, members) < 0)
		return -ENOMEM;
	payload = json_dumps(object, JSON_COMPACT);
	if (!payload)
		return -ENOMEM;

	/* Whatever a reader would refuse must not get a signature. */
	r = nxt_document_parse(document->type, payload, strlen(payload), &again, error);
	if (r < 0)
		return r;
	*ret_size = strlen(payload);
	*ret = TAKE_PTR(payload);
	return 0;
}

int nxt_document_seal(const struct nxt_document *document, const struct nxt_private_key *key, char **ret,
		      size_t *ret_size, struct nxt_error *error)
{
	_cleanup_free_ char *payload = NULL;
	size_t size;
	int r;

	r = nxt_document_build(document, &payload, &size, error);
	if (r < 0)
		return r;
	return nxt_envelope_sign(nxt_type_text(document->type), payload, size, key, ret, ret_size);
}
