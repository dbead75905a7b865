/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "guest/cpuid.h"

static struct nxt_cpuid_list list;
static struct cpuid_table table;
static const struct cpuid_state idle = {.apic_enabled = true};

/* -- CPUs to take the policy from ------------------------------------------------------------------ */

/* Every bit set: whatever is hidden is hidden by the list. XSAVE sizes are those of a real CPU. */
static void greedy(u32 leaf, u32 subleaf, struct cpuid_regs *out)
{
	static const struct cpuid_regs xsave[] = {
		[2] = {256, 576, 0, 0}, [3] = {64, 960, 0, 0},	 [4] = {64, 1024, 0, 0},
		[5] = {64, 1088, 0, 0}, [6] = {512, 1152, 0, 0}, [7] = {1024, 1664, 0, 0},
		[9] = {8, 2688, 0, 0},	[17] = {64, 2752, 2, 0}, [18] = {8192, 2816, 6, 0},
	};

	*out = (struct cpuid_regs){~0u, ~0u, ~0u, ~0u};
	if (leaf == 0 || leaf == 0x80000000)
		*out = (struct cpuid_regs){leaf + 0x24, 0x68747541, 0x444d4163, 0x69746e65};
	if (leaf == 0x80000008)
		out->eax = 0x3934; /* 52 physical, 57 linear */
	if (leaf == 0xd && subleaf > 1)
		*out = subleaf < ARRAY_SIZE(xsave) ? xsave[subleaf] : (struct cpuid_regs){0};
	if ((leaf == 4 || leaf == 0x8000001d) && subleaf > 3)
		*out = (struct cpuid_regs){0};
}

/* A CPU of 2003, without XSAVE. */
static void old(u32 leaf, u32 subleaf, struct cpuid_regs *out)
{
	(void)subleaf;
	*out = (struct cpuid_regs){0};
	if (leaf == 0)
		*out = (struct cpuid_regs){1, 0x68747541, 0x444d4163, 0x69746e65};
	else if (leaf == 1)
		*out = (struct cpuid_regs){0xf4a, 0x05000800, 0, 0x078bfbff};
	else if (leaf == 0x80000000)
		out->eax = 0x80000001;
	else if (leaf == 0x80000001)
		out->edx = 0xe3d3fbff;
}

static void real(u32 leaf, u32 subleaf, struct cpuid_regs *out)
{
	__asm__ volatile("cpuid"
			 : "=a"(out->eax), "=b"(out->ebx), "=c"(out->ecx), "=d"(out->edx)
			 : "a"(leaf), "c"(subleaf));
}

static struct cpuid_regs ask(u32 leaf, u32 subleaf, const struct cpuid_state *state)
{
	struct cpuid_regs r;

	cpuid_lookup(&table, leaf, subleaf, state, &r);
	return r;
}

static void offer(cpuid_raw_fn *raw)
{
	memset(&table, 0, sizeof(table));
	cpuid_policy(&list, raw);
	assert_int_equal(cpuid_set(&table, &list), 0);
}

