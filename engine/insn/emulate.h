/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executes one instruction whose memory operand is no memory.
 *
 * A device answers from the control domain, so a read must leave Engine and come back later, perhaps on
 * another CPU. Hence a restartable machine: until all operands are read, every call executes the instruction
 * from its start, with a log of the device reads that are done; nothing the guest can see changes meanwhile.
 * Then the result is fixed in the state, the writes go out one by one, and the registers are committed last.
 * String instructions do that for each element.
 *
 * Not done here, and so up to the caller: RFLAGS.TF (#DB after INSN_DONE), data breakpoints, the interrupt
 * shadow (ends with INSN_DONE), alignment checks (#AC), shadow stacks.
 */
#ifndef ENGINE_INSN_EMULATE_H
#define ENGINE_INSN_EMULATE_H

#include "abi/hypercall.h"
#include "insn/decode.h"
#include "lib/types.h"

/* What a memory callback answers. */
enum insn_mem {
	INSN_MEM_OK = 0,
	INSN_MEM_FAULT = 1,    /* translate only: *fault says which exception */
	INSN_MEM_MMIO = 2,     /* ram only: no memory, or memory that cannot be written so */
	INSN_MEM_RESIDENT = 3, /* the guest page at *gpa (ram: at gpa) must be made resident first */
	INSN_MEM_CHANGED = 4,  /* ram_cmpxchg only: memory holds another value */
};

/* Kinds of access, for translate. Bits as in a page-fault error code. */
#define INSN_ACCESS_WRITE (1u << 1)
#define INSN_ACCESS_USER (1u << 2) /* the access is made at CPL 3 */
#define INSN_ACCESS_FETCH (1u << 4)

struct insn_fault {
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2; /* linear address, for #PF */
};

enum insn_xmm {
	INSN_XMM_READ,	   /* bits 255:0 of the register into buf */
	INSN_XMM_WRITE128, /* bits 127:0 from buf; the rest of the register keeps its value (SSE) */
	INSN_XMM_WRITE256, /* bits 255:0 from buf; anything above becomes 0 (VEX) */
};

/* Everything the emulator knows about the guest besides its registers. Callbacks may be called many times. */
struct insn_ops {
	/*
	 * Guest-linear to guest-physical, with all checks of paging. linear .. page end is what the answer
	 * covers.
	 */
	int (*translate)(void *cpu, u64 linear, u32 access, u64 *gpa, struct insn_fault *fault);
	/* Copies guest memory; the range lies in one page. */
	int (*ram)(void *cpu, u64 gpa, void *buf, u32 len, bool write);
	/*
	 * Atomically replaces old by new; the range (1, 2, 4 or 8 bytes) lies in one page, perhaps
	 * unaligned.
	 */
	int (*ram_cmpxchg)(void *cpu, u64 gpa, u64 old, u64 new, u32 len);
	/*
	 * Reads from a device that answers at once, where INSN_READ would have been returned. False: it is no
	 * such device. NULL: there are none.
	 */
	bool (*own_read)(void *cpu, u64 gpa, u64 *data);
	void (*segment)(void *cpu, enum insn_seg seg, struct nxt_segment *out);
	/* The guest's FPU state; index 0 .. 15. */
	void (*xmm)(void *cpu, u32 index, u8 buf[32], enum insn_xmm op);
};

/*
 * The vCPU as the emulator sees it; made by the caller for each call, with values that agree between calls.
 */
struct insn_ctx {
	const struct insn_ops *ops;
	void *cpu;	       /* handed to ops */
	struct nxt_regs *regs; /* committed in place */
	u64 cr0, cr4, efer, xcr0;
	u8 cpl;
};

enum insn_result {
	INSN_DONE,	/* committed. RIP stands still if a repeated string instruction has more to do, or if
			   memory      changed under a locked one: just run the guest again */
	INSN_READ,	/* read st->len bytes from the device at st->gpa, insn_complete_read(), call again */
	INSN_WRITE,	/* write st->len bytes of st->data to the device at st->gpa, then call again */
	INSN_FAULT,	/* inject st->fault; registers are as before (strings: as before this element) */
	INSN_UNHANDLED, /* not an instruction it knows; st->bytes[0 .. st->nbytes - 1] is what was fetched */
	INSN_RESIDENT,	/* the guest page at st->gpa must be made resident, then call again */
};

/* Most pieces, of at most 8 bytes and in one page, that one operand of 32 bytes falls into. */
#define INSN_PIECES 5
/* Bytes and device accesses of a string instruction after which INSN_DONE is returned early. */
#define INSN_STRING_BYTES 4096
#define INSN_STRING_MMIO 64

/*
 * State of an instruction in flight: plain data, belongs to the vCPU, zero at first. gpa, len, data, fault,
 * bytes and nbytes are for the caller; the rest is private.
 */
struct insn_emul {
	u64 gpa;
	u64 data;
	u32 len;
	struct insn_fault fault;
	u8 bytes[INSN_MAX_LEN];
	u8 nbytes;

	u8 phase;	  /* enum emul_phase */
	bool wait_read;	  /* INSN_READ was returned and not completed yet */
	bool wait_write;  /* INSN_WRITE was returned */
	bool again;	  /* string instruction: elements are left after this one */
	bool locked;	  /* the write in data_out is a compare-and-exchange against data_old */
	u8 reads;	  /* valid entries in read[] */
	u8 writes, write; /* pieces in piece[], and the next to go out */
	u16 mmio;	  /* device accesses of this string instruction so far */
	u32 moved;	  /* bytes moved by this string instruction so far */

	/* From here on insn_start() leaves what was there: the above says what of it counts. */
	struct insn insn;
	struct nxt_regs next; /* registers after the instruction */
	struct {
		u64 gpa;
		u64 data;
		u32 len;
	} read[INSN_PIECES];
	struct {
		u64 gpa;
		u32 len;
	} piece[INSN_PIECES];
	u64 data_old;
	u8 data_out[32];
};

/*
 * Forgets any instruction in flight and begins a new one. bytes, n: what the CPU reported of the instruction
 * (decode assists), 0 .. 15 bytes; what is missing is fetched from CS:RIP. Call it before the first
 * insn_emulate() of an instruction, and whenever the vCPU's registers are set from outside.
 */
void insn_start(struct insn_emul *st, const u8 *bytes, size_t n);

/*
 * True from a returned INSN_READ, INSN_WRITE or INSN_RESIDENT until the instruction is finished or
 * forgotten.
 */
bool insn_in_flight(const struct insn_emul *st);

/* Goes on with the instruction as far as possible. See enum insn_result. */
enum insn_result insn_emulate(struct insn_emul *st, const struct insn_ctx *ctx);

/* Hands over the data that INSN_READ asked for (bytes above st->len are ignored). */
void insn_complete_read(struct insn_emul *st, u64 data);

/* General register 0 .. 15, in the order of the instruction encoding. */
u64 *insn_reg(struct nxt_regs *regs, u32 index);

/* The offset in its segment of an instruction's ModRM or moffs operand. rip: where the instruction is. */
u64 insn_address(const struct insn *in, struct nxt_regs *regs, u64 rip);

/* The mode that CS and EFER select; CS as the segment callback gives it. */
enum insn_mode insn_mode_of(const struct insn_ctx *ctx);

#endif
