/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets of one guest that another looks for, or the control domain does: in registers, after both ran on
 * one CPU, and in memory. The secret is one number exclusive-or another, so that no program holds it.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostile.h"

static volatile uint64_t key = 0x00001b8d2e94f031, other_key = 0x00004507c93543f4;

/* Sets RAX to the secret. */
#define SECRET                                                                                               \
	"movabs $0x00001b8d2e94f031, %rax; movabs $0x00004507c93543f4, %rdx; xor %rdx, %rax; xor %edx, "     \
	"%edx\n"

/* Another, of which no program ever had a part in its registers: for the search of all memory. */
static volatile uint64_t deep_key = 0x3c9d51a7e0b31f86, deep_other_key = 0x6b2f84c91d57a2e0;
#define DEEP_SECRET                                                                                          \
	"movabs $0x3c9d51a7e0b31f86, %rax; movabs $0x6b2f84c91d57a2e0, %rdx; xor %rdx, %rax; xor %edx, "     \
	"%edx\n"

/* XCR0 with AVX, if there is AVX. */
#define OPEN_AVX                                                                                             \
	"mov %cr4, %rax; or $0x40000, %eax; mov %rax, %cr4; mov $1, %eax; cpuid; shr $26, %ecx; and $4, "    \
	"%ecx\n"                                                                                             \
	"lea 3(%rcx), %eax; xor %ecx, %ecx; xor %edx, %edx; xsetbv; and $4, %eax; mov %eax, %r8d\n"

/* Fills everything that a guest can fill; at DATA_AT is a list of MSRs. */
GUEST(plant, 64,
      OPEN_AVX SECRET "mov %rax, %r15; mov %rax, %dr0; mov %rax, %dr1; mov %rax, %dr2; mov %rax, %dr3\n"
		      "movq %rax, %mm0; movq %rax, %mm3; movq %rax, %mm7\n"
		      "movq %rax, %xmm0; movlhps %xmm0, %xmm0; movaps %xmm0, %xmm1; movaps %xmm0, %xmm8; "
		      "movaps %xmm0, %xmm15\n"
		      "test %r8d, %r8d; jz 1f; vinsertf128 $1, %xmm0, %ymm0, %ymm0; vmovaps %ymm0, %ymm15; "
		      "vmovaps %ymm0, %ymm7; 1:\n"
		      "movl $0x7f80, 0x4000; ldmxcsr 0x4000\n"
		      "mov $0x3000, %esi; 2: lodsl; test %eax, %eax; jz 3f; mov %eax, %ecx; mov %r15d, %eax; "
		      "mov %r15, %rdx; shr $32, %rdx\n"
		      "wrmsr; jmp 2b; 3: mov $0xc0000103, %ecx; mov %r15d, %eax; xor %edx, %edx; wrmsr\n"
		      "mov $0x277, %ecx; mov $0x06060606, %eax; mov %eax, %edx; wrmsr\n"
		      "mov %r15, %rax; mov %rax, %cr2; mov $9, %ecx; mov %rcx, %cr8\n"
		      "mov %r15, %rax; mov %rax, %rbx; mov %rax, %rcx; mov %rax, %rdx; mov %rax, %rsi; mov "
		      "%rax, %rdi; mov %rax, %rbp\n"
		      "mov %rax, %r8; mov %rax, %r9; mov %rax, %r10; mov %rax, %r11; mov %rax, %r12; mov "
		      "%rax, %r13; mov %rax, %r14");

