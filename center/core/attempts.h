/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_ATTEMPTS_H
#define CENTER_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Wrong passwords by where they came from. After ATTEMPTS_FREE within ATTEMPTS_SPAN seconds an address has
 * to wait until that span is over. With the center's lock. The table is of fixed size: an attacker with many
 * addresses pushes others' entries out, but each attempt still costs its place in struct work's queue.
 */
#define ATTEMPTS_FREE 10
#define ATTEMPTS_SPAN 300

/* How many seconds the address has to wait; 0: none. */
int64_t attempts_wait(const char *address, int64_t now);
void attempts_failed(const char *address, int64_t now);
void attempts_succeeded(const char *address);

#endif
