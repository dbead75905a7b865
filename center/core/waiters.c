/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/waiters.h"

#include <string.h>
#include <time.h>

#include "center/core/hash.h"
#include "center/core/request.h"

void waiters_init(struct waiters *waiters)
{
	memset(waiters, 0, sizeof(*waiters));
	pthread_mutex_init(&waiters->lock, NULL);
}

int64_t waiters_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static struct request **bucket(struct waiters *waiters, const char *pc)
{
	return &waiters->pcs[text_hash(pc) % WAITERS_BUCKETS];
}

static bool add(struct waiters *waiters, struct request **list, struct request *request)
{
	if (waiters->closed)
		return false;
	request->previous = NULL;
	request->next = *list;
	if (*list)
		(*list)->previous = request;
	*list = request;
	request->waits_in = list;
	waiters->count++;
	/* With the lock, so that nobody can wake it before. */
	request->transport->lay_aside(request);
	return true;
}

static void wake(struct waiters *waiters, struct request **list, struct request *request)
{
	if (request->previous)
		request->previous->next = request->next;
	else
		*list = request->next;
	if (request->next)
		request->next->previous = request->previous;
	request->next = request->previous = NULL;
	request->waits_in = NULL;
	waiters->count--;
	/* From here on it may be handled by another thread. */
	request->transport->wake(request);
}

static bool time_left(struct request *request, int64_t seconds)
{
	if (!request->deadline)
		request->deadline = waiters_clock() + seconds * 1000 + 1;
	return request->deadline > waiters_clock() + 1 && !request->superseded && !request->gone;
}

bool waiters_add_pc(struct waiters *waiters, struct request *request, int64_t seconds)
{
	struct request **list = bucket(waiters, request->pc);
	bool first = !request->deadline, added;

	if (!time_left(request, seconds))
		return false;
	pthread_mutex_lock(&waiters->lock);
	/* Only a new request supersedes: else two would take turns. */
	for (struct request *other = *list, *next; first && other; other = next) {
		next = other->next;
		if (strcmp(other->pc, request->pc))
			continue;
		other->superseded = true;
		wake(waiters, list, other);
	}
	added = add(waiters, list, request);
	pthread_mutex_unlock(&waiters->lock);
	return added;
}

bool waiters_add_console(struct waiters *waiters, struct request *request, int64_t seconds)
{
	bool added;

	if (!time_left(request, seconds))
		return false;
	pthread_mutex_lock(&waiters->lock);
	added = add(waiters, &waiters->consoles, request);
	pthread_mutex_unlock(&waiters->lock);
	return added;
}

bool waiters_add_working(struct waiters *waiters, struct request *request)
{
	bool added;

	pthread_mutex_lock(&waiters->lock);
	added = add(waiters, &waiters->working, request);
	pthread_mutex_unlock(&waiters->lock);
	return added;
}

void waiters_wake_pc(struct waiters *waiters, const char *pc)
{
	struct request **list = bucket(waiters, pc);

	pthread_mutex_lock(&waiters->lock);
	for (struct request *request = *list, *next; request; request = next) {
		next = request->next;
		if (!strcmp(request->pc, pc))
			wake(waiters, list, request);
	}
	pthread_mutex_unlock(&waiters->lock);
}

static void wake_list(struct waiters *waiters, struct request **list, int64_t until)
{
	for (struct request *request = *list, *next; request; request = next) {
		next = request->next;
		if (request->deadline <= until)
			wake(waiters, list, request);
	}
}

void waiters_wake_pcs(struct waiters *waiters)
{
	pthread_mutex_lock(&waiters->lock);
	for (size_t i = 0; i < WAITERS_BUCKETS; i++)
		wake_list(waiters, &waiters->pcs[i], INT64_MAX);
	pthread_mutex_unlock(&waiters->lock);
}

void waiters_wake_consoles(struct waiters *waiters)
{
	pthread_mutex_lock(&waiters->lock);
	wake_list(waiters, &waiters->consoles, INT64_MAX);
	pthread_mutex_unlock(&waiters->lock);
}

bool waiters_wake(struct waiters *waiters, struct request *request, bool gone)
{
	struct request **list;

	pthread_mutex_lock(&waiters->lock);
	list = (struct request **)request->waits_in;
	if (list == &waiters->working)
		list = NULL;
	if (list) {
		request->gone = gone;
		wake(waiters, list, request);
	}
	pthread_mutex_unlock(&waiters->lock);
	return list != NULL;
}

void waiters_wake_worked(struct waiters *waiters, struct request *request)
{
	pthread_mutex_lock(&waiters->lock);
	if (request->waits_in == &waiters->working)
		wake(waiters, &waiters->working, request);
	pthread_mutex_unlock(&waiters->lock);
}

void waiters_expire(struct waiters *waiters)
{
	int64_t now = waiters_clock() + 1;

	pthread_mutex_lock(&waiters->lock);
	for (size_t i = 0; i < WAITERS_BUCKETS; i++)
		wake_list(waiters, &waiters->pcs[i], now);
	wake_list(waiters, &waiters->consoles, now);
	pthread_mutex_unlock(&waiters->lock);
}

void waiters_close(struct waiters *waiters)
{
	pthread_mutex_lock(&waiters->lock);
	waiters->closed = true;
	for (size_t i = 0; i < WAITERS_BUCKETS; i++)
		wake_list(waiters, &waiters->pcs[i], INT64_MAX);
	wake_list(waiters, &waiters->consoles, INT64_MAX);
	pthread_mutex_unlock(&waiters->lock);
}

bool waiters_has_pc(struct waiters *waiters, const char *pc)
{
	bool found = false;

	pthread_mutex_lock(&waiters->lock);
	for (struct request *request = *bucket(waiters, pc); request && !found; request = request->next)
		found = !strcmp(request->pc, pc);
	pthread_mutex_unlock(&waiters->lock);
	return found;
}