static void hides(void **state)
{
	static const u32 hidden[] = {
		CPUID_SVM,
		CPUID_XSAVES,
		CPUID_LA57,
		CPUID_AUTOIBRS,
		CPUID_ARCH_CAPABILITIES,
		CPUID_F(CPUID_1_ECX, 3), /* MONITOR */
		CPUID_F(CPUID_1_ECX, 5),
		/* VMX */ CPUID_F(CPUID_1_ECX, 6), /* SMX */
		CPUID_F(CPUID_1_ECX, 15),
		/* PDCM */ CPUID_F(CPUID_1_EDX, 21), /* DS */
		CPUID_F(CPUID_7_EBX, 2),
		/* SGX */ CPUID_F(CPUID_7_EBX, 14), /* MPX */
		CPUID_F(CPUID_7_EBX, 25),
		/* PT */ CPUID_F(CPUID_7_ECX, 5), /* WAITPKG */
		CPUID_F(CPUID_7_ECX, 7),
		/* shadow stacks */ CPUID_F(CPUID_7_EDX, 20), /* IBT */
		CPUID_F(CPUID_7_EDX, 22),
		CPUID_F(CPUID_7_EDX, 24),
		CPUID_F(CPUID_7_EDX, 25), /* AMX */
		CPUID_F(CPUID_D_1_EAX, 4),
		/* XFD */ CPUID_F(CPUID_E1_ECX, 10), /* IBS */
		CPUID_F(CPUID_E1_ECX, 12),
		/* SKINIT */ CPUID_F(CPUID_E1_ECX, 15), /* LWP */
		CPUID_F(CPUID_E1_ECX, 23),
		CPUID_F(CPUID_E1_ECX, 24),
		CPUID_F(CPUID_E1_ECX, 28), /* PERFCTR */
		CPUID_F(CPUID_E1_ECX, 29),
		/* MWAITX */ CPUID_F(CPUID_E8_EBX, 4), /* RDPRU */
		CPUID_F(CPUID_KVM_EAX, 4),	       /* asynchronous page faults */
		CPUID_F(CPUID_KVM_EAX, 7),	       /* kicks of halted vCPUs */
	};
	static const u32 shown[] = {CPUID_X2APIC,
				    CPUID_TSC_DEADLINE,
				    CPUID_HYPERVISOR,
				    CPUID_APIC,
				    CPUID_TSC_ADJUST,
				    CPUID_XSAVE,
				    CPUID_NX,
				    CPUID_LM,
				    CPUID_RDTSCP,
				    CPUID_PCID,
				    CPUID_SPEC_CTRL,
				    CPUID_AMD_SSBD,
				    CPUID_PKU,
				    CPUID_FSGSBASE,
				    CPUID_F(CPUID_6_EAX, 2),
				    CPUID_KVM_CLOCK_OLD,
				    CPUID_KVM_CLOCK,
				    CPUID_F(CPUID_KVM_EAX, 24)};

	(void)state;
	offer(greedy);
	for (u32 i = 0; i < ARRAY_SIZE(hidden); i++)
		if (cpuid_has(&table, hidden[i]))
			fail_msg("word %u bit %u is offered", hidden[i] / 32, hidden[i] % 32);
	for (u32 i = 0; i < ARRAY_SIZE(shown); i++)
		if (!cpuid_has(&table, shown[i]))
			fail_msg("word %u bit %u is hidden", shown[i] / 32, shown[i] % 32);
	assert_int_equal(ask(0, 0, &idle).eax, 0xd);
	assert_int_equal(ask(0x80000000, 0, &idle).eax, 0x80000021);
	assert_int_equal(ask(0xa, 0, &idle).eax, 0); /* no PMU */
	assert_int_equal(ask(0x12, 0, &idle).eax, 0);
	assert_int_equal(ask(0x8000000a, 0, &idle).edx, 0);
	assert_int_equal(ask(0x8000001f, 0, &idle).eax, 0);
	assert_int_equal(ask(0x80000008, 0, &idle).eax, 0x3034);
	assert_int_equal(ask(4, 0, &idle).eax >> 14, 0);
	assert_int_equal(ask(4, 3, &idle).ebx, ~0u);
	assert_int_equal(ask(1, 0, &idle).ebx >> 24, 0);
	assert_int_equal(table.features.maxphyaddr, 52);
	assert_true(table.features.amd);
}

static void xsave(void **state)
{
	struct cpuid_state s = {.xcr0 = 1, .cr4 = BIT(18)};

	(void)state;
	assert_true(cpuid_guest_xcr0(greedy) == 0x2e7);
	assert_int_equal(cpuid_xsave_size(greedy, 0x2e7), 2696);
	assert_int_equal(cpuid_xsave_size(greedy, 7), 832);
	offer(greedy);
	assert_true(table.features.xcr0 == 0x2e7);
	assert_int_equal(ask(0xd, 0, &s).ecx, 2696);
	assert_int_equal(ask(0xd, 0, &s).ebx, 576);
	s.xcr0 = 7;
	assert_int_equal(ask(0xd, 0, &s).ebx, 832);
	assert_int_equal(ask(0xd, 1, &s).ebx, 832);
	s.xcr0 = 0x207; /* the compacted format has no holes */
	assert_int_equal(ask(0xd, 0, &s).ebx, 2696);
	assert_int_equal(ask(0xd, 1, &s).ebx, 840);
	assert_int_equal(ask(0xd, 9, &s).ebx, 2688);
	assert_int_equal(ask(0xd, 17, &s).eax, 0);
	assert_int_equal(ask(0xd, 18, &s).eax, 0);
}

