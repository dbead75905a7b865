/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCs, workspaces and orders. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "center/cli/ctl.h"
#include "common/cleanup.h"

#define PC_COLUMNS                                                                                           \
	"NAME=name ONLINE=online SEEN=seen WORKSPACES=workspaces NXTOP=status.versions.nxtop "               \
	"ENGINE=status.versions.engine ID=id"

int ctl_overview(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *overview = NULL;
	int r = ctl_get(ctl, &overview, error, "/api/v1/overview");

	if (r < 0)
		return r;
	print_object(ctl, overview,
		     "PCs=pcs online=online unhealthy=unhealthy open_orders=orders images=images "
		     "operations_certificate=operations release_key=release_key Center=version");
	return 0;
}

int find_pc(struct ctl *ctl, const char *text, char ret[NXT_ID_SIZE], struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *pcs = NULL;
	_cleanup_free_ char *path = NULL;
	char *escaped;
	json_t *pc;
	size_t i;
	int found = 0, r;

	if (nxt_id_valid(text)) {
		snprintf(ret, NXT_ID_SIZE, "%s", text);
		return 0;
	}
	escaped = ctl_escape(ctl, text);
	r = asprintf(&path, "/api/v1/pcs?search=%s", escaped ? escaped : "");
	curl_free(escaped);
	if (r < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = ctl_list(ctl, path, 0, &pcs, error);
	if (r < 0)
		return r;
	json_array_foreach(pcs, i, pc) if (!strcmp(json_string_value(json_object_get(pc, "name")), text))
	{
		snprintf(ret, NXT_ID_SIZE, "%s", json_string_value(json_object_get(pc, "id")));
		found++;
	}
	if (found == 1)
		return 0;
	if (found)
		return nxt_fail(error, -EEXIST, "%d PCs are called %s: give the id", found, text);
	return nxt_fail(error, -ENOENT, "no PC is called %s: see nxtopctl pc list", text);
}

int ctl_pc_list(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *pcs = NULL;
	_cleanup_free_ char *path = NULL;
	const char *search = option(ctl, "search");
	char *escaped = ctl_escape(ctl, search ? search : "");
	int r = asprintf(&path, "/api/v1/pcs?search=%s%s", escaped ? escaped : "",
			 option(ctl, "online") ? "&online=true" : "");

	curl_free(escaped);
	if (r < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = ctl_list(ctl, path, 0, &pcs, error);
	if (r < 0)
		return r;
	print_table(ctl, pcs, PC_COLUMNS);
	return 0;
}

#define WORKSPACE_COLUMNS                                                                                    \
	"TITLE=title STATE=reported.state HEALTH=reported.health IMAGE=image WANTED=version "                \
	"VERSION=reported.version POLICY=policy SNAPSHOTS=reported.snapshots ID=id"

int ctl_pc_show(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *pc = NULL, *page = NULL;
	char id[NXT_ID_SIZE];
	int r;

	r = find_pc(ctl, ctl->arguments[0], id, error);
	if (!r)
		r = ctl_get(ctl, &pc, error, "/api/v1/pcs/%s", id);
	if (!r)
		r = ctl_get(ctl, &page, error, "/api/v1/pcs/%s/workspaces", id);
	if (r < 0)
		return r;
	if (ctl->json) {
		json_object_set(pc, "assigned", json_object_get(page, "items"));
		print_json(pc);
		return 0;
	}
	print_object(
		ctl, pc,
		"name=name id=id note=note online=online seen=seen address=address enrolled=enrolled "
		"certificate_until=certificate_expires model=status.hardware.model CPU=status.hardware.cpu "
		"memory_MiB=status.hardware.memory_mib bytes_free=status.space.free");
	putchar('\n');
	print_table(ctl, json_object_get(page, "items"), WORKSPACE_COLUMNS);
	return 0;
}

static int change_pc(struct ctl *ctl, const char *member, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = json_pack("{s:s}", member, ctl->arguments[1]);
	char id[NXT_ID_SIZE], path[64];
	struct call read = {.method = "GET", .path = path};
	struct call write = {.method = "PATCH", .path = path, .body = body, .match = read.etag};
	int r = find_pc(ctl, ctl->arguments[0], id, error);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/api/v1/pcs/%s", id);
	r = ctl_call(ctl, &read, NULL, error);
	return r < 0 ? r : ctl_call(ctl, &write, NULL, error);
}

int ctl_pc_rename(struct ctl *ctl, struct nxt_error *error)
{
	return change_pc(ctl, "name", error);
}

int ctl_pc_note(struct ctl *ctl, struct nxt_error *error)
{
	return change_pc(ctl, "note", error);
}

int ctl_pc_remove(struct ctl *ctl, struct nxt_error *error)
{
	char id[NXT_ID_SIZE], path[64];
	struct call call = {.method = "DELETE", .path = path};
	int r = find_pc(ctl, ctl->arguments[0], id, error);

	snprintf(path, sizeof(path), "/api/v1/pcs/%s", id);
	return r < 0 ? r : ctl_call(ctl, &call, NULL, error);
}

int ctl_workspace_list(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *list = NULL;
	char id[NXT_ID_SIZE], path[200];
	const char *image = option(ctl, "image"), *policy = option(ctl, "policy");
	int r = 0;

	if (ctl->n_arguments) {
		r = find_pc(ctl, ctl->arguments[0], id, error);
		snprintf(path, sizeof(path), "/api/v1/pcs/%s/workspaces", id);
	} else {
		snprintf(path, sizeof(path), "/api/v1/workspaces?image=%.63s&policy=%.63s",
			 image ? image : "", policy ? policy : "");
	}
	if (!r)
		r = ctl_list(ctl, path, 0, &list, error);
	if (r < 0)
		return r;
	print_table(ctl, list, WORKSPACE_COLUMNS " PC=pc");
	return 0;
}

int ctl_workspace_add(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = NULL, *made = NULL;
	const char *title, *image, *policy;
	char id[NXT_ID_SIZE], path[80];
	struct call call = {.method = "POST", .path = path};
	int r;

	r = option_needed(ctl, "title", &title, error);
	if (!r)
		r = option_needed(ctl, "image", &image, error);
	if (!r)
		r = option_needed(ctl, "policy", &policy, error);
	if (!r)
		r = find_pc(ctl, ctl->arguments[0], id, error);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/api/v1/pcs/%s/workspaces", id);
	body = json_pack("{s:s, s:s, s:s}", "title", title, "image", image, "policy", policy);
	call.body = body;
	r = ctl_call(ctl, &call, &made, error);
	if (!r)
		print_object(ctl, made, "workspace=id title=title image=image version=version policy=policy");
	return r;
}

int ctl_workspace_remove(struct ctl *ctl, struct nxt_error *error)
{
	char path[80];
	struct call call = {.method = "DELETE", .path = path};

	snprintf(path, sizeof(path), "/api/v1/workspaces/%.36s", ctl->arguments[0]);
	return ctl_call(ctl, &call, NULL, error);
}

#define ORDER_LINES                                                                                          \
	"order=id do=do snapshot=snapshot state=state message=message by=by issued=issued sent=sent "        \
	"ended=ended workspace=workspace PC=pc"

/* Until there is an outcome. Center says when to look: nothing is asked over and over. */
static int wait_for_outcome(struct ctl *ctl, const char *id, json_t **order, struct nxt_error *error)
{
	_cleanup_free_ char *position = NULL;

	for (;;) {
		_cleanup_(nxt_json_unrefp) json_t *changes = NULL;
		const char *state = json_string_value(json_object_get(*order, "state")), *next;
		json_t *fresh = NULL;
		int r;

		if (position && strcmp(state, "waiting") && strcmp(state, "sent"))
			return 0;
		r = ctl_get(ctl, &changes, error, "/api/v1/changes?wait=60%s%s", position ? "&after=" : "",
			    position ? position : "");
		if (r < 0)
			return r;
		next = json_string_value(json_object_get(changes, "position"));
		free(position);
		position = next ? strdup(next) : NULL;
		if (!position)
			return -EBADMSG;
		r = ctl_get(ctl, &fresh, error, "/api/v1/orders/%s", id);
		if (r < 0)
			return r;
		json_decref(*order);
		*order = fresh;
	}
}

int ctl_order(struct ctl *ctl, struct nxt_error *error)
{
	const char *what = ctl->arguments[0], *workspace = ctl->arguments[1],
		   *snapshot = option(ctl, "snapshot");
	_cleanup_(nxt_json_unrefp) json_t *body = NULL, *shown = NULL, *order = NULL;
	char path[80], key[NXT_ID_SIZE], id[NXT_ID_SIZE];
	struct call call = {.method = "POST", .path = path, .key = key};
	const char *state;
	int r;

	if (!nxt_id_valid(workspace))
		return nxt_fail(error, -EINVAL, "%s is no workspace's id: see nxtopctl workspace list",
				workspace);
	r = ctl_get(ctl, &shown, error, "/api/v1/workspaces/%s", workspace);
	if (!r)
		r = nxt_id_make(key);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/api/v1/pcs/%.36s/orders",
		 json_string_value(json_object_get(shown, "pc")));
	body = json_pack("{s:s, s:s}", "workspace", workspace, "do", what);
	if (snapshot)
		json_object_set_new(body, "snapshot", json_string(snapshot));
	call.body = body;
	r = ctl_call(ctl, &call, &order, error);
	if (r < 0)
		return r;
	snprintf(id, sizeof(id), "%.36s", json_string_value(json_object_get(order, "id")));
	if (option(ctl, "wait"))
		r = wait_for_outcome(ctl, id, &order, error);
	if (r < 0)
		return r;
	print_object(ctl, order, ORDER_LINES);
	state = json_string_value(json_object_get(order, "state"));
	if (option(ctl, "wait") && strcmp(state, "done"))
		return nxt_fail(error, -EREMOTEIO, "the order ended as %s: %s", state,
				json_string_value(json_object_get(order, "message")));
	return 0;
}

int ctl_order_list(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *list = NULL;
	char id[NXT_ID_SIZE] = "", path[160];
	int64_t limit;
	int r = option_number(ctl, "limit", 50, 100000, &limit, error);

	if (!r && option(ctl, "pc"))
		r = find_pc(ctl, option(ctl, "pc"), id, error);
	snprintf(path, sizeof(path), "/api/v1/orders?pc=%s%s", id, option(ctl, "open") ? "&open=true" : "");
	if (!r)
		r = ctl_list(ctl, path, limit, &list, error);
	if (!r)
		print_table(ctl, list,
			    "ISSUED=issued DO=do STATE=state BY=by SNAPSHOT=snapshot WORKSPACE=workspace "
			    "ID=id MESSAGE=message");
	return r;
}

int ctl_order_show(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *order = NULL;
	int r = ctl_get(ctl, &order, error, "/api/v1/orders/%.36s", ctl->arguments[0]);

	if (!r)
		print_object(ctl, order, ORDER_LINES);
	return r;
}

int ctl_event_list(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *list = NULL;
	const char *severity = option(ctl, "severity");
	char id[NXT_ID_SIZE] = "", path[160];
	int64_t limit;
	int r = option_number(ctl, "limit", 50, 100000, &limit, error);

	if (!r && option(ctl, "pc"))
		r = find_pc(ctl, option(ctl, "pc"), id, error);
	snprintf(path, sizeof(path), "/api/v1/events?pc=%s&severity=%.10s", id, severity ? severity : "info");
	if (!r)
		r = ctl_list(ctl, path, limit, &list, error);
	if (!r)
		print_table(
			ctl, list,
			"TIME=time PC=pc_name SEVERITY=severity KIND=kind OUTCOME=outcome MESSAGE=message");
	return r;
}
