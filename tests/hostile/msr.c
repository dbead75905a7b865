/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers: those that are not there, and values that are not allowed. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hostile.h"

GUEST(rdmsr, 64, "rdmsr");
GUEST(wrmsr, 64, "wrmsr");
/* Reads back what it has written. */
GUEST(wrmsr_rdmsr, 64, "wrmsr; xor %eax, %eax; xor %edx, %edx; rdmsr");

#define ONES 0xffffffffull
#define NOT_CANONICAL 0x8000000000001000ull

static int put(struct vm *vm, uint32_t msr, uint64_t value)
{
	return try(&vm->cpu[0], value & ONES, msr, value >> 32);
}

static uint64_t result(struct vm *vm)
{
	struct kvm_regs regs;

	cpu_get(&vm->cpu[0], &regs);
	return regs.rdx << 32 | (regs.rax & ONES);
}

/* All values must be #GP. */
static void refused(uint32_t msr, const uint64_t *values, size_t n)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(wrmsr));
	for (size_t i = 0; i < n; i++)
		EXPECT(put(&vm, msr, values[i]), "write", FAULT + GP);
	vm_close(&vm);
}
#define REFUSED(msr, ...)                                                                                    \
	refused(msr, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

static void unknown(void)
{
	static const uint32_t msrs[] = {0x12345,    0x3fff,	0x4fff,	    0x8000,
					0x3fffffff, 0x80000000, 0xbfffffff, 0xc0002000,
					0xc000ffff, 0xc0011fff, 0xc0012000, 0xffffffff};
	struct vm vm;

	vm_open(&vm, LONG, CODE(rdmsr));
	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		EXPECT(try(&vm.cpu[0], ~0ull, 0xabcdull << 32 | msrs[i], ~0ull), "read", FAULT + GP);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(wrmsr));
	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		EXPECT(try(&vm.cpu[0], ~0ull, msrs[i], ~0ull), "write", FAULT + GP);
	vm_close(&vm);
}

static void x2apic_beyond(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | X2APIC, CODE(rdmsr));
	for (uint32_t msr = 0x840; msr < 0xc00; msr += msr < 0x850 ? 1 : 13)
		EXPECT(try(&vm.cpu[0], 0, msr, 0), "read", FAULT + GP);
	vm_close(&vm);
}

static void x2apic_off(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(rdmsr));
	for (uint32_t msr = 0x800; msr < 0x840; msr += 3)
		EXPECT(try(&vm.cpu[0], 0, msr, 0), "read", FAULT + GP);
	vm_close(&vm);
}

static void efer(void)
{
	enum { LMSLE = 13 };
	uint64_t others = ~0xd01ull; /* SCE, LME, LMA, NX are allowed */
	/* Stock offers limits in long mode if no CPUID bit denies them; the emulated processor has none. */
	int lax = in_qemu() && !on_engine() ? KVM_EXIT_FAIL_ENTRY : FAULT + GP;
	struct vm vm;

	vm_open(&vm, LONG, CODE(wrmsr));
	for (int bit = 0; bit < 64; bit++)
		/* FFXSR and what newer processors add is theirs to offer. */
		if (others >> bit & 1 && bit != 14 && bit != 15 && bit != 21)
			EXPECT(put(&vm, 0xc0000080, 0x500 | 1ull << bit), "reserved bit", FAULT + GP,
			       bit == LMSLE ? lax : FAULT + GP);
	EXPECT(put(&vm, 0xc0000080, 0x500 | 1 << 12), "SVME", FAULT + GP);
	EXPECT(put(&vm, 0xc0000080, 0), "LME while paging is on", FAULT + GP);
	vm_close(&vm);
}

static void pat(void)
{
	REFUSED(0x277, 2, 3, 8, 0xff, 0x0007040600070402, 0x0207040600070406, 0x0307040600070406,
		0x8007040600070406, ~0ull);
}

