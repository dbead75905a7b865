/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See decode.h. The layout of instructions: Intel SDM vol. 2, chapter 2; AMD APM vol. 3, chapter 1. */
#include "insn/decode.h"

#include "abi/hypercall.h"
#include "insn/decode_table.h"
#include "lib/string.h"

struct cursor {
	const u8 *bytes;
	size_t n;
	u8 pos;
	int error;
};

static u8 next_byte(struct cursor *c)
{
	if (c->error)
		return 0;
	if (c->pos >= INSN_MAX_LEN) {
		c->error = -NXT_E2BIG;
		return 0;
	}
	if (c->pos >= c->n) {
		c->error = -NXT_EAGAIN;
		return 0;
	}
	return c->bytes[c->pos++];
}

/* The byte after the current one, without taking it. */
static u8 peek_byte(struct cursor *c)
{
	u8 b = next_byte(c);

	if (!c->error)
		c->pos--;
	return b;
}

static u64 next_value(struct cursor *c, u32 size)
{
	u64 v = 0;

	for (u32 i = 0; i < size; i++)
		v |= (u64)next_byte(c) << (8 * i);
	return v;
}

static u64 sign_extend(u64 v, u32 size)
{
	u32 shift = 64 - 8 * size;

	return size ? (u64)((s64)(v << shift) >> shift) : 0;
}

static void bad(struct cursor *c)
{
	if (!c->error)
		c->error = -NXT_EINVAL;
}

/*
 * Takes the legacy prefixes and REX, and returns the first byte that is none. A REX that is not the last
 * prefix has no effect (Intel SDM vol. 2, 2.2.1).
 */
static u8 take_prefixes(struct cursor *c, struct insn *in)
{
	bool is64 = in->mode == INSN_MODE_64;
	u8 b;

	for (;;) {
		b = next_byte(c);
		if (c->error)
			return 0;

		switch (b) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			/* 64-bit mode ignores these, as if they were not there (AMD APM vol. 3, 1.2.4). */
			if (!is64) {
				in->seg = (b >> 3) & 3;
				in->seg_override = true;
			}
			break;
		case 0x64:
		case 0x65:
			in->seg = b == 0x64 ? INSN_FS : INSN_GS;
			in->seg_override = true;
			break;
		case 0x66:
			in->opsize_override = true;
			break;
		case 0x67:
			if (is64)
				in->addr_size = 4;
			else
				in->addr_size = in->mode == INSN_MODE_32 ? 2 : 4;
			break;
		case 0xf0:
			in->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			in->rep = b;
			break;
		default:
			if (is64 && (b & 0xf0) == 0x40) {
				in->rex = b;
				continue;
			}
			return b;
		}
		in->rex = 0;
	}
}

/* Extension bits for ModRM.reg, SIB.index and ModRM.rm or SIB.base: 0 or 8. */
struct extension {
	u8 r, x, b;
};

static u8 vex_prefix(u8 pp)
{
	static const u8 prefix[] = {0, 0x66, 0xf3, 0xf2};

	return prefix[pp & 3];
}

/*
 * The second byte of a 3-byte VEX, an XOP or an EVEX; outside 64-bit mode there are no more than 8
 * registers.
 */
static void take_rxb(struct insn *in, struct extension *ext, u8 b)
{
	if (in->mode != INSN_MODE_64)
		return;
	ext->r = b & 0x80 ? 0 : 8;
	ext->x = b & 0x40 ? 0 : 8;
	ext->b = b & 0x20 ? 0 : 8;
}

/* The last byte of VEX and XOP, the third of EVEX: W, vvvv, L, pp. */
static void take_wvlp(struct insn *in, u8 b)
{
	in->rex_w = b & 0x80;
	in->vex_v = (~b >> 3) & 15;
	in->vex_l = (b >> 2) & 1;
	in->prefix = vex_prefix(b);
}

static void take_vex(struct cursor *c, struct insn *in, struct extension *ext, u8 first)
{
	u8 b = next_byte(c);

	if (first == 0xc5) {
		in->map = INSN_MAP_0F;
		ext->r = in->mode == INSN_MODE_64 && !(b & 0x80) ? 8 : 0;
		take_wvlp(in, b & 0x7f);
	} else {
		in->map = b & 0x1f;
		take_rxb(in, ext, b);
		take_wvlp(in, next_byte(c));
	}
	if (in->encoding == INSN_XOP) {
		if (in->map < INSN_MAP_XOP8 || in->map > INSN_MAP_XOPA || in->prefix)
			bad(c);
	} else if (in->map < INSN_MAP_0F || in->map > INSN_MAP_0F3A) {
		bad(c);
	}
}

static void take_evex(struct cursor *c, struct insn *in, struct extension *ext)
{
	u8 p0 = next_byte(c), p1 = next_byte(c), p2 = next_byte(c);

	in->map = p0 & 7;
	take_rxb(in, ext, p0);
	take_wvlp(in, p1);
	in->vex_l = (p2 >> 5) & 3;
	if ((p0 & 8) || !(p1 & 4) || in->map == 0 || in->map == 4 || in->map == 7)
		bad(c);
}

