/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In every program that tests run under sanitizers: what these do, wherever the program is started from.
 * They end it by a signal, not with status 1: that is the programs' own, and some tests expect it. What was
 * not freed is found when the program ends by itself, and has it end by a signal as well.
 */
#include "common/checked.h"

const char *__asan_default_options(void)
{
	return "abort_on_error=1:detect_leaks=1:detect_stack_use_after_return=1";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}
