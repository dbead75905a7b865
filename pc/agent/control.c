/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket that nxtop talks to: one line asks, one line answers. See agent.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "common/json.h"
#include "pc/agent/control_answer.h"

#define CLIENTS_MAX 16
/* How long a client may take to ask or to read; what it asked for may take as long as it takes. */
#define PATIENCE_SECONDS 10

struct client {
	int fd; /* -1: a free slot */
	char line[CONTROL_LINE_MAX + 1];
	size_t n;
	bool waits; /* for a job, or an enrolment */
	int64_t job;
	int64_t since;
};

struct control {
	struct agent *agent;
	struct state state;
	int listener;
	struct client clients[CLIENTS_MAX];
};

static void hang_up(struct client *client)
{
	char rest[CONTROL_LINE_MAX];

	/* With something left to read, closing would take back an answer that is on its way. */
	for (int i = 0; i < 16 && recv(client->fd, rest, sizeof(rest), MSG_DONTWAIT) > 0; i++)
		;
	close(client->fd);
	*client = (struct client){.fd = -1};
}

/* Answers that are longer than the socket's buffer are for readers that read at once: nxtop does. */
static void send_answer(struct client *client, json_t *answer)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	_cleanup_free_ char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	size_t size, at = 0;

	json_decref(answer);
	if (!text) {
		hang_up(client);
		return;
	}
	size = strlen(text);
	text[size++] = '\n';
	(void)setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (at < size) {
		ssize_t n = send(client->fd, text + at, size - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += n;
	}
	hang_up(client);
}

static void answer_line(struct control *c, struct client *client, size_t size)
{
	struct control_request request;
	struct nxt_error error = {""};
	json_t *answer = NULL;
	int r;

	r = control_request_parse(client->line, size, &request, &error);
	if (r >= 0)
		r = control_answer(c->agent, &c->state, &request, &answer, &client->job);
	if (r < 0)
		answer = control_error(error.text[0] ? error.text : strerror(-r));
	if (answer)
		send_answer(client, answer);
	else
		client->waits = true;
}

static void read_from(struct control *c, struct client *client)
{
	ssize_t n =
		recv(client->fd, client->line + client->n, sizeof(client->line) - client->n, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Who waits and says more, or hangs up, is not waited with. */
	if (n <= 0 || client->waits) {
		hang_up(client);
		return;
	}
	client->n += n;
	end = memchr(client->line, '\n', client->n);
	if (end)
		answer_line(c, client, end - client->line);
	else if (client->n == sizeof(client->line))
		send_answer(client, control_error("the request is too long"));
}

static void look_for_outcomes(struct control *c)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &c->clients[i];
		json_t *answer;
		int r;

		if (client->fd < 0 || !client->waits)
			continue;
		r = control_outcome(c->agent, &c->state, client->job, &answer);
		if (r < 0)
			answer = control_error(strerror(-r));
		if (answer)
			send_answer(client, answer);
	}
}

static void drop_the_slow(struct control *c)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0 && !c->clients[i].waits &&
		    agent_now() > c->clients[i].since + PATIENCE_SECONDS)
			hang_up(&c->clients[i]);
}

static void take_in(struct control *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (c->clients[i].fd >= 0)
			continue;
		c->clients[i] = (struct client){.fd = fd, .since = agent_now()};
		return;
	}
	close(fd);
}

static void serve(struct control *c)
{
	struct pollfd fds[CLIENTS_MAX + 2];
	eventfd_t value;

	fds[0] = (struct pollfd){.fd = c->listener, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = c->agent->wake_control, .events = POLLIN};
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		fds[i + 2] = (struct pollfd){.fd = c->clients[i].fd, .events = POLLIN};
	if (poll(fds, CLIENTS_MAX + 2, PATIENCE_SECONDS * 1000) < 0)
		return;
	if (fds[1].revents)
		(void)eventfd_read(c->agent->wake_control, &value);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0 && fds[i + 2].revents)
			read_from(c, &c->clients[i]);
	look_for_outcomes(c);
	drop_the_slow(c);
	if (fds[0].revents)
		take_in(c);
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -EBADF;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	/*
	 * Root, and the socket's group. Before the mode is set only root can connect: that takes the right
	 * to write.
	 */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0660) < 0 ||
	    listen(fd, CLIENTS_MAX) < 0)
		return -errno;
	return TAKE_FD(fd);
}

void *control_main(void *data)
{
	static struct control control;
	struct control *c = &control;
	int r;

	c->agent = data;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	r = state_open(c->agent->state_path, &c->state);
	c->listener = r < 0 ? r : open_socket(c->agent->socket_path);
	if (c->listener < 0) {
		log_error("cannot listen on %s: %s", c->agent->socket_path, strerror(-c->listener));
		atomic_store(&c->agent->stop, true);
	}
	if (!atomic_load(&c->agent->stop))
		(void)sd_notify(0, "READY=1");
	while (!atomic_load(&c->agent->stop))
		serve(c);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->clients[i].fd >= 0)
			hang_up(&c->clients[i]);
	if (c->listener >= 0) {
		close(c->listener);
		(void)unlink(c->agent->socket_path);
	}
	state_close(&c->state);
	return NULL;
}
