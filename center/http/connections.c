/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/http/connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "center/core/center.h"
#include "center/core/log.h"

#define DESCRIPTORS 65536
#define BYTES_PER_SECOND 16384

struct connection {
	struct MHD_Connection *mhd;
	int fd;
	int64_t deadline, since; /* milliseconds of CLOCK_MONOTONIC; deadline 0: none */
	enum phase phase;
	struct request *request; /* that waits */
	bool identified;
	enum certificate_state certificate;
	int64_t expires;
	uint8_t hash[NXT_SHA256_SIZE];
};

/* Taken before the waiters' lock, after the center's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection *by_fd[DESCRIPTORS];
static int highest;
static int hangups = -1; /* epoll: the sockets of clients that wait, and the end */
static int end = -1;	 /* eventfd */
static pthread_t thread;
static bool ending;

/* With the lock; valid until the next call. */
static const char *peer_of(int fd)
{
	static char text[INET6_ADDRSTRLEN];
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getpeername(fd, (struct sockaddr *)&address, &size) < 0)
		return "unknown";
	connection_address((struct sockaddr *)&address, text, sizeof(text));
	return text;
}

static void disconnect(struct connection *connection)
{
	static const char *const phases[] = {"head", "idle", "body", "", "reply"};

	if (connection->phase != PHASE_IDLE)
		log_line(LOG_WARNING, "slow", "phase=%s peer=%s", phases[connection->phase],
			 peer_of(connection->fd));
	/* libmicrohttpd sees the end, and does the rest. */
	shutdown(connection->fd, SHUT_RDWR);
	connection->deadline = 0;
}

void connection_address(const struct sockaddr *address, char *ret, size_t size)
{
	const void *raw = address->sa_family == AF_INET
				  ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
				  : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;

	if (!inet_ntop(address->sa_family, raw, ret, size))
		snprintf(ret, size, "unknown");
}

static bool has_gone(int fd)
{
	struct pollfd state = {.fd = fd, .events = POLLRDHUP};

	return poll(&state, 1, 0) == 1 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void look_for_hangups(struct center *center)
{
	struct epoll_event events[64];
	int n = epoll_wait(hangups, events, 64, 1000);

	for (int i = 0; i < n; i++) {
		struct connection *connection;

		pthread_mutex_lock(&lock);
		connection = by_fd[events[i].data.fd]; /* none for the end */
		if (connection && connection->request && has_gone(connection->fd))
			waiters_wake(&center->waiters, connection->request, true);
		pthread_mutex_unlock(&lock);
	}
}

static void *watch(void *argument)
{
	struct center *center = argument;
	int64_t looked = 0;

	while (!__atomic_load_n(&ending, __ATOMIC_ACQUIRE)) {
		int64_t now;

		look_for_hangups(center);
		now = waiters_clock();
		if (now - looked < 1000)
			continue;
		looked = now;
		pthread_mutex_lock(&lock);
		for (int fd = 0; fd <= highest; fd++)
			if (by_fd[fd] && by_fd[fd]->deadline && by_fd[fd]->deadline <= now)
				disconnect(by_fd[fd]);
		pthread_mutex_unlock(&lock);
		waiters_expire(&center->waiters);
	}
	return NULL;
}

int connections_start(struct center *center)
{
	struct epoll_event event = {.events = EPOLLIN};
	int r;

	hangups = epoll_create1(EPOLL_CLOEXEC);
	end = eventfd(0, EFD_CLOEXEC);
	event.data.fd = end;
	ending = false;
	if (hangups < 0 || end < 0 || epoll_ctl(hangups, EPOLL_CTL_ADD, end, &event) < 0)
		r = -errno;
	else
		r = -pthread_create(&thread, NULL, watch, center);
	if (r < 0) {
		close(hangups);
		close(end);
	}
	return r;
}

void connections_end(void)
{
	__atomic_store_n(&ending, true, __ATOMIC_RELEASE);
	eventfd_write(end, 1);
	pthread_join(thread, NULL);
	close(hangups);
	close(end);
}

/* A PC behind a cable that was cut: noticed within two minutes. */
static void set_options(int fd)
{
	int yes = 1, idle = 60, interval = 15, count = 4, unanswered = 60000;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof(unanswered));
}