/*
 * C4, C5, 62 and 8F are also LES, LDS, BOUND and POP. The bits that follow tell: what would be a register
 * operand, which the first three do not have, or ModRM.reg that POP does not have.
 */
static enum insn_encoding encoding_of(struct cursor *c, const struct insn *in, u8 first)
{
	bool wide = in->mode == INSN_MODE_64 || (peek_byte(c) & 0xc0) == 0xc0;

	if (first == 0xc4 || first == 0xc5)
		return wide ? INSN_VEX : INSN_LEGACY;
	if (first == 0x62)
		return wide ? INSN_EVEX : INSN_LEGACY;
	return (peek_byte(c) & 0x18) ? INSN_XOP : INSN_LEGACY;
}

/* Takes everything up to the opcode. Returns what the opcode table says of it. */
static u16 take_opcode(struct cursor *c, struct insn *in, struct extension *ext)
{
	u8 b = take_prefixes(c, in);

	if (c->error)
		return 0;
	if (b == 0xc4 || b == 0xc5 || b == 0x62 || b == 0x8f)
		in->encoding = encoding_of(c, in, b);

	if (in->encoding != INSN_LEGACY) {
		if (in->rex || in->lock || in->rep || in->opsize_override)
			bad(c);
		if (in->encoding == INSN_EVEX)
			take_evex(c, in, ext);
		else
			take_vex(c, in, ext, b);
		in->opcode = next_byte(c);
		if (in->map == INSN_MAP_0F)
			return insn_table_0f[in->opcode] & OP_IMM ? OP_MODRM | IMM_8
			       : in->opcode == 0x77		  ? 0
								  : OP_MODRM;
		return OP_MODRM | (in->map == INSN_MAP_0F3A || in->map == INSN_MAP_XOP8 ? IMM_8 : IMM_NONE);
	}

	in->rex_w = in->rex & 8;
	ext->r = in->rex & 4 ? 8 : 0;
	ext->x = in->rex & 2 ? 8 : 0;
	ext->b = in->rex & 1 ? 8 : 0;
	in->prefix = in->rep ? in->rep : in->opsize_override ? 0x66 : 0;

	if (b != 0x0f) {
		in->opcode = b;
		return insn_table_1byte[b];
	}
	b = next_byte(c);
	if (b == 0x38 || b == 0x3a) {
		in->map = b == 0x38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
		in->opcode = next_byte(c);
		return OP_MODRM | (b == 0x3a ? IMM_8 : IMM_NONE);
	}
	in->map = INSN_MAP_0F;
	in->opcode = b;
	return insn_table_0f[b];
}

static void take_mem16(struct cursor *c, struct insn *in)
{
	static const u8 base[] = {3, 3, 5, 5, 6, 7, 5, 3};
	static const u8 index[] = {6, 7, 6, 7, INSN_REG_NONE, INSN_REG_NONE, INSN_REG_NONE, INSN_REG_NONE};
	u32 disp = in->mod;

	in->base = base[in->rm & 7];
	in->index = index[in->rm & 7];
	if (in->mod == 0 && in->rm == 6) {
		in->base = INSN_REG_NONE;
		disp = 2;
	}
	in->disp = sign_extend(next_value(c, disp), disp);
}

static void take_mem32(struct cursor *c, struct insn *in, const struct extension *ext)
{
	u32 disp = in->mod == 2 ? 4 : in->mod;

	in->base = in->rm;
	if ((in->rm & 7) == 4) {
		u8 sib = next_byte(c);

		in->scale = 1 << (sib >> 6);
		in->index = ((sib >> 3) & 7) | ext->x;
		if (in->index == 4)
			in->index = INSN_REG_NONE;
		in->base = (sib & 7) | ext->b;
		if (in->mod == 0 && (sib & 7) == 5) {
			in->base = INSN_REG_NONE;
			disp = 4;
		}
	} else if (in->mod == 0 && (in->rm & 7) == 5) {
		in->base = in->mode == INSN_MODE_64 ? INSN_REG_RIP : INSN_REG_NONE;
		disp = 4;
	}
	in->disp = sign_extend(next_value(c, disp), disp);
}

static void take_modrm(struct cursor *c, struct insn *in, const struct extension *ext, u16 op)
{
	u8 b = next_byte(c);

	in->has_modrm = true;
	in->mod = op & OP_REG_ONLY ? 3 : b >> 6;
	in->reg = ((b >> 3) & 7) | ext->r;
	in->rm = (b & 7) | ext->b;
	if (in->mod == 3)
		return;

	in->has_mem = true;
	if (in->addr_size == 2) {
		in->rm &= 7;
		take_mem16(c, in);
	} else {
		take_mem32(c, in, ext);
	}
	/* Addresses off the stack registers default to SS; R12 and R13 are not among them. */
	if (!in->seg_override && (in->base == 4 || in->base == 5))
		in->seg = INSN_SS;
}

