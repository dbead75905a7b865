/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks a guest's own page tables (linear to guest-physical) as the CPU does: permissions, reserved bits,
 * accessed and dirty bits (Intel SDM vol. 3, chapter 4; AMD APM vol. 2, chapter 5).
 */
#ifndef ENGINE_GUEST_WALK_H
#define ENGINE_GUEST_WALK_H

#include "lib/types.h"

/* Bits of a page-fault error code; the middle three are also the kinds of access. */
#define WALK_PRESENT (1u << 0)
#define WALK_WRITE (1u << 1)
#define WALK_USER (1u << 2)
#define WALK_RESERVED (1u << 3)
#define WALK_FETCH (1u << 4)

enum walk_result {
	WALK_OK = 0,
	WALK_FAULT = 1,	    /* #PF with walk.error; CR2 is the linear address */
	WALK_RESIDENT = 2,  /* the guest page at walk.gpa (a page table) must be made resident first */
	WALK_NO_MEMORY = 3, /* a page table is at walk.gpa, where there is no memory (or none to write) */
};

/* Access to guest-physical memory. Both return WALK_OK, WALK_RESIDENT or WALK_NO_MEMORY. */
struct walk_ops {
	int (*read)(void *cpu, u64 gpa, void *buf, u32 len); /* len 4 or 8, aligned; one atomic load */
	/* Replaces old by new if it is still there (len 4 or 8, aligned); *done tells. */
	int (*cmpxchg)(void *cpu, u64 gpa, u64 old, u64 new, u32 len, bool *done);
};

/* The paging state, by the names of its registers. */
struct walk_mode {
	u64 cr0, cr3, cr4, efer;
	u64 rflags;	  /* for AC, with SMAP */
	const u64 *pdptr; /* PAE: the four registers loaded by MOV CR3; NULL: read them from memory */
	u8 maxphyaddr;	  /* guest's CPUID 0x80000008 EAX 7:0; higher address bits are reserved */
	bool no_1g;	  /* guest's CPUID offers no 1 GiB pages: the bit is reserved */
};

struct walk {
	u64 gpa;    /* result, with the offset in the page; else see enum walk_result */
	u64 page;   /* size of the page in bytes: 4 KiB, 2 MiB, 4 MiB, 1 GiB; no paging: 4 KiB */
	bool write; /* the tables let this privilege write (dirty bit or not) */
	bool user;  /* the tables let CPL 3 access it */
	u32 error;  /* WALK_FAULT: page-fault error code */
};

/*
 * Translates linear for an access of kind WALK_WRITE, WALK_USER, WALK_FETCH (combined; WALK_USER: at CPL 3).
 * mark: set accessed and dirty bits as the CPU does; without, guest memory is only read (for debuggers).
 * linear must be canonical if paging is on in long mode (the caller checked, that is no page fault).
 */
enum walk_result guest_walk(const struct walk_ops *ops, void *cpu, const struct walk_mode *mode, u64 linear,
			    u32 access, bool mark, struct walk *out);

#endif
