/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>

#include "common/envelope.h"
#include "common/trust.h"

#define ID "123e4567-e89b-12d3-a456-426614174000"
#define FROM 1000000
#define TO 2000000

struct world {
	struct nxt_private_key *release, *operations, *thief;
	struct nxt_trust trust; /* with the release key only */
};

static int set_up(void **state)
{
	static struct world w;

	w.release = test_key();
	w.operations = other_key();
	w.thief = other_key();
	w.trust = (struct nxt_trust){.release = public_of(w.release)};
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	nxt_private_key_free(w->release);
	nxt_private_key_free(w->operations);
	nxt_private_key_free(w->thief);
	return 0;
}

static struct nxt_document policy(void)
{
	return (struct nxt_document){
		.type = NXT_POLICY,
		.policy = {.policy = "office",
			   .generation = 1,
			   .title = "Office",
			   .vcpus = 1,
			   .memory_mib = 1024,
			   .snapshots = {.keep = 1},
			   .health = {.boot_seconds = 60}},
	};
}

static struct nxt_document assignment(void)
{
	return (struct nxt_document){.type = NXT_ASSIGNMENT, .assignment = {.pc = ID, .generation = 1}};
}

static struct nxt_document order(void)
{
	return (struct nxt_document){
		.type = NXT_ORDER,
		.order = {.pc = ID, .order = ID, .sequence = 1, .workspace = ID, .what = NXT_DO_REVERT}};
}

static int certify_from(struct nxt_trust *trust, const struct nxt_private_key *by,
			const struct nxt_private_key *whom, unsigned int may, int64_t from)
{
	struct nxt_document document = {
		.type = NXT_OPERATIONS,
		.operations = {.key = public_of(whom), .not_before = from, .not_after = TO, .may = may}};
	_cleanup_free_ char *envelope = NULL;
	size_t size;

	assert_int_equal(nxt_document_seal(&document, by, &envelope, &size, NULL), 0);
	return nxt_trust_certify(trust, envelope, size, NULL);
}

static int certify(struct nxt_trust *trust, const struct nxt_private_key *by,
		   const struct nxt_private_key *whom, unsigned int may)
{
	return certify_from(trust, by, whom, may, FROM);
}

static int open_as(const struct nxt_trust *trust, enum nxt_type type, struct nxt_document document,
		   const struct nxt_private_key *by, int64_t now)
{
	_cleanup_free_ char *envelope = NULL;
	struct nxt_document opened;
	struct nxt_error error = {.text = ""};
	size_t size;
	int r;

	assert_int_equal(nxt_document_seal(&document, by, &envelope, &size, NULL), 0);
	r = nxt_trust_open(trust, type, envelope, size, now, &opened, &error);
	assert_int_equal(r < 0, error.text[0] != '\0');
	if (r == 0)
		assert_int_equal(opened.type, type);
	return r;
}

static int open_(const struct nxt_trust *trust, struct nxt_document document,
		 const struct nxt_private_key *by, int64_t now)
{
	return open_as(trust, document.type, document, by, now);
}

/* Who took over Center has the operations key: enough to assign and order, not for anything else. */
static void test_who_signs_what(void **state)
{
	struct world *w = *state;
	struct nxt_trust trust = w->trust;

	assert_int_equal(certify(&trust, w->release, w->operations, NXT_MAY_ASSIGN | NXT_MAY_ORDER), 0);
	assert_int_equal(open_(&trust, policy(), w->release, FROM), 0);
	assert_int_equal(open_(&trust, assignment(), w->operations, FROM), 0);
	assert_int_equal(open_(&trust, order(), w->operations, FROM), 0);

	assert_int_equal(open_(&trust, policy(), w->operations, FROM), -ENOKEY);
	assert_int_equal(open_(&trust, policy(), w->thief, FROM), -ENOKEY);
	assert_int_equal(open_(&trust, assignment(), w->release, FROM), -ENOKEY);
	assert_int_equal(open_(&trust, order(), w->thief, FROM), -ENOKEY);
	assert_int_equal(certify(&trust, w->operations, w->thief, NXT_MAY_ASSIGN), -ENOKEY);
	/* The refused certificate changed nothing. */
	assert_int_equal(open_(&trust, order(), w->operations, FROM), 0);
}

static void test_type_is_demanded(void **state)
{
	struct world *w = *state;
	struct nxt_trust trust = w->trust;

	assert_int_equal(certify(&trust, w->release, w->operations, NXT_MAY_ASSIGN | NXT_MAY_ORDER), 0);
	assert_int_equal(open_as(&trust, NXT_IMAGE, policy(), w->release, FROM), -EBADMSG);
	assert_int_equal(open_as(&trust, NXT_ORDER, assignment(), w->operations, FROM), -EBADMSG);
}

static void test_validity(void **state)
{
	struct world *w = *state;
	struct nxt_trust trust = w->trust;

	assert_int_equal(open_(&trust, assignment(), w->operations, FROM), -ENOKEY);
	assert_int_equal(certify(&trust, w->release, w->operations, NXT_MAY_ORDER), 0);
	assert_int_equal(open_(&trust, assignment(), w->operations, FROM), -EPERM);
	assert_int_equal(open_(&trust, order(), w->operations, FROM - 1), -EKEYEXPIRED);
	assert_int_equal(open_(&trust, order(), w->operations, FROM), 0);
	assert_int_equal(open_(&trust, order(), w->operations, TO), 0);
	assert_int_equal(open_(&trust, order(), w->operations, TO + 1), -EKEYEXPIRED);
	/* What the release key signed does not end. */
	assert_int_equal(open_(&trust, policy(), w->release, TO + 1), 0);

	/* A new certificate takes the place of the old one, with its key. */
	assert_int_equal(certify(&trust, w->release, w->thief, NXT_MAY_ORDER | NXT_MAY_ASSIGN), 0);
	assert_int_equal(open_(&trust, order(), w->operations, FROM), -ENOKEY);
	assert_int_equal(open_(&trust, assignment(), w->thief, FROM), 0);
}

/* Center's key was stolen and replaced: its old certificate, though not at its end, does not come back. */
static void test_no_way_back(void **state)
{
	struct world *w = *state;
	struct nxt_trust trust = w->trust;

	assert_int_equal(certify(&trust, w->release, w->thief, NXT_MAY_ORDER), 0);
	assert_int_equal(certify_from(&trust, w->release, w->operations, NXT_MAY_ORDER, FROM + 1), 0);
	assert_int_equal(certify(&trust, w->release, w->thief, NXT_MAY_ORDER), -ESTALE);
	assert_int_equal(open_(&trust, order(), w->thief, FROM + 1), -ENOKEY);
	assert_int_equal(open_(&trust, order(), w->operations, FROM + 1), 0);
}

/* A valid signature over something that is no document. */
static void test_signed_nonsense(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *envelope = NULL;
	struct nxt_document document;
	size_t size;

	assert_int_equal(nxt_envelope_sign(nxt_type_text(NXT_POLICY), "{\"format\":2}", 12, w->release,
					   &envelope, &size),
			 0);
	assert_int_equal(nxt_trust_open(&w->trust, NXT_POLICY, envelope, size, FROM, &document, NULL),
			 -EPROTONOSUPPORT);
	assert_int_equal(nxt_trust_open(&w->trust, NXT_POLICY, "nonsense", 8, FROM, &document, NULL),
			 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_signs_what),	cmocka_unit_test(test_type_is_demanded),
		cmocka_unit_test(test_validity),	cmocka_unit_test(test_no_way_back),
		cmocka_unit_test(test_signed_nonsense),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
