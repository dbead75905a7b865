/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's page tables: in places where none can be, and changed while they are walked. */
#include <string.h>
#include <sys/mman.h>

#include "hostile.h"

#define P 3ull /* present, writable */

static uint64_t *pd(struct vm *vm, unsigned i)
{
	return (uint64_t *)(vm->ram + PD_AT) + i;
}

/* A table of 4 KiB pages at FREE_AT for the second 2 MiB, each of which leads to the same page. */
static uint64_t *second_2m(struct vm *vm, uint64_t to)
{
	uint64_t *table = (void *)(vm->ram + FREE_AT);

	for (int i = 0; i < 512; i++)
		table[i] = to | P;
	*pd(vm, 1) = FREE_AT | P;
	return table;
}

/* Uses a device by 2 MiB + 4 KiB * n. */
GUEST(walked, 64,
      "cmp $0x7c00, %esp; je 2f\n"
      "1: mov %eax, 0x200010; mov 0x201020, %ecx; incl 0x202ffe; jmp 1b\n"
      /* The other CPU: the same entries, in turn of every kind. */
      "2: mov $0x20000, %esi; mov $0x12000, %edi\n"
      "mov $0xa0003, %eax; mov $0x0, %ecx; movabs $0x80000000000a0003, %rdx; mov $0x3003, %ebx\n"
      "movabs $0xffffffa0003, %r8; mov $0xa1003, %r9d\n" /* bits beyond any memory; a table in the device */
      "3: mov %rcx, (%rsi); mov %rax, 8(%rsi); mov %rbx, (%rsi); mov %r8, 16(%rsi); mov %rdx, 8(%rsi)\n"
      "mov %rax, (%rsi); mov %rbx, 16(%rsi); mov %r8, 8(%rsi); mov %rax, 16(%rsi); invlpg 0x200000\n"
      "mov %r9, 8(%rdi); mov %rcx, 8(%rdi); movq $0x20003, 8(%rdi); movq $0x83, 8(%rdi); movq $0x20003, "
      "8(%rdi)\n"
      "jmp 3b");

static void changed_under_walk(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | CPUS(2), CODE(walked));
	second_2m(&vm, HOLE_AT);
	cpu_start(&vm.cpu[1]);
	for (int i = 0; i < 600; i++) {
		int got = go_for(&vm.cpu[0], 500);

		EXPECT(got, "access", KVM_EXIT_MMIO, FAULT + PF, FAULT + GP, KVM_EXIT_INTERNAL_ERROR, LATE,
		       KVM_EXIT_SHUTDOWN);
		if (got == KVM_EXIT_MMIO)
			memset(vm.cpu[0].run->mmio.data, 0xff, 8);
		else
			cpu_restart(&vm.cpu[0]);
	}
	EXPECT(cpu_stop(&vm.cpu[1]), "the one that changes them", LATE, 0);
	vm_close(&vm);
}

/* MMIO's read is answered; before the write, the page leads to memory: of the next page, or of nothing. */
GUEST(read_write, 64, "incl 0x200010");

static void changed_inside(void)
{
	static const uint64_t entries[] = {DATA_AT | P, 0, 1, HOLE_AT + 0x1000 + P, 0xfff0000000000003};
	uint64_t *table;
	struct vm vm;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		vm_open(&vm, LONG, CODE(read_write));
		table = second_2m(&vm, HOLE_AT);
		EXPECT(go(&vm.cpu[0]), "read", KVM_EXIT_MMIO);
		table[0] = entries[i];
		memset(vm.cpu[0].run->mmio.data, 0, 8);
		EXPECT(go_on(&vm.cpu[0], 5), "the rest", DONE, FAULT + PF);
		vm_close(&vm);
	}
}

GUEST(touch, 64, "mov 0x200000, %eax; mov %eax, 0x200008");
GUEST(touch_device, 64, "mov %eax, 0x200008");

/* The walk needs a table that no memory backs. */
static void table_nowhere(void)
{
	static const uint64_t places[] = {HOLE_AT,    RAM_SIZE,	  0xfec00000,
					  0xfee00000, 1ull << 38, 0xfffffff000};
	struct vm vm;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		vm_open(&vm, LONG | CHIPS, CODE(touch));
		*pd(&vm, 1) = places[i] | P;
		EXPECT(go_for(&vm.cpu[0], 2000), "walk", KVM_EXIT_INTERNAL_ERROR, FAULT + PF, FAULT + GP,
		       KVM_EXIT_SHUTDOWN, KVM_EXIT_MMIO);
		vm_close(&vm);
	}
}

