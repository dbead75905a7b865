/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NXTOP_SHIM_MINMAX_H
#define NXTOP_SHIM_MINMAX_H

#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))

#endif
