/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/string.h"

/*
 * REP MOVS and STOS, microcoded and short. By eight bytes, since most of what Engine copies is a small
 * struct, for which a byte at a time is slow; then what is left.
 */
void *memcpy(void *dst, const void *src, size_t n)
{
	size_t words = n / 8;
	void *d = dst;

	n %= 8;
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	size_t words = n / 8;
	void *d = dst;

	n %= 8;
	__asm__ volatile("rep stosq"
			 : "+D"(d), "+c"(words)
			 : "a"((unsigned char)c * 0x0101010101010101ULL)
			 : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	unsigned char *d = dst;
	const unsigned char *s = src;

	if (d <= s || d >= s + n)
		return memcpy(dst, src, n);
	while (n--)
		d[n] = s[n];
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		if (!*a)
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, (size_t)-1);
}