/* Accessed and dirty bits cannot be set. */
static void table_in_rom(void)
{
	struct vm vm;
	static const uint64_t to[] = {DATA_AT, HOLE_AT};

	for (int i = 0; i < 2; i++) {
		vm_open(&vm, LONG | VM_ROM, CODE(touch));
		*(uint64_t *)(vm.ram + ROM_AT) = to[i] | P;
		*pd(&vm, 1) = ROM_AT | P;
		EXPECT(go_for(&vm.cpu[0], 2000), "walk", KVM_EXIT_INTERNAL_ERROR, FAULT + PF, FAULT + GP,
		       KVM_EXIT_MMIO, KVM_EXIT_SHUTDOWN, LATE, DONE);
		CHECK(*(uint64_t *)(vm.ram + ROM_AT) == (to[i] | P));
		vm_close(&vm);
	}
}

/* Each level points to itself; a device is reached through it, and the tables are what is written. */
static void self_mapped(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(touch));
	*pd(&vm, 1) = PD_AT | P; /* the PD as a table of 4 KiB pages: 0x200000 is what its entry 0 says */
	EXPECT(go_for(&vm.cpu[0], 2000), "the PD as a page", DONE, FAULT + PF, FAULT + GP, KVM_EXIT_SHUTDOWN,
	       KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(touch));
	for (int i = 0; i < 512; i++)
		((uint64_t *)(vm.ram + TABLES_AT))[i] = TABLES_AT | P;
	EXPECT(go_for(&vm.cpu[0], 2000), "only a PML4", DONE, FAULT + PF, KVM_EXIT_SHUTDOWN,
	       KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
}

/* Bits that must be zero, at each level; for the processor, and for Engine where a device is used. */
static void reserved_bits(void)
{
	static const struct {
		uint32_t at;
		uint64_t bits;
	} tries[] = {
		{TABLES_AT, 1 << 7},	 {TABLES_AT, 1ull << 51}, {TABLES_AT + 0x1000, 1ull << 51},
		{PD_AT + 8, 1ull << 51}, {PD_AT + 8, 1 << 13},	  {PD_AT + 8, 0x1fe000},
	};
	struct vm vm;

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		vm_open(&vm, LONG, CODE(touch));
		*(uint64_t *)(vm.ram + tries[i].at) |= tries[i].bits;
		/* What the whole guest runs by is broken for some of them: then it is a triple fault. */
		EXPECT(go_for(&vm.cpu[0], 2000), "touch", FAULT + PF, KVM_EXIT_SHUTDOWN);
		vm_close(&vm);
	}
	vm_open(&vm, LONG, CODE(touch_device));
	second_2m(&vm, HOLE_AT)[0] |= 1ull << 51;
	EXPECT(go_for(&vm.cpu[0], 2000), "touch of a device", FAULT + PF);
	vm_close(&vm);
}

GUEST(device_3, 64, "mov 0x200010, %eax");

/* A page of the supervisor, a read-only one: the emulator must see that as well. */
static void not_allowed(void)
{
	uint64_t *table;
	struct vm vm;

	vm_open(&vm, LONG | USER, CODE(device_3));
	table = second_2m(&vm, HOLE_AT);
	*pd(&vm, 1) |= 4;
	EXPECT(go(&vm.cpu[0]), "a page of the supervisor", FAULT + PF);
	table[0] |= 4;
	cpu_restart(&vm.cpu[0]);
	EXPECT(go(&vm.cpu[0]), "a page of the user", KVM_EXIT_MMIO);
	table[0] &= ~4ull; /* taken away while the device answers: the access was allowed when it began */
	EXPECT(go(&vm.cpu[0]), "after the answer", DONE, FAULT + PF);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(touch_device));
	second_2m(&vm, HOLE_AT)[0] &= ~2ull;
	EXPECT(go(&vm.cpu[0]), "a read-only page", FAULT + PF);
	vm_close(&vm);
}

