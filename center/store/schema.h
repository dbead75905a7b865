/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_SCHEMA_H
#define CENTER_SCHEMA_H

/*
 * What brings a database from user_version N to N + 1, from the empty file on. A step that was released is
 * never changed: a new one is added.
 */
#define SCHEMA_STEPS 1
extern const char *const schema_steps[SCHEMA_STEPS];

#endif
