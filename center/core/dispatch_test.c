/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests against a database, without a network: transactions, assignments, changes, log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "center/core/assign.h"
#include "center/core/audit.h"
#include "center/core/testcenter.h"

static struct center *center;

static int setup(void **state)
{
	(void)state;
	center = testcenter_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	testcenter_done(center);
	return 0;
}

/* The status; *ret is the reply's JSON, if it is wanted. */
static int ask(const char *line, const char *body, json_t **ret)
{
	struct test_request test;
	char copy[300];
	int status;

	snprintf(copy, sizeof(copy), "%s", line);
	test_request_init(&test, center, copy);
	test.headers[0] = (struct test_pair){"Content-Type", "application/json"};
	test.headers[1] = (struct test_pair){"Idempotency-Key", "0123456789"};
	test.headers[2] = (struct test_pair){"If-Match", "\"1\""};
	status = test_request_run(&test, body, body ? strlen(body) : 0);
	if (ret)
		*ret = json_loadb(test.request.reply.body, test.request.reply.size, 0, NULL);
	test_request_done(&test);
	return status;
}

static int64_t number(const char *sql)
{
	int64_t value = -1;

	assert_int_equal(db_number(center->db, &value, -1, sql, ""), 0);
	return value;
}

/* A refusal after something was written takes it back, and tells nobody. */
static void refusal_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(ask("DELETE /api/v1/administrators/ada", NULL, NULL), 409);
	assert_int_equal(number("SELECT count(*) FROM administrators"), 1);
	assert_int_equal(number("SELECT count(*) FROM log"), 0);
	assert_true(center->changes.next == 0);
	assert_int_equal(center->changes.n_noted, 0);
}

static void assignment_is_signed_once(void **state)
{
	(void)state;
	assert_int_equal(assign_pc(center, TEST_PC, 0), 1);
	assert_int_equal(assign_pc(center, TEST_PC, 0), 0);
	assert_int_equal(number("SELECT generation FROM pcs"), 1);
	/* A PC that knows more. */
	assert_int_equal(assign_pc(center, TEST_PC, 7), 1);
	assert_int_equal(number("SELECT generation FROM pcs"), 8);
	/* What cannot be read any more is signed anew. */
	assert_int_equal(db_run(center->db, "UPDATE pcs SET assignment = 'x'", ""), 1);
	assert_int_equal(assign_pc(center, TEST_PC, 0), 1);
	assert_int_equal(assign_pc(center, "00000000-0000-4000-8000-000000000009", 0), 0);
	changes_forget(center);
}

static void certificate_has_its_time(void **state)
{
	(void)state;
	center->trust.operations.not_before = 100;
	center->trust.operations.not_after = 100 + OPERATIONS_WARNING;
	assert_int_equal(operations_state(center, 99), OPERATIONS_EXPIRED);
	assert_int_equal(operations_state(center, 100), OPERATIONS_VALID);
	assert_int_equal(operations_state(center, 101), OPERATIONS_ENDING);
	assert_int_equal(operations_state(center, 101 + OPERATIONS_WARNING), OPERATIONS_EXPIRED);
	center->trust.certified = false;
	assert_int_equal(operations_state(center, 100), OPERATIONS_MISSING);
}

static void news_waits_and_wakes(void **state)
{
	struct test_request test;
	char line[] = "GET /pc/v1/news?generation=1&orders=0&wait=60";

	(void)state;
	assert_int_equal(assign_pc(center, TEST_PC, 0), 1);
	changes_tell(center);
	test_request_init(&test, center, line);
	assert_int_equal(test_request_run(&test, NULL, 0), REQUEST_WAITS);
	assert_true(test.aside);
	assert_int_equal(ask("POST /api/v1/pcs/" TEST_PC "/orders",
			     "{\"workspace\": \"" TEST_WORKSPACE "\", \"do\": \"stop\"}", NULL),
			 201);
	assert_false(test.aside);
	test_request_done(&test);
}