static void mtrr(void)
{
	REFUSED(0x2ff, 0x100, 0x802, 0xcff, 1ull << 36, ~0ull);
	REFUSED(0x200, 2, 0x100, 0xf06, 1ull << 60, ~0ull);
	REFUSED(0x201, 1, 0x7ff, 1ull << 60, ~0ull);
	REFUSED(0x250, 2, 0x0202020202020202, ~0ull);
	REFUSED(0x26f, 3, 0xff06060606060606, ~0ull);
	REFUSED(0xfe, 0, 8, ~0ull);
	/* What looks like one of them, and is none. */
	REFUSED(0x210, 0, 6);
	REFUSED(0x251, 0, 6);
	REFUSED(0x25a, 0, 6);
	REFUSED(0x270, 0, 6);
	REFUSED(0x2f8, 0, 6, ~0ull);
}

static void apic_base(void)
{
	REFUSED(0x1b, 0xfee00400, 0xfee00901, 0xfee00a00, 0xfee00900 | 1ull << 52, 0xfee00900 | 1ull << 63,
		~0ull);
}

static void apic_base_modes(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | X2APIC, CODE(wrmsr));
	EXPECT(put(&vm, 0x1b, 0xfee00900), "x2APIC to xAPIC", FAULT + GP);
	EXPECT(put(&vm, 0x1b, 0xfee00500), "x2APIC without the APIC", FAULT + GP);
	EXPECT(put(&vm, 0x1b, 0xfee00d00), "x2APIC to itself", DONE);
	vm_close(&vm);
}

static void not_canonical(void)
{
	static const uint32_t msrs[] = {0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101,
					0xc0000102, 0x175,	0x176};
	struct vm vm;

	vm_open(&vm, LONG, CODE(wrmsr));
	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry;
		} list = {.head = {.nmsrs = 1}, .entry = {.index = msrs[i], .data = NOT_CANONICAL}};

		EXPECT(put(&vm, msrs[i], NOT_CANONICAL), "write", FAULT + GP, DONE);
		/* Stock makes SYSENTER's addresses canonical where Engine refuses them. */
		if (on_engine() || msrs[i] >> 4 != 0x17)
			CHECK(ioctl(vm.cpu[0].fd, KVM_SET_MSRS, &list) == 0);
	}
	vm_close(&vm);
	/* Were one still in the CPU, a system call of this process would end it. */
	CHECK(getppid() > 0);
}

static void debugctl(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(wrmsr_rdmsr));
	for (int bit = 0; bit < 64; bit++) {
		int got = put(&vm, 0x1d9, 1ull << bit);

		EXPECT(got, "write", FAULT + GP, on_engine() ? FAULT + GP : DONE);
	}
	vm_close(&vm);
}

static void tsc_aux(void)
{
	struct vm vm;
	int got;

	vm_open(&vm, LONG, CODE(wrmsr_rdmsr));
	got = put(&vm, 0xc0000103, 0xdeadbeef00000007);
	EXPECT(got, "write", FAULT + GP, DONE);
	if (got == DONE)
		CHECK(result(&vm) == 7);
	vm_close(&vm);
}

static void spec_ctrl(void)
{
	REFUSED(0x48, 1ull << 10, 1ull << 63, ~0ull);
	REFUSED(0x49, 2, 1ull << 63, ~0ull);
	REFUSED(0x10b, 2, 1ull << 63, ~0ull);
}

static void machine_check(void)
{
	REFUSED(0x401, 1, ~0ull);      /* STATUS of bank 0 */
	REFUSED(0x400, 2, 0x12345678); /* CTL: all or nothing */
	REFUSED(0x179, 0, ~0ull);
	REFUSED(0x480, 0, ~0ull); /* behind the last bank */
	REFUSED(0xc0010015, 1ull << 40, 1ull << 63);
}

