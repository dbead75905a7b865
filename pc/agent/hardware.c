/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/hardware.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void filep(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* Takes off white space and quotes, and what no API takes. */
static void tidy(char *text)
{
	size_t start = strspn(text, " \t\":="), n = 0;

	for (const char *c = text + start; *c; c++)
		text[n++] = (unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e ? ' ' : *c;
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '"'))
		n--;
	text[n] = 0;
}

void hardware_read(const char *path, const char *key, char *ret, size_t size)
{
	__attribute__((cleanup(filep))) FILE *file = fopen(path, "re");
	char line[1024];

	ret[0] = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (key && strncmp(line, key, strlen(key)))
			continue;
		snprintf(ret, size, "%.400s", line + (key ? strlen(key) : 0));
		tidy(ret);
		return;
	}
}

static void add_text(json_t *object, const char *name, const char *path, const char *key)
{
	char text[512];

	hardware_read(path, key, text, sizeof(text));
	if (text[0])
		json_object_set_new(object, name, json_string(text));
}

json_t *hardware_describe(void)
{
	json_t *hardware = json_object();
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	if (!hardware)
		return NULL;
	add_text(hardware, "vendor", "/sys/class/dmi/id/sys_vendor", NULL);
	add_text(hardware, "model", "/sys/class/dmi/id/product_name", NULL);
	add_text(hardware, "serial", "/sys/class/dmi/id/product_serial", NULL);
	add_text(hardware, "cpu", "/proc/cpuinfo", "model name");
	json_object_set_new(hardware, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	if (pages > 0 && page > 0)
		json_object_set_new(hardware, "memory_mib", json_integer((json_int_t)pages * page >> 20));
	json_object_set_new(hardware, "firmware",
			    json_string(access("/sys/firmware/efi", F_OK) == 0 ? "uefi" : "bios"));
	return hardware;
}
