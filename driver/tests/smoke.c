// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first guests that a new driver or Engine should run: real-mode code of a few bytes, straight on
 * /dev/kvm, without QEMU. Each test is one VM; says what failed, and exits with the number of failures.
 * Arguments are names of tests to leave out.
 *
 *	gcc -O1 -g -Wall -Wextra -Werror -static -pthread -o smoke smoke*.c
 */
#include "smoke.h"

int failures;
const char *test_name;

static void test_pio(void)
{
	static const uint8_t code[] = {
		0xb0, 0x42,	  /* mov $0x42, %al */
		0xe6, 0x10,	  /* out %al, $0x10 */
		0xe4, 0x11,	  /* in $0x11, %al */
		0x04, 0x01,	  /* add $1, %al */
		0xe6, 0x12,	  /* out %al, $0x12 */
		0xbe, 0x00, 0x20, /* mov $0x2000, %si */
		0xb9, 0x05, 0x00, /* mov $5, %cx */
		0xba, 0x34, 0x92, /* mov $0x9234, %dx */
		0xf3, 0x6e,	  /* rep outsb */
		0xf4,		  /* hlt */
	};
	char got[8] = "";
	struct kvm_regs regs;
	struct vm vm;
	uint32_t n = 0;

	vm_open(&vm, 0, code, sizeof(code));
	memcpy(vm.ram + 0x2000, "hello", 5);
	CHECK(run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0x10 && *(uint8_t *)io_data(&vm) == 0x42);
	CHECK(run(&vm) == KVM_EXIT_IO && vm.run->io.direction == KVM_EXIT_IO_IN && vm.run->io.port == 0x11);
	*(uint8_t *)io_data(&vm) = 0x20;
	vm.run->immediate_exit = 1; /* finishes the IN, and no more */
	CHECK(run(&vm) == -EINTR);
	vm.run->immediate_exit = 0;
	CHECK(!ioctl(vm.vcpu, KVM_GET_REGS, &regs) && regs.rip == CODE_AT + 6 && (regs.rax & 0xff) == 0x20);
	CHECK(run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0x12 && *(uint8_t *)io_data(&vm) == 0x21);
	while (n < 5 && run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0x9234) {
		memcpy(got + n, io_data(&vm), vm.run->io.count < 6 - n ? vm.run->io.count : 5 - n);
		n += vm.run->io.count;
	}
	CHECK(n == 5 && !memcmp(got, "hello", 5));
	CHECK(run(&vm) == KVM_EXIT_HLT);
	vm_close(&vm);
}

static void test_mmio(void)
{
	static const uint8_t code[] = {
		0xb8, 0x00, 0xa0,		    /* mov $0xa000, %ax */
		0x8e, 0xd8,			    /* mov %ax, %ds */
		0xc7, 0x06, 0x10, 0,	0xcd, 0xab, /* movw $0xabcd, 0x10 */
		0xa1, 0x20, 0x00,		    /* mov 0x20, %ax */
		0x31, 0xdb, 0x8e, 0xdb,		    /* xor %bx, %bx; mov %bx, %ds */
		0xa3, 0x00, 0x30,		    /* mov %ax, 0x3000 */
		0xf4,
	};
	struct vm vm;
	int round;

	for (round = 0; round < 2; round++) {
		vm_open(&vm, 0, code, sizeof(code));
		CHECK(run(&vm) == KVM_EXIT_MMIO && vm.run->mmio.is_write && vm.run->mmio.len == 2 &&
		      vm.run->mmio.phys_addr == MMIO_AT + 0x10 && *(uint16_t *)vm.run->mmio.data == 0xabcd);
		CHECK(run(&vm) == KVM_EXIT_MMIO && !vm.run->mmio.is_write &&
		      vm.run->mmio.phys_addr == MMIO_AT + 0x20);
		*(uint16_t *)vm.run->mmio.data = 0x1234;
		CHECK(run(&vm) == KVM_EXIT_HLT);
		CHECK(*(uint16_t *)(vm.ram + 0x3000) == 0x1234);
		vm_close(&vm);
	}
}

/* Stores a counter to 0x100000 + 0x10 (through FFFF:0020) and says so on port 0x10, for ever. */
static const uint8_t counter[] = {
	0xb8, 0xff, 0xff, 0x8e, 0xd8, /* mov $0xffff, %ax; mov %ax, %ds */
	0x31, 0xc0,		      /* xor %ax, %ax */
	0x40,			      /* 1: inc %ax */
	0xa3, 0x20, 0x00,	      /* mov %ax, 0x20 */
	0xe6, 0x10,		      /* out %al, $0x10 */
	0xeb, 0xf8,		      /* jmp 1b */
};

