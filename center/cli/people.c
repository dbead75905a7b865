/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enrolment tokens, API tokens, administrators, and the log of who did what. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "center/cli/ctl.h"
#include "common/cleanup.h"

#define DAY (24 * 3600)

static int remove_at(struct ctl *ctl, const char *folder, struct nxt_error *error)
{
	char path[128];
	struct call call = {.method = "DELETE", .path = path};

	snprintf(path, sizeof(path), "/api/v1/%s/%.63s", folder, ctl->arguments[0]);
	return ctl_call(ctl, &call, NULL, error);
}

static int list_at(struct ctl *ctl, const char *path, const char *columns, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *list = NULL;
	int r = ctl_list(ctl, path, 0, &list, error);

	if (!r)
		print_table(ctl, list, columns);
	return r;
}

/* "TITLE:IMAGE:POLICY"; the title may have colons in it. */
static int add_workspace(json_t *list, const char *text, struct nxt_error *error)
{
	_cleanup_free_ char *copy = strdup(text);
	char *policy = copy ? strrchr(copy, ':') : NULL, *image;

	if (policy)
		*policy++ = 0;
	image = policy ? strrchr(copy, ':') : NULL;
	if (!image)
		return nxt_fail(error, -EINVAL, "--workspace %s is not TITLE:IMAGE:POLICY", text);
	*image++ = 0;
	return json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "title", copy, "image", image,
						     "policy", policy)) < 0
		       ? -ENOMEM
		       : 0;
}

int ctl_enrolment_create(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = NULL, *workspaces = json_array(), *made = NULL;
	struct call call = {.method = "POST", .path = "/api/v1/enrolments"};
	const char *title = option(ctl, "title"), *host = option(ctl, "host");
	char expires[NXT_TIME_SIZE];
	int64_t days, uses;
	int r;

	r = option_number(ctl, "days", 7, 3650, &days, error);
	if (!r)
		r = option_number(ctl, "uses", 1, 100000, &uses, error);
	for (size_t i = 0; !r && option_at(ctl, "workspace", i); i++)
		r = add_workspace(workspaces, option_at(ctl, "workspace", i), error);
	if (r < 0)
		return r;
	time_from_now(days * DAY, expires);
	body = json_pack("{s:s, s:s, s:I, s:O}", "title", title ? title : "PCs", "expires", expires, "uses",
			 (json_int_t)uses, "workspaces", workspaces);
	if (host)
		json_object_set_new(body, "host", json_string(host));
	call.body = body;
	r = ctl_call(ctl, &call, &made, error);
	if (r < 0)
		return r;
	if (ctl->json) {
		print_json(made);
		return 0;
	}
	/* The text alone on standard output: it is what goes into the file nxtop-enrol. */
	fprintf(stderr, "For %lld PCs, until %s. It is shown this once:\n", (long long)uses, expires);
	printf("%s\n", json_string_value(json_object_get(made, "text")));
	return 0;
}

int ctl_enrolment_list(struct ctl *ctl, struct nxt_error *error)
{
	return list_at(ctl, "/api/v1/enrolments",
		       "TITLE=title USED=used USES=uses EXPIRES=expires WORKSPACES=workspaces ID=id", error);
}

int ctl_enrolment_remove(struct ctl *ctl, struct nxt_error *error)
{
	return remove_at(ctl, "enrolments", error);
}

int ctl_token_create(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = NULL, *made = NULL;
	struct call call = {.method = "POST", .path = "/api/v1/tokens"};
	char expires[NXT_TIME_SIZE];
	const char *title;
	int64_t days;
	int r;

	r = option_needed(ctl, "title", &title, error);
	if (!r)
		r = option_number(ctl, "days", 90, 3650, &days, error);
	if (r < 0)
		return r;
	time_from_now(days * DAY, expires);
	body = json_pack("{s:s, s:s}", "title", title, "expires", expires);
	call.body = body;
	r = ctl_call(ctl, &call, &made, error);
	if (r < 0)
		return r;
	if (ctl->json)
		print_json(made);
	else
		printf("%s\n", json_string_value(json_object_get(made, "secret")));
	return 0;
}

int ctl_token_list(struct ctl *ctl, struct nxt_error *error)
{
	return list_at(ctl, "/api/v1/tokens",
		       "TITLE=title ADMINISTRATOR=administrator EXPIRES=expires LAST_USED=last_used ID=id",
		       error);
}

int ctl_token_remove(struct ctl *ctl, struct nxt_error *error)
{
	return remove_at(ctl, "tokens", error);
}

int ctl_admin_list(struct ctl *ctl, struct nxt_error *error)
{
	return list_at(ctl, "/api/v1/administrators", "NAME=name CREATED=created LAST_SIGN-IN=last_sign_in",
		       error);
}

int ctl_admin_add(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = NULL;
	struct call call = {.method = "POST", .path = "/api/v1/administrators"};
	char *password = NULL;
	int r = read_password(ctl, "Password for the new administrator", true, &password, error);

	if (r < 0)
		return r;
	body = json_pack("{s:s, s:s}", "name", ctl->arguments[0], "password", password);
	OPENSSL_cleanse(password, strlen(password));
	free(password);
	call.body = body;
	return ctl_call(ctl, &call, NULL, error);
}

int ctl_admin_remove(struct ctl *ctl, struct nxt_error *error)
{
	return remove_at(ctl, "administrators", error);
}

int ctl_log_list(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *list = NULL;
	int64_t limit;
	int r = option_number(ctl, "limit", 50, 100000, &limit, error);

	if (!r)
		r = ctl_list(ctl, "/api/v1/log", limit, &list, error);
	if (!r)
		print_table(ctl, list,
			    "TIME=time WHO=who FROM=address ACTION=action OBJECT=object DETAIL=detail");
	return r;
}

int ctl_log_check(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *result = NULL;
	int r = ctl_get(ctl, &result, error, "/api/v1/log/check");

	if (r < 0)
		return r;
	print_object(ctl, result, "whole=whole entries=entries head=head broken=broken");
	return json_is_true(json_object_get(result, "whole"))
		       ? 0
		       : nxt_fail(error, -EBADMSG, "the log was tampered with, from entry %lld on",
				  (long long)json_integer_value(json_object_get(result, "broken")));
}
