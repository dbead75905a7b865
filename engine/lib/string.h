/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four memory functions that the compiler itself may call, and the few string helpers Engine needs. */
#ifndef ENGINE_LIB_STRING_H
#define ENGINE_LIB_STRING_H

#if __STDC_HOSTED__
#include <string.h>
#ifdef __SANITIZE_THREAD__
/*
 * As string.c copies: each byte is read once, whoever changes it meanwhile. ThreadSanitizer does not look
 * into it, so a copy of a page that the control domain may change is no race; any other way to read one is.
 */
static inline void *memcpy_once(void *dst, const void *src, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}
#define memcpy memcpy_once
#endif
#else
#include <stddef.h>
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
#endif

#endif
