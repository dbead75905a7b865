/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/document_tables.h"

#include <errno.h>
#include <string.h>

/* Each table is the page docs/formats.md, in its order: the member's name in JSON, its kind, its field. */
#define MEMBER(json, type, field, k, ...)                                                                    \
	{                                                                                                    \
		.name = json, .kind = NXT_JSON_##k, .offset = offsetof(struct type, field), __VA_ARGS__      \
	}
#define NUMBER(json, type, field, from, to) MEMBER(json, type, field, NUMBER, .min = from, .max = to)
#define END                                                                                                  \
	{                                                                                                    \
		.name = NULL                                                                                 \
	}

#define MEMORY_MIN_MIB 16
#define MEMORY_MAX_MIB (1024 * 1024)

static const char *const type_words[] = {
	"application/vnd.nxtop.image+json",	 "application/vnd.nxtop.policy+json",
	"application/vnd.nxtop.operations+json", "application/vnd.nxtop.assignment+json",
	"application/vnd.nxtop.order+json",	 NULL,
};
static const char *const firmware_words[] = {"bios", "uefi", NULL};
static const char *const role_words[] = {"system", NULL};
static const char *const kind_words[] = {"shared", "custom", NULL};
static const char *const network_words[] = {"nat", "none", NULL};
static const char *const may_words[] = {"assign", "order", NULL};
static const char *const do_words[] = {"start", "stop", "restart", "snapshot", "revert", "forget", NULL};

static const struct nxt_json_member disk_members[] = {
	MEMBER("role", nxt_disk, role, CHOICE, .words = role_words),
	NUMBER("size", nxt_disk, size, 512, NXT_DISK_MAX),
	NUMBER("block", nxt_disk, block, NXT_BLOCK_SIZE, NXT_BLOCK_SIZE),
	MEMBER("index", nxt_disk, index, SHA256),
	NUMBER("filled", nxt_disk, filled, 0, NXT_DISK_MAX),
	END,
};

static const struct nxt_json_member image_members[] = {
	MEMBER("image", nxt_image, image, NAME),
	NUMBER("version", nxt_image, version, 1, NXT_NUMBER_MAX),
	MEMBER("title", nxt_image, title, TITLE),
	MEMBER("created", nxt_image, created, TIME),
	MEMBER("firmware", nxt_image, firmware, CHOICE, .words = firmware_words),
	NUMBER("memory_mib", nxt_image, memory_mib, MEMORY_MIN_MIB, MEMORY_MAX_MIB),
	MEMBER("disks", nxt_image, disks, ARRAY, .members = disk_members, .size = sizeof(struct nxt_disk),
	       .min = 1, .max = NXT_DISKS_MAX, .count = offsetof(struct nxt_image, n_disks)),
	END,
};

/* Members of an object within a policy, from the start of the policy. */
static const struct nxt_json_member snapshots_members[] = {
	NUMBER("keep", nxt_policy, snapshots.keep, 1, 100),
	NUMBER("every_minutes", nxt_policy, snapshots.every_minutes, 0, 366 * 24 * 60),
	END,
};
static const struct nxt_json_member health_members[] = {
	MEMBER("agent", nxt_policy, health.agent, BOOL),
	NUMBER("boot_seconds", nxt_policy, health.boot_seconds, 1, 24 * 60 * 60),
	END,
};

static const struct nxt_json_member policy_members[] = {
	MEMBER("policy", nxt_policy, policy, NAME),
	NUMBER("generation", nxt_policy, generation, 1, NXT_NUMBER_MAX),
	MEMBER("title", nxt_policy, title, TITLE),
	MEMBER("kind", nxt_policy, kind, CHOICE, .words = kind_words),
	NUMBER("vcpus", nxt_policy, vcpus, 1, 64),
	NUMBER("memory_mib", nxt_policy, memory_mib, MEMORY_MIN_MIB, MEMORY_MAX_MIB),
	NUMBER("user_disk_mib", nxt_policy, user_disk_mib, 0, NXT_DISK_MAX >> 20),
	MEMBER("network", nxt_policy, network, CHOICE, .words = network_words),
	MEMBER("autostart", nxt_policy, autostart, BOOL),
	{.name = "snapshots", .kind = NXT_JSON_OBJECT, .members = snapshots_members},
	{.name = "health", .kind = NXT_JSON_OBJECT, .members = health_members},
	END,
};

