/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nxtopd: the agent on the PC. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "pc/agent/agent.h"
#include "pc/agent/state.h"

static const char help[] =
	"usage: nxtopd [--state DIR] [--socket PATH] [--connect URI] [--network NAME]\n"
	"\n"
	"The agent of a PC that NxTop Center manages: keeps its workspaces as they should be.\n"
	"\n"
	"  --state DIR     where it keeps everything (default /var/lib/nxtop)\n"
	"  --socket PATH   where nxtop reaches it (default /run/nxtop/nxtopd.sock)\n"
	"  --connect URI   the libvirt that runs the workspaces (default qemu:///system)\n"
	"  --network NAME  libvirt's network for workspaces with network \"nat\" (default default)\n"
	"  --version       say which version this is\n";

static int parse(int argc, char **argv, struct agent *agent)
{
	static const struct option options[] = {
		{"state", required_argument, NULL, 's'},
		{"socket", required_argument, NULL, 'k'},
		{"connect", required_argument, NULL, 'c'},
		{"network", required_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			agent->state_path = optarg;
			break;
		case 'k':
			agent->socket_path = optarg;
			break;
		case 'c':
			agent->virt_uri = optarg;
			break;
		case 'n':
			agent->network = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'v':
			puts("nxtopd " NXTOP_VERSION);
			return 0;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nxtopd: what is %s? nxtopd --help lists what it takes\n", argv[optind]);
		return -EINVAL;
	}
	return 1;
}

static int *const *counters(struct agent *agent, size_t *ret_n)
{
	static int *list[5];

	list[0] = &agent->wake_worker;
	list[1] = &agent->wake_fetcher;
	list[2] = &agent->wake_news;
	list[3] = &agent->wake_reporter;
	list[4] = &agent->wake_control;
	*ret_n = 5;
	return list;
}

/* Until a signal, or a thread that cannot go on. */
static void wait_for_end(struct agent *agent, int signals)
{
	while (!atomic_load(&agent->stop)) {
		struct pollfd fd = {.fd = signals, .events = POLLIN};

		if (poll(&fd, 1, 1000) > 0)
			break;
	}
	atomic_store(&agent->stop, true);
}

static int run(struct agent *agent)
{
	static void *(*const threads[])(void *) = {worker_main, fetcher_main, news_main, reporter_main,
						   control_main};
	pthread_t ids[ARRAY_SIZE(threads)];
	size_t n_counters, started = 0;
	int *const *wake = counters(agent, &n_counters);
	bool failed;
	sigset_t mask;
	int signals;

	for (size_t i = 0; i < n_counters; i++) {
		*wake[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (*wake[i] < 0)
			return -errno;
	}
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (signals < 0)
		return -errno;
	for (; started < ARRAY_SIZE(threads); started++)
		if (pthread_create(&ids[started], NULL, threads[started], agent) != 0)
			break;
	failed = started < ARRAY_SIZE(threads);
	if (!failed)
		wait_for_end(agent, signals);
	atomic_store(&agent->stop, true);
	(void)sd_notify(0, "STOPPING=1");
	for (size_t i = 0; i < n_counters; i++)
		agent_wake(*wake[i]);
	for (size_t i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	for (size_t i = 0; i < n_counters; i++)
		close(*wake[i]);
	close(signals);
	return failed ? -EAGAIN : 0;
}

int main(int argc, char **argv)
{
	static struct agent agent = {
		.state_path = "/var/lib/nxtop",
		.socket_path = "/run/nxtop/nxtopd.sock",
		.virt_uri = "qemu:///system",
		.network = "default",
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct state state;
	int r, lock;

	r = parse(argc, argv, &agent);
	if (r <= 0)
		return r < 0 ? 2 : 0;
	/* Once before the threads do: the tables are made, and what is wrong is told here. */
	r = state_open(agent.state_path, &state);
	if (r < 0) {
		log_error("the state in %s cannot be used: %s%s", agent.state_path, strerror(-r),
			  r == -EPROTONOSUPPORT ? " (a newer nxtopd wrote it)"
			  : r == -EUCLEAN	? " (state.db is damaged: docs/agent.md says what to do)"
						: "");
		return 1;
	}
	lock = openat(state.dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0) {
		log_error("another nxtopd has %s", agent.state_path);
		return 1;
	}
	state_close(&state);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = run(&agent);
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	curl_global_cleanup();
	return r < 0;
}
