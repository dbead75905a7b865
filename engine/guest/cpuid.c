/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUID table of a vCPU: set, indexed, looked up. */
#include "guest/cpuid.h"
#include "lib/string.h"

#define VENDOR_EBX_AMD 0x68747541u   /* "Auth", of AuthenticAMD */
#define VENDOR_EBX_HYGON 0x6f677948u /* "Hygo", of HygonGenuine */

#define BASIC 0u
#define HYPERVISOR 0x40000000u
#define HYPERVISOR_LAST 0x4fffffffu
#define EXTENDED 0x80000000u
#define CENTAUR 0xc0000000u

#define CR4_OSXSAVE BIT(18)
#define CR4_PKE BIT(22)
#define LEAF1_EDX_APIC BIT(9)
#define LEAF1_ECX_OSXSAVE BIT(27)
#define LEAF7_ECX_OSPKE BIT(4)

#define XSAVE_LEGACY_SIZE 576u /* legacy region and header */
#define XSAVE_ALIGN 64u
#define XSAVE_ALIGNED BIT(1) /* leaf 0xd, subleaf n, ECX: 64-byte aligned in the compacted format */
#define LEAF_D1_XSAVEC BIT(1)
#define LEAF_D1_XSAVES BIT(3)

enum reg {
	EAX,
	EBX,
	ECX,
	EDX,
};

static const struct {
	u32 leaf, subleaf;
	enum reg reg;
} words[CPUID_WORDS] = {
	[CPUID_1_EDX] = {1, 0, EDX},
	[CPUID_1_ECX] = {1, 0, ECX},
	[CPUID_6_EAX] = {6, 0, EAX},
	[CPUID_7_EBX] = {7, 0, EBX},
	[CPUID_7_ECX] = {7, 0, ECX},
	[CPUID_7_EDX] = {7, 0, EDX},
	[CPUID_7_1_EAX] = {7, 1, EAX},
	[CPUID_7_1_EDX] = {7, 1, EDX},
	[CPUID_7_2_EDX] = {7, 2, EDX},
	[CPUID_D_1_EAX] = {0xd, 1, EAX},
	[CPUID_E1_EDX] = {0x80000001, 0, EDX},
	[CPUID_E1_ECX] = {0x80000001, 0, ECX},
	[CPUID_E7_EDX] = {0x80000007, 0, EDX},
	[CPUID_E8_EBX] = {0x80000008, 0, EBX},
	[CPUID_E21_EAX] = {0x80000021, 0, EAX},
	[CPUID_KVM_EAX] = {0x40000001, 0, EAX},
};

static bool matches(const struct nxt_cpuid *e, u32 leaf, u32 subleaf)
{
	return e->leaf == leaf && (!(e->flags & NXT_CPUID_SUBLEAF) || e->subleaf == subleaf);
}

/* The first entry of the leaf in order[] is found by halving; subleaves are few and follow it. */
static const struct nxt_cpuid *find(const struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	u32 low = 0, high = t->count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (t->entry[t->order[middle]].leaf < leaf)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < t->count; low++) {
		const struct nxt_cpuid *e = &t->entry[t->order[low]];

		if (e->leaf != leaf)
			break;
		if (matches(e, leaf, subleaf))
			return e;
	}
	return NULL;
}

static const struct nxt_cpuid *find_unsorted(const struct nxt_cpuid *entry, u32 count, u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < count; i++)
		if (matches(&entry[i], leaf, subleaf))
			return &entry[i];
	return NULL;
}

void cpuid_features_of(struct cpuid_features *f, const struct nxt_cpuid *entry, u32 count)
{
	const struct nxt_cpuid *e;

	*f = (struct cpuid_features){.maxphyaddr = 36};
	for (u32 i = 0; i < CPUID_WORDS; i++) {
		e = find_unsorted(entry, count, words[i].leaf, words[i].subleaf);
		if (e) {
			const u32 regs[] = {e->eax, e->ebx, e->ecx, e->edx};

			f->word[i] = regs[words[i].reg];
		}
	}
	e = find_unsorted(entry, count, 0x80000008, 0);
	if (e)
		f->maxphyaddr = MAX(32u, MIN(e->eax & 0xff, 52u));
	e = find_unsorted(entry, count, 0, 0);
	f->amd = e && (e->ebx == VENDOR_EBX_AMD || e->ebx == VENDOR_EBX_HYGON);
	e = find_unsorted(entry, count, 0xd, 0);
	if (e)
		f->xcr0 = (u64)e->edx << 32 | e->eax;
}

int cpuid_set(struct cpuid_table *t, const struct nxt_cpuid_list *list)
{
	u32 count = READ_ONCE(list->count);

	if (count > NXT_CPUIDS_MAX)
		return -NXT_E2BIG;
	memcpy(t->entry, list->entry, count * sizeof(t->entry[0]));
	t->count = count;
	for (u32 i = 0; i < count; i++) {
		u32 at = i;

		for (; at && t->entry[t->order[at - 1]].leaf > t->entry[i].leaf; at--)
			t->order[at] = t->order[at - 1];
		t->order[at] = i;
	}
	cpuid_features_of(&t->features, t->entry, count);
	return 0;
}

