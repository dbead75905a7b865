/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The emulator against what Zydis says of an instruction's operands. It is executed once with all memory
 * there, which is recorded; and once more with another value in what Zydis says that it does not read.
 */
#include <string.h>

#include "compare.h"
#include "insn/emulate.h"

#define ACCESSES 4
#define RSP 4
#define RSI 6
#define RDI 7
#define CR0_PG BIT(31)
#define CR0_PE BIT(0)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXSAVE BIT(18)
#define EFER_LMA BIT(10)
#define SEG_LONG BIT(13)
#define SEG_BIG BIT(14)
#define SEG_DATA 0x93 /* present, data, writable, accessed */
#define SEG_CODE 0x9b /* present, code, readable, accessed */
#define VECTOR_DE 0
#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_SS 12

struct access {
	u64 at;
	u32 size;
	bool write;
	u8 data[32];
};

struct machine {
	struct nxt_regs regs;
	u64 base[INSN_SEGS];
	enum insn_mode mode;
	struct access access[ACCESSES];
	u32 accesses;
	u32 xmm_read, xmm_written; /* registers, one bit each */
};

static u64 mix(u64 v)
{
	v = (v ^ (v >> 31)) * 0x9e3779b97f4a7c15;
	return v ^ (v >> 29);
}

static int translate(void *cpu, u64 linear, u32 access, u64 *gpa, struct insn_fault *fault)
{
	(void)cpu;
	(void)access;
	(void)fault;
	*gpa = linear;
	return INSN_MEM_OK;
}

/*
 * Pieces of one operand follow each other, outside 64-bit mode around the end of 4 GiB; an operand never
 * follows another.
 */
static struct access *record(struct machine *m, u64 at, u32 len, bool write)
{
	struct access *a = m->accesses ? &m->access[m->accesses - 1] : NULL;
	u64 next = a ? a->at + a->size : 0;

	if (m->mode != INSN_MODE_64)
		next &= 0xffffffff;
	if (!a || a->write != write || next != at || a->size + len > sizeof(a->data)) {
		if (m->accesses == ACCESSES)
			return NULL;
		a = &m->access[m->accesses++];
		*a = (struct access){.at = at, .write = write};
	}
	a->size += len;
	return a;
}

static int ram(void *cpu, u64 gpa, void *buf, u32 len, bool write)
{
	struct access *a = record(cpu, gpa, len, write);

	if (!a)
		return INSN_MEM_FAULT;
	if (!write)
		for (u32 i = 0; i < len; i++)
			((u8 *)buf)[i] = (u8)mix(gpa + i);
	memcpy(a->data + a->size - len, buf, len);
	return INSN_MEM_OK;
}

static int ram_cmpxchg(void *cpu, u64 gpa, u64 old, u64 new, u32 len)
{
	u64 there = 0;

	for (u32 i = 0; i < len; i++)
		there |= (mix(gpa + i) & 0xff) << (8 * i);
	if (there != (old & (~0ULL >> (64 - 8 * len))))
		return INSN_MEM_CHANGED;
	return ram(cpu, gpa, &new, len, true);
}

static void segment(void *cpu, enum insn_seg seg, struct nxt_segment *out)
{
	const struct machine *m = cpu;
	u32 size = m->mode == INSN_MODE_64 ? SEG_LONG : m->mode == INSN_MODE_32 ? SEG_BIG : 0;

	*out = (struct nxt_segment){.base = m->base[seg], .limit = ~0u};
	out->attr = seg == INSN_CS ? SEG_CODE | size : SEG_DATA | (size & SEG_BIG);
}

static void xmm(void *cpu, u32 index, u8 buf[32], enum insn_xmm op)
{
	struct machine *m = cpu;

	if (op == INSN_XMM_READ) {
		m->xmm_read |= 1u << index;
		for (u32 i = 0; i < 32; i++)
			buf[i] = (u8)mix(index * 32 + i);
	} else {
		m->xmm_written |= 1u << index;
	}
}

static const struct insn_ops ops = {
	.translate = translate, .ram = ram, .ram_cmpxchg = ram_cmpxchg, .segment = segment, .xmm = xmm};

