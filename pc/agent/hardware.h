/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_HARDWARE_H
#define NXT_AGENT_HARDWARE_H

#include <jansson.h>

/*
 * What the PC is made of, as Center's API has it ("Hardware"); what is not known is left out. NULL: no
 * memory.
 */
json_t *hardware_describe(void);

/* The first line of a file, or what stands behind `key` in it, without quotes: "" if there is none. */
void hardware_read(const char *path, const char *key, char *ret, size_t size);

#endif
