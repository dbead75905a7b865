/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What exits, from a guest and from the control domain: the control blocks and permission maps that Engine
 * makes, as the processor reads them. Offsets and bits are those of AMD's manual (APM vol. 2, appendix B,
 * table B-1, 15.10.1 and 15.11), not of vmcb.h.
 */
#include "svm/svm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EXCEPTIONS 0x008
#define VECTOR3 0x00c
#define VECTOR4 0x010
#define IOPM_BASE 0x040
#define MSRPM_BASE 0x048
#define INTERRUPTS 0x060
#define NESTED 0x090
#define SAVED_EFER 0x4d0 /* table B-2 */

#define V_INTR_MASKING 24 /* of INTERRUPTS: physical interrupts do not ask the guest's RFLAGS.IF */
#define NP_ENABLE 1	  /* all of NESTED: nothing of SEV, no INVLPGB */

#define PAGES 16

u8 *test_memory;
static u64 used;
static u8 vmcb[4096];
static struct context ctx = {.hw = vmcb};

/* The world switch, which nothing here makes. */
extern const char svm_sleep_hlt[];
const char svm_sleep_hlt[1];
void svm_enter(struct nxt_regs *regs, u64 vmcb_pa);
void svm_sleep(const u32 *flag);

void svm_enter(struct nxt_regs *regs, u64 vmcb_pa)
{
	(void)regs;
	(void)vmcb_pa;
}

void svm_sleep(const u32 *flag)
{
	(void)flag;
}

static u64 alloc(u32 pages)
{
	u64 pa = used;

	used += pages * PAGE_SIZE;
	assert_true(used <= PAGES * PAGE_SIZE);
	return pa;
}

static int setup(void **state)
{
	(void)state;
	test_memory = calloc(PAGES, PAGE_SIZE);
	used = PAGE_SIZE;
	svm_ops.init(alloc);
	memset(vmcb, 0xee, sizeof(vmcb));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(test_memory);
	return 0;
}

static u32 word(u32 at)
{
	u32 value;

	memcpy(&value, vmcb + at, sizeof(value));
	return value;
}

static const u8 *map(u32 at)
{
	u64 pa;

	memcpy(&pa, vmcb + at, sizeof(pa));
	assert_true(pa && pa % PAGE_SIZE == 0 && pa < used);
	return test_memory + pa;
}

struct reason {
	u32 at, bit;
	const char *what;
};

/* What a guest never does without an exit. */
static const struct reason of_guest[] = {
	{EXCEPTIONS, 1, "#DB"},	      {EXCEPTIONS, 17, "#AC"},	 {EXCEPTIONS, 18, "#MC"},
	{VECTOR3, 0, "INTR"},	      {VECTOR3, 1, "NMI"},	 {VECTOR3, 15, "RDPMC"},
	{VECTOR3, 18, "CPUID"},	      {VECTOR3, 19, "RSM"},	 {VECTOR3, 22, "INVD"},
	{VECTOR3, 26, "INVLPGA"},     {VECTOR3, 27, "I/O"},	 {VECTOR3, 28, "MSRs"},
	{VECTOR3, 29, "task switch"}, {VECTOR3, 31, "shutdown"}, {VECTOR4, 0, "VMRUN"},
	{VECTOR4, 1, "VMMCALL"},      {VECTOR4, 2, "VMLOAD"},	 {VECTOR4, 3, "VMSAVE"},
	{VECTOR4, 4, "STGI"},	      {VECTOR4, 5, "CLGI"},	 {VECTOR4, 6, "SKINIT"},
	{VECTOR4, 9, "WBINVD"},	      {VECTOR4, 10, "MONITOR"},	 {VECTOR4, 11, "MWAIT"},
	{VECTOR4, 13, "XSETBV"},      {VECTOR4, 14, "RDPRU"},	 {INTERRUPTS, V_INTR_MASKING, "IF"},
};

