/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_NXTOP_PRINT_H
#define NXT_AGENT_NXTOP_PRINT_H

#include <jansson.h>

/* Answers of nxtopd, for people; what is missing in them is shown as such. */
void print_status(json_t *answer);
void print_log(json_t *answer);

#endif
