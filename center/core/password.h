/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_PASSWORD_H
#define CENTER_PASSWORD_H

#define PASSWORD_HASH_SIZE 128

/*
 * Argon2id, 64 MiB, a tenth of a second: for struct work's thread only. password_check() is 0, or
 * -EKEYREJECTED. With hash NULL it takes the same time and rejects: so that nobody learns who exists.
 */
int password_init(void);
int password_hash(const char *password, char ret[PASSWORD_HASH_SIZE]);
int password_check(const char *password, const char *hash);

#endif
