/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libvirt's own rules say of the XML is checked where libvirt starts it: tests/agent. */
#include "common/test.h"

#include <libxml/parser.h>

#include "pc/agent/domain_xml.h"

static const struct domain_spec plain = {
	.id = "11111111-1111-4111-8111-111111111111",
	.title = "A & B's <work> \"space\"",
	.vcpus = 2,
	.memory_mib = 512,
	.system_disk = "/state/system.qcow2",
	.nvram = "/state/nvram.fd",
	.serial_log = "/state/serial.log",
};

static char *build(const struct domain_spec *spec)
{
	xmlDocPtr document;
	char *xml;

	assert_int_equal(domain_xml(spec, &xml), 0);
	document = xmlReadMemory(xml, strlen(xml), NULL, NULL, XML_PARSE_NONET);
	assert_non_null(document);
	xmlFreeDoc(document);
	return xml;
}

static void test_plain(void **state)
{
	char *xml = build(&plain);

	(void)state;
	assert_contains(xml, "<domain type='qemu'>");
	assert_contains(xml, "A &amp; B&apos;s &lt;work&gt; &quot;space&quot;");
	assert_contains(xml, "org.qemu.guest_agent.0");
	assert_null(strstr(xml, "vdb"));
	assert_null(strstr(xml, "<interface"));
	assert_null(strstr(xml, "efi"));
	free(xml);
}

static void test_all(void **state)
{
	struct domain_spec spec = plain;
	char *xml;

	(void)state;
	spec.kvm = true;
	spec.firmware = NXT_FIRMWARE_UEFI;
	spec.user_disk = "/state/user.qcow2";
	spec.network = "default";
	xml = build(&spec);
	assert_contains(xml, "<domain type='kvm'>");
	assert_contains(xml, "firmware='efi'");
	assert_contains(xml, "<nvram>/state/nvram.fd</nvram>");
	assert_contains(xml, "<source file='/state/user.qcow2'/><target dev='vdb'");
	assert_contains(xml, "<source network='default'/>");
	free(xml);
}

static void test_snapshot(void **state)
{
	char *xml;

	(void)state;
	assert_int_equal(domain_snapshot_xml("/state/next.qcow2", true, &xml), 0);
	assert_contains(xml, "<source file='/state/next.qcow2'/>");
	assert_contains(xml, "<disk name='vdb' snapshot='no'/>");
	free(xml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_snapshot),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	xmlCleanupParser();
	return r;
}
