/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_API_H
#define CENTER_API_H

#include "center/core/request.h"
#include "center/core/shape.h"

/* Handlers of /api/v1: see abi/center.yaml by these names. */
extern const struct shape shape_setup[], shape_sign_in[], shape_password[], shape_administrator[],
	shape_token[], shape_enrolment[], shape_pc[], shape_workspace[], shape_workspace_change[],
	shape_order[], shape_deploy[];

int api_set_up(struct request *request);
int api_sign_in(struct request *request);
int api_who_am_i(struct request *request);
int api_sign_out(struct request *request);
int api_change_password(struct request *request);

int api_list_administrators(struct request *request);
int api_add_administrator(struct request *request);
int api_remove_administrator(struct request *request);
int api_list_tokens(struct request *request);
int api_add_token(struct request *request);
int api_remove_token(struct request *request);

int api_list_enrolments(struct request *request);
int api_add_enrolment(struct request *request);
int api_remove_enrolment(struct request *request);

int api_list_pcs(struct request *request);
int api_get_pc(struct request *request);
int api_change_pc(struct request *request);
int api_remove_pc(struct request *request);

int api_list_workspaces_of_pc(struct request *request);
int api_list_workspaces(struct request *request);
int api_add_workspace(struct request *request);
int api_get_workspace(struct request *request);
int api_change_workspace(struct request *request);
int api_remove_workspace(struct request *request);

int api_add_order(struct request *request);
int api_list_orders(struct request *request);
int api_get_order(struct request *request);

int api_list_images(struct request *request);
int api_list_versions(struct request *request);
int api_get_version(struct request *request);
int api_remove_version(struct request *request);
int api_deploy(struct request *request);
int api_add_version(struct request *request);
int api_put_index(struct request *request);
int api_missing_blocks(struct request *request);
int api_put_block(struct request *request);
int api_complete_version(struct request *request);

int api_list_policies(struct request *request);
int api_add_policy(struct request *request);
int api_get_operations(struct request *request);
int api_put_operations(struct request *request);

int api_overview(struct request *request);
int api_list_events(struct request *request);
int api_changes(struct request *request);
int api_list_log(struct request *request);
int api_check_log(struct request *request);

/* Replies with a version, by the path's first two parameters. */
int reply_version(struct request *request, int status);

/* Whether the PC waits for news, or was seen just now. */
bool pc_online(struct request *request, const char *pc, int64_t seen);

/*
 * If-Match against the revision of what is to be changed: 0, or the status of a reply (428, 412).
 */
int match_revision(struct request *request, int64_t revision);
void set_revision(struct request *request, int64_t revision);

/*
 * Opens an uploaded envelope of this type, signed by the release key: 0, a status with a reply, or a
 * negative errno.
 */
struct nxt_document;
int open_upload(struct request *request, int type, struct nxt_document *ret);
/* Keeps the uploaded envelope; *ret_name is what it is called. */
int store_document(struct request *request, char ret_name[NXT_SHA256_HEX]);

#endif
