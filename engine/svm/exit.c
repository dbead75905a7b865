/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SVM's exit codes (AMD APM vol. 2, appendix C), put into words that every vendor shares. */
#include "svm/svm.h"

static void decode_io(const struct vmcb *vmcb, struct exit *exit)
{
	u64 info = vmcb->exit_info1;

	exit->kind = EXIT_IO;
	exit->io.port = (u16)(info >> 16);
	exit->io.size = (u8)(info >> IOIO_SIZE_SHIFT & 7);
	exit->io.in = info & IOIO_IN;
	exit->io.string = info & IOIO_STRING;
	exit->io.rep = info & IOIO_REP;
	exit->insn_len = (u8)(vmcb->exit_info2 - vmcb->rip); /* EXITINFO2: the next RIP, on every SVM */
}

static void decode_exception(const struct vmcb *vmcb, struct exit *exit)
{
	u8 vector = (u8)(vmcb->exit_code - VMEXIT_EXCEPTION_FIRST);

	exit->kind = EXIT_EXCEPTION;
	exit->exception.vector = vector;
	exit->exception.has_error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
	exit->exception.error = exit->exception.has_error ? (u32)vmcb->exit_info1 : 0;
	exit->exception.address = vector == 14 ? vmcb->exit_info2 : 0;
	exit->exception.dr6 = vmcb->dr6;
}

static enum exit_kind plain_kind(u64 code)
{
	switch (code) {
	case VMEXIT_INTR:
		return EXIT_INTR;
	case VMEXIT_NMI:
		return EXIT_NMI;
	case VMEXIT_VINTR:
		return EXIT_IRQ_WINDOW;
	case VMEXIT_RDPMC:
		return EXIT_RDPMC;
	case VMEXIT_CPUID:
		return EXIT_CPUID;
	case VMEXIT_RSM:
		return EXIT_RSM;
	case VMEXIT_IRET:
		return EXIT_IRET;
	case VMEXIT_INVD:
	case VMEXIT_WBINVD:
		return EXIT_CACHE;
	case VMEXIT_PAUSE:
		return EXIT_PAUSE;
	case VMEXIT_HLT:
		return EXIT_HLT;
	case VMEXIT_TASK_SWITCH:
		return EXIT_TASK_SWITCH;
	case VMEXIT_SHUTDOWN:
		return EXIT_SHUTDOWN;
	case VMEXIT_VMMCALL:
		return EXIT_HYPERCALL;
	case VMEXIT_XSETBV:
		return EXIT_XSETBV;
	case VMEXIT_INVLPGA:
	case VMEXIT_VMRUN:
	case VMEXIT_VMLOAD:
	case VMEXIT_VMSAVE:
	case VMEXIT_STGI:
	case VMEXIT_CLGI:
	case VMEXIT_SKINIT:
	case VMEXIT_MONITOR:
	case VMEXIT_MWAIT:
	case VMEXIT_RDPRU: /* how fast the machine runs, and what others do with it, is not offered */
		return EXIT_UNDEFINED;
	case VMEXIT_CR8_WRITE:
		return EXIT_CR8;
	case VMEXIT_INVALID:
		return EXIT_INVALID;
	default:
		return EXIT_UNKNOWN;
	}
}

void svm_decode_exit(const struct vmcb *vmcb, struct exit *exit)
{
	u64 code = vmcb->exit_code;

	exit->insn_len = 0;
	if (svm_tables.has_nrips && vmcb->next_rip > vmcb->rip && vmcb->next_rip - vmcb->rip <= 15)
		exit->insn_len = (u8)(vmcb->next_rip - vmcb->rip);

	if (code == VMEXIT_NPF) {
		exit->kind = EXIT_NPF;
		exit->npf.gpa = vmcb->exit_info2;
		exit->npf.write = vmcb->exit_info1 & NPF_WRITE;
		exit->npf.fetch = vmcb->exit_info1 & NPF_FETCH;
		exit->npf.present = vmcb->exit_info1 & NPF_PRESENT;
		exit->npf.walk = vmcb->exit_info1 & NPF_WALK;
	} else if (code == VMEXIT_MSR) {
		exit->kind = EXIT_MSR;
		exit->msr.write = vmcb->exit_info1 & 1;
	} else if (code == VMEXIT_IOIO) {
		decode_io(vmcb, exit);
	} else if (code >= VMEXIT_EXCEPTION_FIRST && code <= VMEXIT_EXCEPTION_LAST) {
		decode_exception(vmcb, exit);
	} else if (code >= VMEXIT_DR_FIRST && code <= VMEXIT_DR_LAST) {
		exit->kind = EXIT_DR;
	} else {
		exit->kind = plain_kind(code);
		exit->code = code;
	}
}
