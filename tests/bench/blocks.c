/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin for QEMU (docs/devel/tcg-plugins.rst in its source): how many instructions of each block of code
 * were executed.
 *
 * Blocks are told apart by their virtual address and length, so all processes count as one. A block that ends
 * early, by a fault, counts whole. At QEMU's end the file named by NXTOP_BLOCKS gets a line for each: the
 * address in hex, and the instructions.
 *
 * Debian has no package with qemu-plugin.h: what is used of it is declared here.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))
#define BUCKETS (1u << 20)

typedef uint64_t plugin_id;
struct qemu_plugin_tb;

EXPORT int qemu_plugin_version = 4; /* of the interface: QEMU 9.1 and later */
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*callback)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*callback)(unsigned int cpu, void *data), int flags,
					  void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*callback)(plugin_id, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

struct block {
	uint64_t address;
	uint64_t length; /* in instructions */
	uint64_t executed;
	struct block *next;
};

static struct block *blocks[BUCKETS];

static struct block **bucket(uint64_t address)
{
	return &blocks[(address ^ address >> 20) % BUCKETS];
}

static struct block *block_at(uint64_t address, uint64_t length)
{
	struct block **head = bucket(address), *block;

	for (block = *head; block; block = block->next)
		if (block->address == address && block->length == length)
			return block;
	block = calloc(1, sizeof(*block));
	if (!block)
		abort();
	*block = (struct block){.address = address, .length = length, .next = *head};
	return *head = block;
}

/* The emulated PC has one CPU: nobody else counts at the same time. */
static void executed(unsigned int cpu, void *data)
{
	struct block *block = data;

	(void)cpu;
	block->executed += block->length;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0,
					     block_at(qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb)));
}

static void write_all(plugin_id id, void *data)
{
	FILE *file = fopen(data, "w");

	(void)id;
	if (!file)
		return; /* whoever reads it says so */
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (const struct block *block = blocks[i]; block; block = block->next)
			fprintf(file, "%lx %lu\n", block->address, block->executed);
	fclose(file);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	char *path = getenv("NXTOP_BLOCKS");

	(void)info;
	(void)argc;
	(void)argv;
	if (!path)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, write_all, path);
	return 0;
}
