/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CPU executes after SIPI: copied to a page below 1 MiB, entered in real mode with CS:IP = page:0. The four words at its
 * end are filled in by smp_start. Goes straight from real mode to long mode (AMD APM vol. 2, 14.6 and 14.7).
 */
#include "lib/layout.h"

	.section .rodata
	.code16
	.globl trampoline, trampoline_end, trampoline_cr3, trampoline_stack, trampoline_base
trampoline:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	/* The GDT's and the far jump's linear addresses depend on where this page lies. */
	movl	trampoline_base - trampoline, %ebx
	leal	(gdt16 - trampoline)(%ebx), %eax
	movl	%eax, gdtr16 + 2 - trampoline
	leal	(long_mode - trampoline)(%ebx), %eax
	movl	%eax, far_target - trampoline
	lgdtl	gdtr16 - trampoline
	movl	$0x20, %eax
	movl	%eax, %cr4
	movl	trampoline_cr3 - trampoline, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x900, %eax
	wrmsr
	movl	$0x80010011, %eax		/* PG, WP, ET, PE */
	movl	%eax, %cr0
	ljmpl	*(far_target - trampoline)
	.code64
long_mode:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movq	trampoline_stack(%rip), %rsp
	xorl	%ebp, %ebp
	movabsq	$smp_entry, %rax
	jmp	*%rax
	.balign 8
gdt16:
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
gdt16_end:
gdtr16:
	.word gdt16_end - gdt16 - 1
	.long 0
far_target:
	.long 0
	.word SEL_CODE64
	.balign 8
trampoline_cr3:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_base:
	.quad 0
trampoline_end:

	.text
	.code64
smp_entry:
	/* The block of this CPU, from its stack. */
	leaq	-1(%rsp), %rdi
	andq	$-CPU_BLOCK_SIZE, %rdi
	call	cpu_main
