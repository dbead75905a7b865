/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_ERROR_H
#define NXT_ERROR_H

/*
 * Why something failed, in words for a person: what, why, and what to do where that is known. One line
 * without a full stop, UTF-8, always terminated. Functions take it beside a negative errno, which is for
 * the program; NULL is allowed everywhere. On success it is left alone.
 */
struct nxt_error {
	char text[512];
};

/*
 * Writes the text, with control characters replaced by '?', and returns r: return nxt_fail(error, -EINVAL,
 * ...);
 */
int nxt_fail(struct nxt_error *error, int r, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
