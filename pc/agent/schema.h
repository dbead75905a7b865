/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_SCHEMA_H
#define NXT_AGENT_SCHEMA_H

/* schema_steps[n] brings tables of version n to version n + 1; one that was shipped never changes. */
#define SCHEMA_VERSION 1

extern const char *const schema_steps[SCHEMA_VERSION];

#endif
