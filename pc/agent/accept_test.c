/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/agent_test.h"

#include <errno.h>

#include "pc/agent/accept.h"

static struct nxt_document operations(struct lab *lab, int64_t from, int64_t until, unsigned may)
{
	struct nxt_document d = {.type = NXT_OPERATIONS};

	nxt_private_key_public(lab->operations, &d.operations.key);
	d.operations.not_before = from;
	d.operations.not_after = until;
	d.operations.may = may;
	return d;
}

static int give_operations(struct lab *lab, const struct nxt_private_key *key, int64_t from, int64_t until)
{
	struct nxt_document d = operations(lab, from, until, NXT_MAY_ASSIGN | NXT_MAY_ORDER);
	char name[NXT_SHA256_HEX], *envelope = lab_seal(&d, key, name);
	int r = accept_operations(&lab->state, envelope, strlen(envelope), NULL);

	free(envelope);
	return r;
}

/* An assignment of one workspace, or of none when manifest is NULL. */
static int give_assignment(struct lab *lab, const struct nxt_private_key *key, const char *pc,
			   uint64_t generation, const char *manifest, const char *policy)
{
	struct nxt_document *d = calloc(1, sizeof(*d));
	struct nxt_workspace *w = &d->assignment.workspaces[0];
	char name[NXT_SHA256_HEX], *envelope;
	int r;

	d->type = NXT_ASSIGNMENT;
	strcpy(d->assignment.pc, pc);
	d->assignment.generation = generation;
	d->assignment.issued = NOW;
	if (manifest) {
		d->assignment.n_workspaces = 1;
		strcpy(w->workspace, WORKSPACE_A);
		strcpy(w->title, "Work");
		strcpy(w->image, "tiny");
		w->version = 1;
		strcpy(w->manifest, manifest);
		strcpy(w->policy, policy);
	}
	envelope = lab_seal(d, key, name);
	r = accept_assignment(&lab->state, envelope, strlen(envelope), NOW, NULL);
	free(envelope);
	free(d);
	return r;
}

static int give_order(struct lab *lab, const struct nxt_private_key *key, const char *pc, const char *order,
		      uint64_t sequence)
{
	struct nxt_document d = {.type = NXT_ORDER};
	char name[NXT_SHA256_HEX], *envelope;
	int r;

	strcpy(d.order.pc, pc);
	strcpy(d.order.order, order);
	d.order.sequence = sequence;
	d.order.issued = NOW;
	d.order.expires = NOW + 10;
	strcpy(d.order.workspace, WORKSPACE_A);
	d.order.what = NXT_DO_START;
	envelope = lab_seal(&d, key, name);
	r = accept_order(&lab->state, envelope, strlen(envelope), NOW, NULL);
	free(envelope);
	return r;
}

static int64_t count(struct lab *lab, const char *sql)
{
	int64_t n;

	assert_int_equal(db_get_number(lab->state.db, &n, sql, ""), 0);
	return n;
}

static void test_operations(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(give_operations(lab, lab->thief, NOW - 10, NOW + 10), -ENOKEY);
	assert_int_equal(give_operations(lab, lab->operations, NOW - 10, NOW + 10), -ENOKEY);
	assert_int_equal(give_operations(lab, lab->release, NOW - 10, NOW + 10), 1);
	assert_int_equal(give_operations(lab, lab->release, NOW - 5, NOW + 20), 1);
	/* The first one does not come back. */
	assert_int_equal(give_operations(lab, lab->release, NOW - 10, NOW + 10), -ESTALE);
}

static void test_assignment(void **state)
{
	struct lab *lab = *state;
	uint64_t generation, orders;

	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 1, NULL, NULL), -ENOKEY);
	assert_int_equal(give_operations(lab, lab->release, NOW - 10, NOW + 10), 1);
	assert_int_equal(give_assignment(lab, lab->release, OUR_PC, 1, NULL, NULL), -ENOKEY);
	assert_int_equal(give_assignment(lab, lab->thief, OUR_PC, 1, NULL, NULL), -ENOKEY);
	assert_int_equal(give_assignment(lab, lab->operations, WORKSPACE_B, 1, NULL, NULL), -EXDEV);
	assert_int_equal(count(lab, "SELECT count(*) FROM heights"), 0);

	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 2, NULL, NULL), 1);
	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 2, NULL, NULL), 0);
	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 1, NULL, NULL), -ESTALE);
	/* Another one of the same generation. */
	char name[NXT_SHA256_HEX];
	struct nxt_document image = lab_image("tiny", 1, 512);

	lab_put(lab, &image, name);
	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 2, name, name), -ESTALE);
	assert_int_equal(accept_heights(&lab->state, &generation, &orders), 0);
	assert_int_equal(generation, 2);
	assert_int_equal(orders, 0);
}

static void test_ended_certificate(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(give_operations(lab, lab->release, NOW - 20, NOW - 10), 1);
	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 1, NULL, NULL), -EKEYEXPIRED);
	assert_int_equal(give_order(lab, lab->operations, OUR_PC, WORKSPACE_B, 1), -EKEYEXPIRED);
}

/* Signed by Center's own key, as one who stole Center could, or by another: only the release key will do. */
static void refuse_foreign(struct lab *lab, const struct nxt_document *document)
{
	const struct nxt_private_key *const keys[] = {lab->operations, lab->thief};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char name[NXT_SHA256_HEX], *text = lab_seal(document, keys[i], name);

		assert_int_equal(accept_document(&lab->state, name, document->type, text, strlen(text), NULL),
				 -ENOKEY);
		free(text);
	}
}

