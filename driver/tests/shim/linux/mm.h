/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NXTOP_SHIM_MM_H
#define NXTOP_SHIM_MM_H

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ul

#endif
