/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_CONTROL_REQUEST_H
#define NXT_AGENT_CONTROL_REQUEST_H

#include "common/document.h"
#include "common/error.h"
#include "common/names.h"

/* One line of JSON from nxtop, or whoever else may use the socket. */
#define CONTROL_LINE_MAX 4096

enum control_do {
	CONTROL_STATUS,
	CONTROL_START,
	CONTROL_STOP,
	CONTROL_RESTART,
	CONTROL_SNAPSHOT,
	CONTROL_REVERT,
	CONTROL_FORGET,
	CONTROL_ERASE,
	CONTROL_LOG,
	CONTROL_ENROL,
};

struct control_request {
	enum control_do what;
	char workspace[NXT_TITLE_SIZE]; /* id, the start of one, or title */
	char snapshot[NXT_NAME_SIZE];	/* "": none was named */
	char text[512];			/* of enrol */
	uint64_t lines;			/* of log */
};

/*
 * Members: "do" (a word as above, in lower case), "workspace", "snapshot", "text", "lines"; no others, and
 * those only where they mean something. -EBADMSG, -E2BIG.
 */
int control_request_parse(const char *line, size_t size, struct control_request *ret,
			  struct nxt_error *error);

#endif
