/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_SOURCE_H
#define NXT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

/*
 * A disk image of any format that QEMU reads, read as the plain disk that it stands for. A qemu-nbd
 * process of our own serves it over a private socket, and ends with source_close(). Not for use by two
 * threads at once.
 */
struct source;

/* Format is QEMU's word for it; NULL finds out whether it is qcow2, else takes it as raw. */
int source_open(const char *path, const char *format, struct source **ret, struct nxt_error *error);
void source_close(struct source *source);
NXT_DEFINE_CLEANUP(struct source *, source_close)

uint64_t source_size(const struct source *source); /* bytes */

/*
 * Reads size bytes, or says that all of them are zero without reading them: then *ret_hole is true, and
 * data is left alone.
 */
int source_read(struct source *source, uint64_t offset, void *data, size_t size, bool *ret_hole,
		struct nxt_error *error);

#endif
