/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/api/api.h"
#include "center/core/route.h"
#include "center/pc/pc.h"
#include "common/block.h"
#include "common/envelope.h"

#define KIB 1024
#define INDEX_MAX (513UL * KIB * KIB) /* of the largest disk */

#define IMAGE "/api/v1/images/{name}/versions"
#define VERSION IMAGE "/{number}"

const struct route routes[] = {
	{"GET", "/enrol/v1/trust", FOR_ANYBODY, pc_trust},
	{"POST", "/enrol/v1", FOR_ANYBODY, pc_enrol, shape_enrol, 32 * KIB},

	{"GET", "/pc/v1/news", FOR_PC, pc_news, .flags = ROUTE_WRITES | ROUTE_LAZY},
	{"GET", "/pc/v1/documents/{sha256}", FOR_PC, pc_document},
	{"GET", "/pc/v1/indexes/{sha256}", FOR_PC, pc_index, .flags = ROUTE_UNLOCKED},
	{"GET", "/pc/v1/blocks/{sha256}", FOR_PC, pc_block, .flags = ROUTE_UNLOCKED},
	{"POST", "/pc/v1/events", FOR_PC, pc_events, shape_events, 256 * KIB},
	{"PUT", "/pc/v1/status", FOR_PC, pc_status, shape_status, 2048 * KIB, ROUTE_LAZY},
	{"POST", "/pc/v1/certificate", FOR_PC, pc_certificate, shape_csr, 32 * KIB},

	{"POST", "/api/v1/setup", FOR_ANYBODY, api_set_up, shape_setup, 8 * KIB},
	{"POST", "/api/v1/session", FOR_ANYBODY, api_sign_in, shape_sign_in, 8 * KIB},
	{"GET", "/api/v1/session", FOR_ADMINISTRATOR, api_who_am_i},
	{"DELETE", "/api/v1/session", FOR_ADMINISTRATOR, api_sign_out},
	{"PUT", "/api/v1/password", FOR_ADMINISTRATOR, api_change_password, shape_password, 8 * KIB},
	{"GET", "/api/v1/administrators", FOR_ADMINISTRATOR, api_list_administrators},
	{"POST", "/api/v1/administrators", FOR_ADMINISTRATOR, api_add_administrator, shape_administrator,
	 8 * KIB},
	{"DELETE", "/api/v1/administrators/{name}", FOR_ADMINISTRATOR, api_remove_administrator},
	{"GET", "/api/v1/tokens", FOR_ADMINISTRATOR, api_list_tokens},
	{"POST", "/api/v1/tokens", FOR_ADMINISTRATOR, api_add_token, shape_token, 8 * KIB},
	{"DELETE", "/api/v1/tokens/{id}", FOR_ADMINISTRATOR, api_remove_token},
	{"GET", "/api/v1/enrolments", FOR_ADMINISTRATOR, api_list_enrolments},
	{"POST", "/api/v1/enrolments", FOR_ADMINISTRATOR, api_add_enrolment, shape_enrolment, 64 * KIB},
	{"DELETE", "/api/v1/enrolments/{id}", FOR_ADMINISTRATOR, api_remove_enrolment},

	{"GET", "/api/v1/overview", FOR_ADMINISTRATOR, api_overview},
	{"GET", "/api/v1/pcs", FOR_ADMINISTRATOR, api_list_pcs},
	{"GET", "/api/v1/pcs/{id}", FOR_ADMINISTRATOR, api_get_pc},
	{"PATCH", "/api/v1/pcs/{id}", FOR_ADMINISTRATOR, api_change_pc, shape_pc, 8 * KIB},
	{"DELETE", "/api/v1/pcs/{id}", FOR_ADMINISTRATOR, api_remove_pc},
	{"GET", "/api/v1/pcs/{id}/workspaces", FOR_ADMINISTRATOR, api_list_workspaces_of_pc},
	{"POST", "/api/v1/pcs/{id}/workspaces", FOR_ADMINISTRATOR, api_add_workspace, shape_workspace,
	 8 * KIB},
	{"GET", "/api/v1/workspaces", FOR_ADMINISTRATOR, api_list_workspaces},
	{"GET", "/api/v1/workspaces/{id}", FOR_ADMINISTRATOR, api_get_workspace},
	{"PATCH", "/api/v1/workspaces/{id}", FOR_ADMINISTRATOR, api_change_workspace, shape_workspace_change,
	 8 * KIB},
	{"DELETE", "/api/v1/workspaces/{id}", FOR_ADMINISTRATOR, api_remove_workspace},
	{"POST", "/api/v1/pcs/{id}/orders", FOR_ADMINISTRATOR, api_add_order, shape_order, 8 * KIB},
	{"GET", "/api/v1/orders", FOR_ADMINISTRATOR, api_list_orders},
	{"GET", "/api/v1/orders/{id}", FOR_ADMINISTRATOR, api_get_order},

	{"GET", "/api/v1/images", FOR_ADMINISTRATOR, api_list_images},
	{"POST", "/api/v1/images", FOR_ADMINISTRATOR, api_add_version, .limit = NXT_ENVELOPE_MAX},
	{"GET", IMAGE, FOR_ADMINISTRATOR, api_list_versions},
	{"GET", VERSION, FOR_ADMINISTRATOR, api_get_version},
	{"DELETE", VERSION, FOR_ADMINISTRATOR, api_remove_version},
	{"PUT", VERSION "/index", FOR_ADMINISTRATOR, api_put_index, .limit = INDEX_MAX,
	 .flags = ROUTE_UNLOCKED},
	{"GET", VERSION "/missing", FOR_ADMINISTRATOR, api_missing_blocks, .flags = ROUTE_UNLOCKED},
	{"PUT", "/api/v1/blocks/{sha256}", FOR_ADMINISTRATOR, api_put_block, .limit = NXT_BLOCK_PACKED_MAX,
	 .flags = ROUTE_UNLOCKED},
	{"POST", VERSION "/complete", FOR_ADMINISTRATOR, api_complete_version},
	{"POST", VERSION "/deploy", FOR_ADMINISTRATOR, api_deploy, shape_deploy, 64 * KIB},
	{"GET", "/api/v1/policies", FOR_ADMINISTRATOR, api_list_policies},
	{"POST", "/api/v1/policies", FOR_ADMINISTRATOR, api_add_policy, .limit = NXT_ENVELOPE_MAX},
	{"GET", "/api/v1/operations", FOR_ADMINISTRATOR, api_get_operations},
	{"PUT", "/api/v1/operations", FOR_ADMINISTRATOR, api_put_operations, .limit = NXT_ENVELOPE_MAX},

	{"GET", "/api/v1/events", FOR_ADMINISTRATOR, api_list_events},
	{"GET", "/api/v1/changes", FOR_ADMINISTRATOR, api_changes},
	{"GET", "/api/v1/log", FOR_ADMINISTRATOR, api_list_log},
	{"GET", "/api/v1/log/check", FOR_ADMINISTRATOR, api_check_log},
	{},
};
