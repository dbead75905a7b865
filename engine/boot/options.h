/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Engine's command line: words parted by spaces, each "name" or "name=value".
 *
 *	console=ttyS0[,BAUD]  print to ttyS0 .. ttyS3 or com1 .. com4, 115200 baud if not said
 *	console=none          no serial port (default)
 *	screen=on|off         print to the screen until the control domain has it (default: on)
 *	selftest              answer NXT_HC_SELFTEST, for tests only
 *	cpus=N                use N CPUs at most
 *	native                start the control domain without Engine beneath it
 *	memory=SIZE           size of Engine's own memory, with K, M or G behind the number
 *
 * The last of equal options counts. What is not understood is kept for the caller to report.
 */
#ifndef ENGINE_BOOT_OPTIONS_H
#define ENGINE_BOOT_OPTIONS_H

#include "lib/types.h"

#define OPTIONS_BAD_MAX 4
#define OPTIONS_WORD_MAX 48

struct options {
	u16 console_port; /* I/O port of the UART; 0: none */
	u32 console_baud;
	bool screen;
	bool selftest;
	bool native;
	u32 cpus;      /* 0: all */
	u64 memory;    /* bytes; 0: Engine chooses */
	u32 bad_count; /* words that are unknown, or whose value is; may exceed OPTIONS_BAD_MAX */
	char bad[OPTIONS_BAD_MAX]
		[OPTIONS_WORD_MAX]; /* the first of them, cut if need be, only printable characters */
};

/* Parses the line; every field of options is set. Never fails: bad words leave the defaults alone. */
void options_parse(const char *line, struct options *options);

#endif
