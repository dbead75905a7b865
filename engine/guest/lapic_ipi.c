/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which local APICs a message names, and what it does to each. A set of local APICs is a 64-bit mask of their
 * IDs, so the usual destinations (one physical ID, an x2APIC cluster, a shorthand) are arithmetic and not a
 * search.
 */
#include "guest/lapic_ipi.h"

#define FIRST_LEGAL_VECTOR 16

#define DFR_FLAT 0xfu

_Static_assert(NXT_MAX_VCPUS <= 64, "a set of local APICs is a 64-bit mask");

static struct lapic *member(struct lapic *const set[], u32 i)
{
	return __atomic_load_n(&set[i], __ATOMIC_ACQUIRE);
}

/* A logical destination that an xAPIC-mode local APIC compares with its LDR (SDM 11.6.2.2). */
static bool matches_xapic_logical(const struct lapic *l, u32 dest)
{
	u32 ldr = lapic_reg(l, LAPIC_LDR) >> 24;

	if (lapic_reg(l, LAPIC_DFR) >> 28 == DFR_FLAT)
		return ldr & dest;
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

/* x2APIC's logical ID is fixed: cluster = ID / 16, one bit of 16 for ID % 16 (SDM 11.12.10.2). */
static u64 cluster_members(u32 dest)
{
	u32 first = (dest >> 16) * 16;

	return first < 64 ? (u64)(dest & 0xffff) << first : 0;
}

static u64 matching_logical(struct lapic *const set[], u32 n, const struct lapic_msg *msg)
{
	u64 cluster = cluster_members(msg->dest), match = 0;
	bool x2apic_only = msg->x2apic || msg->dest > 0xff;
	u64 look = x2apic_only ? cluster : ~0ull;

	for (u32 i; look && (i = __builtin_ctzll(look)) < n; look &= look - 1) {
		const struct lapic *l = member(set, i);

		if (!l)
			continue;
		if (lapic_x2apic(l) ? cluster & BIT(i) : !x2apic_only && matches_xapic_logical(l, msg->dest))
			match |= BIT(i);
	}
	return match;
}

static u64 matching(struct lapic *const set[], u32 n, const struct lapic_msg *msg, const struct lapic *src)
{
	u64 everybody = n < 64 ? BIT(n) - 1 : ~0ull;
	u64 self = src ? BIT(src->id) : 0;

	switch (msg->shorthand) {
	case LAPIC_TO_SELF:
		return self;
	case LAPIC_TO_ALL:
		return everybody;
	case LAPIC_TO_OTHERS:
		return everybody & ~self;
	}
	if (msg->dest == LAPIC_BROADCAST)
		return everybody;
	if (msg->logical)
		return matching_logical(set, n, msg);
	return msg->dest < n ? BIT(msg->dest) : 0;
}

static void post_sipi(struct lapic *l, u8 vector)
{
	__atomic_store_n(&l->sipi_vector, vector, __ATOMIC_RELAXED);
	__atomic_fetch_or(&l->events, LAPIC_EVENT_SIPI, __ATOMIC_SEQ_CST);
}

/*
 * Returns whether l took it, and in *news whether it has to be told. A local APIC that software disabled
 * still takes NMI, SMI, INIT and SIPI (SDM 11.4.7.2), one that IA32_APIC_BASE disabled takes nothing. Remote
 * read is not supported on current CPUs, and ExtINT comes over LINT0 only.
 */
static bool take(struct lapic *l, const struct lapic_msg *msg, bool *news)
{
	*news = true;
	if (!lapic_enabled(l))
		return false;
	switch (msg->mode) {
	case LAPIC_FIXED:
	case LAPIC_LOWEST:
		if (msg->deassert || msg->vector < FIRST_LEGAL_VECTOR || !lapic_software_enabled(l))
			return false;
		*news = lapic_post(l, msg->vector, msg->level);
		return true;
	case LAPIC_SMI:
		lapic_post_smi(l);
		return true;
	case LAPIC_NMI:
		lapic_post_nmi(l);
		return true;
	case LAPIC_INIT:
		if (msg->deassert)
			return false;
		lapic_post_init(l);
		return true;
	case LAPIC_STARTUP:
		post_sipi(l, msg->vector);
		return true;
	default:
		return false;
	}
}

/*
 * Arbitration for the lowest priority: the one whose priority class is lowest, among equals the one that had
 * the fewest such messages, among those the lowest ID. A PPR of another CPU may be out of date by the time it
 * is used; any choice is legal.
 */
static u64 lowest_priority(struct lapic *const set[], u64 match)
{
	u64 best = ~0ull, chosen = 0;

	for (; match; match &= match - 1) {
		u32 i = __builtin_ctzll(match);
		struct lapic *l = member(set, i);
		u64 rank;

		if (!l || !lapic_enabled(l) || !lapic_software_enabled(l))
			continue;
		rank = (u64)(lapic_reg(l, LAPIC_PPR) >> 4) << 32 |
		       __atomic_load_n(&l->turn, __ATOMIC_RELAXED);
		if (rank < best) {
			best = rank;
			chosen = BIT(i);
		}
	}
	if (chosen)
		__atomic_fetch_add(&member(set, __builtin_ctzll(chosen))->turn, 1, __ATOMIC_RELAXED);
	return chosen;
}

u32 lapic_deliver(struct lapic *const set[], u32 n, const struct lapic_msg *msg, struct lapic *src, u64 *kick)
{
	u64 match = matching(set, n, msg, src);
	u32 taken = 0;

	if (msg->lowest && (match & (match - 1)))
		match = lowest_priority(set, match);

	for (; match; match &= match - 1) {
		u32 i = __builtin_ctzll(match);
		struct lapic *l = member(set, i);
		bool news;

		if (!l || !take(l, msg, &news))
			continue;
		taken++;
		if (news && l != src)
			*kick |= BIT(i);
	}
	return taken;
}

void lapic_msi_decode(u64 address, u32 data, struct lapic_msg *msg)
{
	u32 dest = (address >> 12 & 0xff) | (address >> 32 & 0xffffff00);

	*msg = (struct lapic_msg){
		.dest = dest == 0xff ? LAPIC_BROADCAST : dest,
		.vector = data & 0xff,
		.mode = data >> 8 & 7,
		.logical = address >> 2 & 1,
		.level = data >> 15 & 1,
		.lowest = (data >> 8 & 7) == LAPIC_LOWEST || (address >> 3 & 1),
	};
}
