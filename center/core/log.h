/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_LOG_H
#define CENTER_LOG_H

#include <syslog.h>

/*
 * One line to standard error, which systemd takes into the journal: the priority as "<4>", what happened,
 * then what the format makes, by custom key=value with the one free text last. Control characters become
 * '?': a client cannot forge a line.
 */
void log_line(int priority, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
