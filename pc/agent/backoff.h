/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_BACKOFF_H
#define NXT_AGENT_BACKOFF_H

/*
 * How long to wait after the failure that `failures` others came before: 1 s, twice as long each time up to
 * 5 min, less a random part of up to a half, so that a thousand PCs do not come back at once.
 */
int backoff_milliseconds(unsigned failures);

#endif
