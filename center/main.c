/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nxtop-center: the server. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "center/ca/ca.h"
#include "center/core/log.h"
#include "center/core/setup.h"
#include "center/http/server.h"

#define NAMES_MAX 32

static const char usage[] =
	"usage: nxtop-center --data DIR [--listen ADDRESS:PORT] [--name NAME]... [--console DIR]\n"
	"                    [--release-key FILE]\n"
	"       nxtop-center trust --data DIR --release-key FILE\n"
	"       nxtop-center signin --data DIR\n"
	"\n"
	"The first runs NxTop Center until SIGTERM, and sets DIR up when it is new.\n"
	"trust pins the image author's release key, once; --release-key does the same at the start.\n"
	"signin prints a one-time code that makes an administrator, or gives one a new password.\n"
	"\n"
	"  --data DIR             keys, database, images; only for the user that runs this\n"
	"  --listen ADDRESS:PORT  by default 0.0.0.0:8443; [::]:8443 for IPv6 as well\n"
	"  --name NAME            what PCs and browsers call this server: a host name or address,\n"
	"                         may be repeated; the first is the one in enrolment texts.\n"
	"                         By default the address of --listen, or this machine's name\n"
	"  --console DIR          the files of the web console\n";

struct options {
	const char *command, *data, *listen, *console, *release_key;
	const char *names[NAMES_MAX];
	size_t n_names;
};

static int fail(const struct nxt_error *error, int r)
{
	log_line(LOG_ERR, "failed", "why=%s", *error->text ? error->text : strerror(-r));
	return EXIT_FAILURE;
}

/* "192.0.2.1:8443" or "[::]:8443"; host gets the address as text. */
static int parse_listen(const char *text, struct sockaddr_storage *ret, char *host, size_t host_size,
			struct nxt_error *error)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				       .ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(text, ':');
	struct addrinfo *found;
	int length = colon ? colon - text : 0;

	if (length > 2 && *text == '[' && text[length - 1] == ']')
		snprintf(host, host_size, "%.*s", length - 2, text + 1);
	else
		snprintf(host, host_size, "%.*s", length, text);
	if (!colon || getaddrinfo(host, colon + 1, &hints, &found))
		return nxt_fail(error, -EINVAL, "--listen %s is no address and port, such as 0.0.0.0:8443",
				text);
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

/* Each PC that waits has a connection. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void wait_for_end(void)
{
	sigset_t signals;
	int number;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigwait(&signals, &number);
}

static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* Before there are threads, so that all of them inherit it. */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int print_code(struct center *center, const char *host, int port, struct nxt_error *error)
{
	char code[SECRET_SIZE];
	int r = center_make_code(center, code, error);

	if (r < 0)
		return r;
	printf("One-time code, for a day: %s\n", code);
	if (port)
		printf("Make the first administrator: https://%s:%d/#setup=%s\n", host, port, code);
	else
		printf("Open the console's address with /#setup=%s behind it, or: nxtopctl setup URL\n",
		       code);
	fflush(stdout);
	return 0;
}

/* Names for the server's certificate; the first is what PCs are told. own has room for this machine's. */
static size_t collect_names(const struct options *options, const char *host, char *own, size_t size,
			    const char *names[NAMES_MAX + 2])
{
	size_t n = 0;

	for (size_t i = 0; i < options->n_names; i++)
		names[n++] = options->names[i];
	if (strcmp(host, "0.0.0.0") && strcmp(host, "::"))
		names[n++] = host;
	else if (!gethostname(own, size - 1) && *own)
		names[n++] = own;
	names[n++] = "localhost";
	return n;
}

/* Tells where Center is, and who cannot be known yet: the first administrator. */
static int announce(struct center *center, struct nxt_error *error)
{
	int r;

	printf("NxTop Center is at https://%s:%d/\n", center->host, center->port);
	r = center_has_no_administrator(center);
	if (r > 0)
		r = print_code(center, center->host, center->port, error);
	fflush(stdout);
	if (!center->trusted)
		log_line(LOG_WARNING, "trust",
			 "why=no release key yet: nxtop-center trust --data DIR --release-key FILE");
	return r;
}

