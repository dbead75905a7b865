/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile guests, straight on /dev/kvm: each is a VM with some machine code that tries one thing which must
 * hurt nobody but itself. Each runs in a process of its own, beside a witness: a guest that goes on checking
 * its registers and memory all the while.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Guest-physical memory: 4 MiB of RAM with a hole, from which on a device answers; ROM if VM_ROM asks. */
#define RAM_SIZE 0x400000
#define CODE_AT 0x1000
#define STUBS_AT 0x2000	  /* handlers of exceptions and interrupts */
#define DATA_AT 0x3000	  /* two pages for whatever the guest wants */
#define STACK_TOP 0x8000  /* the guest's first stack */
#define STACK0_TOP 0xf000 /* what exceptions at CPL 3 switch to */
#define TABLES_AT 0x10000 /* PML4, PDPT, four PDs: the lowest 4 GiB one to one, in 2 MiB pages */
#define PD_AT (TABLES_AT + 0x2000)
#define GDT_AT 0x16000
#define IDT_AT 0x17000
#define TSS_AT 0x18000
#define FREE_AT 0x20000 /* up to HOLE_AT: unused */
#define HOLE_AT 0xa0000
#define ROM_AT 0x200000 /* with VM_ROM: one page that the guest cannot write */

/* Selectors in the guest's GDT. */
enum {
	CODE64 = 0x08,
	DATA = 0x10,
	CODE32 = 0x18,
	CODE16 = 0x20,
	USER64 = 0x33,
	UDATA = 0x3b,
	USER32 = 0x43,
	TSS = 0x50
};

/* What a VM is like: one of the modes, and what else. */
enum {
	REAL = 0,
	PROT = 1, /* 32-bit, without paging */
	LONG = 2,
	MODE = 3,
	USER = 4,    /* at CPL 3, IOPL 3 */
	CHIPS = 8,   /* with local APICs, I/O APIC and PICs */
	X2APIC = 16, /* the local APICs are in x2APIC mode */
	VM_ROM = 32,
};
#define CPUS(n) ((n) << 8)
#define MAX_CPUS 4

enum {
	DE = 0,
	DB = 1,
	NMI = 2,
	BP = 3,
	UD = 6,
	DF = 8,
	TS = 10,
	NP = 11,
	SS = 12,
	GP = 13,
	PF = 14,
	AC = 17
};

struct vcpu {
	struct vm *vm;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	volatile bool stop;
	volatile unsigned long exits; /* of the thread */
	volatile int last;	      /* outcome of the thread's last run */
};

struct vm {
	unsigned flags;
	int fd, cpus;
	uint8_t *ram;
	struct vcpu cpu[MAX_CPUS];
};

/*
 * How a run ended: one of these, or KVM_EXIT_*. Code that comes to its end writes to a port, and so does the
 * handler of each exception, if the guest has not set another.
 */
enum {
	DONE = 0x100,
	FAULT = 0x200,	/* + vector */
	LATE = 0x300,	/* the guest would have gone on; the time was up */
	FAILED = 0x400, /* + errno, of KVM_RUN itself */
};

#define DONE_PORT 0x10
#define FAULT_PORT 0x40
#define INTERRUPT_PORT 0x60

/* Code of a guest, which ends with DONE: GUEST(name, bits, "..."), and CODE(name) for vm_open(). */
#define GUEST(name, bits, text)                                                                              \
	extern const uint8_t name[], name##_end[];                                                           \
	__asm__(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text                                    \
		"\nout %al, $0x10\n99: jmp 99b\n" #name "_end:\n.code64\n.popsection\n")
#define CODE(name) name, (size_t)(name##_end - name)

/* A VM whose CPUs are about to run the code at CODE_AT. Ends the process if it cannot be made. */
void vm_open(struct vm *vm, unsigned flags, const void *code, size_t len);
void vm_close(struct vm *vm);
/* Puts memory there, or with size 0 takes slot's away. Slots below 4 are vm_open()'s. Returns 0 or -errno. */
int vm_slot(struct vm *vm, unsigned slot, unsigned flags, uint64_t gpa, uint64_t size, void *at);
/* Where an exception or interrupt goes, and what is there. ist: 0, or 1 for a stack of its own in LONG. */
void vm_handler(struct vm *vm, int vector, uint32_t at, const void *code, size_t len, int ist);

/* At the start of the code, with the registers that vm_open() gave. */
void cpu_restart(struct vcpu *cpu);
void cpu_get(struct vcpu *cpu, struct kvm_regs *regs);
void cpu_set(struct vcpu *cpu, const struct kvm_regs *regs);
void cpu_get_sregs(struct vcpu *cpu, struct kvm_sregs *sregs);
/* 0 or -errno: user space may be refused. */
int cpu_set_sregs(struct vcpu *cpu, const struct kvm_sregs *sregs);

/* Runs until something happens. */
int go(struct vcpu *cpu);
/* The same, but for some milliseconds at most. */
int go_for(struct vcpu *cpu, unsigned ms);
/* At the start of the code, with these registers: RAX, RCX, RDX. */
void cpu_prepare(struct vcpu *cpu, uint64_t rax, uint64_t rcx, uint64_t rdx);
/* Runs from there; where it ended. */
int try(struct vcpu *cpu, uint64_t rax, uint64_t rcx, uint64_t rdx);
/* Goes on as a device would that reads as all bits set and ignores writes, through at most so many exits. */
int go_on(struct vcpu *cpu, unsigned exits);

/* A thread that runs the vCPU and answers as go_on() does. cpu_stop() gives how its last run ended. */
void cpu_start(struct vcpu *cpu);
int cpu_stop(struct vcpu *cpu);

/* Waits, as long as it takes, until the thread has had so many more exits, or has ended. */
bool cpu_wait(struct vcpu *cpu, unsigned long exits);
void pause_ms(unsigned ms);

/* On Engine, as against the control domain's own KVM. */
bool on_engine(void);

/* Is this PC an emulated one of QEMU's? Some of what is tried ends the emulator itself. */
bool in_qemu(void);

/* Expectations. A failed one is printed and counted; the guest goes on. */
void check(bool ok, const char *file, int line, const char *what);
#define CHECK(condition) check(condition, __FILE__, __LINE__, #condition)
/* One of these outcomes. */
void expect(int got, const char *file, int line, const char *what, const int *wanted, size_t n);
#define EXPECT(got, what, ...)                                                                               \
	expect(got, __FILE__, __LINE__, what, (const int[]){__VA_ARGS__},                                    \
	       sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
/* Ends the guest: the processor lacks what it is about. */
_Noreturn void left_out(const char *why);
/* Ends the process: the test itself cannot go on. */
void must(bool ok, const char *what);

struct guest {
	const char *name;
	const char *idea;
	const char *source; /* what inspired it */
	const char *note;   /* where the emulated processor, or stock KVM, does something else, or NULL */
	void (*run)(void);
};

/* One for each file; they end with an empty one. */
extern const struct guest msr_guests[], cpuid_guests[], mmio_guests[], pio_guests[], paging_guests[];
extern const struct guest exception_guests[], mode_guests[], svm_guests[], apic_guests[], leak_guests[];

#endif
