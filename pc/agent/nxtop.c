/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nxtop: the command on the PC. It asks nxtopd and prints what that answers. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "pc/agent/nxtop_print.h"

#define ANSWER_MAX (16 * 1024 * 1024)

static const char help[] =
	"usage: nxtop [--json] [--socket PATH] COMMAND\n"
	"\n"
	"  status                         how this PC and its workspaces are\n"
	"  start WORKSPACE                start it\n"
	"  stop WORKSPACE                 shut it down; after a minute it is switched off\n"
	"  restart WORKSPACE              shut it down and start it: an update that waits is applied\n"
	"  snapshot WORKSPACE [NAME]      keep how its system disk is now, running or not\n"
	"  revert WORKSPACE [NAME]        throw away its system disk's changes since the snapshot, or all of "
	"them:\n"
	"                                 back to the version as published. The user disk stays as it is\n"
	"  forget WORKSPACE NAME          forget a snapshot\n"
	"  erase WORKSPACE                remove one that is not assigned to this PC any more, with all its "
	"data\n"
	"  log [LINES]                    what happened, the newest last (default 50 lines)\n"
	"  enrol TEXT                     put this PC into the care of a Center; an administrator gives you "
	"the text\n"
	"\n"
	"  --json         print nxtopd's answer as it is: one JSON object\n"
	"  --socket PATH  where nxtopd listens (default /run/nxtop/nxtopd.sock)\n"
	"\n"
	"WORKSPACE is its title, its id, or the start of its id. Exit status: 0 done, 1 refused or failed, 2 "
	"wrong usage.\n";

static const struct command {
	const char *name;
	const char *first, *second; /* members of the request; NULL: takes none */
	bool second_needed;
} commands[] = {
	{"status", NULL, NULL, false},
	{"start", "workspace", NULL, false},
	{"stop", "workspace", NULL, false},
	{"restart", "workspace", NULL, false},
	{"snapshot", "workspace", "snapshot", false},
	{"revert", "workspace", "snapshot", false},
	{"forget", "workspace", "snapshot", true},
	{"erase", "workspace", NULL, false},
	{"log", "lines", NULL, false},
	{"enrol", "text", NULL, false},
};

static int usage(const char *problem, const char *what)
{
	fprintf(stderr, "nxtop: %s%s; nxtop --help lists the commands\n", problem, what);
	return 2;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* 0 and the request, or an exit status. */
static int build_request(const struct command *command, int n, char **words, json_t **ret)
{
	bool log = !strcmp(command->name, "log");
	int least = command->first && !log ? 1 + command->second_needed : 0;
	int most = command->first ? 1 + (command->second != NULL) : 0;
	json_t *request;

	if (n < least)
		return usage("something is missing after ", command->name);
	if (n > most)
		return usage("too much after ", command->name);
	request = json_pack("{s:s}", "do", command->name);
	if (log && n) {
		char *end;
		long lines = strtol(words[0], &end, 10);

		if (*end || lines < 1) {
			json_decref(request);
			return usage("no number of lines: ", words[0]);
		}
		json_object_set_new(request, "lines", json_integer(lines));
	} else {
		if (n > 0)
			json_object_set_new(request, command->first, json_string(words[0]));
		if (n > 1)
			json_object_set_new(request, command->second, json_string(words[1]));
	}
	*ret = request;
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -EBADF;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int ask(int fd, json_t *request, json_t **ret)
{
	_cleanup_free_ char *line = json_dumps(request, JSON_COMPACT), *answer = NULL;
	size_t n = 0, size;

	if (!line)
		return -ENOMEM;
	size = strlen(line);
	line[size++] = '\n';
	if (send(fd, line, size, MSG_NOSIGNAL) != (ssize_t)size)
		return -errno;
	for (;;) {
		char *larger = realloc(answer, n + 65536);
		ssize_t got;

		if (!larger)
			return -ENOMEM;
		answer = larger;
		got = recv(fd, answer + n, 65536, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += got;
		if (n > ANSWER_MAX)
			return -EFBIG;
	}
	*ret = json_loadb(answer, n, JSON_DISABLE_EOF_CHECK, NULL);
	return *ret ? 0 : -EPROTO;
}

static int explain(const char *path, int r)
{
	fprintf(stderr, "nxtop: cannot reach nxtopd at %s: %s", path, strerror(-r));
	if (r == -ENOENT || r == -ECONNREFUSED)
		fputs("; does it run? systemctl status nxtopd", stderr);
	else if (r == -EACCES)
		fputs("; you need to be root, or in the socket's group", stderr);
	else if (r == -EPROTO)
		fputs("; it gave no answer: journalctl -u nxtopd", stderr);
	fputc('\n', stderr);
	return 1;
}

static int run(const char *path, bool as_json, const struct command *command, json_t *request)
{
	_cleanup_(nxt_json_unrefp) json_t *answer = NULL;
	_cleanup_close_ int fd = connect_to(path);
	bool ok;
	int r;

	if (fd < 0)
		return explain(path, fd);
	r = ask(fd, request, &answer);
	if (r < 0)
		return explain(path, r);
	ok = json_is_true(json_object_get(answer, "ok"));
	if (as_json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!ok) {
		const char *error = json_string_value(json_object_get(answer, "error"));

		fprintf(stderr, "nxtop: %s\n", error ? error : "nxtopd says no, and not why");
	} else if (!strcmp(command->name, "status")) {
		print_status(answer);
	} else if (!strcmp(command->name, "log")) {
		print_log(answer);
	}
	return !ok;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"socket", required_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};
	_cleanup_(nxt_json_unrefp) json_t *request = NULL;
	const char *path = "/run/nxtop/nxtopd.sock";
	const struct command *command;
	bool as_json = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 'j':
			as_json = true;
			break;
		case 'k':
			path = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'v':
			puts("nxtop " NXTOP_VERSION);
			return 0;
		default:
			return 2;
		}
	}
	if (optind == argc)
		return usage("no command", "");
	command = find_command(argv[optind]);
	if (!command)
		return usage("no such command: ", argv[optind]);
	r = build_request(command, argc - optind - 1, argv + optind + 1, &request);
	return r ? r : run(path, as_json, command, request);
}
