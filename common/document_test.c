/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>
#include <stdio.h>

#include "common/document.h"
#include "common/envelope.h"
#include "common/json.h"

#define ID "123e4567-e89b-12d3-a456-426614174000"
#define ID2 "123e4567-e89b-12d3-a456-426614174001"
#define HASH "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define TITLE100                                                                                             \
	"\"aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbb" \
	"bbbb\""
#define TITLE101                                                                                             \
	"\"xaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbb" \
	"bbbbb\""

/* One good payload of each type, as nxt_document_build() writes it. */
static const char *const good[NXT_TYPES] = {
	[NXT_IMAGE] = "{\"format\":1,\"image\":\"debian\",\"version\":7,\"title\":\"Debian 13\","
		      "\"created\":\"2026-11-24T12:00:00Z\",\"firmware\":\"uefi\",\"memory_mib\":1024,"
		      "\"disks\":[{\"role\":\"system\",\"size\":1073741824,\"block\":262144,\"index\":\"" HASH
		      "\",\"filled\":524288}]}",
	[NXT_POLICY] =
		"{\"format\":1,\"policy\":\"office\",\"generation\":3,\"title\":\"Office\",\"kind\":"
		"\"custom\","
		"\"vcpus\":2,\"memory_mib\":2048,\"user_disk_mib\":0,\"network\":\"nat\",\"autostart\":true,"
		"\"snapshots\":{\"keep\":5,\"every_minutes\":0},\"health\":{\"agent\":false,\"boot_seconds\":"
		"300}}",
	[NXT_OPERATIONS] = "{\"format\":1,\"key\":\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\","
			   "\"not_before\":\"2026-11-24T12:00:00Z\",\"not_after\":\"2027-11-24T12:00:00Z\","
			   "\"may\":[\"assign\",\"order\"]}",
	[NXT_ASSIGNMENT] =
		"{\"format\":1,\"pc\":\"" ID "\",\"generation\":9007199254740991,"
		"\"issued\":\"2026-11-24T12:00:00Z\",\"workspaces\":[{\"workspace\":\"" ID
		"\",\"title\":\"B\303\274ro\",\"image\":\"debian\",\"version\":7,\"manifest\":\"" HASH
		"\",\"policy\":\"" HASH "\"}]}",
	[NXT_ORDER] = "{\"format\":1,\"pc\":\"" ID "\",\"order\":\"" ID2 "\",\"sequence\":1,"
		      "\"issued\":\"2026-11-24T12:00:00Z\",\"expires\":\"2026-11-25T12:00:00Z\","
		      "\"workspace\":\"" ID "\",\"do\":\"revert\",\"snapshot\":\"monday\"}",
};

static void test_round_trip(void **state)
{
	(void)state;
	for (enum nxt_type type = 0; type < NXT_TYPES; type++) {
		_cleanup_free_ char *again = NULL;
		struct nxt_document document;
		struct nxt_error error = {.text = ""};
		enum nxt_type found;
		size_t size;

		if (nxt_document_parse(type, good[type], strlen(good[type]), &document, &error) < 0)
			fail_msg("%s", error.text);
		assert_int_equal(document.type, type);
		assert_int_equal(nxt_document_build(&document, &again, &size, &error), 0);
		assert_string_equal(again, good[type]);
		assert_int_equal(size, strlen(again));
		assert_int_equal(nxt_type_from_text(nxt_type_text(type), &found), 0);
		assert_int_equal(found, type);
	}
	assert_int_equal(nxt_type_from_text("application/json", &(enum nxt_type){0}), -ENOENT);
}