static void old_cpu(void **state)
{
	(void)state;
	assert_true(cpuid_guest_xcr0(old) == 0);
	offer(old);
	assert_int_equal(ask(0, 0, &idle).eax, 1);
	assert_int_equal(ask(7, 0, &idle).ebx, 0);
	assert_int_equal(ask(0xd, 0, &idle).eax, 0);
	assert_int_equal(table.features.maxphyaddr, 36);
	assert_true(cpuid_has(&table, CPUID_LM));
}

static void this_cpu(void **state)
{
	struct cpuid_regs r, g;

	(void)state;
	offer(real);
	real(0, 0, &r);
	g = ask(0, 0, &idle);
	assert_true(g.eax <= r.eax && g.ebx == r.ebx && g.ecx == r.ecx && g.edx == r.edx);
	assert_true(cpuid_xsave_size(real, cpuid_guest_xcr0(real)) <= NXT_PAGE_SIZE);
	assert_true(list.count < 60);
	assert_true(cpuid_has(&table, CPUID_LM) && cpuid_has(&table, CPUID_PAT));
}

static void kvm_leaves(void **state)
{
	struct cpuid_regs r;

	(void)state;
	offer(greedy);
	r = ask(0x40000000, 0, &idle);
	assert_int_equal(r.eax, 0x40000001);
	assert_memory_equal(&r.ebx, "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(ask(0x40000001, 0, &idle).eax, 0x0100002b);
}

static void dynamic_bits(void **state)
{
	struct cpuid_state s = {0};

	(void)state;
	offer(greedy);
	assert_false(ask(1, 0, &s).ecx & BIT(27));
	assert_false(ask(1, 0, &s).edx & BIT(9));
	assert_false(ask(7, 0, &s).ecx & BIT(4));
	s = (struct cpuid_state){.cr4 = BIT(18) | BIT(22), .apic_enabled = true};
	assert_true(ask(1, 0, &s).ecx & BIT(27));
	assert_true(ask(1, 0, &s).edx & BIT(9));
	assert_true(ask(7, 0, &s).ecx & BIT(4));
	assert_false(ask(7, 1, &s).ecx & BIT(4));

	/* User space's own idea of these bits does not count. */
	list = (struct nxt_cpuid_list){.count = 1,
				       .entry[0] = {.leaf = 1, .ecx = ~0u & ~(u32)BIT(26), .edx = ~0u}};
	cpuid_set(&table, &list);
	s.apic_enabled = false;
	assert_false(ask(1, 0, &s).ecx & BIT(27));
	assert_false(ask(1, 0, &s).edx & BIT(9));
}

static void put(u32 leaf, u32 subleaf, u32 flags, u32 eax, u32 ebx)
{
	list.entry[list.count++] =
		(struct nxt_cpuid){.leaf = leaf, .subleaf = subleaf, .flags = flags, .eax = eax, .ebx = ebx};
}

static void lookup(void **state)
{
	struct nxt_cpuid_list copy;

	(void)state;
	memset(&list, 0, sizeof(list));
	put(0x80000008, 0, 0, 0x3028, 0);
	put(4, 1, NXT_CPUID_SUBLEAF, 0x41, 0);
	put(0, 0, 0, 0x1f, 0x756e6547); /* Intel */
	put(4, 0, NXT_CPUID_SUBLEAF, 0x40, 0);
	put(0xb, 0, NXT_CPUID_SUBLEAF, 1, 0);
	put(0xb, 1, NXT_CPUID_SUBLEAF, 2, 0);
	list.entry[5].edx = 77;
	put(0x1f, 0, NXT_CPUID_SUBLEAF, 0x1f1f, 5);
	put(2, 9, 0, 0x22, 0); /* subleaf not significant */
	put(2, 0, 0, 0x23, 0); /* a second one is never found */
	put(0x40000000, 0, 0, 0x40000001, 0);
	put(0x80000000, 0, 0, 0x80000008, 0);
	assert_int_equal(cpuid_set(&table, &list), 0);
	cpuid_get(&table, &idle, &copy);
	assert_memory_equal(&copy, &list, sizeof(list));
	assert_int_equal(table.features.maxphyaddr, 40);

	assert_int_equal(ask(4, 0, &idle).eax, 0x40);
	assert_int_equal(ask(4, 1, &idle).eax, 0x41);
	assert_int_equal(ask(4, 2, &idle).eax, 0);
	assert_int_equal(ask(2, 5, &idle).eax, 0x22);
	assert_int_equal(ask(3, 0, &idle).eax, 0);   /* in range, not there */
	assert_int_equal(ask(0xb, 9, &idle).ecx, 9); /* no such level: the ID all the same */
	assert_int_equal(ask(0xb, 0x109, &idle).ecx, 9);
	assert_int_equal(ask(0xb, 9, &idle).edx, 77);

	/* Intel: beyond the range is the highest basic leaf, AMD: zero. */
	assert_int_equal(ask(0x20, 0, &idle).eax, 0x1f1f);
	assert_int_equal(ask(0x80000009, 0, &idle).eax, 0x1f1f);
	assert_int_equal(ask(0x40000002, 0, &idle).eax, 0x1f1f);
	assert_int_equal(ask(0x40000001, 0, &idle).eax, 0);
	assert_int_equal(ask(0x40000101, 0, &idle).eax, 0x1f1f);
	assert_int_equal(ask(0xc0000000, 0, &idle).eax, 0x1f1f);
	assert_int_equal(ask(0x7fffffff, 0, &idle).eax, 0x1f1f);
	list.entry[2].ebx = 0x68747541;
	cpuid_set(&table, &list);
	assert_int_equal(ask(0x20, 0, &idle).eax, 0);
	assert_int_equal(ask(0x80000009, 0, &idle).eax, 0);
}

static void limits(void **state)
{
	struct cpuid_table before;

	(void)state;
	memset(&table, 0, sizeof(table));
	assert_int_equal(ask(0, 0, &idle).eax, 0); /* never set */
	offer(greedy);
	before = table;
	list.count = NXT_CPUIDS_MAX + 1;
	assert_int_equal(cpuid_set(&table, &list), -NXT_E2BIG);
	list.count = ~0u;
	assert_int_equal(cpuid_set(&table, &list), -NXT_E2BIG);
	assert_memory_equal(&before, &table, sizeof(table));

	memset(&list, 0xff, sizeof(list)); /* full, all the same leaf, nonsense */
	list.count = NXT_CPUIDS_MAX;
	assert_int_equal(cpuid_set(&table, &list), 0);
	assert_int_equal(ask(0xffffffff, 0xffffffff, &idle).eax, 0xffffffff);
	assert_int_equal(ask(0xffffffff, 0, &idle).eax, 0);
	list.entry[0] = (struct nxt_cpuid){.leaf = 0, .eax = 0xffffffff}; /* "highest basic leaf" */
	list.entry[1] = (struct nxt_cpuid){.leaf = 0x80000008, .eax = 0xff};
	assert_int_equal(cpuid_set(&table, &list), 0);
	assert_int_equal(table.features.maxphyaddr, 52);
	ask(0x12345678, 0, &idle);
	for (u32 i = 0; i < NXT_CPUIDS_MAX; i++) /* every order sorts */
		list.entry[i] = (struct nxt_cpuid){.leaf = (i * 37) % NXT_CPUIDS_MAX,
						   .eax = (i * 37) % NXT_CPUIDS_MAX};
	assert_int_equal(cpuid_set(&table, &list), 0);
	for (u32 i = 0; i < NXT_CPUIDS_MAX; i++)
		assert_int_equal(ask(i, 3, &idle).eax, i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hides),    cmocka_unit_test(xsave),	  cmocka_unit_test(old_cpu),
		cmocka_unit_test(this_cpu), cmocka_unit_test(kvm_leaves), cmocka_unit_test(dynamic_bits),
		cmocka_unit_test(lookup),   cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
