/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cpu/exit.h"

const char *exit_name(enum exit_kind kind)
{
	static const char *const names[] = {
#define X(name, text) [EXIT_##name] = text,
		EXIT_KIND_LIST(X)
#undef X
	};

	return kind < EXIT_KINDS ? names[kind] : "?";
}
