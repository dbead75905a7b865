/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_DOMAIN_XML_H
#define NXT_AGENT_DOMAIN_XML_H

#include <stdbool.h>
#include <stdint.h>

#include "common/document.h"
#include "common/names.h"

/*
 * The virtual hardware of a workspace: the same on every PC, so that an image that runs on one runs on all.
 * Paths are absolute.
 */
struct domain_spec {
	char id[NXT_ID_SIZE];
	char title[NXT_TITLE_SIZE];
	bool kvm; /* else QEMU's own emulation */
	enum nxt_firmware firmware;
	uint64_t vcpus, memory_mib;
	const char *system_disk;
	const char *user_disk;	/* NULL: none */
	const char *nvram;	/* of UEFI */
	const char *serial_log; /* grows until virtlogd cuts it */
	const char *network;	/* libvirt's network; NULL: none */
};

/* libvirt's domain XML, for free(). -ENOMEM. */
int domain_xml(const struct domain_spec *spec, char **ret);

/*
 * What asks libvirt to let a running guest write to `overlay`, which is made already and stands on its
 * present one.
 */
int domain_snapshot_xml(const char *overlay, bool user_disk, char **ret);

#endif
