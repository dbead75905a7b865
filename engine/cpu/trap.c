/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cpu/trap.h"
#include "console/console.h"
#include "cpu/asm.h"
#include "cpu/cpu.h"
#include "cpu/kick.h"
#include "lib/layout.h"
#include "lib/log.h"
#include "vendor.h"

#define VECTOR_NMI 2

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
} PACKED;

struct dtable {
	u16 limit;
	u64 base;
} PACKED;

struct fixup {
	u64 insn, resume;
};

extern const char trap_stubs[];
extern const struct fixup trap_fixups[], trap_fixups_end[];
extern const struct dtable gdtr64;

static struct gate idt[32];
static u32 panicking;

void trap_init_cpu(void)
{
	struct dtable idtr = {.limit = sizeof(idt) - 1, .base = (u64)idt};

	for (u32 i = 0; i < ARRAY_SIZE(idt); i++) {
		u64 entry = (u64)trap_stubs + i * 16ULL;

		idt[i] = (struct gate){
			.offset_low = (u16)entry,
			.selector = SEL_CODE64,
			.type = 0x8e, /* present interrupt gate, DPL 0 */
			.offset_mid = (u16)(entry >> 16),
			.offset_high = (u32)(entry >> 32),
		};
	}
	__asm__ volatile("lgdt %0" : : "m"(gdtr64));
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

static void print_frame(const struct trap_frame *f)
{
	log_line("  rip %016lx  rsp %016lx  rflags %08lx  cs %lx", f->rip, f->rsp, f->rflags, f->cs);
	log_line("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	log_line("  rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
	log_line("  r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", f->r9, f->r10, f->r11, f->r12);
	log_line("  r13 %016lx  r14 %016lx  r15 %016lx", f->r13, f->r14, f->r15);
	log_line("  cr0 %08lx  cr2 %016lx  cr3 %016lx  cr4 %08lx", read_cr0(), read_cr2(), read_cr3(),
		 read_cr4());
}

/* Everything after this is for people; the other CPUs are made to stand still first. */
static void panic_begin(void)
{
	if (__atomic_exchange_n(&panicking, 1, __ATOMIC_ACQ_REL)) {
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	log_panic();
	screen_regain();
	kick_stop_others();
	log_line("NxTop Engine stopped: PANIC on CPU %u", kick_self_index());
}

static NORETURN void panic_end(void)
{
	log_line("The PC must be restarted: press its reset button, or hold its power button for five "
		 "seconds.");
	for (;;)
		__asm__ volatile("cli; hlt");
}

void panic(const char *fmt, ...)
{
	struct trap_frame frame = {0};
	va_list args;

	/* In the order of struct trap_frame. */
	__asm__ volatile("mov %%r15, (%0); mov %%r14, 8(%0); mov %%r13, 16(%0); mov %%r12, 24(%0);"
			 "mov %%r11, 32(%0); mov %%r10, 40(%0); mov %%r9, 48(%0); mov %%r8, 56(%0);"
			 "mov %%rbp, 64(%0); mov %%rdi, 72(%0); mov %%rsi, 80(%0); mov %%rdx, 88(%0);"
			 "mov %%rcx, 96(%0); mov %%rbx, 104(%0); mov %%rax, 112(%0)"
			 :
			 : "r"(&frame)
			 : "memory");
	__asm__ volatile("pushf; pop %0; mov %%cs, %1; mov %%rsp, %2"
			 : "=r"(frame.rflags), "=r"(frame.cs), "=r"(frame.rsp));
	frame.rip = (u64)__builtin_return_address(0);
	panic_begin();
	va_start(args, fmt);
	log_line_v(fmt, args);
	va_end(args);
	print_frame(&frame);
	panic_end();
}

void trap_handle(struct trap_frame *frame)
{
	if (frame->vector == VECTOR_NMI) {
		kick_took_nmi();
		/*
		 * Only while a CPU waits for one, or to swallow one. Stepping over HLT, which is one byte,
		 * keeps it from sleeping through the wake-up that this is.
		 */
		if (vendor && frame->rip == (u64)vendor->sleep_hlt)
			frame->rip++;
		return;
	}
	for (const struct fixup *f = trap_fixups; f < trap_fixups_end; f++) {
		if (frame->rip == f->insn) {
			frame->rip = f->resume;
			return;
		}
	}
	panic_begin();
	log_line("exception %lu, error code %lx", frame->vector, frame->error);
	print_frame(frame);
	panic_end();
}
