// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an exit of a guest costs: straight on /dev/kvm, without QEMU. Prints a line for each operation: its
 * name, and the median of its rounds in TSC ticks, less what reading the TSC costs. In a PC that is emulated
 * with -icount shift=0 a tick is an instruction (testbed/run-bench), which "calibrate" checks.
 *
 *	usage: exits [OPERATION...]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define RAM_SIZE (2u << 20)
#define GDT_AT 0x1000
#define IDT_AT 0x2000
#define PML4_AT 0x3000
#define PDPT_AT 0x4000
#define PD_AT 0x5000 /* four pages: 4 GiB in pages of 2 MiB */
#define STACK_AT 0x30000
#define CODE_SELECTOR 8
#define CPUID_MAX 128
#define CPUID_1_ECX_X2APIC (1u << 21)
#define CPUID_1_ECX_DEADLINE (1u << 24)

extern const char __start_guest[], __stop_guest[];

struct vm {
	int kvm, fd;
	uint8_t *ram;
	struct shared *shared;
	int vcpu[2];
	struct kvm_run *run[2];
};

static void must(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "exits: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t address_of(void (*function)(struct shared *))
{
	return GUEST_CODE + (uint64_t)((const char *)function - __start_guest);
}

/* Flat tables: all of the first 4 GiB is itself, one code segment, one interrupt gate. */
static void fill_ram(uint8_t *ram)
{
	uint64_t *pd = (void *)(ram + PD_AT), *pdpt = (void *)(ram + PDPT_AT);
	uint64_t handler = GUEST_CODE + (uint64_t)((const char *)guest_handler - __start_guest);
	uint64_t gate =
		(handler & 0xffff) | CODE_SELECTOR << 16 | 0x8eull << 40 | (handler >> 16 & 0xffff) << 48;

	for (uint64_t i = 0; i < 4 * 512; i++)
		pd[i] = i << 21 | 0x83;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (PD_AT + (i << 12)) | 3;
	*(uint64_t *)(ram + PML4_AT) = PDPT_AT | 3;
	*(uint64_t *)(ram + GDT_AT + CODE_SELECTOR) = 0x00af9b000000ffffull;
	memcpy(ram + IDT_AT + 16 * VECTOR, &gate, sizeof(gate));
	memcpy(ram + GUEST_CODE, __start_guest, (size_t)(__stop_guest - __start_guest));
}

static void set_cpuid(struct vm *vm, int vcpu)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + CPUID_MAX * sizeof(cpuid->entries[0]));

	must(cpuid != NULL, "memory");
	cpuid->nent = CPUID_MAX;
	must(!ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= CPUID_1_ECX_DEADLINE | CPUID_1_ECX_X2APIC;
	must(!ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

static void add_vcpu(struct vm *vm, unsigned int n, void (*function)(struct shared *))
{
	struct kvm_mp_state runnable = {KVM_MP_STATE_RUNNABLE};
	struct kvm_regs regs = {
		.rip = address_of(function),
		.rflags = 2,
		.rsp = STACK_AT + (n + 1) * 0x4000 - 8,
		.rdi = GUEST_SHARED,
	};
	struct kvm_sregs sregs;
	int vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, n);

	must(vcpu >= 0, "KVM_CREATE_VCPU");
	vm->vcpu[n] = vcpu;
	vm->run[n] = mmap(NULL, (size_t)ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
			  MAP_SHARED, vcpu, 0);
	must(vm->run[n] != MAP_FAILED, "mmap of a vCPU");
	set_cpuid(vm, vcpu);
	must(!ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs = (struct kvm_segment){
		.limit = ~0u, .selector = CODE_SELECTOR, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss =
		(struct kvm_segment){.limit = ~0u, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
	sregs.gdt = (struct kvm_dtable){.base = GDT_AT, .limit = 15};
	sregs.idt = (struct kvm_dtable){.base = IDT_AT, .limit = 0xfff};
	sregs.cr3 = PML4_AT;
	sregs.cr4 = 0xa0;	/* PAE, PGE */
	sregs.cr0 = 0x80000011; /* PG, ET, PE */
	sregs.efer = 0x500;	/* LMA, LME */
	must(!ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(!ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	must(!ioctl(vcpu, KVM_SET_MP_STATE, &runnable), "KVM_SET_MP_STATE");
}

static void vm_open(struct vm *vm)
{
	struct kvm_userspace_memory_region slot = {.memory_size = RAM_SIZE};

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	must(vm->kvm >= 0, "/dev/kvm");
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	must(vm->fd >= 0, "KVM_CREATE_VM");
	must(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	vm->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
		       0);
	must(vm->ram != MAP_FAILED, "mmap");
	slot.userspace_addr = (uintptr_t)vm->ram;
	must(!ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	fill_ram(vm->ram);
	vm->shared = (void *)(vm->ram + GUEST_SHARED);
}

/* Runs the vCPU until its operation is over. Devices answer nothing, at once. */
static void run(struct vm *vm, unsigned int n)
{
	struct kvm_run *kvm_run = vm->run[n];

	for (;;) {
		must(!ioctl(vm->vcpu[n], KVM_RUN, 0), "KVM_RUN");
		if (kvm_run->exit_reason == KVM_EXIT_IO && kvm_run->io.port == PORT_DONE)
			return;
		if (kvm_run->exit_reason != KVM_EXIT_IO && kvm_run->exit_reason != KVM_EXIT_MMIO) {
			struct kvm_regs regs = {0};

			ioctl(vm->vcpu[n], KVM_GET_REGS, &regs);
			fprintf(stderr, "exits: KVM_RUN returned with reason %u at %#llx\n",
				kvm_run->exit_reason, regs.rip);
			exit(1);
		}
	}
}

static void *run_second(void *arg)
{
	run(arg, 1);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The median of an operation's rounds, in a VM of its own. The process's end ends what still runs. */
static uint64_t measure(void (*function)(struct shared *))
{
	struct vm vm;
	pthread_t second;

	vm_open(&vm);
	add_vcpu(&vm, 0, function);
	if (function == guest_ipi) {
		add_vcpu(&vm, 1, guest_answer);
		must(!pthread_create(&second, NULL, run_second, &vm), "pthread_create");
		usleep(10000); /* it is halted by then; if not, the first rounds are longer */
	}
	run(&vm, 0);
	qsort(vm.shared->sample, ROUNDS, sizeof(vm.shared->sample[0]), compare);
	return vm.shared->sample[ROUNDS / 2];
}

/* Ticks of a loop of a million instructions or so in user space; the least, as some are interrupted. */
static uint64_t calibrate(void)
{
	uint64_t least = ~0ull;

	for (int i = 0; i < 20; i++) {
		uint64_t start = __builtin_ia32_rdtsc(), ticks;

		asm volatile("mov $500000, %%ecx; 1: dec %%ecx; jnz 1b" : : : "ecx");
		ticks = __builtin_ia32_rdtsc() - start;
		least = ticks < least ? ticks : least;
	}
	return least;
}

static int wanted(const char *name, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*function)(struct shared *);
	} operations[] = {
		{"cpuid", guest_cpuid},
		{"msr-read", guest_msr_read},
		{"msr-write", guest_msr_write},
		{"apic-read", guest_apic_read},
		{"apic-write", guest_apic_write},
		{"x2apic-read", guest_x2apic_read},
		{"x2apic-write", guest_x2apic_write},
		{"timer-arm", guest_timer_arm},
		{"timer-fire", guest_timer_fire},
		{"timer-wake", guest_timer_wake},
		{"port-out", guest_port_out},
		{"port-in", guest_port_in},
		{"mmio-write", guest_mmio_write},
		{"mmio-read", guest_mmio_read},
		{"pge-toggle", guest_pge},
		{"ipi-to-halted", guest_ipi},
	};
	uint64_t empty;
	int all = argc < 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("calibrate %llu\n", (unsigned long long)calibrate());
	empty = measure(guest_empty);
	printf("empty %llu\n", (unsigned long long)empty);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		uint64_t ticks;

		if (!all && !wanted(operations[i].name, argv + 1))
			continue;
		ticks = measure(operations[i].function);
		/* These read the TSC once, in the handler. */
		if (operations[i].function != guest_timer_fire && operations[i].function != guest_timer_wake)
			ticks -= empty;
		printf("%s %llu\n", operations[i].name, (unsigned long long)ticks);
	}
	return 0;
}
