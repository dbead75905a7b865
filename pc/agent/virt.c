/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/virt.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "pc/agent/virt_private.h"

#define AGENT_SECONDS 2

static void domain_freep(virDomainPtr *domain)
{
	if (*domain)
		virDomainFree(*domain);
}
#define _cleanup_domain_ _cleanup_(domain_freep) virDomainPtr

static void silent(void *data, virErrorPtr error)
{
	(void)data;
	(void)error;
}

/* The last libvirt error of this thread, as ours. */
static int fail(struct nxt_error *error, const char *what)
{
	virErrorPtr e = virGetLastError();
	int r = -EIO;

	if (e && (e->code == VIR_ERR_AGENT_UNRESPONSIVE || e->code == VIR_ERR_AGENT_UNSYNCED))
		r = -ETIMEDOUT;
	else if (e && e->domain == VIR_FROM_RPC)
		r = -ENOTCONN;
	return nxt_fail(error, r, "%s: %s", what, e && e->message ? e->message : "libvirt gave no reason");
}

static struct guest *guest_get(struct virt *v, const char *id)
{
	struct guest *free_slot = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(v->guests); i++) {
		if (!strcmp(v->guests[i].id, id))
			return &v->guests[i];
		if (!v->guests[i].id[0] && !free_slot)
			free_slot = &v->guests[i];
	}
	if (free_slot)
		snprintf(free_slot->id, sizeof(free_slot->id), "%s", id);
	return free_slot;
}

void virt_note(struct virt *v, const char *id, enum virt_note note)
{
	struct guest *g;

	pthread_mutex_lock(&v->lock);
	g = guest_get(v, id);
	if (g && note == NOTE_STARTED)
		g->resets = g->shut_down = 0;
	if (g && note == NOTE_SHUT_DOWN)
		g->shut_down = true;
	if (g && note == NOTE_RESET)
		g->resets++;
	pthread_mutex_unlock(&v->lock);
}

/* The connection, made anew when it broke. */
static int connect_to(struct virt *v, struct nxt_error *error)
{
	if (v->connection && virConnectIsAlive(v->connection) == 1)
		return 0;
	virt_disconnect(v);
	v->connection = virConnectOpen(v->uri);
	if (!v->connection) {
		(void)fail(error, "cannot reach libvirt");
		return -ENOTCONN;
	}
	/* Without it a dead libvirtd would be noticed by TCP's patience only. */
	(void)virConnectSetKeepAlive(v->connection, 5, 3);
	if (virt_listen(v) < 0) {
		(void)fail(error, "libvirt tells no events");
		virt_disconnect(v);
		return -ENOTCONN;
	}
	return 0;
}

/* 1 and the domain, or 0 if there is none. */
static int find(struct virt *v, const char *id, virDomainPtr *ret, struct nxt_error *error)
{
	virDomainPtr domain;
	int r;

	r = connect_to(v, error);
	if (r < 0)
		return r;
	domain = virDomainLookupByUUIDString(v->connection, id);
	if (domain) {
		*ret = domain;
		return 1;
	}
	if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		return 0;
	return fail(error, "cannot look up the virtual machine");
}

static int find_running(struct virt *v, const char *id, virDomainPtr *ret, struct nxt_error *error)
{
	int r = find(v, id, ret, error);

	return r == 0 ? nxt_fail(error, -ENOENT, "the workspace does not run") : r;
}

int virt_observe(struct virt *v, const char *id, struct virt_domain *ret, struct nxt_error *error)
{
	struct virt_domain seen = {.power = VIRT_OFF};
	_cleanup_domain_ domain = NULL;
	struct guest *g;
	int state, reason, r;

	r = find(v, id, &domain, error);
	if (r < 0)
		return r;
	if (r > 0 && virDomainGetState(domain, &state, &reason, 0) < 0)
		state = VIR_DOMAIN_SHUTOFF;
	if (r > 0 && state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_CRASHED) {
		_cleanup_free_ char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE);

		if (xml) {
			seen.power = state == VIR_DOMAIN_PAUSED ? VIRT_PAUSED : VIRT_RUNNING;
			virt_read_xml(xml, &seen);
		}
	}
	pthread_mutex_lock(&v->lock);
	g = guest_get(v, id);
	if (g) {
		seen.shut_down = g->shut_down;
		seen.resets = g->resets;
	}
	pthread_mutex_unlock(&v->lock);
	*ret = seen;
	return 0;
}

