// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run page that cannot be trusted: each field changes to the worst as soon as it was read, and lengths are
 * whatever they can be. The driver must keep to what it read first, and to the pages that it has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "testvcpu.h"

#include <cmocka.h>

static void spoil(const volatile void *field, size_t size);

#define READ_ONCE(x)                                                                                         \
	({                                                                                                   \
		__typeof__(x) once = *(const volatile __typeof__(x) *)&(x);                                  \
		spoil(&(x), sizeof(x));                                                                      \
		once;                                                                                        \
	})
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define WARN_ON_ONCE(condition) (condition)
#define min_t(type, a, b)                                                                                    \
	({                                                                                                   \
		type a_once = (a), b_once = (b);                                                             \
		a_once < b_once ? a_once : b_once;                                                           \
	})
#ifndef KVM_HC_SCHED_YIELD
#define KVM_HC_SCHED_YIELD 11
#endif
#undef BIT
#define BIT(n) (1ul << (n))
static void yield(void)
{
}

#include "../exit.c"

#define FILL 0x5a

static struct nxt_run *run; /* each in memory of its own: the sanitizer sees the ends */
static struct kvm_run *kvm_run;
static struct nxt_vcpu vcpu;
static bool in_kernel; /* the driver has the device */
static u32 io_calls, io_bytes;

/* Engine, or whoever has got hold of the page, writes to it at the worst moment. */
static void spoil(const volatile void *field, size_t size)
{
	const u8 *at = (const u8 *)field;

	if (at >= (u8 *)run && at < (u8 *)(run + 1))
		memset((void *)at, 0xff, size);
}

static bool device(u32 len, const void *data)
{
	const u8 *at = data;

	assert_in_range(len, 1, 8);
	assert_true(at >= run->data && at + len <= run->data + NXT_RUN_DATA);
	io_calls++;
	io_bytes += len;
	return in_kernel;
}

bool nxt_io_write(struct nxt_vm *vm, enum nxt_bus bus, u64 addr, u32 len, const void *data)
{
	(void)vm;
	(void)bus;
	(void)addr;
	return device(len, data);
}

bool nxt_io_read(struct nxt_vm *vm, enum nxt_bus bus, u64 addr, u32 len, void *data)
{
	(void)vm;
	(void)bus;
	(void)addr;
	return device(len, data);
}

/* The fault is at the page that was named first. */
#define GPA 0x12345678

int nxt_fault(struct nxt_vcpu *self, u64 gpa, bool write, bool present)
{
	(void)self;
	(void)write;
	(void)present;
	assert_int_equal(gpa, GPA);
	return 0;
}

bool nxt_map_mmio(struct nxt_vcpu *self, u64 gpa)
{
	(void)self;
	assert_int_equal(gpa, GPA);
	return false;
}

static u8 eoi;

void nxt_ioapic_eoi(struct nxt_vm *vm, u8 vector)
{
	(void)vm;
	eoi = vector;
}

bool nxt_split_wants_eoi(struct nxt_vm *vm, u8 vector)
{
	(void)vm;
	assert_int_equal(vector, eoi);
	return true;
}

int nxt_msr_exit(struct nxt_vcpu *self)
{
	(void)self;
	fail();
	return 0;
}

int nxt_smm_enter(struct nxt_vcpu *self)
{
	return nxt_msr_exit(self);
}

int nxt_smm_leave(struct nxt_vcpu *self)
{
	return nxt_msr_exit(self);
}

void nxt_wall_clock(struct nxt_vcpu *self)
{
	nxt_msr_exit(self);
}

static int setup(void **state)
{
	(void)state;
	run = calloc(1, sizeof(*run));
	kvm_run = malloc(sizeof(*kvm_run));
	memset(kvm_run, FILL, sizeof(*kvm_run));
	vcpu = (struct nxt_vcpu){.run = run, .kvm_run = kvm_run, .pio_page = malloc(PAGE_SIZE)};
	in_kernel = false;
	io_calls = io_bytes = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(run);
	free(kvm_run);
	free(vcpu.pio_page);
	return 0;
}

/* The reason's part of kvm_run ends here; what follows is not for an exit to change. */
static void nothing_behind(size_t end)
{
	const u8 *at = (const u8 *)kvm_run;

	for (size_t i = offsetof(struct kvm_run, hw) + end; i < sizeof(*kvm_run); i++)
		assert_int_equal(at[i], FILL);
}

