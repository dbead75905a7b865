/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_IDENTITY_H
#define NXT_AGENT_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

/* The PC's own key and certificate, as OpenSSL has them. All texts are PEM, terminated, for free(). */

/* A new ECDSA P-256 key, and a certificate request for it. */
int identity_make(char **ret_key, char **ret_request);
/* A request for the key that there is. */
int identity_request(const char *key, char **ret_request);

/* The first certificate in a PEM text: its DER form, for free(). -EBADMSG: there is none. */
int identity_certificate_der(const char *pem, void **ret, size_t *ret_size);
/* From when until when it is valid, in seconds since 1970. */
int identity_certificate_times(const char *pem, int64_t *ret_not_before, int64_t *ret_not_after);
/* Whether the certificate is for this key. */
int identity_matches(const char *certificate, const char *key);

#endif
