/* SPDX-License-Identifier: GPL-2.0-only */
/* What the smoke tests share: a VM with some RAM and one vCPU in real mode, straight on /dev/kvm. */
#ifndef DRIVER_TESTS_SMOKE_H
#define DRIVER_TESTS_SMOKE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define RAM_SIZE (4u << 20)
#define MMIO_AT 0xa0000
#define CODE_AT 0x1000

extern int failures;
extern const char *test_name;

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			printf("%s: line %d: " #condition " (errno %d)\n", test_name, __LINE__, errno);      \
			failures++;                                                                          \
		}                                                                                            \
	} while (0)

struct vm {
	int kvm, fd, vcpu;
	uint8_t *ram;
	struct kvm_run *run;
};

static inline void must(int condition, const char *what)
{
	if (condition)
		return;
	printf("%s: %s: %s\n", test_name, what, strerror(errno));
	exit(100);
}

static inline int set_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size,
			   void *at)
{
	struct kvm_userspace_memory_region region = {slot, flags, gpa, size, (uintptr_t)at};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* RAM but for the hole at MMIO_AT, and one vCPU about to run the code in real mode. */
static inline void vm_open(struct vm *vm, int irqchip, const void *code, size_t len)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2, .rsp = 0x8000};

	vm->kvm = open("/dev/kvm", O_RDWR);
	must(vm->kvm >= 0, "/dev/kvm");
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	must(vm->fd >= 0, "KVM_CREATE_VM");
	if (irqchip)
		must(!ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	vm->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(vm->ram != MAP_FAILED, "mmap");
	must(!set_slot(vm, 0, 0, 0, MMIO_AT, vm->ram), "low slot");
	must(!set_slot(vm, 1, 0, 1 << 20, RAM_SIZE - (1 << 20), vm->ram + (1 << 20)), "high slot");
	memcpy(vm->ram + CODE_AT, code, len);

	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	must(vm->vcpu >= 0, "KVM_CREATE_VCPU");
	vm->run = mmap(NULL, ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED,
		       vm->vcpu, 0);
	must(vm->run != MAP_FAILED, "mmap of the vCPU");
	must(!ioctl(vm->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	must(!ioctl(vm->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(!ioctl(vm->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static inline void vm_close(struct vm *vm)
{
	munmap(vm->run, ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	munmap(vm->ram, RAM_SIZE);
	close(vm->vcpu);
	close(vm->fd);
	close(vm->kvm);
}

/* The exit reason, or -errno. Nobody sends signals here, so there is no EINTR to try again after. */
static inline int run(struct vm *vm)
{
	return ioctl(vm->vcpu, KVM_RUN, 0) < 0 ? -errno : (int)vm->run->exit_reason;
}

static inline void *io_data(struct vm *vm)
{
	return (uint8_t *)vm->run + vm->run->io.data_offset;
}

/* smoke_64bit.c: the lowest GiB mapped one to one, and no gate but those of set_gate(). */
void enter_64bit_mode(struct vm *vm);
void set_gate(struct vm *vm, int vector, uint16_t handler);

/* smoke_stats.c: a counter of the VM, now. */
uint64_t vm_stat(const struct vm *vm, const char *name);

/* smoke_exits.c */
void test_shutdown(void);
void test_undecodable(void);
void test_unknown_msr(void);
void test_coalesced(void);
void test_step(void);
void test_breakpoint(void);
void test_debug_registers(void);

/* smoke_cr8.c */
void test_cr8(void);

/* smoke_timer.c */
void test_timer(void);

#endif