/* AMD's and Intel's energy meters: the first #GP, the second nothing. */
static void energy(void)
{
	static const uint32_t intel[] = {0x606, 0x611, 0x619, 0x639, 0x641},
			      amd[] = {0xc0010299, 0xc001029a, 0xc001029b};
	struct vm vm;

	vm_open(&vm, LONG, CODE(rdmsr));
	for (size_t i = 0; i < sizeof(intel) / sizeof(intel[0]); i++) {
		int got = try(&vm.cpu[0], 0, intel[i], 0);

		EXPECT(got, "read", DONE, FAULT + GP);
		CHECK(got != DONE || result(&vm) == 0);
	}
	for (size_t i = 0; i < sizeof(amd) / sizeof(amd[0]); i++)
		EXPECT(try(&vm.cpu[0], 0, amd[i], 0), "read", FAULT + GP);
	vm_close(&vm);
}

/* The registers of SMM, memory's map and SVM's own: whatever the guest hears, it is not the machine's. */
static void machine(void)
{
	static const uint32_t msrs[] = {0xc0010010, 0xc0010016, 0xc0010017, 0xc0010018, 0xc0010019,
					0xc001001a, 0xc001001d, 0xc0010058, 0xc0010111, 0xc0010112,
					0xc0010113, 0xc0010114, 0xc0010115, 0xc0010116, 0xc0010117,
					0xc0010118, 0xc0010119, 0x9b,	    0x9e};
	struct vm vm;

	vm_open(&vm, LONG, CODE(wrmsr_rdmsr));
	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		EXPECT(put(&vm, msrs[i], 0x1000), "write", FAULT + GP, DONE);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(rdmsr));
	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		int got = try(&vm.cpu[0], 0, msrs[i], 0);

		EXPECT(got, "read", FAULT + GP, DONE);
		if (on_engine() && got == DONE)
			CHECK(result(&vm) == 0);
	}
	vm_close(&vm);
}

/* In memory's last bytes, across a page, in a device, in ROM, in a table that is in use, nowhere. */
static void clocks(void)
{
	static const uint32_t msrs[] = {0x11, 0x12, 0x4b564d00, 0x4b564d01};
	static const uint64_t places[] = {
		RAM_SIZE - 4, RAM_SIZE - 16, DATA_AT + 0xff0,	 HOLE_AT,	    HOLE_AT - 8,
		ROM_AT,	      ROM_AT - 8,    TABLES_AT + 0xfe0,	 0xfee00000,	    1ull << 40,
		1ull << 52,   NOT_CANONICAL, 0xfffffffffffffff8, 0x7ffffffffffffffe};
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | VM_ROM, CODE(wrmsr));
	for (size_t m = 0; m < sizeof(msrs) / sizeof(msrs[0]); m++)
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
			EXPECT(put(&vm, msrs[m], places[i] | (m & 1)), "write", DONE, FAULT + GP);
	for (size_t i = 0; i < 0x1000; i++)
		if (vm.ram[ROM_AT + i]) {
			CHECK(!"ROM was written");
			break;
		}
	vm_close(&vm);
}

static void steal_time(void)
{
	struct vm vm;

	REFUSED(0x4b564d03, DATA_AT | 3, DATA_AT | 0x21, DATA_AT | 0x3f);
	vm_open(&vm, LONG | VM_ROM, CODE(wrmsr));
	for (uint64_t at = FREE_AT; at < 1ull << 51; at <<= 1)
		EXPECT(put(&vm, 0x4b564d03, at | 1), "write", DONE, FAULT + GP);
	EXPECT(put(&vm, 0x4b564d03, ROM_AT | 1), "write", DONE);
	CHECK(vm.ram[ROM_AT] == 0);
	vm_close(&vm);
}

/* A counter of a generator says which; the same in each run. */
static void any(void)
{
	struct vm vm;
	uint64_t x = 88172645463325252;

	vm_open(&vm, LONG | CHIPS, CODE(wrmsr));
	for (int i = 0; i < 3000; i++) {
		static const uint32_t bases[] = {0,	     0x200,	 0x400,	     0x800,
						 0xc0000000, 0xc0000080, 0xc0010000, 0x4b564d00};
		uint32_t msr;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		msr = bases[x >> 8 & 7] + (x >> 16 & (x & 1 ? 0x7f : 0x1ff));
		if (i % 50 ==
		    0) /* the clock writes into memory, perhaps into the tables: a guest's own trouble */
			vm_close(&vm), vm_open(&vm, LONG | CHIPS, CODE(wrmsr));
		EXPECT(put(&vm, msr, x & 2 ? x : 1ull << (x >> 40 & 63)), "write", DONE, FAULT + GP,
		       FAULT + UD, FAULT + PF, KVM_EXIT_SHUTDOWN, KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_MMIO);
	}
	vm_close(&vm);
}