/* Values that follow from the bytes, so that an instruction behaves the same wherever it comes up. */
static void set_up(struct machine *m, const struct insn *in, const u8 b[BYTES])
{
	u64 seed = 1;
	/* Vectors must be aligned: half of the time they are, if the displacement is. */
	u64 mask = 0xffffffffff & (b[in->len - 1] & 1 ? ~63ULL : ~0ULL);
	u64 *regs = (u64 *)&m->regs;

	for (u32 i = 0; i < in->len; i++)
		seed = mix(seed + b[i]);
	*m = (struct machine){.mode = in->mode};
	for (u32 i = 0; i < 16; i++)
		regs[i] = mix(seed + i) & mask;
	m->regs.rip = mix(seed + 16) & (in->mode == INSN_MODE_64   ? mask
					: in->mode == INSN_MODE_32 ? 0x7fffffff
								   : 0x7fff);
	m->regs.rflags = 2 | (mix(seed + 17) & 0xcd5);
	if (in->rep && in->map == INSN_MAP_1BYTE && in->opcode >= 0xa4 && in->opcode <= 0xaf)
		m->regs.rcx = 1; /* one element of a string */
	for (u32 i = 0; i < INSN_SEGS; i++)
		if (in->mode != INSN_MODE_64 || i >= INSN_FS)
			m->base[i] = (0x10000ULL << i) * (in->mode == INSN_MODE_64 ? 0x100000 : 16);
}

static enum insn_result execute(struct machine *m, const struct insn *in, const u8 b[BYTES],
				struct insn_fault *fault)
{
	struct insn_emul st;
	struct insn_ctx ctx = {
		.ops = &ops,
		.cpu = m,
		.regs = &m->regs,
		.cr0 = CR0_PG | CR0_PE,
		.cr4 = CR4_OSFXSR | CR4_OSXSAVE,
		.efer = EFER_LMA,
		.xcr0 = 7,
	};
	enum insn_result rc;

	insn_start(&st, b, in->len);
	rc = insn_emulate(&st, &ctx);
	*fault = st.fault;
	return rc;
}

static u64 base_of(const struct machine *m, const ZydisDecodedOperand *op)
{
	u32 seg = register_number(op->mem.segment); /* numbered as we do */

	return seg < INSN_SEGS ? m->base[seg] : 0;
}

/* The linear address of Zydis' memory operand, with the registers as before. */
static u64 address_of(const struct machine *m, const struct theirs *t, const ZydisDecodedOperand *op)
{
	static ZydisRegisterContext context;
	const ZydisDecodedInstruction *z = &t->z;
	const u64 *regs = (const u64 *)&m->regs;
	u32 width = z->address_width, size = op->size / 8;
	bool by_stack = register_number(op->mem.base) == RSP && op->mem.base != ZYDIS_REGISTER_NONE &&
			ZydisRegisterGetClass(op->mem.base) != ZYDIS_REGCLASS_GPR8;
	u64 at = 0;

	for (u32 i = 0; i < 16; i++) {
		context.values[ZYDIS_REGISTER_RAX + i] = regs[i];
		context.values[ZYDIS_REGISTER_EAX + i] = (u32)regs[i];
		context.values[ZYDIS_REGISTER_AX + i] = (u16)regs[i];
	}
	ZydisCalcAbsoluteAddressEx(z, op, m->regs.rip, &context, &at);
	/* Operands on the stack are said to be where RSP points, before it. */
	if (op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && by_stack) {
		width = z->stack_width;
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			at = regs[RSP] - size;
		else
			at = regs[RSP];
	} else if (z->mnemonic == ZYDIS_MNEMONIC_POP && by_stack) {
		at += size;
	}
	/* A bit number in a register reaches beyond the operand (Intel SDM vol. 2, table 3-2). */
	if (z->meta.category == ZYDIS_CATEGORY_BITBYTE && t->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	    z->mnemonic >= ZYDIS_MNEMONIC_BT && z->mnemonic <= ZYDIS_MNEMONIC_BTS) {
		u32 unused = 64 - op->size;
		s64 bit = (s64)(regs[register_number(t->op[1].reg.value)] << unused) >> unused;

		at += (u64)(bit >> (size == 8 ? 6 : size == 4 ? 5 : 4)) * size;
	}
	if (width < 64)
		at &= (1ULL << width) - 1;
	at += base_of(m, op);
	return m->mode == INSN_MODE_64 ? at : at & 0xffffffff;
}

static const struct access *find(const struct machine *m, u64 at, u32 size, bool write)
{
	for (u32 i = 0; i < m->accesses; i++)
		if (m->access[i].at == at && m->access[i].size == size && m->access[i].write == write)
			return &m->access[i];
	return NULL;
}

/* Every access that Zydis knows is there, and no other. */
static const char *compare_accesses(const struct machine *before, const struct machine *m,
				    const struct theirs *t)
{
	u32 expected = 0;

	for (u32 i = 0; i < t->z.operand_count; i++) {
		const ZydisDecodedOperand *op = &t->op[i];
		bool reads = op->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
		u64 at;

		if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			continue;
		at = address_of(before, t, op);
		if (reads && !find(m, at, op->size / 8, false))
			return "a read";
		/*
		 * Zydis says CMPXCHG writes only if the comparison holds; but it writes in any case (AMD
		 * APM vol. 3, CMPXCHG).
		 */
		if ((op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) && !find(m, at, op->size / 8, true))
			return "a write";
		expected += reads + !!(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE);
	}
	return expected == m->accesses ? NULL : "more accesses than operands";
}