static uint64_t dirty(struct vm *vm, uint32_t slot)
{
	static uint64_t bits[RAM_SIZE / 4096 / 64];
	struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bits};

	CHECK(!ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	return bits[0];
}

static void test_memory(void)
{
	uint16_t *seen;
	struct vm vm;
	int i;

	vm_open(&vm, 0, counter, sizeof(counter));
	seen = (void *)(vm.ram + 0x100010);
	CHECK(run(&vm) == KVM_EXIT_IO && *seen == 1);

	/* A page that Linux takes away comes back as a new one. */
	CHECK(!madvise(vm.ram + 0x100000, 4096, MADV_DONTNEED));
	CHECK(*seen == 0);
	CHECK(run(&vm) == KVM_EXIT_IO && *seen == 2);

	/* The dirty log: a page is reported once for each time it is written in between. */
	CHECK(!set_slot(&vm, 1, KVM_MEM_LOG_DIRTY_PAGES, 1 << 20, RAM_SIZE - (1 << 20), vm.ram + (1 << 20)));
	dirty(&vm, 1);
	for (i = 0; i < 3; i++) {
		CHECK(run(&vm) == KVM_EXIT_IO && *seen == 3 + i);
		CHECK(dirty(&vm, 1) == 1);
		CHECK(dirty(&vm, 1) == 0);
	}

	/* Without its slot the page is MMIO; with a read-only one, writes are. */
	CHECK(!set_slot(&vm, 1, 0, 1 << 20, 0, NULL));
	CHECK(run(&vm) == KVM_EXIT_MMIO && vm.run->mmio.phys_addr == 0x100010 && vm.run->mmio.is_write);
	CHECK(!set_slot(&vm, 1, KVM_MEM_READONLY, 1 << 20, RAM_SIZE - (1 << 20), vm.ram + (1 << 20)));
	CHECK(run(&vm) == KVM_EXIT_IO);
	CHECK(run(&vm) == KVM_EXIT_MMIO && vm.run->mmio.phys_addr == 0x100010);
	CHECK(*seen == 5);
	CHECK(set_slot(&vm, 2, 0, 2 << 20, 4096, vm.ram) < 0 && errno == EEXIST);
	CHECK(set_slot(&vm, 2, 1 << 30, 16 << 20, 4096, vm.ram) < 0 && errno == EINVAL);
	vm_close(&vm);
}

static void *take_away(void *arg)
{
	struct vm *vm = arg;
	int i;

	for (i = 0; i < 2000; i++)
		madvise(vm->ram + 0x100000, 4096, MADV_DONTNEED);
	return NULL;
}

/* Invalidations race with the faults that they cause. */
static void test_invalidate(void)
{
	pthread_t thread;
	struct vm vm;
	int i, ok = 0;

	vm_open(&vm, 0, counter, sizeof(counter));
	pthread_create(&thread, NULL, take_away, &vm);
	for (i = 0; i < 5000; i++)
		ok += run(&vm) == KVM_EXIT_IO && *(uint8_t *)io_data(&vm) == (uint8_t)(i + 1);
	pthread_join(thread, NULL);
	CHECK(ok == 5000);
	vm_close(&vm);
}