static void test_adopt(void **state)
{
	struct lab *lab = *state;
	struct nxt_document image = lab_image("tiny", 1, 512), other = lab_image("tiny", 2, 512);
	struct nxt_document policy = lab_policy("custom", 1, NXT_CUSTOM);
	char manifest[NXT_SHA256_HEX], wrong[NXT_SHA256_HEX], rule[NXT_SHA256_HEX], missing[NXT_SHA256_HEX];
	char *image_text = lab_seal(&image, lab->release, manifest);
	char *policy_text = lab_seal(&policy, lab->release, rule);
	struct workspace w;
	enum nxt_type type;

	assert_int_equal(give_operations(lab, lab->release, NOW - 10, NOW + 10), 1);
	assert_int_equal(assignment_missing(&lab->state, missing, &type), -ENOENT);
	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 1, manifest, rule), 1);
	assert_int_equal(assignment_missing(&lab->state, missing, &type), 0);
	assert_string_equal(missing, manifest);
	assert_int_equal(assignment_adopt(&lab->state, NULL), 0);
	assert_int_equal(count(lab, "SELECT count(*) FROM workspaces"), 0);

	/* Not what was asked for; not by the release key. */
	assert_int_equal(accept_document(&lab->state, manifest, NXT_IMAGE, policy_text, strlen(policy_text),
					 NULL),
			 -EXDEV);
	assert_int_equal(accept_document(&lab->state, rule, NXT_IMAGE, policy_text, strlen(policy_text),
					 NULL),
			 -EBADMSG);
	refuse_foreign(lab, &image);
	refuse_foreign(lab, &policy);
	assert_int_equal(
		accept_document(&lab->state, manifest, NXT_IMAGE, image_text, strlen(image_text), NULL), 0);
	assert_int_equal(assignment_missing(&lab->state, missing, &type), 0);
	assert_string_equal(missing, rule);
	assert_int_equal(
		accept_document(&lab->state, rule, NXT_POLICY, policy_text, strlen(policy_text), NULL), 0);
	assert_int_equal(assignment_adopt(&lab->state, NULL), 1);
	assert_int_equal(assignment_adopt(&lab->state, NULL), 0);
	assert_int_equal(workspace_load(&lab->state, WORKSPACE_A, &w), 0);
	assert_true(w.assigned && w.power);
	assert_string_equal(w.wanted_manifest, manifest);

	/* An assignment that calls version 2 version 1: dropped whole, and what was stays. */
	lab_put(lab, &other, wrong);
	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 2, wrong, rule), 1);
	assert_int_equal(assignment_adopt(&lab->state, NULL), -EXDEV);
	assert_int_equal(assignment_adopt(&lab->state, NULL), 0);
	assert_int_equal(workspace_load(&lab->state, WORKSPACE_A, &w), 0);
	assert_string_equal(w.wanted_manifest, manifest);

	/* A policy of a lower generation than is known. */
	struct nxt_document newer = lab_policy("custom", 2, NXT_SHARED);
	char newer_name[NXT_SHA256_HEX], *newer_text = lab_seal(&newer, lab->release, newer_name);

	assert_int_equal(accept_document(&lab->state, newer_name, NXT_POLICY, newer_text, strlen(newer_text),
					 NULL),
			 0);
	assert_int_equal(accept_document(&lab->state, rule, NXT_POLICY, policy_text, strlen(policy_text),
					 NULL),
			 -ESTALE);
	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 3, manifest, rule), 1);
	assert_int_equal(assignment_adopt(&lab->state, NULL), -ESTALE);

	/* Removed. */
	assert_int_equal(give_assignment(lab, lab->operations, OUR_PC, 4, NULL, NULL), 1);
	assert_int_equal(assignment_adopt(&lab->state, NULL), 1);
	assert_int_equal(workspace_load(&lab->state, WORKSPACE_A, &w), 0);
	assert_false(w.assigned);
	free(image_text);
	free(policy_text);
	free(newer_text);
}

static void test_orders(void **state)
{
	struct lab *lab = *state;
	uint64_t generation, orders;

	assert_int_equal(give_operations(lab, lab->release, NOW - 10, NOW + 10), 1);
	assert_int_equal(give_order(lab, lab->thief, OUR_PC, WORKSPACE_A, 1), -ENOKEY);
	assert_int_equal(give_order(lab, lab->operations, WORKSPACE_B, WORKSPACE_A, 1), -EXDEV);
	assert_int_equal(give_order(lab, lab->operations, OUR_PC, WORKSPACE_A, 5), 1);
	assert_int_equal(give_order(lab, lab->operations, OUR_PC, WORKSPACE_A, 5), 0);
	assert_int_equal(give_order(lab, lab->operations, OUR_PC, WORKSPACE_B, 4), -ESTALE);
	/* The same order under a new number. */
	assert_int_equal(give_order(lab, lab->operations, OUR_PC, WORKSPACE_A, 6), -ESTALE);
	assert_int_equal(count(lab, "SELECT count(*) FROM jobs"), 1);
	assert_int_equal(accept_heights(&lab->state, &generation, &orders), 0);
	assert_int_equal(orders, 5);
}

static void test_garbage(void **state)
{
	static const char *const garbage[] = {"", "{}", "[]", "null", "{\"payloadType\": 1}"};
	struct lab *lab = *state;

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		assert_true(accept_operations(&lab->state, garbage[i], strlen(garbage[i]), NULL) < 0);
		assert_true(accept_assignment(&lab->state, garbage[i], strlen(garbage[i]), NOW, NULL) < 0);
		assert_true(accept_order(&lab->state, garbage[i], strlen(garbage[i]), NOW, NULL) < 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_set_up, lab_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_operations), TEST(test_assignment), TEST(test_ended_certificate),
		TEST(test_adopt),      TEST(test_orders),     TEST(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
