/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_VIRT_H
#define NXT_AGENT_VIRT_H

#include <limits.h>
#include <stdbool.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/names.h"

/*
 * Workspaces' virtual machines, through libvirt: the only thing that NxTop asks of a hypervisor. Domains
 * are transient, so that libvirt keeps nothing that could contradict the agent's state. For one thread, but
 * virt_new()'s callback.
 */
struct virt;

/*
 * Calls wake(data), in a thread of its own, whenever a guest may have changed its state. Connects when
 * first needed, and again after the connection broke.
 */
int virt_new(const char *uri, void (*wake)(void *data), void *data, struct virt **ret);
void virt_free(struct virt *virt);
NXT_DEFINE_CLEANUP(struct virt *, virt_free)

enum virt_power {
	VIRT_OFF,
	VIRT_RUNNING,
	VIRT_PAUSED, /* by an I/O error such as a full disk, or by somebody with virsh */
};

struct virt_domain {
	enum virt_power power;
	bool shut_down;	     /* off: the guest did it; else it was destroyed, or died */
	unsigned resets;     /* running: how often the guest restarted itself */
	bool agent;	     /* running: the guest agent's channel is open */
	char disk[PATH_MAX]; /* running: what it writes its system disk to */
};

/* How the domain of this workspace is. -ENOTCONN: libvirt cannot be reached. */
int virt_observe(struct virt *virt, const char *id, struct virt_domain *ret, struct nxt_error *error);

/* Whether domains can use KVM, which NxTop Engine's driver offers too. */
int virt_has_kvm(struct virt *virt, bool *ret, struct nxt_error *error);
/* What runs the workspaces, for people, such as "KVM, QEMU 10.0.2, libvirt 11.3.0". */
int virt_describe(struct virt *virt, char *ret, size_t size, struct nxt_error *error);

int virt_start(struct virt *virt, const char *id, const char *xml, struct nxt_error *error);
/* Ends the guest, however it is. 0 as well if there is none. */
int virt_destroy(struct virt *virt, const char *id, struct nxt_error *error);
/* Asks the guest to shut down: with its agent if it answers, and its power button. */
int virt_shut_down(struct virt *virt, const char *id, struct nxt_error *error);
/* Makes sure that the network is there. */
int virt_network(struct virt *virt, const char *name, struct nxt_error *error);
/* Whether the guest agent answers within two seconds. -ETIMEDOUT: it does not. */
int virt_ping(struct virt *virt, const char *id, struct nxt_error *error);

/*
 * Lets the running guest write to another overlay (see domain_snapshot_xml()), with its file systems frozen
 * while that happens if its agent can do it; *ret_frozen says so.
 */
int virt_snapshot(struct virt *virt, const char *id, const char *xml, bool *ret_frozen,
		  struct nxt_error *error);

/*
 * Lets a running guest's overlay `top`, which it does not write to, go down into `base`, on which it
 * stands. It takes its time; virt_commit_ended(): 1: done, 0: not yet, -ECANCELED: it was broken off.
 */
int virt_commit(struct virt *virt, const char *id, const char *base, const char *top,
		struct nxt_error *error);
int virt_commit_ended(struct virt *virt, const char *id, const char *top, struct nxt_error *error);
int virt_commit_stop(struct virt *virt, const char *id, struct nxt_error *error);

#endif
