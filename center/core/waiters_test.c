/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that wait: nobody is woken twice, forgotten, or woken for somebody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "center/core/request.h"
#include "center/core/waiters.h"

#define THREADS 4
#define ROUNDS 500

/* The state is what a transport would have: laid aside or not. Both calls come with the waiters' lock. */
struct client {
	struct request request;
	int aside, woken;
};

static void lay_aside(struct request *request)
{
	((struct client *)request->connection)->aside++;
}

static void wake(struct request *request)
{
	struct client *client = request->connection;

	__atomic_add_fetch(&client->woken, 1, __ATOMIC_RELEASE);
}

static const struct transport transport = {.lay_aside = lay_aside, .wake = wake};

static void init(struct client *client, const char *pc)
{
	memset(client, 0, sizeof(*client));
	client->request.transport = &transport;
	client->request.connection = client;
	snprintf(client->request.pc, sizeof(client->request.pc), "%s", pc);
}

static void wakes_whom_it_should(void **state)
{
	struct waiters waiters;
	struct client a, b, console;

	(void)state;
	waiters_init(&waiters);
	init(&a, "a");
	init(&b, "b");
	init(&console, "");
	assert_true(waiters_add_pc(&waiters, &a.request, 60));
	assert_true(waiters_add_pc(&waiters, &b.request, 60));
	assert_true(waiters_add_console(&waiters, &console.request, 60));
	assert_true(waiters_has_pc(&waiters, "a"));
	waiters_wake_pc(&waiters, "a");
	assert_int_equal(a.woken, 1);
	assert_int_equal(b.woken + console.woken, 0);
	assert_false(waiters_has_pc(&waiters, "a"));
	waiters_wake_pc(&waiters, "a");
	assert_int_equal(a.woken, 1);
	waiters_wake_consoles(&waiters);
	assert_int_equal(console.woken, 1);
	assert_true(waiters_wake(&waiters, &b.request, true));
	assert_false(waiters_wake(&waiters, &b.request, true));
	assert_true(b.request.gone);
	/* Whose client has gone does not wait again. */
	assert_false(waiters_add_pc(&waiters, &b.request, 60));
	assert_int_equal(waiters.count, 0);
}

static void newer_supersedes(void **state)
{
	struct waiters waiters;
	struct client old, new;

	(void)state;
	waiters_init(&waiters);
	init(&old, "a");
	init(&new, "a");
	assert_true(waiters_add_pc(&waiters, &old.request, 60));
	assert_true(waiters_add_pc(&waiters, &new.request, 60));
	assert_int_equal(old.woken, 1);
	/* The old one does not come back for another turn. */
	assert_false(waiters_add_pc(&waiters, &old.request, 60));
	assert_int_equal(new.woken, 0);
	waiters_close(&waiters);
	assert_int_equal(new.woken, 1);
	init(&old, "a");
	assert_false(waiters_add_pc(&waiters, &old.request, 60));
}

static void time_ends(void **state)
{
	struct waiters waiters;
	struct client a, b;

	(void)state;
	waiters_init(&waiters);
	init(&a, "a");
	init(&b, "b");
	assert_false(waiters_add_pc(&waiters, &a.request, 0));
	init(&a, "a");
	assert_true(waiters_add_pc(&waiters, &a.request, 60));
	assert_true(waiters_add_pc(&waiters, &b.request, 60));
	a.request.deadline = waiters_clock();
	waiters_expire(&waiters);
	assert_int_equal(a.woken, 1);
	assert_int_equal(b.woken, 0);
	assert_false(waiters_add_pc(&waiters, &a.request, 60));
	waiters_close(&waiters);
}

/* Threads that wait and a thread that wakes: each time laid aside is one time woken. */
static struct waiters shared;
static struct client clients[THREADS];
static bool ending;

static void *wait_often(void *argument)
{
	struct client *client = argument;

	for (int i = 1; i <= ROUNDS; i++) {
		client->request.deadline = 0;
		if (!waiters_add_pc(&shared, &client->request, 60))
			break;
		while (__atomic_load_n(&client->woken, __ATOMIC_ACQUIRE) != i)
			sched_yield();
	}
	return NULL;
}

static void *wake_often(void *argument)
{
	(void)argument;
	while (!__atomic_load_n(&ending, __ATOMIC_ACQUIRE)) {
		for (int i = 0; i < THREADS; i++)
			waiters_wake_pc(&shared, clients[i].request.pc);
		waiters_wake_pcs(&shared);
		waiters_expire(&shared);
	}
	return NULL;
}

static void threads_agree(void **state)
{
	pthread_t waiting[THREADS], waking;

	(void)state;
	waiters_init(&shared);
	for (int i = 0; i < THREADS; i++) {
		char name[2] = {'a' + i, 0};

		init(&clients[i], name);
		pthread_create(&waiting[i], NULL, wait_often, &clients[i]);
	}
	pthread_create(&waking, NULL, wake_often, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(waiting[i], NULL);
	__atomic_store_n(&ending, true, __ATOMIC_RELEASE);
	pthread_join(waking, NULL);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(clients[i].aside, ROUNDS);
		assert_int_equal(clients[i].woken, ROUNDS);
	}
	assert_int_equal(shared.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wakes_whom_it_should),
		cmocka_unit_test(newer_supersedes),
		cmocka_unit_test(time_ends),
		cmocka_unit_test(threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