/* Stores all that it finds from FREE_AT on: general registers, FXSAVE, XSAVE, the others. */
GUEST(search, 64,
      "mov %rax, 0x20000; mov %rbx, 0x20008; mov %rcx, 0x20010; mov %rdx, 0x20018; mov %rsi, 0x20020; mov "
      "%rdi, 0x20028\n"
      "mov %rbp, 0x20030; mov %r8, 0x20038; mov %r9, 0x20040; mov %r10, 0x20048; mov %r11, 0x20050; mov "
      "%r12, 0x20058\n"
      "mov %r13, 0x20060; mov %r14, 0x20068; mov %r15, 0x20070; fxsave64 0x21000\n" OPEN_AVX
      "mov %r8d, %eax; or $3, %eax; xor %edx, %edx; xsave64 0x22000\n"
      "mov %dr0, %rax; mov %rax, 0x20100; mov %dr1, %rax; mov %rax, 0x20108; mov %dr2, %rax; mov %rax, "
      "0x20110\n"
      "mov %dr3, %rax; mov %rax, 0x20118; mov %dr6, %rax; mov %rax, 0x20120; mov %dr7, %rax; mov %rax, "
      "0x20128\n"
      "mov %cr2, %rax; mov %rax, 0x20130; mov %cr8, %rax; mov %rax, 0x20138; sub %eax, %eax\n"
      "mov $0x3000, %esi; mov $0x20200, %edi; 1: lodsl; test %eax, %eax; jz 2f; mov %eax, %ecx; rdmsr; "
      "stosl\n"
      "mov %edx, %eax; stosl; jmp 1b; 2: mov $0xc0000103, %ecx; rdmsr; stosl; mov $0x277, %ecx; rdmsr; mov "
      "%eax, 0x20140; mov %edx, 0x20144");

/* Without TSC_AUX, which holds 32 bits. */
static const uint32_t msrs[] = {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101,
				0xc0000102, 0x174,	0x175,	    0x176,	0};

/* Whether the secret's lower half is anywhere. */
static bool found(const void *at, size_t len)
{
	const uint8_t *bytes = at;

	for (size_t i = 0; i + 4 <= len; i++) {
		uint32_t word;

		memcpy(&word, bytes + i, sizeof(word));
		if ((word ^ (uint32_t)key) == (uint32_t)other_key)
			return true;
	}
	return false;
}

static void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static void open_planter(struct vm *vm)
{
	vm_open(vm, LONG, CODE(plant));
	memcpy(vm->ram + DATA_AT, msrs, sizeof(msrs));
	EXPECT(go(&vm->cpu[0]), "planting", DONE);
}

static void open_searcher(struct vm *vm)
{
	vm_open(vm, LONG, CODE(search));
	memcpy(vm->ram + DATA_AT, msrs, sizeof(msrs));
	EXPECT(go(&vm->cpu[0]), "searching", DONE);
}

/* One plants, another that never ran searches. */
static void plant_and_search(struct vm *searcher)
{
	struct vm planter;

	stay_on_this_cpu();
	open_planter(&planter);
	open_searcher(searcher);
	vm_close(&planter);
}

static void general(void)
{
	struct vm vm;
	uint64_t cr8;

	plant_and_search(&vm);
	CHECK(!found(vm.ram + FREE_AT, 0x100));
	memcpy(&cr8, vm.ram + FREE_AT + 0x138, 8);
	CHECK(cr8 == 0);
	CHECK(!found(vm.ram + FREE_AT + 0x130, 8)); /* CR2 */
	vm_close(&vm);
}

static void fpu(void)
{
	uint32_t mxcsr;
	struct vm vm;

	plant_and_search(&vm);
	CHECK(!found(vm.ram + FREE_AT + 0x1000, 0x1000));
	CHECK(!found(vm.ram + FREE_AT + 0x2000, 0x1000));
	memcpy(&mxcsr, vm.ram + FREE_AT + 0x1000 + 24, 4);
	CHECK(mxcsr == 0x1f80);
	/* Nor where the last x87 instruction and its operand were. */
	CHECK(vm.ram[FREE_AT + 0x1000 + 6] == 0 && vm.ram[FREE_AT + 0x1000 + 8] == 0 &&
	      vm.ram[FREE_AT + 0x1000 + 16] == 0);
	vm_close(&vm);
}

