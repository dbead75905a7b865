/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_WORDS_H
#define CENTER_WORDS_H

/* The words of abi/center.yaml that are one out of a few. Each list ends with NULL. */
extern const char *const words_severity[]; /* stored as the place in this list: it rises */
extern const char *const words_outcome[];
extern const char *const words_do[];
extern const char *const words_state[];
extern const char *const words_health[];
extern const char *const words_why[];

#endif
