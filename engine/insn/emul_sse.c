/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves between memory and XMM or YMM registers: what compilers and C libraries copy device memory with, and
 * what graphics code does. No arithmetic, no MMX.
 */
#include "insn/emul.h"
#include "lib/string.h"

enum move_kind {
	MOVE_NONE,
	MOVE_LOAD,	/* upper part of the register becomes 0 */
	MOVE_LOAD_LOW,	/* into bits 63:0, the others stay */
	MOVE_LOAD_HIGH, /* into bits 127:64, the others stay */
	MOVE_STORE,
	MOVE_STORE_HIGH, /* bits 127:64 */
};

enum move_size {
	SIZE_4 = 4,
	SIZE_8 = 8,
	SIZE_W,	     /* 8 with REX.W or VEX.W, else 4 */
	SIZE_VECTOR, /* 16, or 32 with VEX.L */
};

struct move {
	u8 map;
	u8 opcode;
	u8 prefix;
	u8 kind;
	u8 size;
	bool aligned; /* a vector at an odd address is #GP */
};

static const struct move moves[] = {
	/* MOVUPS, MOVUPD, MOVSS, MOVSD */
	{1, 0x10, 0x00, MOVE_LOAD, SIZE_VECTOR, false},
	{1, 0x10, 0x66, MOVE_LOAD, SIZE_VECTOR, false},
	{1, 0x10, 0xf3, MOVE_LOAD, SIZE_4, false},
	{1, 0x10, 0xf2, MOVE_LOAD, SIZE_8, false},
	{1, 0x11, 0x00, MOVE_STORE, SIZE_VECTOR, false},
	{1, 0x11, 0x66, MOVE_STORE, SIZE_VECTOR, false},
	{1, 0x11, 0xf3, MOVE_STORE, SIZE_4, false},
	{1, 0x11, 0xf2, MOVE_STORE, SIZE_8, false},
	/* MOVLPS, MOVLPD, MOVHPS, MOVHPD */
	{1, 0x12, 0x00, MOVE_LOAD_LOW, SIZE_8, false},
	{1, 0x12, 0x66, MOVE_LOAD_LOW, SIZE_8, false},
	{1, 0x13, 0x00, MOVE_STORE, SIZE_8, false},
	{1, 0x13, 0x66, MOVE_STORE, SIZE_8, false},
	{1, 0x16, 0x00, MOVE_LOAD_HIGH, SIZE_8, false},
	{1, 0x16, 0x66, MOVE_LOAD_HIGH, SIZE_8, false},
	{1, 0x17, 0x00, MOVE_STORE_HIGH, SIZE_8, false},
	{1, 0x17, 0x66, MOVE_STORE_HIGH, SIZE_8, false},
	/* MOVAPS, MOVAPD, MOVNTPS, MOVNTPD */
	{1, 0x28, 0x00, MOVE_LOAD, SIZE_VECTOR, true},
	{1, 0x28, 0x66, MOVE_LOAD, SIZE_VECTOR, true},
	{1, 0x29, 0x00, MOVE_STORE, SIZE_VECTOR, true},
	{1, 0x29, 0x66, MOVE_STORE, SIZE_VECTOR, true},
	{1, 0x2b, 0x00, MOVE_STORE, SIZE_VECTOR, true},
	{1, 0x2b, 0x66, MOVE_STORE, SIZE_VECTOR, true},
	/* MOVD or MOVQ, MOVDQA, MOVDQU, MOVQ, MOVNTDQ, LDDQU, MOVNTDQA */
	{1, 0x6e, 0x66, MOVE_LOAD, SIZE_W, false},
	{1, 0x7e, 0x66, MOVE_STORE, SIZE_W, false},
	{1, 0x6f, 0x66, MOVE_LOAD, SIZE_VECTOR, true},
	{1, 0x6f, 0xf3, MOVE_LOAD, SIZE_VECTOR, false},
	{1, 0x7f, 0x66, MOVE_STORE, SIZE_VECTOR, true},
	{1, 0x7f, 0xf3, MOVE_STORE, SIZE_VECTOR, false},
	{1, 0x7e, 0xf3, MOVE_LOAD, SIZE_8, false},
	{1, 0xd6, 0x66, MOVE_STORE, SIZE_8, false},
	{1, 0xe7, 0x66, MOVE_STORE, SIZE_VECTOR, true},
	{1, 0xf0, 0xf2, MOVE_LOAD, SIZE_VECTOR, false},
	{2, 0x2a, 0x66, MOVE_LOAD, SIZE_VECTOR, true},
};

