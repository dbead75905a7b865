/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_DISPATCH_H
#define CENTER_DISPATCH_H

#include "center/core/request.h"

/*
 * A request from its head to its reply, whatever the transport. Both return the reply's status.
 *
 * First, when the head is there: what is asked, by whom, and may they. 0: go on with the body, of which
 * request->route->limit bytes are allowed.
 */
int dispatch_head(struct request *request);

/*
 * Then, when the body is there, and again each time after it was laid aside. REQUEST_WAITS: it was laid
 * aside, and is no longer the caller's.
 */
int dispatch_body(struct request *request);

/* One line in the journal for a request that was refused. */
void dispatch_log(const struct request *request);

#endif