/* What the control domain never does without one. */
static const struct reason of_cd[] = {
	{VECTOR3, 1, "NMI"},	   {VECTOR3, 18, "CPUID"}, {VECTOR3, 22, "INVD"},   {VECTOR3, 26, "INVLPGA"},
	{VECTOR3, 28, "MSRs"},	   {VECTOR4, 0, "VMRUN"},  {VECTOR4, 1, "VMMCALL"}, {VECTOR4, 2, "VMLOAD"},
	{VECTOR3, 31, "shutdown"}, {VECTOR4, 3, "VMSAVE"}, {VECTOR4, 4, "STGI"},    {VECTOR4, 5, "CLGI"},
	{VECTOR4, 6, "SKINIT"},
};

static void all_exit(const struct reason *reasons, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!(word(reasons[i].at) >> reasons[i].bit & 1))
			fail_msg("%s does not exit", reasons[i].what);
	}
	assert_int_equal(word(NESTED), NP_ENABLE);
	assert_true(word(SAVED_EFER) >> 12 & 1); /* SVME: clear, VMRUN refuses */
}

static void test_guest(void **state)
{
	(void)state;
	svm_ops.vcpu_init(&ctx);
	all_exit(of_guest, ARRAY_SIZE(of_guest));
	/* These, too, but there are guests that get them natively. */
	assert_int_equal(word(0x004), 0xffffffff); /* debug registers */
	assert_true(word(VECTOR3) >> 24 & 1);	   /* HLT */
}

/* Whatever else is asked of the back end later. */
static void test_guest_keeps_them(void **state)
{
	(void)state;
	svm_ops.vcpu_init(&ctx);
	for (u32 on = 0; on < 4; on++) {
		bool odd = on & 1;

		svm_ops.intercept_exceptions(&ctx, odd ? BIT(6) : 0);
		all_exit(of_guest, ARRAY_SIZE(of_guest));
		svm_ops.intercept_dr(&ctx, odd);
		svm_ops.intercept_hlt(&ctx, odd);
		svm_ops.intercept_iret(&ctx, odd);
		svm_ops.intercept_msrs(&ctx, odd);
		svm_ops.set_shadow(&ctx, odd);
		all_exit(of_guest, ARRAY_SIZE(of_guest));
		svm_ops.set_tpr(&ctx, odd ? 0xff : 0);
		svm_ops.inject(&ctx, &(struct event){.type = EVENT_INTR, .vector = 0xff});
		for (u32 priority = 0; priority <= 16; priority++) {
			svm_ops.want_window(&ctx, priority);
			all_exit(of_guest, ARRAY_SIZE(of_guest));
		}
		svm_ops.want_window(&ctx, 0);
		svm_make_virtual((struct vmcb *)vmcb);
		svm_end_virtual((struct vmcb *)vmcb);
		all_exit(of_guest, ARRAY_SIZE(of_guest));
	}
}

/* And nothing else: cd/cd.c does not know what to do with it. */
static void test_cd(void **state)
{
	u32 vector3 = 0, vector4 = 0;

	(void)state;
	svm_ops.cd_init(&ctx);
	all_exit(of_cd, ARRAY_SIZE(of_cd));
	for (size_t i = 0; i < ARRAY_SIZE(of_cd); i++)
		*(of_cd[i].at == VECTOR3 ? &vector3 : &vector4) |= 1u << of_cd[i].bit;
	for (u32 at = 0; at < 0x028; at += 4)
		assert_int_equal(word(at), at == VECTOR3 ? vector3 : at == VECTOR4 ? vector4 : 0);
	svm_ops.cd_pass_nmi(&ctx);
	assert_int_equal(word(VECTOR3), vector3 | 1u << 20); /* IRET */
	svm_ops.cd_catch_nmi(&ctx);
	assert_int_equal(word(VECTOR3), vector3);
}

