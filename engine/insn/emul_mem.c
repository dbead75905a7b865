/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The emulator's way to memory: segmentation, paging, the log of device reads, the queue of writes. */
#include "insn/emul.h"
#include "lib/string.h"

static int seg_fault(const struct insn_ctx *ctx, enum insn_seg seg, struct insn_fault *fault)
{
	*fault = (struct insn_fault){
		.vector = seg == INSN_SS ? EXC_SS : EXC_GP,
		/* In real mode exceptions push no error code. */
		.has_error = ctx->cr0 & CR0_PE,
	};
	return INSN_FAULT;
}

bool emul_canonical(const struct insn_ctx *ctx, u64 addr)
{
	u32 shift = ctx->cr4 & CR4_LA57 ? 7 : 16;

	return (u64)((s64)(addr << shift) >> shift) == addr;
}

/* Do the segment's type and limit allow this? Intel SDM vol. 3, 5.3 and 5.5; AMD APM vol. 2, 4.12. */
static bool seg_allows(const struct insn_ctx *ctx, const struct nxt_segment *s, u64 first, u32 size,
		       u32 access)
{
	u64 last = first + size - 1;
	bool is_protected = (ctx->cr0 & CR0_PE) && !(ctx->regs->rflags & FLAG_VM);

	if (is_protected) {
		if ((s->attr & NXT_SEG_UNUSABLE) || !(s->attr & SEG_PRESENT))
			return false;
		if (s->attr & SEG_TYPE_CODE) {
			if ((access & INSN_ACCESS_WRITE) ||
			    (!(access & INSN_ACCESS_FETCH) && !(s->attr & SEG_TYPE_WRITE)))
				return false;
		} else {
			if ((access & INSN_ACCESS_WRITE) && !(s->attr & SEG_TYPE_WRITE))
				return false;
			if (s->attr & SEG_TYPE_DOWN)
				return first > s->limit && last <= (s->attr & SEG_BIG ? ~0u : 0xffffu);
		}
	}
	return last <= s->limit;
}

int emul_linear(const struct insn_ctx *ctx, bool is64, enum insn_seg seg, u64 offset, u32 size, u32 access,
		u64 *linear, struct insn_fault *fault)
{
	struct nxt_segment s;

	if (is64) {
		*linear = offset;
		if (seg == INSN_FS || seg == INSN_GS) {
			ctx->ops->segment(ctx->cpu, seg, &s);
			*linear += s.base;
		}
		if (!emul_canonical(ctx, *linear) || !emul_canonical(ctx, *linear + size - 1))
			return seg_fault(ctx, seg, fault);
		return 0;
	}

	ctx->ops->segment(ctx->cpu, seg, &s);
	offset &= 0xffffffff;
	if (!seg_allows(ctx, &s, offset, size, access))
		return seg_fault(ctx, seg, fault);
	*linear = (s.base + offset) & 0xffffffff;
	return 0;
}

static int translate_one(const struct insn_ctx *ctx, u64 linear, u32 access, u64 *gpa, u64 *resident,
			 struct insn_fault *fault)
{
	if (ctx->cpl == 3)
		access |= INSN_ACCESS_USER;
	switch (ctx->ops->translate(ctx->cpu, linear, access, gpa, fault)) {
	case INSN_MEM_OK:
		return 0;
	case INSN_MEM_FAULT:
		return INSN_FAULT;
	case INSN_MEM_RESIDENT:
		*resident = *gpa;
		return INSN_RESIDENT;
	default:
		return INSN_UNHANDLED;
	}
}

/* How many of size bytes at addr lie in its page. */
static u32 in_page(u64 addr, u32 size)
{
	u64 left = PAGE_SIZE - (addr & ~PAGE_MASK);

	return MIN(size, left);
}