/* One slot from address 0 on, which large pages can back. */
static void use_huge(struct vm *vm, uint32_t flags)
{
	static uint8_t *at;

	if (!flags) {
		at = mmap(NULL, 2 * RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must(at != MAP_FAILED, "mmap");
		at = (void *)(((uintptr_t)at + (2 << 20) - 1) & -(uintptr_t)(2 << 20));
		madvise(at, RAM_SIZE, MADV_HUGEPAGE);
		memcpy(at, vm->ram, MMIO_AT);
		CHECK(!set_slot(vm, 0, 0, 0, 0, NULL) && !set_slot(vm, 1, 0, 0, 0, NULL));
	}
	CHECK(!set_slot(vm, 0, flags, 0, RAM_SIZE, at));
	vm->ram = at;
}

/* Large pages: mapped, split by the dirty log, split by Linux. */
static void test_huge(void)
{
	uint64_t bits[RAM_SIZE / 4096 / 64];
	struct kvm_dirty_log log = {.dirty_bitmap = bits};
	struct vm vm;
	int i;

	vm_open(&vm, 0, counter, sizeof(counter));
	use_huge(&vm, 0);
	for (i = 1; i < 20; i++)
		CHECK(run(&vm) == KVM_EXIT_IO && *(uint16_t *)(vm.ram + 0x100010) == i);
	/* All that the guest uses lies in the first 2 MiB. */
	CHECK(vm_stat(&vm, "pages_2m") == 1 && vm_stat(&vm, "pages_4k") == 0);
	use_huge(&vm, KVM_MEM_LOG_DIRTY_PAGES);
	for (; i < 40; i++) {
		CHECK(run(&vm) == KVM_EXIT_IO && *(uint16_t *)(vm.ram + 0x100010) == i);
		CHECK(!ioctl(vm.fd, KVM_GET_DIRTY_LOG, &log) && bits[4] == 1 && bits[0] == 0);
	}
	CHECK(vm_stat(&vm, "pages_2m") == 0 && vm_stat(&vm, "pages_4k") > 0);
	CHECK(!set_slot(&vm, 0, 0, 0, RAM_SIZE, vm.ram));
	for (; i < 60; i++) {
		CHECK(run(&vm) == KVM_EXIT_IO && *(uint16_t *)(vm.ram + 0x100010) == i);
		CHECK(!madvise(vm.ram + 0x100000, 4096, MADV_DONTNEED));
	}
	vm_close(&vm);
}

static volatile int stop;

static void *run_second(void *arg)
{
	struct vm *vm = arg;
	long runs = 0;

	while (!stop && run(vm) == KVM_EXIT_IO)
		runs++;
	return (void *)runs;
}

/* Two vCPUs on the same page, while the slot changes and Linux takes pages away. */
static void test_smp(void)
{
	struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2};
	uint64_t bits[RAM_SIZE / 4096 / 64];
	struct kvm_dirty_log log = {.dirty_bitmap = bits};
	struct kvm_sregs sregs;
	struct vm vm, second;
	pthread_t thread;
	void *runs;
	int i;

	vm_open(&vm, 0, counter, sizeof(counter));
	use_huge(&vm, 0);
	second = vm;
	second.vcpu = ioctl(vm.fd, KVM_CREATE_VCPU, 1);
	must(second.vcpu >= 0, "KVM_CREATE_VCPU");
	second.run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, second.vcpu, 0);
	must(!ioctl(second.vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	must(!ioctl(second.vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(!ioctl(second.vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");

	stop = 0;
	pthread_create(&thread, NULL, run_second, &second);
	for (i = 0; i < 300; i++) {
		use_huge(&vm, KVM_MEM_LOG_DIRTY_PAGES);
		CHECK(run(&vm) == KVM_EXIT_IO);
		CHECK(!ioctl(vm.fd, KVM_GET_DIRTY_LOG, &log) && (bits[4] & 1));
		CHECK(!set_slot(&vm, 0, 0, 0, RAM_SIZE, vm.ram));
		madvise(vm.ram + 0x100000, 4096, MADV_DONTNEED);
		CHECK(run(&vm) == KVM_EXIT_IO);
	}
	stop = 1;
	pthread_join(thread, &runs);
	CHECK((long)runs > 300);
	close(second.vcpu);
	vm_close(&vm);
}

/* An interrupt of user space's PIC, injected when the guest can take it. */
static void test_interrupt(void)
{
	static const uint8_t code[] = {
		0xfb,	    /* sti */
		0x90,	    /* nop */
		0xe6, 0x10, /* out %al, $0x10 */
		0xeb, 0xfb, /* jmp to the nop */
	};
	static const uint8_t handler[] = {0xe6, 0x20, 0xcf}; /* out %al, $0x20; iret */
	struct kvm_interrupt irq = {.irq = 0x21};
	struct vm vm;
	int i;

	vm_open(&vm, 0, code, sizeof(code));
	memcpy(vm.ram + 0x2000, handler, sizeof(handler));
	*(uint32_t *)(vm.ram + 4 * 0x21) = 0x2000;
	vm.run->request_interrupt_window = 1;
	CHECK(run(&vm) == KVM_EXIT_IRQ_WINDOW_OPEN && vm.run->ready_for_interrupt_injection &&
	      vm.run->if_flag);
	vm.run->request_interrupt_window = 0;
	CHECK(!ioctl(vm.vcpu, KVM_INTERRUPT, &irq));
	for (i = 0; i < 3 && run(&vm) == KVM_EXIT_IO && vm.run->io.port != 0x20; i++)
		;
	CHECK(vm.run->exit_reason == KVM_EXIT_IO && vm.run->io.port == 0x20);
	CHECK(run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0x10);
	vm_close(&vm);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* With the kernel's irqchip a halt sleeps in the kernel, until a signal comes. */
static void test_halt(void)
{
	static const uint8_t code[] = {0xfa, 0xf4}; /* cli; hlt */
	struct sigaction action = {.sa_handler = on_alarm};
	struct kvm_mp_state mp;
	struct vm vm;

	sigaction(SIGALRM, &action, NULL);
	vm_open(&vm, 1, code, sizeof(code));
	alarm(1);
	CHECK(ioctl(vm.vcpu, KVM_RUN, 0) < 0 && errno == EINTR && vm.run->exit_reason == KVM_EXIT_INTR);
	CHECK(!ioctl(vm.vcpu, KVM_GET_MP_STATE, &mp) && mp.mp_state == KVM_MP_STATE_HALTED);
	vm_close(&vm);
}

/* A guest that never exits by itself leaves for a signal. */
static void test_spin(void)
{
	static const uint8_t code[] = {0xeb, 0xfe};
	struct vm vm;

	vm_open(&vm, 1, code, sizeof(code));
	alarm(1);
	CHECK(ioctl(vm.vcpu, KVM_RUN, 0) < 0 && errno == EINTR);
	vm_close(&vm);
}

/* The PIC's timer interrupt, all in the kernel and Engine: PIT, PIC, ExtINT, halt and wake-up. */
static void test_pit(void)
{
	static const uint8_t code[] = {
		0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, /* PIC: ICW1; ICW2: vectors from 0x20 */
		0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21, /* ICW3, ICW4 */
		0xb0, 0xfe, 0xe6, 0x21,				/* only IRQ 0 */
		0xb0, 0x34, 0xe6, 0x43, 0xb0, 0x00, 0xe6, 0x40, /* PIT: channel 0, mode 2, ... */
		0xb0, 0x40, 0xe6, 0x40,				/* ... 0x4000 ticks: 73 Hz */
		0xfb, 0xf4, 0xeb, 0xfd,				/* sti; 1: hlt; jmp 1b */
	};
	static const uint8_t handler[] = {0xb0, 0x20, 0xe6, 0x20, 0xe6, 0xed, 0xcf}; /* EOI; out 0xed; iret */
	struct kvm_pit_config pit = {0};
	struct vm vm;
	int i;

	vm_open(&vm, 1, code, sizeof(code));
	CHECK(!ioctl(vm.fd, KVM_CREATE_PIT2, &pit));
	memcpy(vm.ram + 0x2000, handler, sizeof(handler));
	*(uint32_t *)(vm.ram + 4 * 0x20) = 0x2000;
	for (i = 0; i < 20 && run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0xed; i++)
		;
	CHECK(i == 20);
	vm_close(&vm);
}

/* Against a guest that runs on where it should have left. */
static void on_too_long(int signal)
{
	(void)signal;
	printf("%s: has used a minute of CPU time\n", test_name);
	exit(101);
}

int main(int argc, char **argv)
{
	static const struct itimerval minute = {.it_value.tv_sec = 60};
	static const struct {
		const char *name;
		void (*function)(void);
	} tests[] = {
		{"pio", test_pio},
		{"mmio", test_mmio},
		{"memory", test_memory},
		{"invalidate", test_invalidate},
		{"huge", test_huge},
		{"smp", test_smp},
		{"irq", test_interrupt},
		{"halt", test_halt},
		{"spin", test_spin},
		{"pit", test_pit},
		{"shutdown", test_shutdown},
		{"undecodable", test_undecodable},
		{"msr", test_unknown_msr},
		{"coalesced", test_coalesced},
		{"step", test_step},
		{"breakpoint", test_breakpoint},
		{"debug-registers", test_debug_registers},
		{"cr8", test_cr8},
		{"timer", test_timer},
	};
	size_t i;

	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPROF, on_too_long);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		int before = failures, left_out = 0, arg;

		for (arg = 1; arg < argc; arg++)
			left_out |= !strcmp(argv[arg], tests[i].name);
		if (left_out)
			continue;
		test_name = tests[i].name;
		setitimer(ITIMER_PROF, &minute, NULL);
		tests[i].function();
		printf("%s %s\n", failures == before ? "ok" : "FAILED", test_name);
	}
	return failures;
}
