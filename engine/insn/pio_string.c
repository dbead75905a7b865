/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pio_string.h. */
#include "insn/emul.h"
#include "insn/pio_string.h"

static bool is64(const struct insn_ctx *ctx)
{
	return insn_mode_of(ctx) == INSN_MODE_64;
}

static u64 *pointer(const struct pio_string *p, const struct insn_ctx *ctx)
{
	return p->in ? &ctx->regs->rdi : &ctx->regs->rsi;
}

static bool downwards(const struct insn_ctx *ctx)
{
	return ctx->regs->rflags & FLAG_DF;
}

static void set_masked(u64 *reg, u32 size, u64 value)
{
	u64 mask = size_mask(size);

	*reg = size == 4 ? value & mask : (*reg & ~mask) | (value & mask);
}

/* Where element n of this round lies: its offset in the segment. */
static u64 offset_of(const struct pio_string *p, const struct insn_ctx *ctx, u32 n)
{
	u64 step = (u64)n * p->size;

	return (*pointer(p, ctx) + (downwards(ctx) ? -step : step)) & size_mask(p->addr_size);
}

/*
 * Elements up to the page's end at linear (at least 1), to where the offset wraps, and no more than the
 * buffer holds. Downwards it is one: nobody does device I/O backwards, so that only has to be right.
 */
static u32 limit_count(const struct pio_string *p, const struct insn_ctx *ctx, u64 linear, u64 count)
{
	u64 page = (PAGE_SIZE - (linear & ~PAGE_MASK)) / p->size;
	u64 wrap = (size_mask(p->addr_size) - offset_of(p, ctx, 0)) / p->size;

	if (downwards(ctx))
		return 1;
	count = MIN(count, (u64)NXT_RUN_DATA / p->size);
	return MAX(MIN(count, MIN(page, wrap)), 1ULL);
}

/* The linear address of the round, and p->count. */
static int locate(struct pio_string *p, const struct insn_ctx *ctx, u64 *linear)
{
	enum insn_seg seg = p->in ? INSN_ES : p->seg;
	u32 access = p->in ? INSN_ACCESS_WRITE : 0;
	u64 count = p->rep ? ctx->regs->rcx & size_mask(p->addr_size) : 1;
	int rc;

	p->count = 0;
	if (count == 0)
		return 0;
	rc = emul_linear(ctx, is64(ctx), seg, offset_of(p, ctx, 0), p->size, access, linear, &p->fault);
	if (rc)
		return rc;
	p->count = limit_count(p, ctx, *linear, count);
	if (p->count == 1)
		return 0;

	/* The segment may end inside the round: then one element; the one that faults comes in its turn. */
	if (emul_linear(ctx, is64(ctx), seg, offset_of(p, ctx, 0), p->size * p->count, access, linear,
			&p->fault))
		p->count = 1;
	return 0;
}

/* Copies the bytes first .. size * count - 1 of the round. *done counts on from first. */
static int copy(struct pio_string *p, const struct insn_ctx *ctx, u64 linear, u8 *buf, u32 first, bool write,
		u32 *done)
{
	u32 size = p->size * p->count, head = MIN(size, PAGE_SIZE - (linear & ~PAGE_MASK));
	u64 gpa[2];
	int rc = emul_translate(ctx, is64(ctx), linear, size, p->in ? INSN_ACCESS_WRITE : 0, gpa, &p->gpa,
				&p->fault);

	for (u32 at = first, len; !rc && at < size; at += len) {
		len = (at < head ? head : size) - at;
		p->gpa = at < head ? gpa[0] + at : gpa[1] + (at - head);
		switch (ctx->ops->ram(ctx->cpu, p->gpa, buf + at, len, write)) {
		case INSN_MEM_OK:
			*done = at + len;
			break;
		case INSN_MEM_RESIDENT:
			return INSN_RESIDENT;
		default:
			return INSN_UNHANDLED;
		}
	}
	return rc;
}

enum insn_result pio_string_out(struct pio_string *p, const struct insn_ctx *ctx, u8 *buf)
{
	u64 linear;
	u32 done;
	int rc = locate(p, ctx, &linear);

	if (rc || p->count == 0)
		return rc;
	return copy(p, ctx, linear, buf, 0, false, &done);
}

/* Memory that can be read and translates for writing counts as able to take the data. */
enum insn_result pio_string_in_begin(struct pio_string *p, const struct insn_ctx *ctx)
{
	u64 linear, gpa[2];
	u8 probe;
	u32 size;
	int rc = locate(p, ctx, &linear);

	p->moved = 0;
	if (rc || p->count == 0)
		return rc;
	size = p->size * p->count;
	rc = emul_translate(ctx, is64(ctx), linear, size, INSN_ACCESS_WRITE, gpa, &p->gpa, &p->fault);
	if (rc)
		return rc;
	if (((linear + size - 1) & PAGE_MASK) == (linear & PAGE_MASK))
		gpa[1] = gpa[0];
	for (u32 i = 0; i < 2; i++) {
		p->gpa = gpa[i];
		rc = ctx->ops->ram(ctx->cpu, gpa[i], &probe, 1, false);
		if (rc)
			return rc == INSN_MEM_RESIDENT ? INSN_RESIDENT : INSN_UNHANDLED;
	}
	return INSN_DONE;
}

enum insn_result pio_string_in(struct pio_string *p, const struct insn_ctx *ctx, const u8 *buf)
{
	u32 count = p->count;
	u64 linear;
	int rc = locate(p, ctx, &linear);

	if (rc || count == 0 || p->count == 0)
		return rc;
	/* User space may have changed registers since the begin: never more than the device was asked for. */
	p->count = MIN(p->count, count);
	/* buf is the control domain's: each byte goes to the guest once, and nothing here looks at it. */
	return copy(p, ctx, linear, (u8 *)buf, p->moved, true, &p->moved);
}

void pio_string_commit(const struct pio_string *p, const struct insn_ctx *ctx)
{
	struct nxt_regs *regs = ctx->regs;
	u64 left = 0;

	set_masked(pointer(p, ctx), p->addr_size, offset_of(p, ctx, p->count));
	if (p->rep) {
		left = (regs->rcx - p->count) & size_mask(p->addr_size);
		set_masked(&regs->rcx, p->addr_size, left);
	}
	if (left)
		return;
	regs->rip += p->insn_len;
	if (!is64(ctx))
		regs->rip &= 0xffffffff;
	regs->rflags &= ~FLAG_RF;
}
