/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_PROBLEM_H
#define NXT_PROBLEM_H

#include <stddef.h>

#define NXT_PROBLEM_TYPE "application/problem+json"

/* Why a request was refused (RFC 9457, docs/protocol.md). UTF-8, "" for what is not said. */
struct nxt_problem {
	int status; /* of HTTP */
	char title[128];
	char detail[512]; /* what and why, this time */
	char hint[512];	  /* what to do */
};

/* *ret is JSON, terminated, for free(). -ENOMEM. */
int nxt_problem_build(const struct nxt_problem *problem, char **ret, size_t *ret_size);

/*
 * Reads an answer's body, which may be anything: what it does not say, or says too long, or with control
 * characters, is made fit to be shown. Status is the HTTP status, whatever the body claims. Never fails.
 */
void nxt_problem_parse(int status, const void *body, size_t size, struct nxt_problem *ret);

#endif