GUEST(flushes, 64,
      "cmp $0x7c00, %esp; je 2f\n"
      "1: mov %cr3, %rax; mov %rax, %cr3; invlpg 0x200000; mov 0x200000, %eax; jmp 1b\n"
      "2: movq $0x200083, 0x12008; mov 0x3ff000, %eax; movq $0x83, 0x12008; mov 0x3ff000, %eax; jmp 2b");

/* No exit at all from either, if nested paging does its work; both must leave when told to. */
static void flush_storm(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | CPUS(2), CODE(flushes));
	cpu_start(&vm.cpu[1]);
	EXPECT(go_for(&vm.cpu[0], 1000), "flushes", LATE);
	EXPECT(cpu_stop(&vm.cpu[1]), "changes", LATE, 0);
	vm_close(&vm);
}

GUEST(writes, 64, "1: incq 0x200000; incq 0x201000; jmp 1b");

/* Memory leaves the guest while it writes there: from then on it does not change any more. */
static void memory_taken_away(void)
{
	struct vm vm;
	uint64_t value;

	vm_open(&vm, LONG | CHIPS | VM_ROM, CODE(writes));
	must(!vm_slot(&vm, 3, 0, 0, 0, NULL), "taking ROM away");
	must(!vm_slot(&vm, 3, 0, ROM_AT, 0x1000, vm.ram + ROM_AT), "memory instead");
	for (int i = 0; i < 20; i++) {
		cpu_start(&vm.cpu[0]);
		pause_ms(20);
		must(!vm_slot(&vm, 3, 0, 0, 0, NULL), "taking memory away");
		value = *(volatile uint64_t *)(vm.ram + ROM_AT);
		pause_ms(5);
		CHECK(*(volatile uint64_t *)(vm.ram + ROM_AT) == value);
		must(!vm_slot(&vm, 3, 0, ROM_AT, 0x1000, vm.ram + ROM_AT), "giving it back");
		cpu_stop(&vm.cpu[0]);
	}
	vm_close(&vm);
}

GUEST(high, 64, "movabs $0xfffffffffffff000, %rbx; mov (%rbx), %eax");
GUEST(fill, 64, "movabs $0x40000000, %rbx; 1: mov (%rbx), %al; add $0x200000, %rbx; jmp 1b");

/* An address for each 2 MiB of 3 GiB without memory: what Engine keeps of them is bounded. */
static void many_devices(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(fill));
	EXPECT(go_on(&vm.cpu[0], 1500), "still reads", KVM_EXIT_MMIO);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(high));
	EXPECT(go(&vm.cpu[0]), "the highest page", FAULT + PF);
	vm_close(&vm);
}

const struct guest paging_guests[] = {
	{"paging-changed",
	 "changes page tables of every level while another CPU's accesses to a device are emulated",
	 "XSA-173, CVE-2016-3960; APM vol. 2, 7.6", NULL, changed_under_walk},
	{"paging-changed-inside", "has a page lead elsewhere between a device's read and write",
	 "CVE-2019-7222", NULL, changed_inside},
	{"paging-nowhere", "has page tables in devices, behind memory, in the local APIC",
	 "APM vol. 2, 15.25.6",
	 "Engine gives up with an emulation failure where stock may inject a page fault", table_nowhere},
	{"paging-rom", "has page tables in ROM, whose accessed bits cannot be set", "APM vol. 2, 15.25.5",
	 NULL, table_in_rom},
	{"paging-self", "has page tables that are their own pages", "XSA-176, CVE-2016-4480", NULL,
	 self_mapped},
	{"paging-reserved", "sets reserved bits in entries of every level", "APM vol. 2, 5.4", NULL,
	 reserved_bits},
	{"paging-not-allowed", "lets a device be used without the page's permission", "CVE-2018-10853", NULL,
	 not_allowed},
	{"paging-flush", "flushes its TLB without end, on two CPUs", "XSA-304, CVE-2018-12207", NULL,
	 flush_storm},
	{"paging-taken-away", "writes to memory that is just being taken away from it",
	 "CVE-2013-1943, XSA-22", NULL, memory_taken_away},
	{"paging-many", "uses addresses without memory, in 1,500 different places",
	 "XSA-22, docs/decisions/0003", NULL, many_devices},
	{0},
};