static void debug(void)
{
	static const uint64_t reset[] = {0, 0, 0, 0, 0xffff0ff0, 0x400};
	struct vm vm;

	plant_and_search(&vm);
	CHECK(!memcmp(vm.ram + FREE_AT + 0x100, reset, sizeof(reset)));
	vm_close(&vm);
}

static void model_specific(void)
{
	uint64_t pat;
	struct vm vm;

	plant_and_search(&vm);
	CHECK(!found(vm.ram + FREE_AT + 0x200, 0x100));
	memcpy(&pat, vm.ram + FREE_AT + 0x140, 8);
	CHECK(pat == 0x0007040600070406);
	vm_close(&vm);
}

/* What KVM_GET_* and the shared pages of a new vCPU tell. */
static void told_to_user_space(void)
{
	static uint8_t state[0x1000];
	struct vm planter, vm;

	stay_on_this_cpu();
	open_planter(&planter);
	vm_open(&vm, LONG, CODE(search));
	memset(state, 0, sizeof(state));
	must(!ioctl(vm.cpu[0].fd, KVM_GET_XSAVE, state), "KVM_GET_XSAVE");
	CHECK(!found(state, sizeof(state)));
	must(!ioctl(vm.cpu[0].fd, KVM_GET_REGS, state), "KVM_GET_REGS");
	CHECK(!found(state, sizeof(state)));
	must(!ioctl(vm.cpu[0].fd, KVM_GET_SREGS, state), "KVM_GET_SREGS");
	CHECK(!found(state, sizeof(state)));
	must(!ioctl(vm.cpu[0].fd, KVM_GET_DEBUGREGS, state), "KVM_GET_DEBUGREGS");
	CHECK(!found(state, sizeof(state)));
	must(!ioctl(vm.cpu[0].fd, KVM_GET_VCPU_EVENTS, state), "KVM_GET_VCPU_EVENTS");
	CHECK(!found(state, sizeof(state)));
	CHECK(!found(vm.cpu[0].run, 0x3000));
	vm_close(&vm);
	vm_close(&planter);
}

/* This process has the secret in its own registers while it runs the guest. */
static void of_control_domain(void)
{
	struct vm vm;

	stay_on_this_cpu();
	vm_open(&vm, LONG, CODE(search));
	memcpy(vm.ram + DATA_AT, msrs, sizeof(msrs));
	__asm__ volatile(
		"movq %0, %%xmm0; movlhps %%xmm0, %%xmm0; movaps %%xmm0, %%xmm5; movaps %%xmm0, %%xmm13\n"
		"movaps %%xmm0, %%xmm15"
		:
		: "r"(key ^ other_key)
		: "xmm0", "xmm5", "xmm13", "xmm15");
	EXPECT(go(&vm.cpu[0]), "searching", DONE);
	CHECK(!found(vm.ram + FREE_AT, 0x4000));
	vm_close(&vm);
}

/* This process's registers are its own after the guest has filled them. */
static void into_control_domain(void)
{
	uint64_t xmm[3], mine = 0x1234567887654321;
	unsigned low, high, aux, cpu;
	struct vm vm;

	stay_on_this_cpu();
	vm_open(&vm, LONG, CODE(plant));
	memcpy(vm.ram + DATA_AT, msrs, sizeof(msrs));
	__asm__ volatile("movq %0, %%xmm8; movq %0, %%xmm15; movq %0, %%xmm1"
			 :
			 : "r"(mine)
			 : "xmm8", "xmm15", "xmm1");
	/* No call in between: the system call alone is between both. */
	__asm__ volatile("syscall"
			 : "+a"((long){16})
			 : "D"((long)vm.cpu[0].fd), "S"((long)KVM_RUN), "d"(0L)
			 : "rcx", "r11", "memory");
	__asm__ volatile("movq %%xmm8, %0; movq %%xmm15, %1; movq %%xmm1, %2"
			 : "=r"(xmm[0]), "=r"(xmm[1]), "=r"(xmm[2]));
	CHECK(xmm[0] == mine && xmm[1] == mine && xmm[2] == mine);
	CHECK(vm.cpu[0].run->io.port == DONE_PORT);
	__asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
	must(!getcpu(&cpu, NULL), "getcpu");
	CHECK((aux & 0xfff) == cpu);
	vm_close(&vm);
}