static void mmio(u32 len, bool write)
{
	u32 taken = len < 8 ? len : 8;

	run->mmio.gpa = GPA;
	run->mmio.len = len;
	run->mmio.write = write;
	memset(kvm_run, FILL, sizeof(*kvm_run));
	vcpu.answer_len = 0;
	assert_int_equal(nxt_exit_handle(&vcpu, NXT_EXIT_MMIO), 0);
	assert_int_equal(kvm_run->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(kvm_run->mmio.phys_addr, GPA);
	assert_int_equal(kvm_run->mmio.len, taken);
	assert_int_equal(kvm_run->mmio.is_write, write);
	assert_int_equal(vcpu.answer_len, write ? 0 : taken);
	nothing_behind(sizeof(kvm_run->mmio));
}

static void test_mmio(void **state)
{
	(void)state;
	for (u32 len = 1; len < 300; len++) {
		mmio(len, false);
		mmio(len, true);
	}
	mmio(~0u, false);
	mmio(~0u, true);
}

static void pio(u8 size, u32 count, bool in)
{
	bool valid = size >= 1 && size <= 4 && count >= 1 && (u64)size * count <= NXT_RUN_DATA;
	int ret;

	run->pio.port = 0x3f8;
	run->pio.size = size;
	run->pio.in = in;
	run->pio.count = count;
	vcpu.answer_len = 0;
	io_calls = io_bytes = 0;
	ret = nxt_exit_handle(&vcpu, NXT_EXIT_PIO);
	if (!valid) {
		assert_int_equal(ret, -EIO);
		assert_int_equal(io_calls, 0);
	} else if (in_kernel) {
		assert_int_equal(ret, 1);
		assert_int_equal(io_calls, count);
		assert_int_equal(io_bytes, size * count);
	} else {
		assert_int_equal(ret, 0);
		assert_int_equal(kvm_run->io.port, 0x3f8);
		assert_int_equal(kvm_run->io.size, size);
		assert_int_equal(kvm_run->io.count, count);
		assert_int_equal(vcpu.answer_len, in ? size * count : 0);
		assert_true(vcpu.answer_len <= PAGE_SIZE);
	}
}

static void test_pio(void **state)
{
	/* Products of 32 bits that are small, among them. */
	static const u32 counts[] = {0,		 1,	     2,		 1023,	     1024,
				     2047,	 2048,	     2049,	 4095,	     4096,
				     4097,	 0x10000,    0x40000000, 0x40000001, 0x55555556,
				     0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};

	(void)state;
	for (u32 size = 0; size < 256; size++) {
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			for (u32 how = 0; how < 4; how++) {
				in_kernel = how & 1;
				pio(size, counts[i], how & 2);
			}
		}
	}
}

static void test_undecodable(void **state)
{
	(void)state;
	for (u32 len = 0; len < 256; len++) {
		run->emulation.insn_len = len;
		memset(kvm_run, FILL, sizeof(*kvm_run));
		assert_int_equal(nxt_exit_handle(&vcpu, NXT_EXIT_EMULATION), 0);
		assert_int_equal(kvm_run->emulation_failure.ndata, len ? 3 : 1);
		assert_int_equal(kvm_run->emulation_failure.insn_size, len < 15 ? len : 15);
		nothing_behind(sizeof(kvm_run->emulation_failure));
	}
}

/* What is asked of one page is not done to another. */
static void test_faults(void **state)
{
	(void)state;
	for (u32 bits = 0; bits < 4; bits++) {
		run->npf.gpa = GPA;
		run->npf.write = bits & 1;
		run->npf.present = bits >> 1;
		assert_int_equal(nxt_exit_handle(&vcpu, NXT_EXIT_NPF), 1);
		run->npf.gpa = GPA;
		assert_int_equal(nxt_exit_handle(&vcpu, NXT_EXIT_RESIDENT), 1);
	}
}

static void test_eoi(void **state)
{
	(void)state;
	for (u32 vector = 0; vector < 256; vector++) {
		run->eoi.vector = 0xabcdef00 | vector;
		assert_int_equal(nxt_exit_handle(&vcpu, NXT_EXIT_EOI), 0);
		assert_int_equal(eoi, vector);
		assert_int_equal(kvm_run->eoi.vector, vector);
	}
}

/* One of a program in the guest is refused, also if it says later that it was the guest's kernel. */
static void test_hypercall(void **state)
{
	(void)state;
	run->hypercall.nr = KVM_HC_SCHED_YIELD;
	run->hypercall.cpl = 3;
	assert_int_equal(nxt_exit_handle(&vcpu, NXT_EXIT_HYPERCALL), 1);
	assert_int_equal(run->hypercall.ret, -KVM_EPERM);
	run->hypercall.nr = KVM_HC_SCHED_YIELD;
	run->hypercall.cpl = 0;
	assert_int_equal(nxt_exit_handle(&vcpu, NXT_EXIT_HYPERCALL), 1);
	assert_int_equal(run->hypercall.ret, 0);
}

/* A reason that there is not. */
static void test_unknown(void **state)
{
	static const long reasons[] = {22, 1000, 0x7fffffff, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		memset(kvm_run, FILL, sizeof(*kvm_run));
		assert_int_equal(nxt_exit_handle(&vcpu, reasons[i]), 0);
		assert_int_equal(kvm_run->exit_reason, KVM_EXIT_INTERNAL_ERROR);
		assert_int_equal(kvm_run->internal.data[0], reasons[i]);
		nothing_behind(sizeof(kvm_run->internal));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mmio), TEST(test_pio),       TEST(test_undecodable), TEST(test_faults),
		TEST(test_eoi),	 TEST(test_hypercall), TEST(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