static void test_values(void **state)
{
	struct nxt_document d;

	(void)state;
	assert_int_equal(nxt_document_parse(NXT_IMAGE, good[NXT_IMAGE], strlen(good[NXT_IMAGE]), &d, NULL),
			 0);
	assert_string_equal(d.image.image, "debian");
	assert_int_equal(d.image.version, 7);
	assert_int_equal(d.image.created, 1795521600);
	assert_int_equal(d.image.firmware, NXT_FIRMWARE_UEFI);
	assert_int_equal(d.image.n_disks, 1);
	assert_string_equal(d.image.disks[0].index, HASH);
	assert_int_equal(d.image.disks[0].filled, 524288);

	assert_int_equal(nxt_document_parse(NXT_POLICY, good[NXT_POLICY], strlen(good[NXT_POLICY]), &d, NULL),
			 0);
	assert_int_equal(d.policy.kind, NXT_CUSTOM);
	assert_true(d.policy.autostart);
	assert_int_equal(d.policy.snapshots.keep, 5);
	assert_false(d.policy.health.agent);
	assert_int_equal(d.policy.health.boot_seconds, 300);

	assert_int_equal(nxt_document_parse(NXT_OPERATIONS, good[NXT_OPERATIONS],
					    strlen(good[NXT_OPERATIONS]), &d, NULL),
			 0);
	assert_int_equal(d.operations.key.raw[0], 0xd7);
	assert_int_equal(d.operations.may, NXT_MAY_ASSIGN | NXT_MAY_ORDER);

	assert_int_equal(nxt_document_parse(NXT_ORDER, good[NXT_ORDER], strlen(good[NXT_ORDER]), &d, NULL),
			 0);
	assert_int_equal(d.order.what, NXT_DO_REVERT);
	assert_string_equal(d.order.snapshot, "monday");
}

/* A good payload with one member set to value, or removed if value is NULL; path is like "disks.0.size". */
static char *changed(enum nxt_type type, const char *path, const char *value)
{
	_cleanup_(nxt_json_unrefp) json_t *object = json_loads(good[type], 0, NULL);
	char copy[64], *rest = copy, *part;
	json_t *at = object;

	assert_non_null(object);
	snprintf(copy, sizeof(copy), "%s", path);
	while ((part = strsep(&rest, ".")) && rest)
		at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10))
				       : json_object_get(at, part);
	assert_true(json_is_object(at));
	if (value)
		json_object_set_new(at, part, json_loads(value, JSON_DECODE_ANY, NULL));
	else
		json_object_del(at, part);
	return json_dumps(object, JSON_COMPACT);
}

