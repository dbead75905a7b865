/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between libmicrohttpd and core/dispatch.h. */
#include "center/http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "center/ca/ca.h"
#include "center/core/center.h"
#include "center/core/dispatch.h"
#include "center/core/log.h"
#include "center/core/route.h"
#include "center/http/connections.h"
#include "center/http/console.h"

#define CONNECTIONS 20000
#define CONNECTION_MEMORY 8192
#define THREADS 4

struct server {
	struct center *center;
	struct MHD_Daemon *daemon;
};

/* ------------------------------------------------------------------------------------------- transport */

struct exchange {
	struct request request;
	struct MHD_Connection *mhd;
	struct connection *connection;
	bool begun;
	size_t drained; /* of a body that was refused */
};

/*
 * A client that is still sending does not read: it would see its connection break, and never the reason. So
 * up to this much of a refused body is taken and thrown away first.
 */
#define DRAIN_MAX (4 * 1024 * 1024)

static struct exchange *exchange_of(struct request *request)
{
	return request->connection;
}

static const char *get_header(struct request *request, const char *name)
{
	return MHD_lookup_connection_value(exchange_of(request)->mhd, MHD_HEADER_KIND, name);
}

static const char *get_argument(struct request *request, const char *name)
{
	return MHD_lookup_connection_value(exchange_of(request)->mhd, MHD_GET_ARGUMENT_KIND, name);
}

static void identify(struct request *request)
{
	connection_identify(exchange_of(request)->connection, request);
}

static void lay_aside(struct request *request)
{
	MHD_suspend_connection(exchange_of(request)->mhd);
}

static void wake(struct request *request)
{
	MHD_resume_connection(exchange_of(request)->mhd);
}

static const struct transport transport = {
	.header = get_header,
	.argument = get_argument,
	.identify = identify,
	.lay_aside = lay_aside,
	.wake = wake,
};

/* ---------------------------------------------------------------------------------------------- replies */

static bool add_headers(struct MHD_Response *response, const struct request *request)
{
	const struct reply *reply = &request->reply;
	bool good = true;

	if (reply->type)
		good &= MHD_add_response_header(response, "Content-Type", reply->type) == MHD_YES;
	if (*reply->etag)
		good &= MHD_add_response_header(response, "ETag", reply->etag) == MHD_YES;
	if (*reply->cookie)
		good &= MHD_add_response_header(response, "Set-Cookie", reply->cookie) == MHD_YES;
	if (reply->status == 401 && request->route && request->route->who == FOR_ADMINISTRATOR)
		good &= MHD_add_response_header(response, "WWW-Authenticate", "Bearer") == MHD_YES;
	good &= MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES;
	return good && MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES;
}

static enum MHD_Result send_reply(struct exchange *exchange)
{
	struct request *request = &exchange->request;
	struct reply *reply = &request->reply;
	struct MHD_Response *response;
	enum MHD_Result result;
	size_t size = reply->size;

	dispatch_log(request);
	if (reply->fd >= 0) {
		response = MHD_create_response_from_fd(size, reply->fd);
		if (response)
			reply->fd = -1; /* it is the response's now */
	} else {
		response = MHD_create_response_from_buffer(reply->body ? size : 0, reply->body,
							   MHD_RESPMEM_MUST_FREE);
		if (response)
			reply->body = NULL;
	}
	if (!response)
		return MHD_NO;
	if (!add_headers(response, request)) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	connection_phase(exchange->connection, PHASE_REPLY, size);
	result = MHD_queue_response(exchange->mhd, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

/* --------------------------------------------------------------------------------------------- requests */

/* Reads the head. The reply may be there afterwards; it is sent when the body has been taken or drained. */
static enum MHD_Result begin(struct exchange *exchange, const char *url, const char *method)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct request *request = &exchange->request;
	const char *text = get_header(request, "Content-Length");
	unsigned long long length = text ? strtoull(text, NULL, 10) : 0;
	int r;

	exchange->begun = true;
	request->method = method;
	request->path = url;
	request->now = time(NULL);
	connection_address(info->client_addr, request->address, sizeof(request->address));
	connection_phase(exchange->connection, PHASE_BODY, 0);
	r = dispatch_head(request);
	if (!r && length > request->route->limit)
		r = reply_problem(request, 413, "Body too large", NULL, "At most %zu bytes are taken here.",
				  request->route->limit);
	return r && length > DRAIN_MAX ? send_reply(exchange) : MHD_YES;
}

static enum MHD_Result take_body(struct exchange *exchange, const char *data, size_t size)
{
	struct request *request = &exchange->request;

