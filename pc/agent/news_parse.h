/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_NEWS_PARSE_H
#define NXT_AGENT_NEWS_PARSE_H

#include <jansson.h>
#include <stddef.h>

#include "common/error.h"

/* What Center answered to "is there news?": hostile until each envelope is verified. */
#define NEWS_MAX (4 * 1024 * 1024)
#define NEWS_ORDERS_MAX 100

struct news {
	json_t *json;		/* owns the texts */
	const char *operations; /* envelopes; NULL: none */
	const char *assignment;
	size_t n_orders;
	const char *orders[NEWS_ORDERS_MAX];
};

/*
 * -EBADMSG: no such answer. -E2BIG: over a limit. Members that are not known are ignored: Center may be
 * newer.
 */
int news_parse(const void *bytes, size_t size, struct news *ret, struct nxt_error *error);
void news_done(struct news *news);

/* The answers of enrolment and renewal: texts for free(). -EBADMSG, -ENOMEM. */
int trust_parse(const void *bytes, size_t size, char **ret_ca, unsigned char ret_release[32],
		struct nxt_error *error);
/* ret_pc has room for NXT_ID_SIZE; NULL when the answer is a renewal's. */
int certificate_parse(const void *bytes, size_t size, char *ret_pc, char **ret_certificate,
		      struct nxt_error *error);
/* Up to which event Center has them. */
int confirmed_parse(const void *bytes, size_t size, int64_t *ret, struct nxt_error *error);

#endif