static const struct nxt_json_member operations_members[] = {
	MEMBER("key", nxt_operations, key, KEY),
	MEMBER("not_before", nxt_operations, not_before, TIME),
	MEMBER("not_after", nxt_operations, not_after, TIME),
	MEMBER("may", nxt_operations, may, SET, .words = may_words),
	END,
};

static const struct nxt_json_member workspace_members[] = {
	MEMBER("workspace", nxt_workspace, workspace, ID),
	MEMBER("title", nxt_workspace, title, TITLE),
	MEMBER("image", nxt_workspace, image, NAME),
	NUMBER("version", nxt_workspace, version, 1, NXT_NUMBER_MAX),
	MEMBER("manifest", nxt_workspace, manifest, SHA256),
	MEMBER("policy", nxt_workspace, policy, SHA256),
	END,
};

static const struct nxt_json_member assignment_members[] = {
	MEMBER("pc", nxt_assignment, pc, ID),
	NUMBER("generation", nxt_assignment, generation, 1, NXT_NUMBER_MAX),
	MEMBER("issued", nxt_assignment, issued, TIME),
	MEMBER("workspaces", nxt_assignment, workspaces, ARRAY, .members = workspace_members,
	       .size = sizeof(struct nxt_workspace), .max = NXT_WORKSPACES_MAX,
	       .count = offsetof(struct nxt_assignment, n_workspaces)),
	END,
};

static const struct nxt_json_member order_members[] = {
	MEMBER("pc", nxt_order, pc, ID),
	MEMBER("order", nxt_order, order, ID),
	NUMBER("sequence", nxt_order, sequence, 1, NXT_NUMBER_MAX),
	MEMBER("issued", nxt_order, issued, TIME),
	MEMBER("expires", nxt_order, expires, TIME),
	MEMBER("workspace", nxt_order, workspace, ID),
	MEMBER("do", nxt_order, what, CHOICE, .words = do_words),
	MEMBER("snapshot", nxt_order, snapshot, NAME_OR_EMPTY),
	END,
};

const struct nxt_json_member *nxt_document_members(enum nxt_type type)
{
	static const struct nxt_json_member *const tables[NXT_TYPES] = {
		[NXT_IMAGE] = image_members,	       [NXT_POLICY] = policy_members,
		[NXT_OPERATIONS] = operations_members, [NXT_ASSIGNMENT] = assignment_members,
		[NXT_ORDER] = order_members,
	};

	return tables[type];
}

static int find(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -ENOENT;
}

const char *nxt_type_text(enum nxt_type type)
{
	return type_words[type];
}

int nxt_type_from_text(const char *text, enum nxt_type *ret)
{
	int r = find(type_words, text);

	if (r < 0)
		return r;
	*ret = (enum nxt_type)r;
	return 0;
}

const char *nxt_firmware_text(enum nxt_firmware firmware)
{
	return firmware_words[firmware];
}

const char *nxt_kind_text(enum nxt_kind kind)
{
	return kind_words[kind];
}

const char *nxt_network_text(enum nxt_network network)
{
	return network_words[network];
}

const char *nxt_do_text(enum nxt_do what)
{
	return do_words[what];
}

int nxt_do_from_text(const char *text, enum nxt_do *ret)
{
	int r = find(do_words, text);

	if (r < 0)
		return r;
	*ret = (enum nxt_do)r;
	return 0;
}
