/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_RELEASE_H
#define NXT_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/key.h"

/*
 * The verbs of nxtop-release. argv[0] is the verb. They return 0, or a negative errno with the error told;
 * -EINVAL says that the command line is wrong.
 */
int verb_keygen(int argc, char **argv, struct nxt_error *error);
int verb_seal(int argc, char **argv, struct nxt_error *error);
int verb_policy(int argc, char **argv, struct nxt_error *error);
int verb_operations(int argc, char **argv, struct nxt_error *error);
int verb_show(int argc, char **argv, struct nxt_error *error);
int verb_verify(int argc, char **argv, struct nxt_error *error);

/* What more than one verb needs. */

/* A whole number of an option. */
int read_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
		struct nxt_error *error);

/* -EINVAL if an option that the verb cannot do without was not given: value is NULL. */
int demand(const char *option, const char *value, struct nxt_error *error);

/* Fails with the file's name and the reason. */
int fail_file(struct nxt_error *error, int r, const char *what, const char *path);

/*
 * Asks on the terminal for the passphrase of an encrypted key, or takes the first line of passphrase_file
 * if that is not NULL.
 */
int load_private_key(const char *path, const char *passphrase_file, struct nxt_private_key **ret,
		     struct nxt_error *error);
int load_public_key(const char *path, struct nxt_public_key *ret, struct nxt_error *error);

/* The passphrase for a new key, from passphrase_file or asked for twice; for free(), wiped by forget(). */
int new_passphrase(const char *passphrase_file, char **ret, struct nxt_error *error);
void forget(char **secret);

#endif