/* The control domain's own MSRs, from which a world switch takes the guest's away. */
static void control_domain_msrs(void)
{
	uint64_t before[16], after[16];
	int fd = open("/dev/cpu/0/msr", O_RDONLY);
	struct vm vm;

	must(fd >= 0, "/dev/cpu/0/msr (modprobe msr)");
	stay_on_this_cpu();
	for (size_t i = 0; msrs[i]; i++)
		must(pread(fd, &before[i], 8, msrs[i]) == 8, "reading an MSR");
	for (int round = 0; round < 20; round++) {
		open_planter(&vm);
		for (size_t i = 0; msrs[i]; i++) {
			must(pread(fd, &after[i], 8, msrs[i]) == 8, "reading an MSR");
			CHECK(!found(&after[i], 8));
			if (msrs[i] != 0xc0000100 && msrs[i] != 0xc0000101 &&
			    msrs[i] != 0xc0000102) /* a thread's own */
				CHECK(after[i] == before[i]);
		}
		vm_close(&vm);
	}
	close(fd);
}

GUEST(arm, 64,
      "mov %rax, %dr0; mov %rax, %dr1; mov $0x00f50405, %eax; mov %rax, %dr7; 1: out %al, $0x10; jmp 1b");

static volatile sig_atomic_t trapped;

static void on_trap(int number)
{
	(void)number;
	trapped = 1;
}

/* A guest watches an address that this process uses. */
static void watchpoint(void)
{
	static volatile uint64_t watched;
	struct vm vm;

	stay_on_this_cpu();
	signal(SIGTRAP, on_trap);
	vm_open(&vm, LONG, CODE(arm));
	EXPECT(try(&vm.cpu[0], (uintptr_t)&watched, 0, 0), "arming", DONE);
	for (int i = 0; i < 100; i++) {
		watched++;
		EXPECT(go(&vm.cpu[0]), "again", DONE);
		watched++;
	}
	CHECK(!trapped && watched == 200);
	vm_close(&vm);
}

GUEST(fill, 64, SECRET "mov $0x100000, %edi; mov $0x20000, %ecx; rep stosq");
GUEST(scan, 64,
      SECRET "mov $0x100000, %edi; mov $0x5ffff, %ecx; repne scasq; jne 1f; ud2; 1: mov $0x20000, %edi; mov "
	     "$0x10000, %ecx; repne scasq; jne 2f; ud2; 2:");

static void memory(void)
{
	struct vm vm;

	for (int i = 0; i < 5; i++) {
		vm_open(&vm, LONG, CODE(fill));
		EXPECT(go(&vm.cpu[0]), "filling a mebibyte", DONE);
		vm_close(&vm);
		vm_open(&vm, LONG, CODE(scan));
		EXPECT(go(&vm.cpu[0]), "searching new memory", DONE);
		vm_close(&vm);
	}
}

GUEST(say, 64, "1: mov 0x200000, %rax; mov %rax, 0x3000; incq 0x200000; out %al, $0x10; jmp 1b");

/* Two VMs use the same addresses in turn: neither finds the other's translations in the CPU. */
static void translations(void)
{
	struct vm a, b;
	bool ok = true;

	stay_on_this_cpu();
	vm_open(&a, LONG, CODE(say));
	vm_open(&b, LONG, CODE(say));
	*(uint64_t *)(b.ram + 0x200000) = 1000000;
	for (uint64_t i = 0; i < 400; i++) {
		ok = ok && go(&a.cpu[0]) == DONE && *(uint64_t *)(a.ram + DATA_AT) == i;
		ok = ok && go(&b.cpu[0]) == DONE && *(uint64_t *)(b.ram + DATA_AT) == 1000000 + i;
	}
	CHECK(ok);
	vm_close(&a);
	vm_close(&b);
}