static const struct change {
	enum nxt_type type;
	const char *path, *value; /* JSON; NULL: removed */
	int r;
} changes[] = {
	/* Rules of every document. */
	{NXT_IMAGE, "format", "2", -EPROTONOSUPPORT},
	{NXT_IMAGE, "format", "0", -EBADMSG},
	{NXT_IMAGE, "format", "\"1\"", -EBADMSG},
	{NXT_IMAGE, "format", NULL, -EBADMSG},
	{NXT_IMAGE, "titel", "\"a\"", -EBADMSG},
	{NXT_IMAGE, "disks.0.sise", "1", -EBADMSG},
	{NXT_POLICY, "snapshots.kept", "1", -EBADMSG},
	{NXT_POLICY, "title", NULL, -EBADMSG},
	{NXT_POLICY, "health.agent", NULL, -EBADMSG},
	/* Image manifest. */
	{NXT_IMAGE, "image", "\"Debian\"", -EBADMSG},
	{NXT_IMAGE, "image", "7", -EBADMSG},
	{NXT_IMAGE, "version", "0", -EBADMSG},
	{NXT_IMAGE, "version", "-1", -EBADMSG},
	{NXT_IMAGE, "version", "1", 0},
	{NXT_IMAGE, "version", "1.5", -EBADMSG},
	{NXT_IMAGE, "version", "9007199254740991", 0},
	{NXT_IMAGE, "version", "9007199254740992", -E2BIG},
	{NXT_IMAGE, "title", TITLE100, 0},
	{NXT_IMAGE, "title", TITLE101, -EBADMSG},
	{NXT_IMAGE, "title", "\"a\\nb\"", -EBADMSG},
	{NXT_IMAGE, "created", "\"2026-11-24\"", -EBADMSG},
	{NXT_IMAGE, "firmware", "\"coreboot\"", -EBADMSG},
	{NXT_IMAGE, "firmware", "0", -EBADMSG},
	{NXT_IMAGE, "firmware", "\"bios\"", 0},
	{NXT_IMAGE, "memory_mib", "15", -EBADMSG},
	{NXT_IMAGE, "memory_mib", "16", 0},
	{NXT_IMAGE, "memory_mib", "1048576", 0},
	{NXT_IMAGE, "memory_mib", "1048577", -E2BIG},
	{NXT_IMAGE, "disks", "[]", -EBADMSG},
	{NXT_IMAGE, "disks", "[{},{}]", -E2BIG},
	{NXT_IMAGE, "disks", "[1]", -EBADMSG},
	{NXT_IMAGE, "disks", "{}", -EBADMSG},
	{NXT_IMAGE, "disks.0.role", "\"user\"", -EBADMSG},
	{NXT_IMAGE, "disks.0.size", "4398046511104", 0}, /* 4 TiB */
	{NXT_IMAGE, "disks.0.size", "4398046511616", -E2BIG},
	{NXT_IMAGE, "disks.0.size", "0", -EBADMSG},
	{NXT_IMAGE, "disks.0.size", "1000000", -EBADMSG},
	{NXT_IMAGE, "disks.0.size", "9223372036854775807", -E2BIG},
	{NXT_IMAGE, "disks.0.size", "524288", 0},
	{NXT_IMAGE, "disks.0.size", "523776", -EBADMSG}, /* less than is filled */
	{NXT_IMAGE, "disks.0.filled", "1073741824", 0},
	{NXT_IMAGE, "disks.0.filled", "1073741825", -EBADMSG},
	{NXT_IMAGE, "disks.0.block", "131072", -EBADMSG},
	{NXT_IMAGE, "disks.0.block", "524288", -E2BIG},
	{NXT_IMAGE, "disks.0.index", "\"abc\"", -EBADMSG},
	/* Policy. */
	{NXT_POLICY, "policy", "\"\"", -EBADMSG},
	{NXT_POLICY, "generation", "0", -EBADMSG},
	{NXT_POLICY, "kind", "\"shared\"", 0},
	{NXT_POLICY, "kind", "\"Shared\"", -EBADMSG},
	{NXT_POLICY, "vcpus", "0", -EBADMSG},
	{NXT_POLICY, "vcpus", "64", 0},
	{NXT_POLICY, "vcpus", "65", -E2BIG},
	{NXT_POLICY, "memory_mib", "1048577", -E2BIG},
	{NXT_POLICY, "user_disk_mib", "4194304", 0},
	{NXT_POLICY, "user_disk_mib", "4194305", -E2BIG},
	{NXT_POLICY, "network", "\"bridge\"", -EBADMSG},
	{NXT_POLICY, "network", "\"none\"", 0},
	{NXT_POLICY, "autostart", "1", -EBADMSG},
	{NXT_POLICY, "snapshots.keep", "0", -EBADMSG},
	{NXT_POLICY, "snapshots.keep", "100", 0},
	{NXT_POLICY, "snapshots.keep", "101", -E2BIG},
	{NXT_POLICY, "snapshots.every_minutes", "527040", 0},
	{NXT_POLICY, "snapshots.every_minutes", "527041", -E2BIG},
	{NXT_POLICY, "health.boot_seconds", "0", -EBADMSG},
	{NXT_POLICY, "health.boot_seconds", "86400", 0},
	{NXT_POLICY, "health.boot_seconds", "86401", -E2BIG},
	{NXT_POLICY, "health", "null", -EBADMSG},
	/* Operations certificate. */
	{NXT_OPERATIONS, "key", "\"AAAA\"", -EBADMSG},
	{NXT_OPERATIONS, "key", "\"?\"", -EBADMSG},
	{NXT_OPERATIONS, "key", "1", -EBADMSG},
	{NXT_OPERATIONS, "not_after", "\"2026-11-24T12:00:00Z\"", 0},
	{NXT_OPERATIONS, "not_after", "\"2026-11-24T11:59:59Z\"", -EBADMSG},
	{NXT_OPERATIONS, "may", "[\"order\"]", 0},
	{NXT_OPERATIONS, "may", "[]", -EBADMSG},
	{NXT_OPERATIONS, "may", "[\"assign\",\"assign\"]", -EBADMSG},
	{NXT_OPERATIONS, "may", "[\"sign\"]", -EBADMSG},
	{NXT_OPERATIONS, "may", "\"assign\"", -EBADMSG},
	/* Assignment; how many workspaces, see below. */
	{NXT_ASSIGNMENT, "pc", "\"x\"", -EBADMSG},
	{NXT_ASSIGNMENT, "workspaces", "[]", 0},
	{NXT_ASSIGNMENT, "workspaces.0.version", "0", -EBADMSG},
	{NXT_ASSIGNMENT, "workspaces.0.manifest", "\"\"", -EBADMSG},
	/* Order. */
	{NXT_ORDER, "sequence", "0", -EBADMSG},
	{NXT_ORDER, "expires", "\"2026-11-24T12:00:00Z\"", 0},
	{NXT_ORDER, "expires", "\"2026-11-24T11:59:59Z\"", -EBADMSG},
	{NXT_ORDER, "do", "\"wipe\"", -EBADMSG},
	{NXT_ORDER, "do", "\"snapshot\"", 0},
	{NXT_ORDER, "do", "\"start\"", -EBADMSG}, /* about a snapshot? */
	{NXT_ORDER, "snapshot", "\"\"", 0},
	{NXT_ORDER, "snapshot", "\"../x\"", -EBADMSG},
};

