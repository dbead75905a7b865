/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/domain_xml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '\'':
			fputs("&apos;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

/* `before`, the text as it may stand in XML, `after`. */
static void put(FILE *out, const char *before, const char *text, const char *after)
{
	fputs(before, out);
	put_escaped(out, text);
	fputs(after, out);
}

static void put_machine(FILE *out, const struct domain_spec *s)
{
	fprintf(out, "<domain type='%s'>\n<name>nxtop-%s</name>\n<uuid>%s</uuid>\n", s->kvm ? "kvm" : "qemu",
		s->id, s->id);
	put(out, "<title>", s->title, "</title>\n");
	fprintf(out, "<memory unit='MiB'>%" PRIu64 "</memory>\n<vcpu>%" PRIu64 "</vcpu>\n", s->memory_mib,
		s->vcpus);
	if (s->firmware == NXT_FIRMWARE_UEFI) {
		fputs("<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type>"
		      "<firmware><feature enabled='no' name='secure-boot'/></firmware>",
		      out);
		put(out, "<nvram>", s->nvram, "</nvram><boot dev='hd'/></os>\n");
	} else {
		fputs("<os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>\n", out);
	}
	fputs("<features><acpi/><apic/></features>\n", out);
	fprintf(out, "<cpu mode='%s'/>\n", s->kvm ? "host-passthrough" : "maximum");
	fputs("<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='hpet' "
	      "present='no'/></clock>\n"
	      "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</"
	      "on_crash>\n",
	      out);
}

static void put_disk(FILE *out, const char *path, const char *target, const char *serial)
{
	put(out,
	    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/>"
	    "<source file='",
	    path, "'/>");
	fprintf(out, "<target dev='%s' bus='virtio'/><serial>%s</serial></disk>\n", target, serial);
}

int domain_xml(const struct domain_spec *s, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -errno;
	put_machine(out, s);
	fputs("<devices>\n", out);
	put_disk(out, s->system_disk, "vda", "system");
	if (s->user_disk)
		put_disk(out, s->user_disk, "vdb", "user");
	if (s->network)
		put(out, "<interface type='network'><source network='", s->network,
		    "'/><model type='virtio'/></interface>\n");
	put(out, "<serial type='pty'><log file='", s->serial_log,
	    "' append='on'/><target type='isa-serial' port='0'/></serial>\n");
	fputs("<console type='pty'><target type='virtio' port='1'/></console>\n"
	      "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>\n"
	      "<controller type='usb' model='qemu-xhci'/>\n"
	      "<input type='tablet' bus='usb'/><input type='keyboard' bus='usb'/>\n"
	      "<graphics type='vnc'><listen type='socket'/></graphics>\n"
	      "<video><model type='virtio' heads='1' primary='yes'/></video>\n"
	      "<memballoon model='virtio'/>\n"
	      "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n"
	      "</devices>\n</domain>\n",
	      out);
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

int domain_snapshot_xml(const char *overlay, bool user_disk, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -errno;
	put(out,
	    "<domainsnapshot><disks><disk name='vda' snapshot='external' type='file'>"
	    "<driver type='qcow2'/><source file='",
	    overlay, "'/></disk>");
	if (user_disk)
		fputs("<disk name='vdb' snapshot='no'/>", out);
	fputs("</disks></domainsnapshot>\n", out);
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}
