/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_VIRT_PRIVATE_H
#define NXT_AGENT_VIRT_PRIVATE_H

#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/document.h"
#include "pc/agent/virt.h"

/* What events told about a guest; kept until its next start. */
struct guest {
	char id[NXT_ID_SIZE]; /* "": a free slot */
	bool shut_down;
	unsigned resets;
};

struct virt {
	char *uri;
	virConnectPtr connection;
	int callbacks[3];
	void (*wake)(void *data);
	void *data;
	pthread_t thread; /* runs libvirt's event loop */
	atomic_bool stop;
	int timer;
	pthread_mutex_t lock; /* of guests */
	struct guest guests[4 * NXT_WORKSPACES_MAX];
};

enum virt_note { NOTE_STARTED, NOTE_SHUT_DOWN, NOTE_RESET };

void virt_note(struct virt *virt, const char *id, enum virt_note note);
int virt_listen(struct virt *virt); /* negative: libvirt's error is set */
void virt_disconnect(struct virt *virt);

/* Finds the system disk's file, and whether the guest agent's channel is open, in a running domain's XML. */
void virt_read_xml(const char *xml, struct virt_domain *ret);

#endif
