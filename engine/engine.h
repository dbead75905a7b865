/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of this boot of Engine once it is done: constant afterwards. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "lib/types.h"

#define ENGINE_VERSION "0.1"

struct engine {
	u64 memory_base, memory_size; /* the pool; bytes */
	bool selftest;		      /* NXT_HC_SELFTEST answers */
};

extern struct engine engine;

#endif
