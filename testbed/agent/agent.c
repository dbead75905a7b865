// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The testbed's agent: runs shell commands for the test host, over a byte stream (a virtio-serial
 * port), several at a time.
 *
 * It is one static program without dependencies, so the same file works in the control domain, in
 * guests of any Debian, and in an initrd. testbed/nxtestbed/agent.py is its other end.
 *
 * Both directions carry frames (see struct frame). A channel is one command; the host chooses its
 * number. A frame starts with a magic number so that the host finds its feet again after a PC was
 * reset in the middle of a frame.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_MAGIC 0x4e585431U /* "NXT1" */
#define PAYLOAD_MAX (32U * 1024)
#define COMMANDS_MAX 16

enum frame_type {
	/* host to agent */
	FRAME_RUN = 'X',   /* payload: a shell command */
	FRAME_INPUT = 'I', /* bytes for its standard input; an empty payload closes it */
	FRAME_KILL = 'K',  /* kill its process group */
	/* agent to host */
	FRAME_HELLO = 'H', /* the agent has just started */
	FRAME_OUTPUT = 'O',
	FRAME_ERROR = 'R',
	FRAME_EXIT = 'Q', /* payload: the exit code in decimal, 128 + n for signal n */
};

struct frame {
	uint32_t magic;
	uint32_t type;
	uint32_t channel;
	uint32_t length;
};

struct command {
	pid_t pid; /* 0: this slot is free */
	uint32_t channel;
	int input;
	int output;
	int error;
	uint32_t pending; /* bytes of pending_data not written to the command yet */
	uint32_t pending_at;
	bool close_input; /* once nothing is pending */
	char pending_data[PAYLOAD_MAX];
};

static int port;
static struct command commands[COMMANDS_MAX];

static void die(const char *what)
{
	fprintf(stderr, "nxtop-agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_all(const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		ssize_t n = write(port, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("write to the port");
		at += n;
		length -= (size_t)n;
	}
}

