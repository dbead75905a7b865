// SPDX-License-Identifier: GPL-2.0-only
/* A counter of a VM, by its name, as KVM's binary statistics describe it. */
#include "smoke.h"

uint64_t vm_stat(const struct vm *vm, const char *name)
{
	int fd = ioctl(vm->fd, KVM_GET_STATS_FD, NULL);
	struct kvm_stats_header header;
	struct kvm_stats_desc *desc;
	uint64_t value = 0;
	int found = 0;
	size_t size;

	must(fd >= 0, "KVM_GET_STATS_FD");
	must(pread(fd, &header, sizeof(header), 0) == sizeof(header), "the statistics' header");
	/* The name follows each. */
	size = sizeof(*desc) + header.name_size;
	desc = malloc(size);
	must(desc != NULL, "malloc");
	for (uint32_t i = 0; i < header.num_desc && !found; i++) {
		must(pread(fd, desc, size, header.desc_offset + i * size) == (ssize_t)size, "a description");
		found = !strcmp(desc->name, name);
	}
	must(found, name);
	must(pread(fd, &value, sizeof(value), header.data_offset + desc->offset) == sizeof(value), name);
	free(desc);
	close(fd);
	return value;
}
