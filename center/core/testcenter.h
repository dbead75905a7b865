/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_TESTCENTER_H
#define CENTER_TESTCENTER_H

#include "center/core/center.h"

/*
 * For unit tests and the fuzzer: a Center whose database is in memory and whose files are in a temporary
 * directory, with an administrator, a PC, an image and a policy; and requests that come over no network.
 */
#define TEST_PC "00000000-0000-4000-8000-000000000001"
#define TEST_WORKSPACE "00000000-0000-4000-8000-000000000002"
#define TEST_TOKEN "nxtop_aaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Aborts when it fails. Not sooner than testcenter_done() of the one before. */
struct center *testcenter_new(void);
void testcenter_done(struct center *center);

/* A header or argument; those of the query have name before value, too. */
struct test_pair {
	const char *name, *value;
};
#define TEST_PAIRS 16

struct test_request {
	struct request request;
	struct test_pair headers[TEST_PAIRS], arguments[TEST_PAIRS];
	bool anonymous; /* neither certificate nor token */
	bool aside;	/* it was laid aside, and not woken yet */
};

/*
 * Does a whole request: "GET /api/v1/pcs?limit=1", and a body or NULL. Its reply is in request.reply;
 * REQUEST_WAITS is possible. End it with test_request_done(), also when it waits.
 */
void test_request_init(struct test_request *request, struct center *center, char *line);
int test_request_run(struct test_request *request, const char *body, size_t size);
void test_request_done(struct test_request *request);

#endif
