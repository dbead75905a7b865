/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_TEST_H
#define NXT_AGENT_TEST_H

/* What the agent's unit tests share: a state directory of their own, keys, and documents signed with them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/document.h"
#include "common/file.h"
#include "pc/agent/state.h"

#define OUR_PC "11111111-1111-4111-8111-111111111111"
#define WORKSPACE_A "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define WORKSPACE_B "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
#define NOW 1800000000

struct lab {
	char folder[64];
	struct state state;
	struct nxt_private_key *release, *operations, *thief;
};

/* A PC that is enrolled, and has an operations certificate that is valid at NOW. */
static inline int lab_set_up(void **state)
{
	struct state_pc pc = {.host = "center", .port = 1, .ca = strdup("ca"), .private_key = strdup("key")};
	struct lab *lab = calloc(1, sizeof(*lab));

	strcpy(lab->folder, "/tmp/nxtop-agent-XXXXXX");
	assert_non_null(mkdtemp(lab->folder));
	assert_int_equal(state_open(lab->folder, &lab->state), 0);
	assert_int_equal(nxt_private_key_generate(&lab->release), 0);
	assert_int_equal(nxt_private_key_generate(&lab->operations), 0);
	assert_int_equal(nxt_private_key_generate(&lab->thief), 0);
	strcpy(pc.id, OUR_PC);
	pc.certificate = strdup("certificate");
	nxt_private_key_public(lab->release, &pc.release);
	assert_true(state_pc_save(&lab->state, &pc) >= 0);
	state_pc_done(&pc);
	*state = lab;
	return 0;
}

static inline int lab_tear_down(void **state)
{
	struct lab *lab = *state;
	char command[128];

	state_close(&lab->state);
	snprintf(command, sizeof(command), "rm -rf %s", lab->folder);
	assert_int_equal(system(command), 0);
	nxt_private_key_free(lab->release);
	nxt_private_key_free(lab->operations);
	nxt_private_key_free(lab->thief);
	free(lab);
	return 0;
}

/* A signed document, for free(), and its name. */
static inline char *lab_seal(const struct nxt_document *document, const struct nxt_private_key *key,
			     char name[NXT_SHA256_HEX])
{
	struct nxt_error error = {""};
	char *envelope;
	size_t size;

	if (nxt_document_seal(document, key, &envelope, &size, &error) < 0)
		fail_msg("%s", error.text);
	nxt_sha256_hex(envelope, size, name);
	return envelope;
}

static inline struct nxt_document lab_image(const char *image, uint64_t version, uint64_t size)
{
	struct nxt_document d = {.type = NXT_IMAGE};

	strcpy(d.image.image, image);
	d.image.version = version;
	strcpy(d.image.title, "An image");
	d.image.created = NOW;
	d.image.memory_mib = 64;
	d.image.n_disks = 1;
	d.image.disks[0].size = size;
	d.image.disks[0].block = NXT_BLOCK_SIZE;
	memset(d.image.disks[0].index, 'a', NXT_SHA256_HEX - 1);
	return d;
}

static inline struct nxt_document lab_policy(const char *policy, uint64_t generation, enum nxt_kind kind)
{
	struct nxt_document d = {.type = NXT_POLICY};

	strcpy(d.policy.policy, policy);
	d.policy.generation = generation;
	strcpy(d.policy.title, "A policy");
	d.policy.kind = kind;
	d.policy.vcpus = 1;
	d.policy.memory_mib = 64;
	d.policy.user_disk_mib = 8;
	d.policy.network = NXT_NETWORK_NONE;
	d.policy.autostart = true;
	d.policy.snapshots.keep = 2;
	d.policy.health.boot_seconds = 10;
	return d;
}

/* Puts a document into the state as if it had been accepted. */
static inline void lab_put(struct lab *lab, const struct nxt_document *document, char name[NXT_SHA256_HEX])
{
	char *envelope = lab_seal(document, lab->release, name);

	assert_true(state_document_put(&lab->state, name, document->type, envelope, strlen(envelope)) >= 0);
	free(envelope);
}

#endif