GUEST(set_clock, 64,
      "mov $0x4b564d01, %ecx; mov $0x21, %eax; or $0x3000, %eax; xor %edx, %edx; wrmsr; nop; cpuid");

/* Of the page that holds the clock, 32 bytes are written, and what is unused of them is zero. */
static void clock_padding(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(set_clock));
	memset(vm.ram + DATA_AT, 0xa5, 0x1000);
	EXPECT(go(&vm.cpu[0]), "setting the clock", DONE);
	CHECK(vm.ram[DATA_AT + 0x1f] == 0xa5 && vm.ram[DATA_AT + 0x40] == 0xa5);
	CHECK(vm.ram[DATA_AT + 0x20 + 4] == 0 && vm.ram[DATA_AT + 0x20 + 30] == 0 &&
	      vm.ram[DATA_AT + 0x20 + 31] == 0);
	vm_close(&vm);
}

GUEST(plant_xmm, 64,
      DEEP_SECRET
      "movq %rax, %xmm0; movlhps %xmm0, %xmm0; movaps %xmm0, %xmm9; xor %eax, %eax; out %al, $0x10");

/* Aligned words of all memory that is one number exclusive-or another. */
static unsigned long scan_all_memory(uint64_t one, uint64_t other)
{
	static uint64_t buffer[1 << 17];
	int fd = open("/proc/kcore", O_RDONLY);
	unsigned long hits = 0;
	Elf64_Ehdr head;
	Elf64_Phdr part;

	must(fd >= 0 && pread(fd, &head, sizeof(head), 0) == sizeof(head), "/proc/kcore");
	for (int i = 0; i < head.e_phnum; i++) {
		must(pread(fd, &part, sizeof(part), (off_t)(head.e_phoff + i * sizeof(part))) == sizeof(part),
		     "/proc/kcore");
		/* The direct map: physical memory, once. */
		if (part.p_type != PT_LOAD || part.p_paddr == ~0ull || part.p_vaddr >= 0xffffffff80000000)
			continue;
		for (uint64_t at = 0; at < part.p_filesz; at += sizeof(buffer)) {
			size_t want =
				part.p_filesz - at < sizeof(buffer) ? part.p_filesz - at : sizeof(buffer);
			ssize_t got = pread(fd, buffer, want, (off_t)(part.p_offset + at));

			for (ssize_t n = 0; n < got / 8; n++)
				hits += (buffer[n] ^ one) == other;
		}
	}
	memset(buffer, 0, sizeof(buffer));
	close(fd);
	return hits;
}

/* All memory that Linux can read is searched for a guest's registers, while it is there and afterwards. */
static void all_of_memory(void)
{
	volatile uint64_t *mine = malloc(64);
	unsigned long hits;
	struct vm vm;

	if (!on_engine())
		left_out("stock KVM keeps guests' registers in the control domain's own memory");
	must(mine != NULL, "malloc");
	vm_open(&vm, LONG, CODE(plant_xmm));
	EXPECT(go(&vm.cpu[0]), "planting", DONE);
	*mine = 0x0123456776543210;
	hits = scan_all_memory(0x1111111111111111, 0x1111111111111111 ^ *mine);
	CHECK(hits > 0); /* the search does find what is there */
	CHECK(scan_all_memory(deep_key, deep_other_key) == 0);
	vm_close(&vm);
	CHECK(scan_all_memory(deep_key, deep_other_key) == 0);
	free((void *)mine);
}