struct connection *connection_add(struct MHD_Connection *mhd, int fd)
{
	struct connection *connection = fd < 0 || fd >= DESCRIPTORS ? NULL : calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	set_options(fd);
	connection->mhd = mhd;
	connection->fd = fd;
	pthread_mutex_lock(&lock);
	by_fd[fd] = connection;
	if (fd > highest)
		highest = fd;
	pthread_mutex_unlock(&lock);
	connection_phase(connection, PHASE_HEAD, 0);
	return connection;
}

void connection_remove(struct connection *connection)
{
	if (!connection)
		return;
	pthread_mutex_lock(&lock);
	by_fd[connection->fd] = NULL;
	pthread_mutex_unlock(&lock);
	free(connection);
}

void connection_phase(struct connection *connection, enum phase phase, size_t bytes)
{
	static const int seconds[] = {20, 75, 30, 0, 30};
	int64_t now = waiters_clock();

	if (!connection)
		return;
	pthread_mutex_lock(&lock);
	if (phase != connection->phase || phase == PHASE_HEAD) {
		connection->phase = phase;
		connection->since = now;
	}
	connection->deadline = phase == PHASE_HANDLE ? 0
						     : connection->since + seconds[phase] * 1000 +
							       (int64_t)(bytes * 1000 / BYTES_PER_SECOND);
	pthread_mutex_unlock(&lock);
}

void connection_waits(struct connection *connection, struct request *request)
{
	struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.fd = connection->fd};

	pthread_mutex_lock(&lock);
	connection->request = request;
	/* If it fails, a client that goes is noticed at the end of its time. */
	if (epoll_ctl(hangups, EPOLL_CTL_ADD, connection->fd, &event) < 0 && errno == EEXIST)
		epoll_ctl(hangups, EPOLL_CTL_MOD, connection->fd, &event);
	pthread_mutex_unlock(&lock);
}

void connection_waits_no_more(struct connection *connection)
{
	struct epoll_event event = {};

	pthread_mutex_lock(&lock);
	if (connection->request)
		epoll_ctl(hangups, EPOLL_CTL_DEL, connection->fd, &event);
	connection->request = NULL;
	pthread_mutex_unlock(&lock);
}

static enum certificate_state examine(gnutls_session_t session, struct connection *connection)
{
	gnutls_typed_vdata_st use = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
				     .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
	const gnutls_datum_t *peer;
	gnutls_x509_crt_t certificate;
	unsigned int count, status;

	peer = gnutls_certificate_get_peers(session, &count);
	if (!peer || !count)
		return CERTIFICATE_NONE;
	nxt_sha256(peer[0].data, peer[0].size, connection->hash);
	if (gnutls_x509_crt_init(&certificate) < 0)
		return CERTIFICATE_FOREIGN;
	connection->expires = gnutls_x509_crt_import(certificate, &peer[0], GNUTLS_X509_FMT_DER) < 0
				      ? 0
				      : gnutls_x509_crt_get_expiration_time(certificate);
	gnutls_x509_crt_deinit(certificate);
	if (gnutls_certificate_verify_peers(session, &use, 1, &status) < 0)
		return CERTIFICATE_FOREIGN;
	if (!status)
		return CERTIFICATE_GOOD;
	return !(status & ~(GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED)) ? CERTIFICATE_EXPIRED
									: CERTIFICATE_FOREIGN;
}

void connection_identify(struct connection *connection, struct request *request)
{
	if (!connection->identified) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

		connection->certificate = info ? examine(info->tls_session, connection) : CERTIFICATE_NONE;
		connection->identified = true;
	}
	request->certificate = connection->certificate;
	/* A connection may outlive its certificate. */
	if (request->certificate == CERTIFICATE_GOOD && request->now > connection->expires)
		request->certificate = CERTIFICATE_EXPIRED;
	memcpy(request->certificate_hash, connection->hash, NXT_SHA256_SIZE);
}