static bool is_gpr(ZydisRegister reg)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(reg);

	return class >= ZYDIS_REGCLASS_GPR8 && class <= ZYDIS_REGCLASS_GPR64;
}

/* The bits of its 64-bit register that a general register is. */
static u64 bits_of(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
		return reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH ? 0xff00 : 0xff;
	case ZYDIS_REGCLASS_GPR16:
		return 0xffff;
	case ZYDIS_REGCLASS_GPR32:
		return 0xffffffff;
	default:
		return ~0ULL;
	}
}

static u32 full_number(ZydisRegister reg)
{
	return reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH ? reg - ZYDIS_REGISTER_AH
								    : register_number(reg);
}

/* What Zydis says that happens to a general register. */
struct use {
	u64 reads, writes; /* bits; a 32-bit write clears the upper half, which is a write too */
	bool sometimes;	   /* whether it is written depends */
};

static void add_read(struct use *use, u32 number, ZydisRegister reg)
{
	if (reg != ZYDIS_REGISTER_NONE && is_gpr(reg) && full_number(reg) == number)
		use->reads |= bits_of(reg);
}

static struct use use_of(const struct theirs *t, u32 number)
{
	struct use use = {0};

	for (u32 i = 0; i < t->z.operand_count; i++) {
		const ZydisDecodedOperand *op = &t->op[i];

		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			add_read(&use, number, op->mem.base);
			add_read(&use, number, op->mem.index);
		}
		if (op->type != ZYDIS_OPERAND_TYPE_REGISTER || !is_gpr(op->reg.value) ||
		    full_number(op->reg.value) != number)
			continue;
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			add_read(&use, number, op->reg.value);
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			use.writes |= ZydisRegisterGetClass(op->reg.value) == ZYDIS_REGCLASS_GPR32
					      ? ~0ULL
					      : bits_of(op->reg.value);
		if (op->actions & ZYDIS_OPERAND_ACTION_CONDWRITE)
			use.sometimes = true;
	}
	/* Zydis 4.0 does not say that CMPS and SCAS move their pointers. */
	if (t->z.meta.category == ZYDIS_CATEGORY_STRINGOP && use.reads && (number == RSI || number == RDI))
		use.writes = t->z.address_width == 16 ? 0xffff : ~0ULL;
	return use;
}

