/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See emulate.h: the machine that fetches, executes (perhaps several times), writes and commits. */
#include "insn/emul.h"
#include "lib/string.h"

void insn_start(struct insn_emul *st, const u8 *bytes, size_t n)
{
	memset(st, 0, offsetof(struct insn_emul, insn));
	st->nbytes = MIN(n, (size_t)INSN_MAX_LEN);
	if (st->nbytes)
		memcpy(st->bytes, bytes, st->nbytes);
}

bool insn_in_flight(const struct insn_emul *st)
{
	return st->phase != PHASE_IDLE;
}

/* LOCK is allowed before these alone, and only with a memory destination (AMD APM vol. 3, 1.2.5). */
static bool lockable(const struct insn *in)
{
	u8 op = in->opcode, ext = in->reg & 7;

	if (in->encoding != INSN_LEGACY || !in->has_modrm || !in->has_mem)
		return false;
	if (in->map == INSN_MAP_0F)
		return op == 0xab || op == 0xb3 || op == 0xbb || op == 0xb0 || op == 0xb1 || op == 0xc0 ||
		       op == 0xc1 || (op == 0xba && ext > 4) || (op == 0xc7 && ext == 1);
	if (in->map != INSN_MAP_1BYTE)
		return false;
	if (op < 0x38)
		return (op & 7) < 2;
	if (op >= 0x80 && op <= 0x83)
		return ext != 7;
	if (op == 0xf6 || op == 0xf7)
		return ext == 2 || ext == 3;
	return op == 0x86 || op == 0x87 || ((op == 0xfe || op == 0xff) && ext < 2);
}

static int execute(struct emul *e)
{
	const struct insn *in = e->in;
	int rc;

	if (in->lock && !lockable(in))
		return emul_raise(e, EXC_UD);
	if (emul_is_string(in))
		return emul_string(e);
	if (!in->has_mem || in->encoding == INSN_EVEX || in->encoding == INSN_XOP)
		return INSN_UNHANDLED;
	if (in->encoding == INSN_VEX)
		return emul_sse(e);
	if (in->map == INSN_MAP_1BYTE)
		return emul_int(e);
	if (in->map == INSN_MAP_0F3A)
		return INSN_UNHANDLED;

	/* Vector moves and integer instructions share maps, but no opcode: whoever knows it takes it. */
	rc = emul_int0f(e);
	return rc == INSN_UNHANDLED ? emul_sse(e) : rc;
}

/* From the start, with the registers as the guest has them. */
static int execute_from_start(struct emul *e)
{
	struct insn_emul *st = e->st;
	const struct nxt_regs *regs = e->ctx->regs;
	int rc;

	st->next = *regs;
	st->next.rip += e->in->len;
	if (e->in->mode != INSN_MODE_64)
		st->next.rip &= 0xffffffff;
	st->writes = 0;
	st->write = 0;
	st->locked = false;
	st->again = false;
	e->reads = 0;

	rc = execute(e);
	if (!rc)
		st->phase = PHASE_WRITE;
	return rc;
}

/*
 * Goes on with a repeated string instruction here, or lets the guest's interrupts and single steps come
 * through?
 */
static bool go_on(const struct emul *e)
{
	const struct insn_emul *st = e->st;

	return st->again && st->moved < INSN_STRING_BYTES && st->mmio < INSN_STRING_MMIO &&
	       !(e->ctx->regs->rflags & FLAG_TF);
}

static enum insn_result run(struct emul *e)
{
	struct insn_emul *st = e->st;
	bool changed;
	int rc;

	if (st->phase == PHASE_IDLE) {
		rc = emul_fetch(e);
		if (rc)
			return rc;
		st->phase = PHASE_EXEC;
	}

	do {
		if (st->phase == PHASE_EXEC) {
			rc = execute_from_start(e);
			if (rc)
				return rc;
		}
		rc = emul_flush(e, &changed);
		if (rc || changed)
			return rc;

		/* RF suppresses breakpoints for one instruction only (Intel SDM vol. 3, 18.3.1.1). */
		if (!st->again)
			st->next.rflags &= ~FLAG_RF;
		*e->ctx->regs = st->next;
		st->reads = 0;
		st->phase = PHASE_EXEC;
	} while (go_on(e));
	return INSN_DONE;
}

enum insn_result insn_emulate(struct insn_emul *st, const struct insn_ctx *ctx)
{
	struct emul e = {.st = st, .ctx = ctx, .in = &st->insn, .r = &st->next};
	enum insn_result result;

	if (st->wait_read)
		return INSN_READ;
	result = run(&e);
	if (result != INSN_READ && result != INSN_WRITE && result != INSN_RESIDENT)
		st->phase = PHASE_IDLE;
	return result;
}
