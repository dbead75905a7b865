/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libvirt tells by itself, and what it says of a running domain: see virt_private.h. */
#include "pc/agent/virt_private.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <string.h>

static void note(struct virt *v, virDomainPtr domain, enum virt_note what)
{
	char id[VIR_UUID_STRING_BUFLEN];

	if (virDomainGetUUIDString(domain, id) == 0)
		virt_note(v, id, what);
}

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
	struct virt *v = data;

	(void)connection;
	if ((event == VIR_DOMAIN_EVENT_STOPPED && detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN) ||
	    (event == VIR_DOMAIN_EVENT_SHUTDOWN && detail == VIR_DOMAIN_EVENT_SHUTDOWN_GUEST))
		note(v, domain, NOTE_SHUT_DOWN);
	v->wake(v->data);
	return 0;
}

static void on_reset(virConnectPtr connection, virDomainPtr domain, void *data)
{
	struct virt *v = data;

	(void)connection;
	note(v, domain, NOTE_RESET);
	v->wake(v->data);
}

static void on_agent(virConnectPtr connection, virDomainPtr domain, int state, int reason, void *data)
{
	struct virt *v = data;

	(void)connection;
	(void)domain;
	(void)state;
	(void)reason;
	v->wake(v->data);
}

int virt_listen(struct virt *v)
{
	const struct {
		int id;
		virConnectDomainEventGenericCallback call;
	} events[] = {
		{VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
		{VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reset)},
		{VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_agent)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(v->callbacks); i++)
		v->callbacks[i] = -1;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		v->callbacks[i] = virConnectDomainEventRegisterAny(v->connection, NULL, events[i].id,
								   events[i].call, v, NULL);
		if (v->callbacks[i] < 0)
			return -1;
	}
	return 0;
}

void virt_disconnect(struct virt *v)
{
	if (!v->connection)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(v->callbacks); i++)
		if (v->callbacks[i] >= 0)
			virConnectDomainEventDeregisterAny(v->connection, v->callbacks[i]);
	virConnectClose(v->connection);
	v->connection = NULL;
}

void virt_read_xml(const char *xml, struct virt_domain *ret)
{
	xmlDocPtr document = xmlReadMemory(xml, strlen(xml), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
	xmlXPathContextPtr context = document ? xmlXPathNewContext(document) : NULL;
	xmlXPathObjectPtr found;

	if (!context) {
		xmlFreeDoc(document);
		return;
	}
	found = xmlXPathEvalExpression(BAD_CAST
				       "string(/domain/devices/disk[target/@dev='vda']/source/@file)",
				       context);
	if (found && found->stringval)
		snprintf(ret->disk, sizeof(ret->disk), "%s", (const char *)found->stringval);
	xmlXPathFreeObject(found);
	found = xmlXPathEvalExpression(
		BAD_CAST
		"boolean(/domain/devices/channel/target[@name='org.qemu.guest_agent.0'][@state='connected'])",
		context);
	ret->agent = found && found->boolval;
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	xmlFreeDoc(document);
}