int virt_has_kvm(struct virt *v, bool *ret, struct nxt_error *error)
{
	_cleanup_free_ char *capabilities = NULL;
	int r;

	r = connect_to(v, error);
	if (r < 0)
		return r;
	/* libvirt lists it when QEMU can do it and /dev/kvm is there. */
	capabilities = virConnectGetCapabilities(v->connection);
	if (!capabilities)
		return fail(error, "cannot ask what the hypervisor offers");
	*ret = strstr(capabilities, "<domain type='kvm'") != NULL;
	return 0;
}

int virt_describe(struct virt *v, char *ret, size_t size, struct nxt_error *error)
{
	unsigned long qemu, libvirt;
	bool kvm;
	int r;

	r = virt_has_kvm(v, &kvm, error);
	if (r < 0)
		return r;
	if (virConnectGetVersion(v->connection, &qemu) < 0 ||
	    virConnectGetLibVersion(v->connection, &libvirt) < 0)
		return fail(error, "cannot ask for versions");
	snprintf(ret, size, "%s, QEMU %lu.%lu.%lu, libvirt %lu.%lu.%lu", kvm ? "KVM" : "emulation",
		 qemu / 1000000, qemu / 1000 % 1000, qemu % 1000, libvirt / 1000000, libvirt / 1000 % 1000,
		 libvirt % 1000);
	return 0;
}

int virt_start(struct virt *v, const char *id, const char *xml, struct nxt_error *error)
{
	_cleanup_domain_ domain = NULL;
	int r;

	r = connect_to(v, error);
	if (r < 0)
		return r;
	virt_note(v, id, NOTE_STARTED);
	domain = virDomainCreateXML(v->connection, xml, 0);
	return domain ? 0 : fail(error, "cannot start the virtual machine");
}

int virt_destroy(struct virt *v, const char *id, struct nxt_error *error)
{
	_cleanup_domain_ domain = NULL;
	int r;

	r = find(v, id, &domain, error);
	if (r <= 0)
		return r;
	if (virDomainDestroy(domain) == 0)
		return 0;
	/* It may have ended meanwhile. */
	if (virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID || virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		return 0;
	return fail(error, "cannot end the virtual machine");
}

int virt_shut_down(struct virt *v, const char *id, struct nxt_error *error)
{
	_cleanup_domain_ domain = NULL;
	int r;

	r = find(v, id, &domain, error);
	if (r <= 0)
		return r;
	(void)virDomainAgentSetResponseTimeout(domain, AGENT_SECONDS, 0);
	if (virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_GUEST_AGENT) == 0)
		return 0;
	if (virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0)
		return 0;
	return fail(error, "cannot ask the guest to shut down");
}

int virt_network(struct virt *v, const char *name, struct nxt_error *error)
{
	virNetworkPtr network;
	int r;

	r = connect_to(v, error);
	if (r < 0)
		return r;
	network = virNetworkLookupByName(v->connection, name);
	if (!network)
		return fail(error, "cannot find the network");
	r = virNetworkIsActive(network) == 1 || virNetworkCreate(network) == 0
		    ? 0
		    : fail(error, "cannot start the network");
	virNetworkFree(network);
	return r;
}

int virt_ping(struct virt *v, const char *id, struct nxt_error *error)
{
	_cleanup_domain_ domain = NULL;
	long long seconds;
	unsigned nanoseconds;
	int r;

	r = find_running(v, id, &domain, error);
	if (r < 0)
		return r;
	(void)virDomainAgentSetResponseTimeout(domain, AGENT_SECONDS, 0);
	if (virDomainGetTime(domain, &seconds, &nanoseconds, 0) == 0)
		return 0;
	(void)fail(error, "the guest agent does not answer");
	return -ETIMEDOUT;
}

