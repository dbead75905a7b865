/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/attempts.h"

#include <stdio.h>
#include <string.h>

#include "center/core/hash.h"

#define ENTRIES 1024

static struct attempt {
	char address[46];
	int64_t since;
	int failed;
} attempts[ENTRIES];

static struct attempt *find(const char *address)
{
	return &attempts[text_hash(address) % ENTRIES];
}

int64_t attempts_wait(const char *address, int64_t now)
{
	const struct attempt *attempt = find(address);

	if (strcmp(attempt->address, address) || attempt->failed < ATTEMPTS_FREE)
		return 0;
	return attempt->since + ATTEMPTS_SPAN > now ? attempt->since + ATTEMPTS_SPAN - now : 0;
}

void attempts_failed(const char *address, int64_t now)
{
	struct attempt *attempt = find(address);

	if (strcmp(attempt->address, address) || attempt->since + ATTEMPTS_SPAN <= now) {
		snprintf(attempt->address, sizeof(attempt->address), "%s", address);
		attempt->since = now;
		attempt->failed = 0;
	}
	attempt->failed++;
}

void attempts_succeeded(const char *address)
{
	struct attempt *attempt = find(address);

	if (!strcmp(attempt->address, address))
		memset(attempt, 0, sizeof(*attempt));
}