/* Returns false when the other end is gone. */
static bool read_all(void *data, size_t length)
{
	char *at = data;

	while (length) {
		ssize_t n = read(port, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("read from the port");
		if (n == 0)
			return false;
		at += n;
		length -= (size_t)n;
	}
	return true;
}

static void send_frame(enum frame_type type, uint32_t channel, const void *data, size_t length)
{
	struct frame frame = {
		.magic = htole32(FRAME_MAGIC),
		.type = htole32(type),
		.channel = htole32(channel),
		.length = htole32((uint32_t)length),
	};

	write_all(&frame, sizeof(frame));
	write_all(data, length);
}

static void send_exit(uint32_t channel, int code)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", code);

	send_frame(FRAME_EXIT, channel, text, (size_t)length);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static struct command *find_command(uint32_t channel)
{
	for (struct command *c = commands; c < commands + COMMANDS_MAX; c++)
		if (c->pid && c->channel == channel)
			return c;
	return NULL;
}

static struct command *free_slot(void)
{
	for (struct command *c = commands; c < commands + COMMANDS_MAX; c++)
		if (!c->pid)
			return c;
	return NULL;
}

static void become_command(const char *text, int in, int out, int err)
{
	sigset_t none;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	_exit(127);
}

static void run(uint32_t channel, const char *text)
{
	struct command *c = free_slot();
	int in[2], out[2], err[2];

	if (!c) {
		static const char full[] = "nxtop-agent: too many commands at once\n";

		send_frame(FRAME_ERROR, channel, full, sizeof(full) - 1);
		send_exit(channel, 125);
		return;
	}
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	memset(c, 0, offsetof(struct command, pending_data));
	c->pid = fork();
	if (c->pid < 0)
		die("fork");
	if (!c->pid)
		become_command(text, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c->channel = channel;
	c->input = in[1];
	c->output = out[0];
	c->error = err[0];
	/* Only our ends: O_NONBLOCK belongs to the open file, and each end is one of its own. */
	fcntl(c->input, F_SETFL, O_NONBLOCK);
	fcntl(c->output, F_SETFL, O_NONBLOCK);
	fcntl(c->error, F_SETFL, O_NONBLOCK);
}

/* Forwards what there is now. At the end of the stream it closes *fd. */
static bool forward(struct command *c, int *fd, enum frame_type type)
{
	char data[PAYLOAD_MAX];
	ssize_t n = *fd < 0 ? 0 : read(*fd, data, sizeof(data));

	if (n > 0) {
		send_frame(type, c->channel, data, (size_t)n);
		return true;
	}
	if (n == 0 || errno != EAGAIN)
		close_fd(fd);
	return false;
}

static void feed(struct command *c)
{
	while (c->pending && c->input >= 0) {
		ssize_t n = write(c->input, c->pending_data + c->pending_at, c->pending);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) { /* It does not read any more: what it was sent is nobody's. */
			close_fd(&c->input);
			break;
		}
		c->pending_at += (uint32_t)n;
		c->pending -= (uint32_t)n;
	}
	c->pending = 0;
	if (c->close_input)
		close_fd(&c->input);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (struct command *c = commands; c < commands + COMMANDS_MAX; c++) {
			if (c->pid != pid)
				continue;
			/*
			 * Do not wait for the end of its output: a daemon that it left behind may
			 * hold the pipe for ever. What the command itself wrote is there by now.
			 */
			while (forward(c, &c->output, FRAME_OUTPUT))
				;
			while (forward(c, &c->error, FRAME_ERROR))
				;
			close_fd(&c->input);
			close_fd(&c->output);
			close_fd(&c->error);
			c->pid = 0;
			send_exit(c->channel,
				  WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		}
	}
}

/* Returns false when the host is gone. */
static bool take_frame(void)
{
	static char data[PAYLOAD_MAX + 1];
	struct frame frame;
	struct command *c;
	uint32_t length;

	if (!read_all(&frame, sizeof(frame)))
		return false;
	length = le32toh(frame.length);
	if (le32toh(frame.magic) != FRAME_MAGIC || length > PAYLOAD_MAX) {
		errno = EPROTO;
		die("a frame from the host");
	}
	if (!read_all(data, length))
		return false;
	data[length] = '\0';

	if (le32toh(frame.type) == FRAME_RUN) {
		run(le32toh(frame.channel), data);
		return true;
	}
	c = find_command(le32toh(frame.channel));
	if (!c) /* It has ended meanwhile. */
		return true;
	if (le32toh(frame.type) == FRAME_KILL) {
		kill(-c->pid, SIGKILL);
	} else if (le32toh(frame.type) == FRAME_INPUT) {
		memcpy(c->pending_data, data, length);
		c->pending = length;
		c->pending_at = 0;
		c->close_input = !length;
		feed(c);
	}
	return true;
}

static void serve(int children)
{
	for (;;) {
		struct pollfd fds[2 + 3 * COMMANDS_MAX];
		bool blocked = false;
		int n = 2;

		for (struct command *c = commands; c < commands + COMMANDS_MAX; c++) {
			bool feeding = c->pid && c->pending;

			fds[n++] = (struct pollfd){.fd = feeding ? c->input : -1, .events = POLLOUT};
			fds[n++] = (struct pollfd){.fd = c->pid ? c->output : -1, .events = POLLIN};
			fds[n++] = (struct pollfd){.fd = c->pid ? c->error : -1, .events = POLLIN};
			blocked |= feeding;
		}
		/* One pending buffer for each command: take no more until it is written. */
		fds[0] = (struct pollfd){.fd = blocked ? -1 : port, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = children, .events = POLLIN};
		if (poll(fds, (nfds_t)n, -1) < 0 && errno != EINTR)
			die("poll");

		for (int i = 0; i < COMMANDS_MAX; i++) {
			struct command *c = &commands[i];

			if (fds[2 + 3 * i].revents)
				feed(c);
			if (fds[3 + 3 * i].revents)
				forward(c, &c->output, FRAME_OUTPUT);
			if (fds[4 + 3 * i].revents)
				forward(c, &c->error, FRAME_ERROR);
		}
		if (fds[1].revents) {
			struct signalfd_siginfo info;

			if (read(children, &info, sizeof(info)) > 0)
				reap();
		}
		if (fds[0].revents & POLLIN && !take_frame())
			return;
		if (fds[0].revents & POLLHUP && !(fds[0].revents & POLLIN))
			return;
	}
}

int main(int argc, char **argv)
{
	static const char hello[] = "nxtop-agent 1";
	sigset_t chld;
	int children;

	if (argc != 2) {
		fprintf(stderr, "Usage: nxtop-agent PORT, for example /dev/virtio-ports/nxtop.agent\n");
		return 2;
	}
	port = open(argv[1], O_RDWR | O_CLOEXEC);
	if (port < 0)
		die(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	children = signalfd(-1, &chld, SFD_CLOEXEC);
	if (children < 0)
		die("signalfd");
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
	setenv("HOME", "/root", 0);
	setenv("LANG", "C.UTF-8", 0);

	send_frame(FRAME_HELLO, 0, hello, sizeof(hello) - 1);
	serve(children);
	return 0; /* The host is gone: systemd starts us anew for the next one. */
}
