/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened: see state.h. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "pc/agent/state.h"

/* Makes the text one line that ends with a whole UTF-8 character. */
static void tidy(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	if (length < EVENT_MESSAGE_MAX)
		return;
	while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
		length--;
	if (length > 0 && (unsigned char)text[length - 1] >= 0xc0)
		length--;
	text[length] = 0;
}

int event_add(struct state *state, const char *severity, const char *kind, const char *workspace,
	      const char *order, const char *outcome, const char *format, ...)
{
	char message[EVENT_MESSAGE_MAX + 1];
	va_list ap;
	int n, r;

	va_start(ap, format);
	n = vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	tidy(message, n < 0 ? 0 : n > EVENT_MESSAGE_MAX ? EVENT_MESSAGE_MAX : n);
	r = db_run(state->db,
		   "INSERT INTO events (time, severity, kind, workspace, order_id, outcome, message)"
		   " VALUES (?, ?, ?, ?, ?, ?, ?)",
		   "issssss", (int64_t)time(NULL), severity, kind, workspace, order, outcome, message);
	if (r < 0)
		return r;
	return db_run(state->db,
		      "DELETE FROM events WHERE confirmed = 1 AND sequence <= (SELECT max(sequence) FROM "
		      "events) - ?",
		      "i", (int64_t)EVENTS_KEPT);
}
