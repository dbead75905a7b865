/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_WORK_H
#define CENTER_WORK_H

#include <pthread.h>
#include <stdbool.h>

struct request;
struct waiters;

/*
 * A thread for what takes long and needs no lock: the passwords' memory-hard hash, or reading all blocks of a
 * version. One at a time, so that a flood of them takes one CPU and 64 MiB, and nobody else waits.
 */
#define WORK_QUEUE 8

struct work {
	struct waiters *waiters;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct request *queue[WORK_QUEUE];
	unsigned int first, count;
	bool ending;
};

int work_start(struct work *work, struct waiters *waiters);
void work_end(struct work *work); /* when what was taken is done */

/*
 * Lays the request aside while request->work runs; its handler is called again then, with work_result set
 * and work NULL. false: too many are waiting.
 */
bool work_for(struct work *work, struct request *request, int (*function)(struct request *request));

#endif