static void at_cpl3(void)
{
	static const uint32_t msrs[] = {0x10, 0x1b, 0x277, 0xc0000080, 0xc0000082, 0xc0000102, 0x830};
	struct vm vm;

	for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		vm_open(&vm, LONG | USER, CODE(rdmsr));
		EXPECT(try(&vm.cpu[0], 0, msrs[i], 0), "read", FAULT + GP);
		vm_close(&vm);
		vm_open(&vm, LONG | USER, CODE(wrmsr));
		EXPECT(try(&vm.cpu[0], 0, msrs[i], 0), "write", FAULT + GP);
		vm_close(&vm);
	}
}

const struct guest msr_guests[] = {
	{"msr-unknown", "reads and writes MSRs that do not exist, at the edges of each range",
	 "APM vol. 2, 15.11", NULL, unknown},
	{"msr-x2apic-beyond", "reads x2APIC MSRs behind the last register", "XSA-108, CVE-2014-7188", NULL,
	 x2apic_beyond},
	{"msr-x2apic-off", "reads x2APIC MSRs in xAPIC mode", "SDM vol. 3, 11.12.2", NULL, x2apic_off},
	{"msr-efer", "sets each reserved bit of EFER, SVME, and leaves long mode by LME", "APM vol. 2, 3.1.7",
	 NULL, efer},
	{"msr-pat", "writes reserved memory types to the PAT", "APM vol. 2, 7.8.1", NULL, pat},
	{"msr-mtrr", "writes reserved types and bits to MTRRs, and to MSRs beside them", "CVE-2016-3713",
	 NULL, mtrr},
	{"msr-apic-base", "writes reserved bits to APIC_BASE", "SDM vol. 3, 11.4.4", NULL, apic_base},
	{"msr-apic-base-modes", "makes forbidden transitions of the local APIC's mode", "SDM vol. 3, 11.12.5",
	 NULL, apic_base_modes},
	{"msr-not-canonical", "puts addresses that are not canonical where VM entries load them from",
	 "CVE-2014-3610, XSA-193",
	 "the emulated processor takes what the guest writes: a real one answers #GP; user space is refused",
	 not_canonical},
	{"msr-debugctl", "turns on branch recording, branch stepping and what else DEBUGCTL has",
	 "APM vol. 2, 13.1.6", "stock ignores some bits", debugctl},
	{"msr-tsc-aux", "writes more than 32 bits to TSC_AUX", "APM vol. 3, RDTSCP",
	 "Engine: #GP; stock drops the upper half", tsc_aux},
	{"msr-spec-ctrl", "writes reserved bits to SPEC_CTRL, PRED_CMD and FLUSH_CMD", "APM vol. 2, 3.2.9",
	 NULL, spec_ctrl},
	{"msr-machine-check", "writes to machine-check banks, behind the last one, and to HWCR",
	 "APM vol. 2, 9.3", NULL, machine_check},
	{"msr-energy", "reads the processor's energy meters", "XSA-351, CVE-2020-8694", NULL, energy},
	{"msr-machine", "writes the MSRs of SMM, of memory's map and of SVM", "APM vol. 2, 10.2 and 15.30",
	 NULL, machine},
	{"msr-clock", "puts the paravirtual clock across pages, in ROM, in devices and nowhere",
	 "CVE-2013-1796, CVE-2013-1797", NULL, clocks},
	{"msr-steal-time", "puts the steal time everywhere, with reserved bits",
	 "Linux' virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME", NULL, steal_time},
	{"msr-any", "writes 3,000 random values to random MSRs", "fuzzing", NULL, any},
	{"msr-cpl3", "reads and writes MSRs at CPL 3", "APM vol. 3, RDMSR", NULL, at_cpl3},
	{0},
};
