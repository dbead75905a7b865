/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which local APICs a message names, and what it does to each. Most name one by its ID, which is looked up.
 * For all others there is a set of IDs, in words of 64: so an x2APIC cluster, or everybody, is arithmetic and
 * not a search, and a VM of up to 64 vCPUs, which is nearly every one, has a single word.
 */
#include "guest/lapic_ipi.h"

#define FIRST_LEGAL_VECTOR 16

#define DFR_FLAT 0xfu

#define WORD_IDS 64u

/* ID n is bit n % WORD_IDS of word n / WORD_IDS; words beyond the VM's IDs are never touched. */
struct ids {
	u64 word[NXT_MAX_VCPUS / WORD_IDS];
};

static struct lapic *member(struct lapic *const set[], u32 i)
{
	return __atomic_load_n(&set[i], __ATOMIC_ACQUIRE);
}

/* A logical destination that an xAPIC-mode local APIC compares with its LDR (SDM 11.6.2.2). */
static inline bool matches_xapic_logical(const struct lapic *l, u32 dest)
{
	u32 ldr = lapic_reg(l, LAPIC_LDR) >> 24;

	if (lapic_reg(l, LAPIC_DFR) >> 28 == DFR_FLAT)
		return ldr & dest;
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

/* x2APIC's logical ID is fixed: cluster = ID / 16, one bit of 16 for ID % 16 (SDM 11.12.10.2). */
static u64 cluster_members(u32 dest, u32 first)
{
	u32 id = (dest >> 16) * 16 - first;

	return id < WORD_IDS ? (u64)(dest & 0xffff) << id : 0;
}

static inline u64 matching_logical(struct lapic *const set[], u32 n, const struct lapic_msg *msg, u32 first)
{
	u64 cluster = cluster_members(msg->dest, first), match = 0;
	bool x2apic_only = msg->x2apic || msg->dest > 0xff;
	u64 look = x2apic_only ? cluster : ~0ull;

	for (u32 i; look && first + (i = __builtin_ctzll(look)) < n; look &= look - 1) {
		const struct lapic *l = member(set, first + i);

		if (!l)
			continue;
		if (lapic_x2apic(l) ? cluster & BIT(i) : !x2apic_only && matches_xapic_logical(l, msg->dest))
			match |= BIT(i);
	}
	return match;
}

/* The word that begins with the ID first, for a message that does not name just one. */
static ALWAYS_INLINE u64 matching(struct lapic *const set[], u32 n, const struct lapic_msg *msg,
				  const struct lapic *src, u32 first)
{
	u64 everybody = n - first < WORD_IDS ? BIT(n - first) - 1 : ~0ull;

	if (msg->shorthand == LAPIC_TO_OTHERS && src && src->id - first < WORD_IDS)
		return everybody & ~BIT(src->id - first);
	if (msg->shorthand || msg->dest == LAPIC_BROADCAST)
		return everybody;
	return matching_logical(set, n, msg, first);
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
static inline bool take(struct lapic *l, const struct lapic_msg *msg, bool *news)
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

/* Returns 1 if l, which may be NULL, took it, else 0. */
static inline u32 give(struct lapic *l, const struct lapic_msg *msg, const struct lapic *src, u64 *kick)
{
	bool news;

	if (!l || !take(l, msg, &news))
		return 0;
	if (news && l != src)
		*kick |= kick_bit(l->id);
	return 1;
}

/* Whether more than one is named. */
static inline bool several(const struct ids *ids, u32 words)
{
	u64 before = 0;

	for (u32 i = 0; i < words; i++) {
		if (ids->word[i] && (before || (ids->word[i] & (ids->word[i] - 1))))
			return true;
		before |= ids->word[i];
	}
	return false;
}

/*
 * Arbitration for the lowest priority: the one whose priority class is lowest, among equals the one that had
 * the fewest such messages, among those the lowest ID. A PPR of another CPU may be out of date by the time it
 * is used; any choice is legal. NULL: nobody can take part.
 */
static inline struct lapic *lowest_priority(struct lapic *const set[], const struct ids *ids, u32 words)
{
	struct lapic *chosen = NULL;
	u64 best = ~0ull;

	for (u32 i = 0; i < words; i++) {
		for (u64 match = ids->word[i]; match; match &= match - 1) {
			struct lapic *l = member(set, i * WORD_IDS + __builtin_ctzll(match));
			u64 rank;

			if (!l || !lapic_enabled(l) || !lapic_software_enabled(l))
				continue;
			rank = (u64)(lapic_reg(l, LAPIC_PPR) >> 4) << 32 |
			       __atomic_load_n(&l->turn, __ATOMIC_RELAXED);
			if (rank < best) {
				best = rank;
				chosen = l;
			}
		}
	}
	if (chosen)
		__atomic_fetch_add(&chosen->turn, 1, __ATOMIC_RELAXED);
	return chosen;
}

static ALWAYS_INLINE u32 deliver_words(struct lapic *const set[], u32 n, u32 words,
				       const struct lapic_msg *msg, struct lapic *src, u64 *kick)
{
	struct ids ids;
	u32 taken = 0;

	for (u32 i = 0; i < words; i++)
		ids.word[i] = matching(set, n, msg, src, i * WORD_IDS);
	if (msg->lowest && several(&ids, words))
		return give(lowest_priority(set, &ids, words), msg, src, kick);
	for (u32 i = 0; i < words; i++) {
		struct lapic *const *of_word = set + i * WORD_IDS;

		for (u64 match = ids.word[i]; match; match &= match - 1)
			taken += give(member(of_word, __builtin_ctzll(match)), msg, src, kick);
	}
	return taken;
}

/* Compiled twice, so that the one word of an ordinary VM costs nothing for being a set. */
static u32 deliver_to_set(struct lapic *const set[], u32 n, const struct lapic_msg *msg, struct lapic *src,
			  u64 *kick)
{
	if (n <= WORD_IDS)
		return deliver_words(set, n, 1, msg, src, kick);
	return deliver_words(set, n, ALIGN_UP(n, WORD_IDS) / WORD_IDS, msg, src, kick);
}

u32 lapic_deliver(struct lapic *const set[], u32 n, const struct lapic_msg *msg, struct lapic *src, u64 *kick)
{
	if (!msg->shorthand && !msg->logical && msg->dest != LAPIC_BROADCAST)
		return msg->dest < n ? give(member(set, msg->dest), msg, src, kick) : 0;
	if (msg->shorthand == LAPIC_TO_SELF)
		return give(src, msg, src, kick);
	return deliver_to_set(set, n, msg, src, kick);
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
