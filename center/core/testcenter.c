/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/testcenter.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "center/ca/ca.h"
#include "center/core/dispatch.h"
#include "center/core/route.h"
#include "center/store/blocks.h"

#define DOCUMENT "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

/* Keys and directories are made once: the fuzzer makes a Center for each of its inputs. */
static struct {
	int dir;
	struct ca *ca;
	struct nxt_private_key *key;
	char path[40];
} common = {.dir = -1};

static void must(bool good)
{
	if (!good)
		abort();
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

static void done_common(void)
{
	nftw(common.path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	ca_close(common.ca);
	nxt_private_key_free(common.key);
	close(common.dir);
}

static void prepare_common(void)
{
	if (common.dir >= 0)
		return;
	snprintf(common.path, sizeof(common.path), "/tmp/nxtop-center-unit.XXXXXX");
	must(mkdtemp(common.path) != NULL && atexit(done_common) == 0);
	common.dir = open(common.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(common.dir >= 0 && blobs_prepare(common.dir) == 0);
	must(ca_open(common.dir, &common.ca, NULL) == 0);
	must(nxt_private_key_generate(&common.key) == 0);
}

static void fill(struct db *db)
{
	static const uint8_t certificate[NXT_SHA256_SIZE] = {1};
	uint8_t hash[NXT_SHA256_SIZE];

	nxt_sha256(TEST_TOKEN, strlen(TEST_TOKEN), hash);
	must(db_run(db, "INSERT INTO administrators VALUES ('ada', 'x', 1, NULL)", "") == 1);
	must(db_run(db, "INSERT INTO tokens VALUES (?, ?, 'test', 'ada', 1, ?, NULL)", "sbi", TEST_PC, hash,
		    NXT_SHA256_SIZE, INT64_C(1) << 33) == 1);
	must(db_run(db, "INSERT INTO documents VALUES (?, x'7b7d')", "s", DOCUMENT) == 1);
	must(db_run(db,
		    "INSERT INTO versions VALUES ('debian', 1, '" DOCUMENT
		    "', 'Debian', 1, 1, 'bios', 256, 262144, 0,"
		    " '0000000000000000000000000000000000000000000000000000000000000000', 1, 1)",
		    "") == 1);
	must(db_run(db,
		    "INSERT INTO policies VALUES ('office', 1, '" DOCUMENT "', 1,"
		    " '{\"format\":1,\"policy\":\"office\",\"generation\":1}')",
		    "") == 1);
	must(db_run(db,
		    "INSERT INTO pcs (id, name, enrolled, seen, address, certificate, certificate_expires)"
		    " VALUES (?, 'PC', 1, 1, '', ?, ?)",
		    "sbi", TEST_PC, certificate, NXT_SHA256_SIZE, INT64_C(1) << 33) == 1);
	must(db_run(db,
		    "INSERT INTO workspaces (id, pc, title, image, policy, created)"
		    " VALUES (?, ?, 'Work', 'debian', 'office', 1)",
		    "ss", TEST_WORKSPACE, TEST_PC) == 1);
}

struct center *testcenter_new(void)
{
	struct center *center = calloc(1, sizeof(*center));

	prepare_common();
	must(center != NULL);
	pthread_mutex_init(&center->lock, NULL);
	waiters_init(&center->waiters);
	must(changes_init(&center->changes) == 0);
	must(db_open(":memory:", &center->db, NULL) == 0);
	fill(center->db);
	center->dir = common.dir;
	center->console = -1;
	center->ca = common.ca;
	center->key = common.key;
	center->port = 8443;
	snprintf(center->host, sizeof(center->host), "center.example");
	/* Its own key stands in for the release key, and is certified for ever. */
	center->trusted = center->trust.certified = true;
	nxt_private_key_public(common.key, &center->trust.release);
	center->trust.operations.not_after = INT64_C(1) << 33;
	center->operations = strdup("{}");
	/* No workers: who needs one is told that too many wait. */
	center->passwords.ending = center->checks.ending = true;
	pthread_mutex_init(&center->passwords.lock, NULL);
	pthread_mutex_init(&center->checks.lock, NULL);
	return center;
}

void testcenter_done(struct center *center)
{
	must(!center->waiters.count);
	db_close(center->db);
	changes_done(&center->changes);
	free(center->operations);
	free(center);
}

static const char *find(const struct test_pair *pairs, const char *name)
{
	for (int i = 0; i < TEST_PAIRS && pairs[i].name; i++)
		if (!strcasecmp(pairs[i].name, name))
			return pairs[i].value;
	return NULL;
}

static const char *header(struct request *request, const char *name)
{
	const struct test_request *test = request->connection;
	const char *value = find(test->headers, name);

	if (value || test->anonymous)
		return value;
	return strcmp(name, "Authorization") ? NULL : "Bearer " TEST_TOKEN;
}

static const char *argument(struct request *request, const char *name)
{
	return find(((struct test_request *)request->connection)->arguments, name);
}

static void identify(struct request *request)
{
	const struct test_request *test = request->connection;

	request->certificate = test->anonymous ? CERTIFICATE_NONE : CERTIFICATE_GOOD;
	request->certificate_hash[0] = 1;
}

static void lay_aside(struct request *request)
{
	((struct test_request *)request->connection)->aside = true;
}

static void wake(struct request *request)
{
	((struct test_request *)request->connection)->aside = false;
}

static const struct transport transport = {header, argument, identify, lay_aside, wake};

void test_request_init(struct test_request *test, struct center *center, char *line)
{
	char *path = strchr(line, ' '), *query;

	memset(test, 0, sizeof(*test));
	test->request.center = center;
	test->request.transport = &transport;
	test->request.connection = test;
	test->request.reply.fd = -1;
	test->request.now = time(NULL);
	snprintf(test->request.address, sizeof(test->request.address), "192.0.2.1");
	if (path)
		*path++ = 0;
	test->request.method = line;
	test->request.path = path ? path : "";
	query = path ? strchr(path, '?') : NULL;
	for (int i = 0; query && i < TEST_PAIRS; i++) {
		*query++ = 0;
		test->arguments[i].name = query;
		query = strchr(query, '&');
		if (query)
			*query = 0;
		test->arguments[i].value = strchr(test->arguments[i].name, '=');
		if (test->arguments[i].value) {
			*(char *)test->arguments[i].value = 0;
			test->arguments[i].value++;
		}
	}
}

int test_request_run(struct test_request *test, const char *body, size_t size)
{
	struct request *request = &test->request;
	int r = dispatch_head(request);

	if (r)
		return r;
	if (size > request->route->limit)
		return reply_problem(request, 413, "Body too large", NULL, "It is.");
	if (size) {
		request->body = malloc(size);
		must(request->body != NULL);
		memcpy(request->body, body, size);
		request->body_size = size;
	}
	return dispatch_body(request);
}

void test_request_done(struct test_request *test)
{
	if (test->aside)
		must(waiters_wake(&test->request.center->waiters, &test->request, true));
	request_done(&test->request);
}