static void old_events_go(void **state)
{
	char body[300];

	(void)state;
	for (int i = 1; i <= 3; i++) {
		assert_true(
			db_run(center->db,
			       "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 "
			       "+ 5999)"
			       " INSERT INTO events (pc, sequence, time, received, kind, severity, message)"
			       " SELECT ?2, i, 1, 1, 'test', 0, '' FROM n",
			       "is", (int64_t)i * 10000, TEST_PC) > 0);
		snprintf(body, sizeof(body),
			 "{\"events\": [{\"sequence\": %d, \"time\": \"2026-11-24T12:00:00Z\", \"kind\": "
			 "\"test\","
			 " \"severity\": \"info\", \"message\": \"\"}]}",
			 i * 10000 + 6000);
		assert_int_equal(ask("POST /pc/v1/events", body, NULL), 200);
	}
	assert_true(number("SELECT count(*) FROM events") <= 10000);
	assert_true(number("SELECT events_floor FROM pcs") > 0);
	/* What was thrown away does not come back as new. */
	assert_int_equal(
		ask("POST /pc/v1/events",
		    "{\"events\": [{\"sequence\": 1, \"time\": \"2026-11-24T12:00:00Z\", \"kind\": \"test\","
		    " \"severity\": \"info\", \"message\": \"\"}]}",
		    NULL),
		200);
	assert_int_equal(number("SELECT count(*) FROM events WHERE sequence = 1"), 0);
}

static void changes_have_a_memory(void **state)
{
	json_t *changes;
	char line[200];
	bool any;

	(void)state;
	assert_int_equal(ask("GET /api/v1/changes", NULL, &changes), 200);
	snprintf(line, sizeof(line), "%s", json_string_value(json_object_get(changes, "position")));
	json_decref(changes);
	for (int i = 0; i < CHANGES_KEPT; i++) {
		changes_note(center, "pc", TEST_PC);
		changes_tell(center);
	}
	changes = changes_since(&center->changes, line, &any);
	assert_true(any && json_is_false(json_object_get(changes, "reset")));
	assert_int_equal(json_array_size(json_object_get(changes, "changes")), CHANGES_KEPT);
	json_decref(changes);
	changes_note(center, "pc", TEST_PC);
	changes_tell(center);
	changes = changes_since(&center->changes, line, &any);
	assert_true(any && json_is_true(json_object_get(changes, "reset")));
	json_decref(changes);
	/* Without memory for a note, everybody reads everything again. */
	changes = changes_since(&center->changes, "", &any);
	snprintf(line, sizeof(line), "%s", json_string_value(json_object_get(changes, "position")));
	json_decref(changes);
	center->changes.overflow = true;
	changes_tell(center);
	changes = changes_since(&center->changes, line, &any);
	assert_true(json_is_true(json_object_get(changes, "reset")));
	json_decref(changes);
}

static void log_is_a_chain(void **state)
{
	static const char *const attacks[] = {
		"UPDATE log SET detail = 'nothing' WHERE sequence = 2",
		"UPDATE log SET who = 'adapc', action = '' WHERE sequence = 2",
		"DELETE FROM log WHERE sequence = 2",
		"DELETE FROM log WHERE sequence = 1",
		"UPDATE log SET hash = x'00' WHERE sequence = 2",
	};
	uint8_t head[NXT_SHA256_SIZE];
	int64_t entries, broken;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask("POST /api/v1/tokens",
				     "{\"title\": \"T\", \"expires\": \"2099-01-01T00:00:00Z\"}", NULL),
				 201);
	assert_int_equal(audit_check(center->db, &entries, head, &broken), 0);
	assert_int_equal(entries, 3);
	assert_int_equal(broken, 0);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(*attacks); i++) {
		assert_int_equal(db_begin(center->db, false), 0);
		assert_int_equal(db_run(center->db, attacks[i], ""), 1);
		assert_int_equal(audit_check(center->db, &entries, head, &broken), 0);
		assert_true(broken > 0);
		db_rollback(center->db);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refusal_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(assignment_is_signed_once, setup, teardown),
		cmocka_unit_test_setup_teardown(certificate_has_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(news_waits_and_wakes, setup, teardown),
		cmocka_unit_test_setup_teardown(old_events_go, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_have_a_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(log_is_a_chain, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
