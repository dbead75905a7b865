/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a VM in one of three modes, with tables and handlers, and running it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

#define BIT(n) (1ull << (n))
#define SVM_BIT BIT(2) /* CPUID 80000001 ECX: stock KVM would offer nested virtualization */

static int kvm_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	must(fd >= 0, "/dev/kvm");
	return fd;
}

static void set_cpuid(struct vcpu *cpu)
{
	enum { ENTRIES = 128 };
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + ENTRIES * sizeof(cpuid->entries[0]));

	must(cpuid != NULL, "calloc");
	cpuid->nent = ENTRIES;
	must(!ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x80000001)
			cpuid->entries[i].ecx &= ~(uint32_t)SVM_BIT;
	must(!ioctl(cpu->fd, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

static void make_tables(struct vm *vm)
{
	uint64_t *table = (void *)(vm->ram + TABLES_AT);
	uint64_t user = vm->flags & USER ? 4 : 0;

	table[0] = (TABLES_AT + 0x1000) | 3 | user;
	for (uint64_t i = 0; i < 4; i++)
		table[512 + i] = (PD_AT + i * 0x1000) | 3 | user;
	for (uint64_t i = 0; i < 4 * 512; i++)
		table[1024 + i] = i << 21 | 0x83 | user;
}

static void make_gdt(struct vm *vm)
{
	static const uint64_t gdt[] = {0,
				       0x00af9b000000ffff,
				       0x00cf93000000ffff,
				       0x00cf9b000000ffff,
				       0x00009b000000ffff,
				       0x000093000000ffff,
				       0x00affb000000ffff,
				       0x00cff3000000ffff,
				       0x00cffb000000ffff,
				       0,
				       0x00008b0180000067,
				       0};
	uint32_t rsp0[] = {STACK0_TOP, vm->flags & MODE & LONG ? 0 : DATA};

	memcpy(vm->ram + GDT_AT, gdt, sizeof(gdt));
	memcpy(vm->ram + TSS_AT + 4, rsp0, sizeof(rsp0));
	*(uint64_t *)(vm->ram + TSS_AT + 0x24) = STACK0_TOP - 0x800; /* IST1, in LONG */
	*(uint16_t *)(vm->ram + TSS_AT + 0x66) = 0x68;
}

void vm_handler(struct vm *vm, int vector, uint32_t at, const void *code, size_t len, int ist)
{
	if (code)
		memcpy(vm->ram + at, code, len);
	if ((vm->flags & MODE) == LONG) {
		uint16_t gate[8] = {(uint16_t)at, CODE64, (uint16_t)(0xee00 | ist), (uint16_t)(at >> 16)};

		memcpy(vm->ram + IDT_AT + vector * 16, gate, sizeof(gate));
	} else if ((vm->flags & MODE) == PROT) {
		uint16_t gate[4] = {(uint16_t)at, CODE32, 0xee00, (uint16_t)(at >> 16)};

		memcpy(vm->ram + IDT_AT + vector * 8, gate, sizeof(gate));
	} else {
		*(uint32_t *)(vm->ram + vector * 4) = at;
	}
}

/* Exceptions say which they are, and stay; interrupts say so, and return. */
static void make_handlers(struct vm *vm)
{
	static const uint8_t back[] = {0xe6, INTERRUPT_PORT, 0x48, 0xcf};
	uint32_t at = STUBS_AT;

	for (int vector = 0; vector < 32; vector++, at += 4)
		vm_handler(vm, vector, at, (uint8_t[]){0xe6, (uint8_t)(FAULT_PORT + vector), 0xeb, 0xfe}, 4,
			   0);
	memcpy(vm->ram + at, back, sizeof(back));
	if ((vm->flags & MODE) != LONG)
		vm->ram[at + 2] = 0xcf;
	for (int vector = 32; vector < 256; vector++)
		vm_handler(vm, vector, at, NULL, 0, 0);
}

static void enter_protected(struct vm *vm, struct kvm_sregs *sregs)
{
	bool user = vm->flags & USER, wide = (vm->flags & MODE) == LONG;
	uint8_t dpl = user ? 3 : 0;
	struct kvm_segment code = {.selector = wide ? (user ? USER64 : CODE64) : (user ? USER32 : CODE32),
				   .type = 11,
				   .present = 1,
				   .s = 1,
				   .l = wide,
				   .db = !wide,
				   .g = 1,
				   .dpl = dpl,
				   .limit = ~0u};
	struct kvm_segment data = {.selector = user ? UDATA : DATA,
				   .type = 3,
				   .present = 1,
				   .s = 1,
				   .db = 1,
				   .g = 1,
				   .dpl = dpl,
				   .limit = ~0u};

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->ss = sregs->fs = sregs->gs = data;
	sregs->tr = (struct kvm_segment){
		.selector = TSS, .base = TSS_AT, .limit = 0x67, .type = 11, .present = 1};
	sregs->gdt.base = GDT_AT;
	sregs->gdt.limit = 12 * 8 - 1;
	sregs->idt.base = IDT_AT;
	sregs->idt.limit = 0xfff;
	sregs->cr0 = 0x31; /* PE, ET, NE */
	sregs->cr4 = 0x600;
	if (wide) {
		sregs->cr0 |= BIT(31) | BIT(16);
		sregs->cr3 = TABLES_AT;
		sregs->cr4 |= 0x20;
		sregs->efer = 0x500;
	}
}

void cpu_get(struct vcpu *cpu, struct kvm_regs *regs)
{
	must(!ioctl(cpu->fd, KVM_GET_REGS, regs), "KVM_GET_REGS");
}

void cpu_set(struct vcpu *cpu, const struct kvm_regs *regs)
{
	must(!ioctl(cpu->fd, KVM_SET_REGS, regs), "KVM_SET_REGS");
}

void cpu_get_sregs(struct vcpu *cpu, struct kvm_sregs *sregs)
{
	must(!ioctl(cpu->fd, KVM_GET_SREGS, sregs), "KVM_GET_SREGS");
}

int cpu_set_sregs(struct vcpu *cpu, const struct kvm_sregs *sregs)
{
	return ioctl(cpu->fd, KVM_SET_SREGS, sregs) ? -errno : 0;
}

void cpu_restart(struct vcpu *cpu)
{
	struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct vm *vm = cpu->vm;
	struct kvm_sregs sregs;

	cpu_get_sregs(cpu, &sregs);
	memset(&sregs, 0, offsetof(struct kvm_sregs, cr0));
	sregs.cr0 = 0x30;
	sregs.cr2 = sregs.cr3 = sregs.cr8 = sregs.efer = 0;
	sregs.cr4 = 0x600;
	if (vm->flags & X2APIC)
		sregs.apic_base |= 0xc00;
	memset(sregs.interrupt_bitmap, 0, sizeof(sregs.interrupt_bitmap));
	if (vm->flags & MODE) {
		enter_protected(vm, &sregs);
	} else {
		struct kvm_segment data = {.limit = 0xffff, .type = 3, .present = 1, .s = 1};

		sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = data;
		sregs.cs = data;
		sregs.cs.type = 11;
		sregs.tr = (struct kvm_segment){.limit = 0xffff, .type = 11, .present = 1};
		sregs.idt.limit = 0x3ff;
	}
	sregs.ldt = (struct kvm_segment){.limit = 0xffff, .type = 2, .unusable = 1};
	must(!cpu_set_sregs(cpu, &sregs), "KVM_SET_SREGS");
	cpu_set(cpu, &(struct kvm_regs){.rip = CODE_AT,
					.rflags = 2 | (vm->flags & USER ? 0x3000 : 0),
					.rsp = STACK_TOP - 0x400 * (cpu - vm->cpu)});
	if (vm->flags & CHIPS)
		must(!ioctl(cpu->fd, KVM_SET_MP_STATE, &runnable), "KVM_SET_MP_STATE");
}

int vm_slot(struct vm *vm, unsigned slot, unsigned flags, uint64_t gpa, uint64_t size, void *at)
{
	struct kvm_userspace_memory_region region = {slot, flags, gpa, size, (uintptr_t)at};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

static void make_memory(struct vm *vm)
{
	uint64_t high = vm->flags & VM_ROM ? ROM_AT + 0x1000 : 0x100000;

	vm->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(vm->ram != MAP_FAILED, "mmap of guest memory");
	must(!vm_slot(vm, 0, 0, 0, HOLE_AT, vm->ram), "the low slot");
	must(!vm_slot(vm, 1, 0, high, RAM_SIZE - high, vm->ram + high), "the high slot");
	if (!(vm->flags & VM_ROM))
		return;
	must(!vm_slot(vm, 2, 0, 0x100000, ROM_AT - 0x100000, vm->ram + 0x100000), "the slot before ROM");
	must(!vm_slot(vm, 3, KVM_MEM_READONLY, ROM_AT, 0x1000, vm->ram + ROM_AT), "the slot of ROM");
}

static void make_cpu(struct vm *vm, int i)
{
	struct vcpu *cpu = &vm->cpu[i];

	cpu->vm = vm;
	cpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, i);
	must(cpu->fd >= 0, "KVM_CREATE_VCPU");
	cpu->run = mmap(NULL, ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED,
			cpu->fd, 0);
	must(cpu->run != MAP_FAILED, "mmap of the vCPU");
	set_cpuid(cpu);
	cpu_restart(cpu);
}

void vm_open(struct vm *vm, unsigned flags, const void *code, size_t len)
{
	*vm = (struct vm){.flags = flags, .cpus = flags >> 8 ? (int)(flags >> 8) : 1};
	vm->fd = ioctl(kvm_fd(), KVM_CREATE_VM, 0);
	must(vm->fd >= 0, "KVM_CREATE_VM");
	if (flags & CHIPS)
		must(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	make_memory(vm);
	make_tables(vm);
	make_gdt(vm);
	make_handlers(vm);
	memcpy(vm->ram + CODE_AT, code, len);
	for (int i = 0; i < vm->cpus; i++)
		make_cpu(vm, i);
}

void vm_close(struct vm *vm)
{
	for (int i = 0; i < vm->cpus; i++) {
		munmap(vm->cpu[i].run, ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 0));
		close(vm->cpu[i].fd);
	}
	close(vm->fd);
	munmap(vm->ram, RAM_SIZE);
}

/* -- running --------------------------------------------------------------------------------------- */

static int outcome(struct vcpu *cpu)
{
	const struct kvm_run *run = cpu->run;

	if (ioctl(cpu->fd, KVM_RUN, 0) < 0)
		return errno == EINTR ? LATE : FAILED + errno;
	if (run->exit_reason == KVM_EXIT_INTR)
		return LATE;
	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 1)
		return (int)run->exit_reason;
	if (run->io.port == DONE_PORT)
		return DONE;
	if (run->io.port >= FAULT_PORT && run->io.port < FAULT_PORT + 32)
		return FAULT + run->io.port - FAULT_PORT;
	return (int)run->exit_reason;
}

int go(struct vcpu *cpu)
{
	return outcome(cpu);
}

static struct kvm_run *volatile running;

/* The flag is for the signal that comes just before the run. */
static void on_alarm(int number)
{
	(void)number;
	if (running)
		running->immediate_exit = 1;
}

int go_for(struct vcpu *cpu, unsigned ms)
{
	struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
	int result;

	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
	running = cpu->run;
	setitimer(ITIMER_REAL, &timer, NULL);
	result = outcome(cpu);
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	running = NULL;
	cpu->run->immediate_exit = 0;
	return result;
}

void cpu_prepare(struct vcpu *cpu, uint64_t rax, uint64_t rcx, uint64_t rdx)
{
	struct kvm_regs regs;

	cpu_restart(cpu);
	cpu_get(cpu, &regs);
	regs.rax = rax;
	regs.rcx = rcx;
	regs.rdx = rdx;
	cpu_set(cpu, &regs);
}

int try(struct vcpu *cpu, uint64_t rax, uint64_t rcx, uint64_t rdx)
{
	cpu_prepare(cpu, rax, rcx, rdx);
	return go(cpu);
}

static bool answer(struct vcpu *cpu, int result)
{
	struct kvm_run *run = cpu->run;

	if (result == KVM_EXIT_MMIO && !run->mmio.is_write)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	else if (result == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN)
		memset((uint8_t *)run + run->io.data_offset, 0xff, (size_t)run->io.size * run->io.count);
	return result == KVM_EXIT_MMIO || result == KVM_EXIT_IO || result == KVM_EXIT_IOAPIC_EOI;
}

int go_on(struct vcpu *cpu, unsigned exits)
{
	int result = outcome(cpu);

	while (exits-- && answer(cpu, result))
		result = outcome(cpu);
	return result;
}

/* DONE and faults count as exits as well: such a guest loops. */
static void *run_thread(void *arg)
{
	struct vcpu *cpu = arg;

	while (!cpu->stop) {
		int result = outcome(cpu);

		cpu->last = result;
		cpu->exits++;
		/* EAGAIN: INIT or SIPI has woken it up. */
		if (result != LATE && result != DONE && result != FAILED + EAGAIN && !answer(cpu, result) &&
		    (result & ~0xff) != FAULT)
			break;
	}
	return NULL;
}

static void on_kick(int number)
{
	(void)number;
}

void cpu_start(struct vcpu *cpu)
{
	sigset_t alarm, before;

	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_kick}, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, &before);
	cpu->stop = false;
	must(!pthread_create(&cpu->thread, NULL, run_thread, cpu), "pthread_create");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int cpu_stop(struct vcpu *cpu)
{
	cpu->stop = true;
	cpu->run->immediate_exit = 1;
	pthread_kill(cpu->thread, SIGUSR1);
	pthread_join(cpu->thread, NULL);
	cpu->run->immediate_exit = 0;
	return cpu->last;
}

void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

bool cpu_wait(struct vcpu *cpu, unsigned long exits)
{
	unsigned long from = cpu->exits;

	while (cpu->exits - from < exits) {
		if (pthread_tryjoin_np(cpu->thread, NULL) == 0) {
			must(false, "a vCPU's thread has ended early");
			return false;
		}
		pause_ms(5);
	}
	return true;
}
