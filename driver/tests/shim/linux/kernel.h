/* SPDX-License-Identifier: GPL-2.0-only */
/* What is needed of it, a test has. */