static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		_cleanup_free_ char *payload = changed(changes[i].type, changes[i].path, changes[i].value);
		struct nxt_document document, before;
		struct nxt_error error = {.text = ""};
		int r;

		memset(&document, 0x5a, sizeof(document));
		before = document;
		r = nxt_document_parse(changes[i].type, payload, strlen(payload), &document, &error);
		if (r != changes[i].r)
			fail_msg("%s = %s gives %d (%s)", changes[i].path, changes[i].value, r, error.text);
		assert_int_equal(r < 0, error.text[0] != '\0');
		if (r < 0)
			assert_memory_equal(&document, &before, sizeof(document));
	}
}

static void test_snapshot_of_order(void **state)
{
	static const struct {
		enum nxt_do what;
		bool named, unnamed;
	} allowed[] = {
		{NXT_DO_START, false, true},	{NXT_DO_STOP, false, true},  {NXT_DO_RESTART, false, true},
		{NXT_DO_SNAPSHOT, true, false}, {NXT_DO_REVERT, true, true}, {NXT_DO_FORGET, true, false},
	};
	struct nxt_document d;

	(void)state;
	assert_int_equal(nxt_document_parse(NXT_ORDER, good[NXT_ORDER], strlen(good[NXT_ORDER]), &d, NULL),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		for (int named = 0; named < 2; named++) {
			_cleanup_free_ char *payload = NULL;
			size_t size;

			d.order.what = allowed[i].what;
			strcpy(d.order.snapshot, named ? "monday" : "");
			assert_int_equal(nxt_document_build(&d, &payload, &size, NULL),
					 (named ? allowed[i].named : allowed[i].unnamed) ? 0 : -EBADMSG);
		}
	}
}

static void test_errors_name_the_member(void **state)
{
	_cleanup_free_ char *size = changed(NXT_IMAGE, "disks.0.size", "4398046511616");
	_cleanup_free_ char *stranger = changed(NXT_POLICY, "health.bootseconds", "1");
	_cleanup_free_ char *newer = changed(NXT_POLICY, "format", "2");
	struct nxt_document document;
	struct nxt_error error;

	(void)state;
	nxt_document_parse(NXT_IMAGE, size, strlen(size), &document, &error);
	assert_string_equal(error.text,
			    "\"disks[0].size\" is 4398046511616, which is not from 512 to 4398046511104");
	nxt_document_parse(NXT_POLICY, stranger, strlen(stranger), &document, &error);
	assert_string_equal(error.text, "\"health.bootseconds\" is not known here: misspelt?");
	nxt_document_parse(NXT_POLICY, newer, strlen(newer), &document, &error);
	assert_contains(error.text, "made for a newer NxTop");
}

/* An assignment of n workspaces with ids of their own. */
static void fill(struct nxt_document *document, size_t n)
{
	assert_int_equal(nxt_document_parse(NXT_ASSIGNMENT, good[NXT_ASSIGNMENT],
					    strlen(good[NXT_ASSIGNMENT]), document, NULL),
			 0);
	for (size_t i = 0; i < n && i < NXT_WORKSPACES_MAX; i++) {
		document->assignment.workspaces[i] = document->assignment.workspaces[0];
		snprintf(document->assignment.workspaces[i].workspace, NXT_ID_SIZE,
			 "%08zx-e89b-12d3-a456-426614174000", i);
	}
	document->assignment.n_workspaces = n;
}

