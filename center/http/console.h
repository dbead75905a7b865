/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_CONSOLE_H
#define CENTER_CONSOLE_H

#include <microhttpd.h>
#include <stdbool.h>

struct center;

/* The web console's files, out of --console. Anybody may read them: they hold no secret. */
#define CONSOLE_FILE_MAX (8 * 1024 * 1024)

/* Whether a request is for them: whatever is not /api/, /pc/ or /enrol/. */
bool console_wants(struct center *center, const char *method, const char *url);
enum MHD_Result console_serve(struct center *center, struct MHD_Connection *mhd, const char *url);

#endif