static void set_op_size(struct insn *in, u16 op)
{
	bool is64 = in->mode == INSN_MODE_64;

	/* FF holds near branches (/2, /4) and PUSH (/6) beside arithmetic. */
	if (in->encoding == INSN_LEGACY && in->map == INSN_MAP_1BYTE && in->opcode == 0xff) {
		u8 ext = in->reg & 7;

		op |= ext == 2 || ext == 4 ? OP_F64 : ext == 6 ? OP_D64 : 0;
	}

	if (is64 && (in->rex_w || (op & OP_F64)))
		in->op_size = 8;
	else if (in->opsize_override)
		in->op_size = in->mode == INSN_MODE_16 ? 4 : 2;
	else if (is64 && (op & OP_D64))
		in->op_size = 8;
	else
		in->op_size = in->mode == INSN_MODE_16 ? 2 : 4;
}

/* The immediates that depend on more than the opcode; and encodings in groups that do not exist. */
static u16 group_imm(struct cursor *c, const struct insn *in, u16 imm)
{
	u8 ext = in->reg & 7;

	if (in->map == INSN_MAP_XOPA && in->encoding == INSN_XOP)
		return IMM_Z;
	if (in->encoding != INSN_LEGACY)
		return imm;
	if (in->map == INSN_MAP_0F) {
		if (in->opcode == 0xba && ext < 4)
			bad(c);
		/* AMD's EXTRQ and INSERTQ have two immediate bytes; VMREAD, without a prefix, has none. */
		if (in->opcode == 0x78 && (in->prefix == 0x66 || in->prefix == 0xf2))
			return IMM_16;
		return imm;
	}
	if (in->map != INSN_MAP_1BYTE)
		return imm;

	switch (in->opcode) {
	case 0x8d: /* LEA */
	case 0xc4: /* LES */
	case 0xc5: /* LDS */
	case 0x62: /* BOUND */
		if (!in->has_mem)
			bad(c);
		break;
	case 0x8f:
		if (ext != 0)
			bad(c);
		break;
	case 0xc6:
	case 0xc7:
		/* C6 F8 and C7 F8 are XABORT and XBEGIN. */
		if (ext != 0 && !(ext == 7 && in->mod == 3 && (in->rm & 7) == 0))
			bad(c);
		break;
	case 0xf6:
		return ext < 2 ? IMM_8 : IMM_NONE;
	case 0xf7:
		return ext < 2 ? IMM_Z : IMM_NONE;
	case 0xfe:
		if (ext > 1)
			bad(c);
		break;
	case 0xff:
		if (ext == 7 || ((ext == 3 || ext == 5) && !in->has_mem))
			bad(c);
		break;
	}
	return imm;
}

static void take_imm(struct cursor *c, struct insn *in, u16 imm)
{
	u8 z = in->op_size == 2 ? 2 : 4;

	switch (imm) {
	case IMM_8:
		in->imm_size = 1;
		break;
	case IMM_16:
		in->imm_size = 2;
		break;
	case IMM_Z:
		in->imm_size = in->encoding == INSN_XOP ? 4 : z;
		break;
	case IMM_V:
		in->imm_size = in->op_size;
		break;
	case IMM_ENTER:
		in->imm_size = 2;
		in->imm2_size = 1;
		break;
	case IMM_FAR:
		in->imm_size = z;
		in->imm2_size = 2;
		break;
	case IMM_MOFFS:
		in->has_mem = true;
		in->disp = next_value(c, in->addr_size);
		return;
	}
	in->imm = sign_extend(next_value(c, in->imm_size), in->imm_size);
	in->imm2 = next_value(c, in->imm2_size);
}

int insn_decode(struct insn *out, const u8 *bytes, size_t n, enum insn_mode mode)
{
	struct cursor c = {.bytes = bytes, .n = n};
	struct extension ext = {0};
	u16 op;

	memset(out, 0, sizeof(*out));
	out->mode = mode;
	out->addr_size = mode / 8;
	out->seg = INSN_DS;
	out->base = INSN_REG_NONE;
	out->index = INSN_REG_NONE;
	out->scale = 1;

	op = take_opcode(&c, out, &ext);
	if ((op & OP_BAD) || (mode == INSN_MODE_64 && (op & OP_BAD64)))
		bad(&c);
	if (c.error)
		return c.error;

	if (op & OP_MODRM)
		take_modrm(&c, out, &ext, op);
	else
		/* Opcodes that hold a register number in their low bits. */
		out->rm = (out->opcode & 7) | ext.b;
	set_op_size(out, op);
	if (!c.error)
		take_imm(&c, out, group_imm(&c, out, op & OP_IMM));
	out->len = c.pos;
	return c.error;
}
