/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_QCOW2_H
#define NXT_AGENT_QCOW2_H

/*
 * Makes empty qcow2 files (version 3, clusters of 64 KiB) without starting a process: an overlay on another
 * disk, or a disk of its own. Both take the same few milliseconds, whatever the disk's size.
 */

#include <stdint.h>

enum qcow2_backing {
	QCOW2_BACKING_NONE,
	QCOW2_BACKING_RAW,
	QCOW2_BACKING_QCOW2,
};

#define QCOW2_MAX_SIZE (4ULL << 40)
#define QCOW2_MAX_BACKING_NAME 1023

/*
 * Creates the file `name` below the folder `dir_fd`, which must not be there yet, and writes it to disk;
 * the folder is the caller's to sync. `size` is the guest's disk in bytes: a multiple of 512, at most
 * QCOW2_MAX_SIZE. `backing_name` is relative to the folder that the file is in, or absolute; NULL with
 * QCOW2_BACKING_NONE. -EINVAL: a size or name out of these limits; else the errno of what failed. After a
 * failure the file is not there.
 */
int qcow2_create(int dir_fd, const char *name, uint64_t size, enum qcow2_backing backing,
		 const char *backing_name);

#endif
