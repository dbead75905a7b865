/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_AUTH_H
#define CENTER_AUTH_H

#include "center/core/request.h"

/* Seconds. */
#define SESSION_LASTS (12 * 3600)
#define SETUP_LASTS (24 * 3600)
#define CERTIFICATE_LASTS (90 * 24 * 3600)

/* A random secret of 128 bits as 26 characters. -EIO. */
#define SECRET_SIZE 27
int secret_make(char ret[SECRET_SIZE]);

/*
 * Who asks: by the client's certificate, or by session or API token. 0 with request->pc or request->who set,
 * a status with a reply, or a negative errno. With the center's lock.
 */
int auth_pc(struct request *request);
int auth_administrator(struct request *request);

/* Signs the request's administrator in: a session, its cookie, and the reply. With a transaction. */
int auth_sign_in(struct request *request, const char *name, int status);
/* Replies with who is signed in. */
int auth_reply(struct request *request, int status);
/* Ends a session, and in the reply its cookie. */
int auth_sign_out(struct request *request);

/*
 * Makes a one-time code for SETUP_LASTS, with which the holder makes an administrator or gives one a new
 * password. In a transaction.
 */
struct db;
int auth_make_setup(struct db *db, char ret_code[SECRET_SIZE]);

#endif
