/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_CENTER_H
#define CENTER_CENTER_H

#include <pthread.h>

#include "center/core/changes.h"
#include "center/core/request.h"
#include "center/core/waiters.h"
#include "center/core/work.h"
#include "center/store/db.h"
#include "common/key.h"
#include "common/trust.h"

struct ca;

/* All of Center. The lock guards what is marked with it; the rest does not change after the start. */
struct center {
	pthread_mutex_t lock;
	struct db *db;		/* lock */
	struct changes changes; /* lock */
	struct nxt_trust trust; /* lock: the certificate; the release key does not change */
	bool trusted;		/* whether there is a release key */
	char *operations;	/* lock: the envelope of the operations certificate, or NULL */
	struct waiters waiters;
	struct work passwords; /* hashes them */
	struct work checks;    /* of versions whose upload ends */

	int dir;     /* --data */
	int console; /* --console, or -1 */
	int alone;   /* the lock of --data, or -1 */
	struct ca *ca;
	struct nxt_private_key *key; /* the operations key */
	char host[254];		     /* what PCs call Center */
	uint16_t port;
};

#endif