static void test_workspaces(void **state)
{
	_cleanup_free_ char *payload = NULL, *none = NULL;
	_cleanup_(nxt_json_unrefp) json_t *object = NULL;
	json_t *workspaces;
	static struct nxt_document document, again;
	struct nxt_error error;
	size_t size;

	(void)state;
	fill(&document, NXT_WORKSPACES_MAX);
	assert_int_equal(nxt_document_build(&document, &payload, &size, NULL), 0);
	assert_int_equal(nxt_document_parse(NXT_ASSIGNMENT, payload, size, &again, NULL), 0);
	assert_int_equal(again.assignment.n_workspaces, NXT_WORKSPACES_MAX);
	assert_string_equal(again.assignment.workspaces[63].workspace,
			    "0000003f-e89b-12d3-a456-426614174000");

	/* One more, in the document and in the struct. */
	object = json_loadb(payload, size, 0, NULL);
	workspaces = json_object_get(object, "workspaces");
	json_array_append(workspaces, json_array_get(workspaces, 0));
	none = json_dumps(object, 0);
	assert_int_equal(nxt_document_parse(NXT_ASSIGNMENT, none, strlen(none), &again, &error), -E2BIG);
	assert_string_equal(error.text, "\"workspaces\" has 65 members, not 0 to 64");
	document.assignment.n_workspaces = NXT_WORKSPACES_MAX + 1;
	free(TAKE_PTR(payload));
	assert_int_equal(nxt_document_build(&document, &payload, &size, &error), -E2BIG);

	/* The same one twice. */
	fill(&document, 2);
	document.assignment.workspaces[1] = document.assignment.workspaces[0];
	assert_int_equal(nxt_document_build(&document, &payload, &size, &error), -EBADMSG);
	assert_contains(error.text, "twice");
	assert_null(payload);
}

static void test_not_built(void **state)
{
	struct nxt_document d;
	char *payload = NULL;
	struct nxt_error error;
	size_t size;

	(void)state;
	memset(&d, 0, sizeof(d));
	for (enum nxt_type type = 0; type < NXT_TYPES; type++) {
		d.type = type;
		assert_int_equal(nxt_document_build(&d, &payload, &size, &error), -EBADMSG);
	}

	assert_int_equal(nxt_document_parse(NXT_POLICY, good[NXT_POLICY], strlen(good[NXT_POLICY]), &d, NULL),
			 0);
	d.policy.kind = 2;
	assert_int_equal(nxt_document_build(&d, &payload, &size, &error), -EBADMSG);
	d.policy.kind = NXT_CUSTOM;
	memset(d.policy.title, 'a', sizeof(d.policy.title)); /* and no NUL */
	assert_int_equal(nxt_document_build(&d, &payload, &size, &error), -EBADMSG);
	strcpy(d.policy.title, "\377");
	assert_int_equal(nxt_document_build(&d, &payload, &size, &error), -EBADMSG);
	strcpy(d.policy.title, "a");
	d.policy.vcpus = UINT64_MAX;
	assert_int_equal(nxt_document_build(&d, &payload, &size, &error), -E2BIG);
	d.policy.vcpus = 0;
	assert_int_equal(nxt_document_build(&d, &payload, &size, &error), -EBADMSG);
	assert_null(payload);
}

static void test_too_large(void **state)
{
	_cleanup_free_ char *text = malloc(NXT_ENVELOPE_MAX + 1);
	struct nxt_document document;

	(void)state;
	memset(text, ' ', NXT_ENVELOPE_MAX + 1);
	memcpy(text, good[NXT_ORDER], strlen(good[NXT_ORDER]));
	assert_int_equal(nxt_document_parse(NXT_ORDER, text, NXT_ENVELOPE_MAX, &document, NULL), 0);
	assert_int_equal(nxt_document_parse(NXT_ORDER, text, NXT_ENVELOPE_MAX + 1, &document, NULL), -E2BIG);
}

static void test_words(void **state)
{
	enum nxt_do what;

	(void)state;
	assert_string_equal(nxt_firmware_text(NXT_FIRMWARE_BIOS), "bios");
	assert_string_equal(nxt_firmware_text(NXT_FIRMWARE_UEFI), "uefi");
	assert_string_equal(nxt_kind_text(NXT_SHARED), "shared");
	assert_string_equal(nxt_network_text(NXT_NETWORK_NONE), "none");
	for (enum nxt_do i = NXT_DO_START; i <= NXT_DO_FORGET; i++) {
		assert_int_equal(nxt_do_from_text(nxt_do_text(i), &what), 0);
		assert_int_equal(what, i);
	}
	assert_int_equal(nxt_do_from_text("wipe", &what), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_snapshot_of_order),
		cmocka_unit_test(test_errors_name_the_member),
		cmocka_unit_test(test_workspaces),
		cmocka_unit_test(test_not_built),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
