/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_SERVER_H
#define CENTER_SERVER_H

#include <stdint.h>
#include <sys/socket.h>

#include "common/error.h"

struct center;
struct server;

/*
 * Listens on an address (port 0: any), TLS 1.3 only, with a certificate and key in PEM, and serves until
 * server_stop(). *ret_port is the port.
 */
int server_start(struct center *center, const struct sockaddr *address, const char *certificate,
		 const char *key, struct server **ret, uint16_t *ret_port, struct nxt_error *error);
void server_stop(struct server *server);

#endif
