/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/work.h"

#include <string.h>

#include "center/core/request.h"
#include "center/core/waiters.h"

static void *worker(void *argument)
{
	struct work *work = argument;

	pthread_mutex_lock(&work->lock);
	for (;;) {
		struct request *request;

		while (!work->count && !work->ending)
			pthread_cond_wait(&work->more, &work->lock);
		if (!work->count)
			break;
		request = work->queue[work->first];
		pthread_mutex_unlock(&work->lock);

		request->work_result = request->work(request);
		request->work = NULL;
		pthread_mutex_lock(&work->lock);
		work->first = (work->first + 1) % WORK_QUEUE;
		work->count--;
		pthread_mutex_unlock(&work->lock);
		waiters_wake_worked(work->waiters, request);
		pthread_mutex_lock(&work->lock);
	}
	pthread_mutex_unlock(&work->lock);
	return NULL;
}

int work_start(struct work *work, struct waiters *waiters)
{
	memset(work, 0, sizeof(*work));
	work->waiters = waiters;
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->more, NULL);
	return -pthread_create(&work->thread, NULL, worker, work);
}

void work_end(struct work *work)
{
	pthread_mutex_lock(&work->lock);
	work->ending = true;
	pthread_cond_signal(&work->more);
	pthread_mutex_unlock(&work->lock);
	pthread_join(work->thread, NULL);
}

bool work_for(struct work *work, struct request *request, int (*function)(struct request *request))
{
	bool taken = false;

	pthread_mutex_lock(&work->lock);
	if (work->count < WORK_QUEUE && !work->ending && waiters_add_working(work->waiters, request)) {
		request->work = function;
		work->queue[(work->first + work->count++) % WORK_QUEUE] = request;
		pthread_cond_signal(&work->more);
		taken = true;
	}
	pthread_mutex_unlock(&work->lock);
	return taken;
}
