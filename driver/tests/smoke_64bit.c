// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU in 64-bit mode. */
#include "smoke.h"

#define TABLES_AT 0x10000
#define IDT_AT 0x20000
#define CPUID_1_ECX_DEADLINE (1u << 24)

/* Without it, a vCPU has no 64-bit mode. */
static void set_cpuid(struct vm *vm)
{
	enum { ENTRIES = 128 };
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + ENTRIES * sizeof(cpuid->entries[0]));

	must(cpuid != NULL, "calloc");
	cpuid->nent = ENTRIES;
	must(!ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= CPUID_1_ECX_DEADLINE;
	must(!ioctl(vm->vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

void set_gate(struct vm *vm, int vector, uint16_t handler)
{
	uint16_t gate[8] = {handler, 8, 0x8e00};

	memcpy(vm->ram + IDT_AT + vector * sizeof(gate), gate, sizeof(gate));
}

void enter_64bit_mode(struct vm *vm)
{
	struct kvm_segment code = {
		.selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1, .limit = ~0u};
	struct kvm_segment data = {
		.selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1, .limit = ~0u};
	uint64_t *table = (void *)(vm->ram + TABLES_AT);
	static const uint64_t gdt[] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};
	struct kvm_sregs sregs;

	set_cpuid(vm);
	table[0] = (TABLES_AT + 0x1000) | 3;
	table[512] = (TABLES_AT + 0x2000) | 3;
	for (uint64_t i = 0; i < 512; i++)
		table[1024 + i] = i << 21 | 0x83;
	memcpy(vm->ram + TABLES_AT + 0x3000, gdt, sizeof(gdt));
	must(!ioctl(vm->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cr0 = 0x80000011;
	sregs.cr3 = TABLES_AT;
	sregs.cr4 = 0x20;
	sregs.efer = 0x500;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.ss = data;
	sregs.gdt.base = TABLES_AT + 0x3000;
	sregs.gdt.limit = sizeof(gdt) - 1;
	sregs.idt.base = IDT_AT;
	sregs.idt.limit = 0xfff;
	must(!ioctl(vm->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
}
