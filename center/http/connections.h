/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_CONNECTIONS_H
#define CENTER_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "center/core/request.h"

struct MHD_Connection;

/*
 * The connections that there are, and for each how long its present phase may take. A thread looks once a
 * second: whoever is over time is disconnected, requests that waited long enough are woken, and so are
 * those whose client has gone.
 */
enum phase {
	PHASE_HEAD,   /* handshake and head of the first request: 20 s */
	PHASE_IDLE,   /* until the next request's head is there: 75 s */
	PHASE_BODY,   /* 30 s, and 1 s more for each 16 KiB that came */
	PHASE_HANDLE, /* ours: no limit; of a request that waits, its own */
	PHASE_REPLY,  /* 30 s, and 1 s for each 16 KiB */
};

struct connection;

int connections_start(struct center *center);
void connections_end(void);

/* NULL when there is no memory, or no room for its file descriptor. */
struct connection *connection_add(struct MHD_Connection *mhd, int fd);
void connection_remove(struct connection *connection);

/* A new phase, or progress in the present one: bytes is what has come so far, or what will go. */
void connection_phase(struct connection *connection, enum phase phase, size_t bytes);

/* An address as text. */
void connection_address(const struct sockaddr *address, char *ret, size_t size);

/* The request waits on this connection, from now on or no longer: its client's going wakes it. */
void connection_waits(struct connection *connection, struct request *request);
void connection_waits_no_more(struct connection *connection);

/* What TLS says of the client, looked up once for each connection. */
void connection_identify(struct connection *connection, struct request *request);

#endif