static void test_ports(void **state)
{
	(void)state;
	svm_ops.vcpu_init(&ctx);
	/* The last three are for an access at 0xffff that goes past the end. */
	for (u32 port = 0; port < 0x10003; port++)
		assert_true(map(IOPM_BASE)[port / 8] >> port % 8 & 1);
}

/* 15.11: two bits for each MSR of three ranges. All others exit always. */
static const struct {
	u32 first, at;
} ranges[] = {{0, 0}, {0xc0000000, 0x800}, {0xc0010000, 0x1000}};

/* Bit 0: reading exits, bit 1: writing does. */
static u32 exits_for(u32 range, u32 n)
{
	return map(MSRPM_BASE)[ranges[range].at + n / 4] >> n % 4 * 2 & 3;
}

/* What VMLOAD and VMSAVE exchange, 15.5.2. */
static bool is_switched(u32 index)
{
	static const u32 switched[] = {
		0x174,	    0x175,	0x176,			/* SYSENTER_CS, _ESP, _EIP */
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, /* STAR, LSTAR, CSTAR, SFMASK */
		0xc0000100, 0xc0000101, 0xc0000102,		/* FS.base, GS.base, KernelGSbase */
	};

	for (size_t i = 0; i < ARRAY_SIZE(switched); i++) {
		if (switched[i] == index)
			return true;
	}
	return false;
}

static void guest_msrs_exit(bool all)
{
	for (u32 range = 0; range < ARRAY_SIZE(ranges); range++) {
		for (u32 n = 0; n < 0x2000; n++) {
			u32 index = ranges[range].first + n;
			u32 exits = exits_for(range, n), want = all || !is_switched(index) ? 3 : 0;

			if (exits != want)
				fail_msg("MSR %#x: %u instead of %u", index, exits, want);
		}
	}
}

static void test_guest_msrs(void **state)
{
	(void)state;
	svm_ops.vcpu_init(&ctx);
	guest_msrs_exit(false);
	svm_ops.intercept_msrs(&ctx, true);
	guest_msrs_exit(true);
	svm_ops.intercept_msrs(&ctx, false);
	guest_msrs_exit(false);
}

/* What would turn SVM off, move what addresses mean, or open SMM's memory; and the local APIC's mode, ICR. */
static u32 guarded(u32 index)
{
	switch (index) {
	case 0xc0000080: /* EFER */
	case 0xc0010114: /* VM_CR */
	case 0xc0010116: /* SMM_CTL */
	case 0xc0010117: /* VM_HSAVE_PA */
	case 0xc0010118: /* SVM_KEY */
		return 3;
	case 0x1b:	 /* APIC_BASE */
	case 0x830:	 /* ICR of an x2APIC */
	case 0xc0010010: /* SYSCFG */
	case 0xc0010016: /* IORR_BASE0 */
	case 0xc0010017: /* IORR_MASK0 */
	case 0xc0010018: /* IORR_BASE1 */
	case 0xc0010019: /* IORR_MASK1 */
	case 0xc001001a: /* TOP_MEM */
	case 0xc001001d: /* TOP_MEM2 */
	case 0xc0010111: /* SMBASE */
	case 0xc0010112: /* SMM_ADDR */
	case 0xc0010113: /* SMM_MASK */
		return 2;
	default:
		return 0;
	}
}

static void test_cd_msrs(void **state)
{
	(void)state;
	svm_ops.cd_init(&ctx);
	for (u32 range = 0; range < ARRAY_SIZE(ranges); range++) {
		for (u32 n = 0; n < 0x2000; n++) {
			u32 index = ranges[range].first + n, exits = exits_for(range, n);

			if (exits != guarded(index))
				fail_msg("MSR %#x: %u instead of %u", index, exits, guarded(index));
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_guest), TEST(test_guest_keeps_them), TEST(test_cd),
		TEST(test_ports), TEST(test_guest_msrs),       TEST(test_cd_msrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