static int serve_on(struct center *center, const struct sockaddr *address, const char *certificate,
		    const char *key, struct nxt_error *error)
{
	struct server *server = NULL;
	int r;

	r = work_start(&center->passwords, &center->waiters);
	if (r < 0)
		return r;
	r = work_start(&center->checks, &center->waiters);
	if (r < 0) {
		work_end(&center->passwords);
		return r;
	}
	r = server_start(center, address, certificate, key, &server, &center->port, error);
	if (!r)
		r = announce(center, error);
	if (!r)
		wait_for_end();

	waiters_close(&center->waiters);
	work_end(&center->passwords);
	work_end(&center->checks);
	server_stop(server);
	return r;
}

static int serve(struct center *center, const struct options *options, struct nxt_error *error)
{
	_cleanup_free_ char *certificate = NULL, *key = NULL;
	const char *names[NAMES_MAX + 2];
	struct sockaddr_storage address;
	char host[64], own[65] = "";
	size_t n;
	int r;

	r = parse_listen(options->listen, &address, host, sizeof(host), error);
	if (r < 0)
		return r;
	n = collect_names(options, host, own, sizeof(own), names);
	snprintf(center->host, sizeof(center->host),
		 strchr(names[0], ':') && *names[0] != '[' ? "[%s]" : "%s", names[0]);
	if (options->console) {
		center->console = open(options->console, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (center->console < 0)
			return nxt_fail(error, -errno, "--console %s cannot be opened: %s", options->console,
					strerror(errno));
	}
	r = ca_server(center->ca, center->dir, names, n, time(NULL), &certificate, &key, error);
	if (r < 0)
		return r;
	r = serve_on(center, (struct sockaddr *)&address, certificate, key, error);
	OPENSSL_cleanse(key, strlen(key));
	return r;
}

static int run(struct center *center, const struct options *options, struct nxt_error *error)
{
	bool serves = !strcmp(options->command, "serve");
	int r = center_open(center, options->data, serves, error);

	if (!r && options->release_key)
		r = center_trust(center, options->release_key, error);
	if (r < 0)
		return r;
	if (!strcmp(options->command, "trust")) {
		char id[NXT_SHA256_HEX];

		nxt_key_id(&center->trust.release, id);
		printf("This Center trusts release key %s\n", id);
		return 0;
	}
	return serves ? serve(center, options, error) : print_code(center, NULL, 0, error);
}

static bool parse(int argc, char **argv, struct options *ret)
{
	static const struct option known[] = {
		{"data", required_argument, NULL, 'd'},
		{"listen", required_argument, NULL, 'l'},
		{"name", required_argument, NULL, 'n'},
		{"console", required_argument, NULL, 'c'},
		{"release-key", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	int option;

	*ret = (struct options){.command = "serve", .listen = "0.0.0.0:8443"};
	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case 'd':
			ret->data = optarg;
			break;
		case 'l':
			ret->listen = optarg;
			break;
		case 'n':
			if (ret->n_names == NAMES_MAX)
				return false;
			ret->names[ret->n_names++] = optarg;
			break;
		case 'c':
			ret->console = optarg;
			break;
		case 'r':
			ret->release_key = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			return false;
		}
	}
	if (optind < argc)
		ret->command = argv[optind++];
	if (optind < argc || !ret->data)
		return false;
	if (!strcmp(ret->command, "trust"))
		return ret->release_key != NULL;
	return !strcmp(ret->command, "serve") || !strcmp(ret->command, "signin");
}

int main(int argc, char **argv)
{
	struct options options;
	struct center *center;
	struct nxt_error error = {};
	int r;

	if (!parse(argc, argv, &options)) {
		fputs(usage, stderr);
		return 2;
	}
	umask(077);
	block_signals();
	allow_many_files();
	center = calloc(1, sizeof(*center));
	if (!center)
		return fail(&error, -ENOMEM);
	r = run(center, &options, &error);
	center_close(center);
	free(center);
	return r < 0 ? fail(&error, r) : EXIT_SUCCESS;
}