static const char *compare_registers(const struct machine *before, const struct machine *m,
				     const struct insn *in, const struct theirs *t)
{
	const u64 *old = (const u64 *)&before->regs, *new = (const u64 *)&m->regs;
	const ZydisAccessedFlags *flags = t->z.cpu_flags;
	u64 may = flags ? flags->modified | flags->set_0 | flags->set_1 | flags->undefined : 0;
	u32 xmm_written = 0, xmm_read = 0;

	for (u32 i = 0; i < 16; i++)
		if ((old[i] ^ new[i]) & ~use_of(t, i).writes)
			return "a register that it does not write";
	for (u32 i = 0; i < t->z.operand_count; i++) {
		const ZydisDecodedOperand *op = &t->op[i];
		ZydisRegisterClass class;

		if (op->type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		class = ZydisRegisterGetClass(op->reg.value);
		if (class != ZYDIS_REGCLASS_XMM && class != ZYDIS_REGCLASS_YMM)
			continue;
		if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			xmm_written |= 1u << register_number(op->reg.value);
		else
			xmm_read |= 1u << register_number(op->reg.value);
	}
	if (m->xmm_written != xmm_written || (m->xmm_read & ~xmm_written) != xmm_read)
		return "a vector register";
	if ((before->regs.rflags ^ m->regs.rflags) & ~may)
		return "a flag that it does not write";
	if (t->z.meta.branch_type == ZYDIS_BRANCH_TYPE_NONE && m->regs.rip != before->regs.rip + in->len)
		return "RIP";
	return NULL;
}

/* What a plain move moves. */
static const char *compare_moved(const struct machine *before, const struct machine *m,
				 const struct theirs *t)
{
	const ZydisDecodedOperand *to = &t->op[0], *from = &t->op[1];
	const ZydisDecodedOperand *reg = to->type == ZYDIS_OPERAND_TYPE_REGISTER ? to : from;
	u64 data = 0, value, mask;

	if ((t->z.mnemonic != ZYDIS_MNEMONIC_MOV && t->z.mnemonic != ZYDIS_MNEMONIC_MOVNTI) ||
	    m->accesses != 1)
		return NULL;
	memcpy(&data, m->access[0].data, 8);
	mask = ~0ULL >> (64 - 8 * m->access[0].size);
	if (reg->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		value = reg->imm.value.u;
	} else {
		value = ((const u64 *)(to == reg ? &m->regs : &before->regs))[full_number(reg->reg.value)];
		if (bits_of(reg->reg.value) == 0xff00)
			value >>= 8;
		if (to == reg && bits_of(reg->reg.value) == 0xffffffff && value >> 32)
			return "the upper half of the register";
	}
	return (data ^ value) & mask ? "the value moved" : NULL;
}

/* Executes it again with other values in one register, where Zydis says that it does not read them. */
static const char *compare_unread(const struct machine *before, const struct machine *m,
				  const struct insn *in, const u8 b[BYTES], const struct theirs *t)
{
	struct machine other = *before;
	u64 *regs = (u64 *)&other.regs;
	const u64 *old = (const u64 *)&m->regs;
	u32 k = (u32)(mix(before->regs.rax ^ before->regs.rip) % 16);
	struct use use = use_of(t, k);
	u64 flip = ~use.reads & 0xffffffffff;
	struct insn_fault fault;

	if (use.sometimes || !flip)
		return NULL;
	regs[k] ^= flip;
	if (execute(&other, in, b, &fault) != INSN_DONE)
		return "executed with one value, not with another in a register that it does not read";
	regs[k] ^= flip & ~use.writes;
	if (memcmp(regs, old, sizeof(other.regs)) || other.accesses != m->accesses ||
	    memcmp(other.access, m->access, m->accesses * sizeof(m->access[0])))
		return "what comes out depends on a register that it does not read";
	return NULL;
}

static const ZydisDecodedOperand *memory_operand(const struct theirs *t)
{
	for (u32 i = 0; i < t->z.operand_count_visible; i++)
		if (t->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return &t->op[i];
	return NULL;
}

static bool canonical(u64 v)
{
	return (u64)((s64)(v << 16) >> 16) == v;
}

/* May the instruction end in this exception, with these registers? */
static bool fault_expected(const struct machine *before, const struct machine *m, const struct theirs *t,
			   const struct insn_fault *fault)
{
	const ZydisDecodedInstruction *z = &t->z;
	const ZydisDecodedOperand *op = memory_operand(t);
	u64 at;

	if (fault->vector == VECTOR_DE)
		return z->mnemonic == ZYDIS_MNEMONIC_DIV || z->mnemonic == ZYDIS_MNEMONIC_IDIV;
	if (fault->vector == VECTOR_UD || !op)
		return false;
	at = address_of(before, t, op);
	if (fault->vector == VECTOR_GP && op->size >= 128 && at % (op->size / 8) != 0)
		return true;
	/* Code segments are not writable, and no operand goes past the end of a segment. */
	if (m->mode != INSN_MODE_64)
		return (op->mem.segment == ZYDIS_REGISTER_CS &&
			(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) ||
		       (u32)(at - base_of(before, op)) > ~0u - op->size / 8 + 1;
	if (!canonical(at) || !canonical(at + op->size / 8 - 1))
		return true;
	/* Where CALL and JMP lead is what they read. */
	if (z->mnemonic == ZYDIS_MNEMONIC_CALL || z->mnemonic == ZYDIS_MNEMONIC_JMP)
		return find(m, at, op->size / 8, false);
	return false;
}

const char *compare_emulated(const struct insn *in, const u8 b[BYTES], const struct theirs *t, bool *ret_done)
{
	struct machine before, after;
	struct insn_fault fault = {0};
	enum insn_result rc;
	const char *differs;

	set_up(&before, in, b);
	after = before;
	rc = execute(&after, in, b, &fault);
	*ret_done = rc != INSN_UNHANDLED;
	if (rc == INSN_UNHANDLED)
		return after.accesses ? "accessed memory before it was found to be outside the set" : NULL;
	if (!t)
		return rc == INSN_FAULT && fault.vector == VECTOR_UD ? NULL : "executed";
	if (rc == INSN_FAULT)
		return fault_expected(&before, &after, t, &fault) ? NULL : "an exception";
	if (rc != INSN_DONE)
		return "neither done nor refused";

	differs = compare_accesses(&before, &after, t);
	if (!differs)
		differs = compare_registers(&before, &after, in, t);
	if (!differs)
		differs = compare_moved(&before, &after, t);
	if (!differs)
		differs = compare_unread(&before, &after, in, b, t);
	return differs;
}
