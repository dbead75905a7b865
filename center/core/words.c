/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/core/words.h"

#include <stddef.h>

const char *const words_severity[] = {"info", "warning", "error", NULL};
const char *const words_outcome[] = {"done", "failed", "expired", "refused", NULL};
const char *const words_do[] = {"start", "stop", "restart", "snapshot", "revert", "forget", NULL};
const char *const words_state[] = {"waiting",  "fetching",  "preparing", "stopped",  "starting", "running",
				   "stopping", "reverting", "failed",	 "removing", NULL};
const char *const words_health[] = {"unknown", "healthy", "unhealthy", NULL};
const char *const words_why[] = {"hand", "schedule", "update", NULL};