int emul_translate(const struct insn_ctx *ctx, bool is64, u64 linear, u32 size, u32 access, u64 gpa[2],
		   u64 *resident, struct insn_fault *fault)
{
	u32 head = in_page(linear, size);
	u64 second = linear + head;
	int rc = translate_one(ctx, linear, access, &gpa[0], resident, fault);

	if (rc || head == size)
		return rc;
	if (!is64)
		second &= 0xffffffff;
	return translate_one(ctx, second, access, &gpa[1], resident, fault);
}

static bool is64(const struct emul *e)
{
	return e->in->mode == INSN_MODE_64;
}

/* Linear and physical addresses of an operand; both pages are checked before anything of it is accessed. */
static int locate(struct emul *e, enum insn_seg seg, u64 offset, u32 size, u32 access, u64 gpa[2], u32 *head)
{
	u64 linear;
	int rc = emul_linear(e->ctx, is64(e), seg, offset, size, access, &linear, &e->st->fault);

	if (rc)
		return rc;
	if (e->align && (linear & (e->align - 1)))
		return emul_raise(e, EXC_GP);
	*head = in_page(linear, size);
	return emul_translate(e->ctx, is64(e), linear, size, access, gpa, &e->st->gpa, &e->st->fault);
}

void insn_complete_read(struct insn_emul *st, u64 data)
{
	if (!st->wait_read)
		return;
	st->read[st->reads].gpa = st->gpa;
	st->read[st->reads].len = st->len;
	st->read[st->reads].data = data;
	st->reads++;
	st->mmio++;
	st->wait_read = false;
}

/* Reads at most 8 bytes in one page: memory, or a device through the log. */
static int read_piece(struct emul *e, u64 gpa, u8 *buf, u32 len)
{
	struct insn_emul *st = e->st;
	u32 n = e->reads;
	u64 data;

	/* The addresses are compared since the guest may change its page tables while the device is asked. */
	if (n < st->reads && st->read[n].gpa == gpa && st->read[n].len == len) {
		memcpy(buf, &st->read[n].data, len);
		e->reads++;
		return 0;
	}

	st->gpa = gpa;
	switch (e->ctx->ops->ram(e->ctx->cpu, gpa, buf, len, false)) {
	case INSN_MEM_OK:
		return 0;
	case INSN_MEM_RESIDENT:
		return INSN_RESIDENT;
	case INSN_MEM_MMIO:
		break;
	default:
		return INSN_UNHANDLED;
	}

	if (n >= INSN_PIECES)
		return INSN_UNHANDLED;
	st->reads = n;
	st->len = len;
	st->wait_read = true;
	if (!e->ctx->ops->own_read || !e->ctx->ops->own_read(e->ctx->cpu, gpa, &data))
		return INSN_READ;
	insn_complete_read(st, data);
	memcpy(buf, &data, len);
	e->reads++;
	return 0;
}

int emul_read(struct emul *e, enum insn_seg seg, u64 offset, u32 size, u32 access, void *buf)
{
	u64 gpa[2];
	u32 head = size;
	int rc = locate(e, seg, offset, size, access, gpa, &head);

	for (u32 done = 0, len; !rc && done < size; done += len) {
		bool first = done < head;

		len = MIN((first ? head : size) - done, 8u);
		rc = read_piece(e, first ? gpa[0] + done : gpa[1] + (done - head), (u8 *)buf + done, len);
	}
	return rc;
}

int emul_write(struct emul *e, enum insn_seg seg, u64 offset, u32 size, const void *buf)
{
	struct insn_emul *st = e->st;
	u64 gpa[2];
	u32 head = size;
	int rc = locate(e, seg, offset, size, INSN_ACCESS_WRITE, gpa, &head);

	if (rc)
		return rc;
	memcpy(st->data_out, buf, size);
	st->write = 0;
	st->writes = 0;
	for (u32 done = 0, len; done < size; done += len) {
		bool first = done < head;

		len = MIN((first ? head : size) - done, 8u);
		st->piece[st->writes].gpa = first ? gpa[0] + done : gpa[1] + (done - head);
		st->piece[st->writes].len = len;
		st->writes++;
	}
	return 0;
}

