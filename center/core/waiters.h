/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_WAITERS_H
#define CENTER_WAITERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;

/*
 * Requests that were laid aside until there is news for them: those of PCs, found by the PC's id, those
 * of consoles, which wait for any change, and those that the worker works for. Has its own lock, which is
 * taken after the center's.
 */
#define WAITERS_BUCKETS 4096

struct waiters {
	pthread_mutex_t lock;
	struct request *pcs[WAITERS_BUCKETS];
	struct request *consoles;
	struct request *working;
	size_t count;
	bool closed;
};

void waiters_init(struct waiters *waiters);

int64_t waiters_clock(void); /* milliseconds of CLOCK_MONOTONIC */

/*
 * Lays a request aside until it is woken, or for so many seconds from the first time that it waits. A PC has
 * one at a time: an older one is woken as superseded. false: its time is over, or Center is ending.
 */
bool waiters_add_pc(struct waiters *waiters, struct request *request, int64_t seconds);
bool waiters_add_console(struct waiters *waiters, struct request *request, int64_t seconds);
bool waiters_add_working(struct waiters *waiters, struct request *request);

void waiters_wake_pc(struct waiters *waiters, const char *pc);
void waiters_wake_pcs(struct waiters *waiters); /* all of them */
void waiters_wake_consoles(struct waiters *waiters);
/* One request, if it waits for news; false if it does not. */
bool waiters_wake(struct waiters *waiters, struct request *request, bool gone);
void waiters_wake_worked(struct waiters *waiters, struct request *request);
void waiters_expire(struct waiters *waiters);
/* Wakes all but those that are worked for (see work_end()), and takes no more. */
void waiters_close(struct waiters *waiters);

bool waiters_has_pc(struct waiters *waiters, const char *pc);

#endif
