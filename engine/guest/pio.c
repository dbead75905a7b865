/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port I/O: every access of a guest goes to the control domain, string instructions in rounds of one run
 * page.
 */
#include "guest/vcpu.h"
#include "lib/string.h"

static s64 leave(struct vcpu *vcpu, u32 size, u32 count, bool in)
{
	vcpu->run->pio.size = (u8)size;
	vcpu->run->pio.count = count;
	vcpu->run->pio.in = in;
	vcpu->run->pio.port = vcpu->pio_port;
	return NXT_EXIT_PIO;
}

static s64 plain(struct vcpu *vcpu, const struct exit *exit)
{
	vcpu->pending = PENDING_PIO;
	vcpu->pio_in = exit->io.in;
	vcpu->pio_size = exit->io.size;
	vcpu->insn_len = exit->insn_len;
	memset(vcpu->run->data, 0, sizeof(u64));
	if (!exit->io.in)
		memcpy(vcpu->run->data, &vcpu->ctx.regs.rax, exit->io.size);
	return leave(vcpu, exit->io.size, 1, exit->io.in);
}

static s64 resident(struct vcpu *vcpu, u64 gpa, enum vcpu_pending pending)
{
	vcpu->run->npf.gpa = vcpu_named(vcpu->smm, gpa);
	vcpu->run->npf.write = vcpu->pio.in;
	vcpu->run->npf.fetch = false;
	vcpu->run->npf.present = false;
	vcpu->pending = pending;
	return NXT_EXIT_RESIDENT;
}

/* What a step of a string instruction means, unless it is done. */
static s64 not_done(struct vcpu *vcpu, enum insn_result result, enum vcpu_pending pending)
{
	struct pio_string *pio = &vcpu->pio;

	vcpu->pending = PENDING_NONE;
	if (result != INSN_RESIDENT)
		vcpu->unbacked = ~0ULL;
	switch (result) {
	case INSN_FAULT:
		if (pio->fault.vector == 14)
			vendor->set_cr2(&vcpu->ctx, pio->fault.cr2);
		vcpu_raise(vcpu, pio->fault.vector, pio->fault.has_error, pio->fault.error);
		return CONTINUE;
	case INSN_RESIDENT:
		return resident(vcpu, pio->gpa, pending);
	default:
		return vcpu_emulation_failed(vcpu, 0);
	}
}

static s64 string_start(struct vcpu *vcpu)
{
	struct insn_ctx ctx = vcpu_insn_ctx(vcpu);
	struct pio_string *pio = &vcpu->pio;
	enum insn_result result =
		pio->in ? pio_string_in_begin(pio, &ctx) : pio_string_out(pio, &ctx, vcpu->run->data);

	if (result != INSN_DONE)
		return not_done(vcpu, result, PENDING_PIO_START);
	if (!pio->count) {
		pio_string_commit(pio, &ctx);
		return CONTINUE;
	}
	vcpu->pending = pio->in ? PENDING_PIO_IN : PENDING_PIO_OUT;
	return leave(vcpu, pio->size, pio->count, pio->in);
}

/* The prefixes decide address size and segment, which SVM without decode assists does not tell. */
static bool decode_string(struct vcpu *vcpu, const struct exit *exit)
{
	struct insn_ctx ctx = vcpu_insn_ctx(vcpu);
	struct insn insn;
	u64 gpa;

	if (vcpu_decode(vcpu, &ctx, &insn, &gpa) != INSN_MEM_OK)
		return false;
	vcpu->pio = (struct pio_string){
		.size = exit->io.size,
		.addr_size = insn.addr_size,
		.seg = insn.seg,
		.insn_len = insn.len,
		.in = exit->io.in,
		.rep = exit->io.rep,
	};
	return true;
}

s64 vcpu_pio(struct vcpu *vcpu, const struct exit *exit)
{
	vcpu->pio_port = exit->io.port;
	if (!exit->io.string)
		return plain(vcpu, exit);
	if (!decode_string(vcpu, exit))
		return CONTINUE; /* it executes what is there now */
	vcpu->unbacked = ~0ULL;
	return string_start(vcpu);
}

static s64 plain_finish(struct vcpu *vcpu)
{
	struct nxt_regs *regs = &vcpu->ctx.regs;
	u32 data;

	vcpu->pending = PENDING_NONE;
	if (vcpu->pio_in) {
		memcpy(&data, vcpu->run->data, sizeof(data));
		/* 32-bit results clear the upper half of RAX, smaller ones leave the rest alone. */
		if (vcpu->pio_size == 4)
			regs->rax = data;
		else if (vcpu->pio_size == 2)
			regs->rax = (regs->rax & ~0xffffULL) | (u16)data;
		else
			regs->rax = (regs->rax & ~0xffULL) | (u8)data;
	}
	regs->rip += vcpu->insn_len;
	vendor->set_shadow(&vcpu->ctx, false);
	return vcpu_stepped(vcpu, CONTINUE);
}

s64 vcpu_pio_finish(struct vcpu *vcpu, u32 in_flags)
{
	enum vcpu_pending pending = vcpu->pending;
	struct insn_ctx ctx = vcpu_insn_ctx(vcpu);
	enum insn_result result = INSN_DONE;

	/* The page that was asked for is no memory, or none to write: it will not be asked for again. */
	if (in_flags & NXT_RUN_UNBACKED)
		vcpu->unbacked = vcpu->pio.gpa & PAGE_MASK;
	if (pending == PENDING_PIO)
		return plain_finish(vcpu);
	if (pending == PENDING_PIO_START)
		return string_start(vcpu);
	if (pending == PENDING_PIO_IN)
		result = pio_string_in(&vcpu->pio, &ctx, vcpu->run->data);
	if (result != INSN_DONE)
		return not_done(vcpu, result, PENDING_PIO_IN);
	vcpu->pending = PENDING_NONE;
	vcpu->unbacked = ~0ULL;
	pio_string_commit(&vcpu->pio, &ctx);
	vendor->set_shadow(&vcpu->ctx, false);
	return vcpu_stepped(vcpu, CONTINUE);
}
