/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_CLEANUP_H
#define NXT_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* A variable that cleans up after itself when it goes out of scope: _cleanup_free_ char *text = NULL; */
#define _cleanup_(f) __attribute__((cleanup(f)))

/* Defines f##p() for _cleanup_(f##p) out of a destructor that takes a pointer and may be given NULL. */
#define NXT_DEFINE_CLEANUP(type, f)                                                                          \
	static inline void f##p(type *p)                                                                     \
	{                                                                                                    \
		f(*p);                                                                                       \
	}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep) /* start it at -EBADF */

/* Hands on what a variable holds, so that its cleanup does nothing. */
#define TAKE_PTR(p)                                                                                          \
	({                                                                                                   \
		__typeof__(p) _taken = (p);                                                                  \
		(p) = NULL;                                                                                  \
		_taken;                                                                                      \
	})
#define TAKE_FD(fd)                                                                                          \
	({                                                                                                   \
		int _taken = (fd);                                                                           \
		(fd) = -1;                                                                                   \
		_taken;                                                                                      \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
