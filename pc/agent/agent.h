/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_AGENT_H
#define NXT_AGENT_AGENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/names.h"

/*
 * What nxtopd's threads share. Everything else is in the database, of which each has its own connection, or
 * belongs to one of them:
 *
 *	worker		workspaces, their disks and virtual machines
 *	fetcher		documents and images: what of an assignment is not here yet
 *	news		waits for Center to say something, and enrols
 *	reporter	events, status, the certificate's renewal
 *	control		the socket that nxtop talks to
 */
struct agent {
	const char *state_path;
	const char *virt_uri;
	const char *socket_path;
	const char *network; /* libvirt's, for policies that say nat */

	atomic_bool stop;

	/* Event counters: adding to one wakes the thread that waits for it. */
	int wake_worker, wake_fetcher, wake_news, wake_reporter, wake_control;

	pthread_mutex_t lock; /* of what follows */
	struct {
		char image[NXT_NAME_SIZE]; /* "": nothing is being fetched */
		uint64_t version;
		uint64_t done, total;	   /* bytes */
		uint64_t bytes_per_second; /* from the network */
		char trouble[512];	   /* why it cannot go on; "" if it can */
	} fetch;
	struct {
		bool connected;
		char trouble[512];
	} center;
	struct {
		char text[512]; /* that was typed */
		bool asked, done;
		int result;
		struct nxt_error error;
	} enrol;
	char engine[128]; /* what runs the workspaces */
};

void agent_wake(int counter);
/*
 * Waits until somebody wakes this thread, at most so long; -1: for ever. Returns at once if it was woken
 * before.
 */
void agent_wait(int counter, int milliseconds);

/* Seconds of a clock that does not jump and goes on while the PC sleeps. */
int64_t agent_now(void);

void *worker_main(void *agent);
void *fetcher_main(void *agent);
void *news_main(void *agent);
void *reporter_main(void *agent);
void *control_main(void *agent);

/* Lines for the journal. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
