/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_DOCUMENT_H
#define NXT_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/hex.h"
#include "common/key.h"
#include "common/names.h"

/*
 * The payloads of docs/formats.md as plain values: no pointers, nothing to free; copy them as you like.
 * What parse returned keeps every rule of that page, and build refuses what does not.
 */
#define NXT_FORMAT 1
#define NXT_BLOCK_SIZE 262144
#define NXT_DISK_MAX (UINT64_C(4) << 40)
#define NXT_DISKS_MAX 1
#define NXT_WORKSPACES_MAX 64

enum nxt_type {
	NXT_IMAGE,
	NXT_POLICY,
	NXT_OPERATIONS,
	NXT_ASSIGNMENT,
	NXT_ORDER,
};
#define NXT_TYPES 5

enum nxt_firmware {
	NXT_FIRMWARE_BIOS,
	NXT_FIRMWARE_UEFI,
};

enum nxt_disk_role {
	NXT_DISK_SYSTEM,
};

struct nxt_disk {
	enum nxt_disk_role role;
	uint64_t size;	/* bytes */
	uint64_t block; /* NXT_BLOCK_SIZE */
	char index[NXT_SHA256_HEX];
	uint64_t filled; /* bytes in blocks that are no holes */
};

struct nxt_image {
	char image[NXT_NAME_SIZE];
	uint64_t version;
	char title[NXT_TITLE_SIZE];
	int64_t created; /* this and every other time: seconds since 1970 */
	enum nxt_firmware firmware;
	uint64_t memory_mib;
	size_t n_disks;
	struct nxt_disk disks[NXT_DISKS_MAX];
};

enum nxt_kind {
	NXT_SHARED,
	NXT_CUSTOM,
};

enum nxt_network {
	NXT_NETWORK_NAT,
	NXT_NETWORK_NONE,
};

struct nxt_policy {
	char policy[NXT_NAME_SIZE];
	uint64_t generation;
	char title[NXT_TITLE_SIZE];
	enum nxt_kind kind;
	uint64_t vcpus;
	uint64_t memory_mib;
	uint64_t user_disk_mib;
	enum nxt_network network;
	bool autostart;
	struct {
		uint64_t keep;
		uint64_t every_minutes;
	} snapshots;
	struct {
		bool agent;
		uint64_t boot_seconds;
	} health;
};

#define NXT_MAY_ASSIGN (1U << 0)
#define NXT_MAY_ORDER (1U << 1)

struct nxt_operations {
	struct nxt_public_key key;
	int64_t not_before, not_after; /* both inclusive */
	unsigned int may;	       /* NXT_MAY_... */
};

struct nxt_workspace {
	char workspace[NXT_ID_SIZE];
	char title[NXT_TITLE_SIZE];
	char image[NXT_NAME_SIZE];
	uint64_t version;
	char manifest[NXT_SHA256_HEX];
	char policy[NXT_SHA256_HEX];
};

struct nxt_assignment {
	char pc[NXT_ID_SIZE];
	uint64_t generation;
	int64_t issued;
	size_t n_workspaces;
	struct nxt_workspace workspaces[NXT_WORKSPACES_MAX];
};

enum nxt_do {
	NXT_DO_START,
	NXT_DO_STOP,
	NXT_DO_RESTART,
	NXT_DO_SNAPSHOT,
	NXT_DO_REVERT,
	NXT_DO_FORGET,
};

struct nxt_order {
	char pc[NXT_ID_SIZE];
	char order[NXT_ID_SIZE];
	uint64_t sequence;
	int64_t issued, expires;
	char workspace[NXT_ID_SIZE];
	enum nxt_do what;
	char snapshot[NXT_NAME_SIZE]; /* "" for start, stop, restart; for revert "" means: as published */
};

struct nxt_document {
	enum nxt_type type;
	union {
		struct nxt_image image;
		struct nxt_policy policy;
		struct nxt_operations operations;
		struct nxt_assignment assignment;
		struct nxt_order order;
	};
};

/* "application/vnd.nxtop.image+json" and so on; the reverse gives -ENOENT for a type that is none of ours. */
const char *nxt_type_text(enum nxt_type type);
int nxt_type_from_text(const char *text, enum nxt_type *ret);

/* The words of the members that are one out of a few, for databases, APIs and screens. */
const char *nxt_firmware_text(enum nxt_firmware firmware);
const char *nxt_kind_text(enum nxt_kind kind);
const char *nxt_network_text(enum nxt_network network);
const char *nxt_do_text(enum nxt_do what);
int nxt_do_from_text(const char *text, enum nxt_do *ret); /* -ENOENT */

/*
 * Reads a payload that was verified (or, to show it only, one that was not). -EPROTONOSUPPORT: its format
 * is a later one than NXT_FORMAT. -E2BIG: over a limit. -EBADMSG: breaks another rule. -ENOMEM.
 */
int nxt_document_parse(enum nxt_type type, const void *payload, size_t size, struct nxt_document *ret,
		       struct nxt_error *error);

/*
 * Writes the payload: *ret is JSON, terminated, for free(). The same document always gives the same bytes.
 * Errors as nxt_document_parse(): what it would refuse is not written.
 */
int nxt_document_build(const struct nxt_document *document, char **ret, size_t *ret_size,
		       struct nxt_error *error);

/* Builds the payload and signs it: *ret is the envelope, terminated, for free(). */
int nxt_document_seal(const struct nxt_document *document, const struct nxt_private_key *key, char **ret,
		      size_t *ret_size, struct nxt_error *error);

#endif
