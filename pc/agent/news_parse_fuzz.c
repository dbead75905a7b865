/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"
#include "pc/agent/news_parse.h"

/* Everything that Center answers with: what is taken can be used to its end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char release[32];
	char pc[NXT_ID_SIZE], *text;
	struct nxt_error error;
	struct news news;
	int64_t number;

	if (news_parse(data, size, &news, &error) >= 0) {
		for (size_t i = 0; i < news.n_orders; i++)
			if (strlen(news.orders[i]) > size)
				abort();
		news_done(&news);
	}
	if (trust_parse(data, size, &text, release, &error) >= 0)
		free(text);
	if (certificate_parse(data, size, pc, &text, &error) >= 0) {
		if (!nxt_id_valid(pc))
			abort();
		free(text);
	}
	if (confirmed_parse(data, size, &number, &error) >= 0 && number < 0)
		abort();
	return 0;
}