/* Writes a piece if it is memory. */
static int write_piece(struct emul *e, u64 gpa, u8 *data, u32 len)
{
	const struct insn_ops *ops = e->ctx->ops;
	u64 new = 0;

	/*
	 * A locked operand in two pages, and CMPXCHG16B, are not atomic here. They come this way only if they
	 * touch a device as well, or if memory appeared where there was none a moment ago.
	 */
	if (!e->st->locked || e->st->writes != 1)
		return ops->ram(e->ctx->cpu, gpa, data, len, true);
	memcpy(&new, data, len);
	return ops->ram_cmpxchg(e->ctx->cpu, gpa, e->st->data_old, new, len);
}

int emul_flush(struct emul *e, bool *changed)
{
	struct insn_emul *st = e->st;
	u8 *data = st->data_out;

	*changed = false;
	for (u32 i = 0; i < st->write; i++)
		data += st->piece[i].len;

	while (st->write < st->writes) {
		u64 gpa = st->piece[st->write].gpa;
		u32 len = st->piece[st->write].len;

		if (!st->wait_write) {
			st->gpa = gpa;
			switch (write_piece(e, gpa, data, len)) {
			case INSN_MEM_OK:
				break;
			case INSN_MEM_CHANGED:
				*changed = true;
				return 0;
			case INSN_MEM_RESIDENT:
				return INSN_RESIDENT;
			default:
				st->len = len;
				st->data = 0;
				memcpy(&st->data, data, len);
				st->wait_write = true;
				st->mmio++;
				return INSN_WRITE;
			}
		}
		st->wait_write = false;
		data += len;
		st->write++;
	}
	return 0;
}

/* Gets some more bytes of the instruction, up to the end of the page. */
static int fetch_more(struct emul *e, enum insn_mode mode)
{
	const struct insn_ctx *ctx = e->ctx;
	struct insn_emul *st = e->st;
	u64 offset = ctx->regs->rip + st->nbytes;
	u64 linear, gpa[2];
	struct nxt_segment cs;
	u32 len;
	int rc;

	rc = emul_linear(ctx, mode == INSN_MODE_64, INSN_CS, offset, 1, INSN_ACCESS_FETCH, &linear,
			 &st->fault);
	if (rc)
		return rc;
	len = in_page(linear, INSN_MAX_LEN - st->nbytes);
	if (mode != INSN_MODE_64) {
		ctx->ops->segment(ctx->cpu, INSN_CS, &cs);
		len = MIN(len, (u64)cs.limit + 1 - (offset & 0xffffffff));
	}
	rc = emul_translate(ctx, mode == INSN_MODE_64, linear, 1, INSN_ACCESS_FETCH, gpa, &st->gpa,
			    &st->fault);
	if (rc)
		return rc;

	st->gpa = gpa[0];
	switch (ctx->ops->ram(ctx->cpu, gpa[0], st->bytes + st->nbytes, len, false)) {
	case INSN_MEM_OK:
		st->nbytes += len;
		return 0;
	case INSN_MEM_RESIDENT:
		return INSN_RESIDENT;
	default:
		return INSN_UNHANDLED;
	}
}

int emul_fetch(struct emul *e)
{
	struct insn_emul *st = e->st;
	enum insn_mode mode = insn_mode_of(e->ctx);
	int rc;

	/* Without a byte there is nothing to decode yet. */
	rc = st->nbytes ? insn_decode(&st->insn, st->bytes, st->nbytes, mode) : -NXT_EAGAIN;
	while (rc == -NXT_EAGAIN) {
		rc = fetch_more(e, mode);
		if (rc)
			return rc;
		rc = insn_decode(&st->insn, st->bytes, st->nbytes, mode);
	}
	if (rc == -NXT_E2BIG)
		return emul_raise(e, EXC_GP);
	return rc ? INSN_UNHANDLED : 0;
}