static const struct move *find(const struct insn *in)
{
	for (u32 i = 0; i < ARRAY_SIZE(moves); i++)
		if (moves[i].map == in->map && moves[i].opcode == in->opcode && moves[i].prefix == in->prefix)
			return &moves[i];
	return NULL;
}

static u32 bytes_of(const struct insn *in, const struct move *m)
{
	switch (m->size) {
	case SIZE_W:
		return in->rex_w && in->mode == INSN_MODE_64 ? 8 : 4;
	case SIZE_VECTOR:
		return in->vex_l ? 32 : 16;
	default:
		return m->size;
	}
}

/*
 * The checks that the CPU makes before it uses the registers (AMD APM vol. 2, 11.3; vol. 4, 3.12). It made
 * them once, but another vCPU may have written another instruction since.
 */
static int check_enabled(struct emul *e)
{
	const struct insn_ctx *ctx = e->ctx;

	if (e->in->encoding == INSN_VEX) {
		bool is_protected = (ctx->cr0 & CR0_PE) && !(ctx->regs->rflags & FLAG_VM);

		if (!is_protected || !(ctx->cr4 & CR4_OSXSAVE) || (ctx->xcr0 & 6) != 6 || e->in->vex_v)
			return emul_raise(e, EXC_UD);
	} else if ((ctx->cr0 & CR0_EM) || !(ctx->cr4 & CR4_OSFXSR)) {
		return emul_raise(e, EXC_UD);
	}
	return ctx->cr0 & CR0_TS ? emul_raise(e, EXC_NM) : 0;
}

static int load(struct emul *e, const struct move *m, u64 address, u32 size)
{
	const struct insn_ctx *ctx = e->ctx;
	u8 data[32] = {0}, reg[32] = {0};
	u32 at = m->kind == MOVE_LOAD_HIGH ? 8 : 0;
	int rc = emul_read(e, e->in->seg, address, size, 0, data);

	if (rc)
		return rc;
	/* The last step that can fail is behind us: the register is written once, whatever was restarted. */
	if (m->kind != MOVE_LOAD)
		ctx->ops->xmm(ctx->cpu, e->in->reg, reg, INSN_XMM_READ);
	memcpy(reg + at, data, m->kind == MOVE_LOAD ? sizeof(data) : size);
	ctx->ops->xmm(ctx->cpu, e->in->reg, reg,
		      e->in->encoding == INSN_VEX ? INSN_XMM_WRITE256 : INSN_XMM_WRITE128);
	return 0;
}

int emul_sse(struct emul *e)
{
	const struct insn *in = e->in;
	const struct move *m = find(in);
	u64 address = emul_address(e);
	u8 reg[32];
	u32 size;
	int rc;

	if (!m)
		return INSN_UNHANDLED;
	/*
	 * With VEX, loads of a half have three operands; and scalars and halves ignore or forbid VEX.L:
	 * left out.
	 */
	if (in->encoding == INSN_VEX &&
	    (m->kind == MOVE_LOAD_LOW || m->kind == MOVE_LOAD_HIGH || (m->size != SIZE_VECTOR && in->vex_l)))
		return INSN_UNHANDLED;
	rc = check_enabled(e);
	if (rc)
		return rc;
	size = bytes_of(in, m);
	e->align = m->aligned ? size : 0;
	if (m->kind != MOVE_STORE && m->kind != MOVE_STORE_HIGH)
		return load(e, m, address, size);

	e->ctx->ops->xmm(e->ctx->cpu, in->reg, reg, INSN_XMM_READ);
	return emul_write(e, in->seg, address, size, reg + (m->kind == MOVE_STORE_HIGH ? 8 : 0));
}