/* Where Engine's memory is; 0: this is not Engine. */
static uint64_t engine_memory(void)
{
	FILE *info = fopen("/sys/kernel/debug/nxtop/info", "r");
	unsigned long long base = 0;
	char line[128];

	while (info && !base && fgets(line, sizeof(line), info))
		sscanf(line, "memory_base %llx", &base);
	if (info)
		fclose(info);
	return base;
}

GUEST(touch_at, 64, "mov (%rcx), %rax; mov %rdx, (%rcx)");

/* By its physical address, and where a QEMU with root's rights makes it the guest's memory. */
static void memory_of_engine(void)
{
	uint64_t base = engine_memory();
	struct vm vm;
	void *mapped;
	int mem;

	if (!base)
		left_out("there is no Engine");
	vm_open(&vm, LONG, CODE(touch_at));
	EXPECT(try(&vm.cpu[0], 0, base, 0), "no memory of the guest's", KVM_EXIT_MMIO);
	mem = open("/dev/mem", O_RDWR | O_SYNC);
	must(mem >= 0, "/dev/mem");
	mapped = mmap(NULL, 0x200000, PROT_READ | PROT_WRITE, MAP_SHARED, mem, (off_t)base);
	must(mapped != MAP_FAILED, "mapping /dev/mem");
	for (unsigned flags = 0; flags <= KVM_MEM_READONLY; flags += KVM_MEM_READONLY) {
		must(!vm_slot(&vm, 5, flags, 0x40000000, 0x200000, mapped), "a slot of it");
		cpu_restart(&vm.cpu[0]);
		EXPECT(try(&vm.cpu[0], 0, 0x40000000, 0), "its slot", FAILED + EFAULT);
		must(!vm_slot(&vm, 5, 0, 0, 0, NULL), "taking it away");
	}
	vm_close(&vm);
}

const struct guest leak_guests[] = {
	{"leak-general", "searches general registers, CR2 and CR8 for another guest's",
	 "CVE-2013-4355, XSA-63", NULL, general},
	{"leak-fpu", "searches x87, XMM, YMM and MXCSR for another guest's",
	 "XSA-267, CVE-2018-3665; XSA-52, CVE-2013-2076; XSA-172", NULL, fpu},
	{"leak-debug", "searches the debug registers for another guest's", "APM vol. 2, 15.5.1", NULL, debug},
	{"leak-msr", "searches the MSRs that VMLOAD switches, TSC_AUX and PAT for another guest's",
	 "APM vol. 2, 15.5.2", NULL, model_specific},
	{"leak-told", "has QEMU search a new vCPU's state and shared pages", "CVE-2010-3881", NULL,
	 told_to_user_space},
	{"leak-of-control-domain", "searches registers for the control domain's", "XSA-267, CVE-2018-3665",
	 NULL, of_control_domain},
	{"leak-into-control-domain", "leaves its registers behind for the control domain's program",
	 "CVE-2018-3665", NULL, into_control_domain},
	{"leak-control-domain-msrs", "leaves its MSRs behind for the control domain's kernel",
	 "CVE-2014-3610", NULL, control_domain_msrs},
	{"leak-watchpoint", "arms a watchpoint on the control domain's memory", "XSA-12, CVE-2012-3494", NULL,
	 watchpoint},
	{"leak-memory", "searches its new memory for a dead guest's", "XSA-22; docs/engine.md, ownership",
	 NULL, memory},
	{"leak-translations", "uses the same addresses as another, in turn", "APM vol. 2, 15.16", NULL,
	 translations},
	{"leak-clock", "looks at what is written beside the paravirtual clock",
	 "CVE-2013-1796; CVE-2010-3881", NULL, clock_padding},
	{"leak-all-memory", "has the control domain search all memory for its registers",
	 "docs/threat-model.md, control domain to Engine", NULL, all_of_memory},
	{"leak-engine", "is given Engine's memory by its QEMU", "docs/threat-model.md, guest to Engine", NULL,
	 memory_of_engine},
	{0},
};