	if (!request->reply.status && size > request->route->limit - request->body_size)
		reply_problem(request, 413, "Body too large", NULL, "At most %zu bytes are taken here.",
			      request->route->limit);
	if (request->reply.status) {
		exchange->drained += size;
		if (exchange->drained <= DRAIN_MAX)
			return MHD_YES;
		dispatch_log(request);
		return MHD_NO;
	}
	if (request->body_size + size > request->body_room) {
		size_t room = request->body_room ? 2 * request->body_room : 4096;
		char *larger;

		while (room < request->body_size + size)
			room *= 2;
		larger = realloc(request->body, room);
		if (!larger) {
			reply_errno(request, -ENOMEM);
			return MHD_YES;
		}
		request->body = larger;
		request->body_room = room;
	}
	memcpy(request->body + request->body_size, data, size);
	request->body_size += size;
	connection_phase(exchange->connection, PHASE_BODY, request->body_size);
	return MHD_YES;
}

static enum MHD_Result finish(struct exchange *exchange)
{
	if (exchange->request.reply.status)
		return send_reply(exchange);
	connection_phase(exchange->connection, PHASE_HANDLE, 0);
	connection_waits_no_more(exchange->connection);
	if (dispatch_body(&exchange->request) == REQUEST_WAITS) {
		/* If it was woken already, this comes too late, and the next call undoes it. */
		connection_waits(exchange->connection, &exchange->request);
		return MHD_YES;
	}
	return send_reply(exchange);
}

static enum MHD_Result on_request(void *argument, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *data, size_t *size,
				  void **closure)
{
	struct server *server = argument;
	struct exchange *exchange = *closure;

	(void)version;
	if (!exchange->begun) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

		exchange->mhd = mhd;
		exchange->connection = info ? info->socket_context : NULL;
		if (!exchange->connection)
			return MHD_NO;
		if (!console_wants(server->center, method, url))
			return begin(exchange, url, method);
		exchange->begun = true;
		connection_phase(exchange->connection, PHASE_REPLY, CONSOLE_FILE_MAX);
		return console_serve(server->center, mhd, url);
	}
	if (*size) {
		enum MHD_Result result = take_body(exchange, data, *size);

		*size = 0;
		return result;
	}
	return finish(exchange);
}

/* Called with each request's first line, before its head is complete. */
static void *on_first_line(void *argument, const char *uri, struct MHD_Connection *mhd)
{
	struct server *server = argument;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	(void)uri;
	if (info)
		connection_phase(info->socket_context, PHASE_HEAD, 0);
	if (!exchange)
		return NULL;
	exchange->request.center = server->center;
	exchange->request.transport = &transport;
	exchange->request.connection = exchange;
	exchange->request.reply.fd = -1;
	return exchange;
}

static void on_completed(void *argument, struct MHD_Connection *mhd, void **closure,
			 enum MHD_RequestTerminationCode code)
{
	struct exchange *exchange = *closure;

	(void)argument;
	(void)mhd;
	(void)code;
	if (!exchange)
		return;
	if (exchange->connection) {
		connection_waits_no_more(exchange->connection);
		connection_phase(exchange->connection, PHASE_IDLE, 0);
	}
	request_done(&exchange->request);
	free(exchange);
	*closure = NULL;
}

static void on_connection(void *argument, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;

	(void)argument;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		connection_remove(*context);
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = info ? connection_add(mhd, info->connect_fd) : NULL;
}

static void on_message(void *argument, const char *format, va_list arguments)
{
	char text[300];

	(void)argument;
	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = 0;
	log_line(LOG_INFO, "connection", "error=%s", text);
}

int server_start(struct center *center, const struct sockaddr *address, const char *certificate,
		 const char *key, struct server **ret, uint16_t *ret_port, struct nxt_error *error)
{
	struct server *server = calloc(1, sizeof(*server));
	const union MHD_DaemonInfo *info;
	unsigned int flags = MHD_USE_TLS | MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			     MHD_USE_ERROR_LOG | (address->sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	int r;

	if (!server)
		return -ENOMEM;
	r = connections_start(center);
	if (r < 0) {
		free(server);
		return r;
	}
	server->center = center;
	errno = 0;
	/* The logger first: it also takes what is wrong with the options that follow. */
	server->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
		MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
		MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_HTTPS_MEM_KEY, key,
		MHD_OPTION_HTTPS_MEM_TRUST, ca_pem(center->ca), MHD_OPTION_HTTPS_PRIORITIES,
		"NORMAL:-VERS-ALL:+VERS-TLS1.3", MHD_OPTION_THREAD_POOL_SIZE, (unsigned int)THREADS,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_first_line, server,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
		NULL, MHD_OPTION_END);
	if (!server->daemon) {
		r = errno ? -errno : -EIO;
		connections_end();
		free(server);
		return nxt_fail(error, r, "cannot listen: %s; see the line above", strerror(-r));
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
	*ret_port = info ? info->port : 0;
	*ret = server;
	return 0;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->daemon);
	connections_end();
	free(server);
}
