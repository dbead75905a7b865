/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_CHECKED_H
#define NXT_CHECKED_H

/* Called by the sanitizers, which declare them nowhere. Constants, in the format of ASAN_OPTIONS. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

#endif