int virt_snapshot(struct virt *v, const char *id, const char *xml, bool *ret_frozen, struct nxt_error *error)
{
	const unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT |
			       VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA | VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC;
	_cleanup_domain_ domain = NULL;
	virDomainSnapshotPtr snapshot = NULL;
	bool frozen;
	int r;

	r = find_running(v, id, &domain, error);
	if (r < 0)
		return r;
	(void)virDomainAgentSetResponseTimeout(domain, AGENT_SECONDS, 0);
	frozen = virDomainFSFreeze(domain, NULL, 0, 0) >= 0;
	snapshot = virDomainSnapshotCreateXML(domain, xml, flags);
	r = snapshot ? 0 : fail(error, "cannot make the snapshot");
	if (frozen)
		(void)virDomainFSThaw(domain, NULL, 0, 0);
	if (!snapshot)
		return r;
	virDomainSnapshotFree(snapshot);
	*ret_frozen = frozen;
	return 0;
}

int virt_commit(struct virt *v, const char *id, const char *base, const char *top, struct nxt_error *error)
{
	_cleanup_domain_ domain = NULL;
	int r;

	r = find_running(v, id, &domain, error);
	if (r < 0)
		return r;
	return virDomainBlockCommit(domain, "vda", base, top, 0, 0) == 0
		       ? 0
		       : fail(error, "cannot merge overlays");
}

int virt_commit_ended(struct virt *v, const char *id, const char *top, struct nxt_error *error)
{
	_cleanup_free_ char *xml = NULL;
	_cleanup_domain_ domain = NULL;
	virDomainBlockJobInfo info;
	int r;

	r = find(v, id, &domain, error);
	if (r <= 0)
		return r < 0 ? r : -ECANCELED;
	r = virDomainGetBlockJobInfo(domain, "vda", &info, 0);
	if (r != 0)
		return r < 0 ? -ECANCELED : 0;
	/* No job any more: if it did what it should, the overlay is in the chain no more. */
	xml = virDomainGetXMLDesc(domain, 0);
	return xml && !strstr(xml, top) ? 1 : -ECANCELED;
}

int virt_commit_stop(struct virt *v, const char *id, struct nxt_error *error)
{
	_cleanup_domain_ domain = NULL;
	int r;

	r = find(v, id, &domain, error);
	if (r <= 0)
		return r;
	return virDomainBlockJobAbort(domain, "vda", 0) == 0 ? 0 : fail(error, "cannot stop a merge");
}

static void *loop(void *data)
{
	struct virt *v = data;

	while (!atomic_load(&v->stop))
		if (virEventRunDefaultImpl() < 0)
			break;
	return NULL;
}

static void tick(int timer, void *data)
{
	(void)timer;
	(void)data;
}

int virt_new(const char *uri, void (*wake)(void *data), void *data, struct virt **ret)
{
	struct virt *v;
	int r;

	virSetErrorFunc(NULL, silent);
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
		return -EIO;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	*v = (struct virt){.uri = strdup(uri), .wake = wake, .data = data};
	pthread_mutex_init(&v->lock, NULL);
	/* So that the loop looks at `stop` now and then. */
	v->timer = virEventAddTimeout(500, tick, NULL, NULL);
	r = v->uri ? -pthread_create(&v->thread, NULL, loop, v) : -ENOMEM;
	if (r < 0) {
		free(v->uri);
		free(v);
		return r;
	}
	*ret = v;
	return 0;
}

void virt_free(struct virt *v)
{
	if (!v)
		return;
	virt_disconnect(v);
	atomic_store(&v->stop, true);
	pthread_join(v->thread, NULL);
	virEventRemoveTimeout(v->timer);
	pthread_mutex_destroy(&v->lock);
	free(v->uri);
	free(v);
}