/*
 * Intel answers a leaf beyond the highest of its range with the data of the highest basic leaf, AMD with
 * zero. Returns the leaf to look up instead, or the same.
 */
static u32 in_range(const struct cpuid_table *t, u32 leaf)
{
	const struct nxt_cpuid *basic = find(t, BASIC, 0), *range;

	if (!basic || t->features.amd)
		return leaf;
	if (leaf >= HYPERVISOR && leaf <= HYPERVISOR_LAST)
		range = find(t, leaf & 0xffffff00, 0);
	else if (leaf >= CENTAUR)
		range = find(t, CENTAUR, 0);
	else
		range = find(t, leaf & EXTENDED, 0);
	return range && leaf <= range->eax ? leaf : basic->eax;
}

/* Bytes that XSAVE (standard format) or XSAVEC (compacted) needs for xcr0, by the sizes that the table gives.
 */
static u32 xsave_size(const struct cpuid_table *t, u64 xcr0, bool compacted)
{
	u32 size = XSAVE_LEGACY_SIZE;

	for (u64 left = xcr0 & ~3ull; left; left &= left - 1) {
		const struct nxt_cpuid *e = find(t, 0xd, __builtin_ctzll(left));

		if (!e)
			continue;
		if (compacted)
			size = (e->ecx & XSAVE_ALIGNED ? ALIGN_UP(size, XSAVE_ALIGN) : size) + e->eax;
		else
			size = MAX(size, e->ebx + e->eax);
	}
	return size;
}

static void put_bit(u32 *reg, u32 mask, bool set)
{
	*reg = set ? *reg | mask : *reg & ~mask;
}

static void adjust(const struct cpuid_table *t, u32 leaf, u32 subleaf, const struct cpuid_state *state,
		   struct cpuid_regs *out)
{
	switch (leaf) {
	case 1:
		put_bit(&out->edx, LEAF1_EDX_APIC, state->apic_enabled);
		put_bit(&out->ecx, LEAF1_ECX_OSXSAVE,
			cpuid_has(t, CPUID_XSAVE) && (state->cr4 & CR4_OSXSAVE));
		break;
	case 7:
		if (subleaf == 0)
			put_bit(&out->ecx, LEAF7_ECX_OSPKE,
				cpuid_has(t, CPUID_PKU) && (state->cr4 & CR4_PKE));
		break;
	case 0xd:
		if (subleaf == 0)
			out->ebx = xsave_size(t, state->xcr0, false);
		else if (subleaf == 1 && (out->eax & (LEAF_D1_XSAVEC | LEAF_D1_XSAVES)))
			out->ebx = xsave_size(t, state->xcr0, true);
		break;
	}
}

/* An entry as the guest finds it in this state. */
static struct nxt_cpuid entry_now(const struct cpuid_table *t, u32 index, const struct cpuid_state *state)
{
	struct nxt_cpuid entry = t->entry[index];
	struct cpuid_regs regs = {entry.eax, entry.ebx, entry.ecx, entry.edx};

	adjust(t, entry.leaf, entry.subleaf, state, &regs);
	entry.eax = regs.eax;
	entry.ebx = regs.ebx;
	entry.ecx = regs.ecx;
	entry.edx = regs.edx;
	return entry;
}

/* The list lies in a page that the control domain may write meanwhile: it is only written. */
void cpuid_get(const struct cpuid_table *t, const struct cpuid_state *state, struct nxt_cpuid_list *list)
{
	const u32 head[offsetof(struct nxt_cpuid_list, entry) / sizeof(u32)] = {t->count};
	struct nxt_cpuid entry;

	memcpy(list, head, sizeof(head));
	for (u32 i = 0; i < t->count; i++) {
		entry = entry_now(t, i, state);
		memcpy(&list->entry[i], &entry, sizeof(entry));
	}
	entry = (struct nxt_cpuid){0};
	for (u32 i = t->count; i < NXT_CPUIDS_MAX; i++)
		memcpy(&list->entry[i], &entry, sizeof(entry));
}

/* The topology leaves give the x2APIC ID and echo CL also for levels that do not exist (SDM, CPUID leaf 0BH).
 */
static void beyond_topology(const struct cpuid_table *t, u32 leaf, u32 subleaf, struct cpuid_regs *out)
{
	const struct nxt_cpuid *e = leaf == 0xb || leaf == 0x1f ? find(t, leaf, 1) : NULL;

	if (!e)
		return;
	out->ecx = subleaf & 0xff;
	out->edx = e->edx;
}

void cpuid_lookup(const struct cpuid_table *t, u32 leaf, u32 subleaf, const struct cpuid_state *state,
		  struct cpuid_regs *out)
{
	const struct nxt_cpuid *e = find(t, leaf, subleaf);

	*out = (struct cpuid_regs){0};
	if (!e) {
		u32 other = in_range(t, leaf);

		if (other != leaf) {
			leaf = other;
			e = find(t, leaf, subleaf);
		}
	}
	if (!e) {
		beyond_topology(t, leaf, subleaf, out);
		return;
	}
	*out = (struct cpuid_regs){e->eax, e->ebx, e->ecx, e->edx};
	adjust(t, leaf, subleaf, state, out);
}
