/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * void native_jump(u32 entry, u32 params): leaves long mode and enters Linux by its 32-bit protocol, with no Engine beneath.
 * Runs from the image's identity mapping below 4 GiB, because paging goes off on the way.
 */
#include "lib/layout.h"

	.text
	.globl native_jump
native_jump:
	cli
	movl	%edi, %r8d
	movl	%esi, %r9d
	movq	image_pa(%rip), %rax
	leaq	(native_gdt - IMAGE_VIRT)(%rax), %rcx
	movq	%rcx, native_gdtr + 2(%rip)
	leaq	(native_gdtr - IMAGE_VIRT)(%rax), %rcx
	leaq	(in_identity - IMAGE_VIRT)(%rax), %rdx
	jmp	*%rdx
in_identity:
	lgdt	(%rcx)
	leaq	(native_stack_top - IMAGE_VIRT)(%rax), %rsp
	leaq	(in_compat - IMAGE_VIRT)(%rax), %rdx
	pushq	$0x10
	pushq	%rdx
	movl	%r8d, %ebx
	movl	%r9d, %esi
	lretq
	.code32
in_compat:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%cr0, %eax
	andl	$0x7fffffff, %eax
	movl	%eax, %cr0
	movl	$0xc0000080, %ecx
	rdmsr
	andl	$~0x900, %eax
	wrmsr
	xorl	%eax, %eax
	movl	%eax, %cr3
	movl	%eax, %cr4
	movl	%ebx, %eax
	xorl	%ebx, %ebx
	xorl	%edi, %edi
	xorl	%ebp, %ebp
	jmp	*%eax
	.code64

	.data
	.balign 8
native_gdt:
	.quad 0, 0
	.quad 0x00cf9b000000ffff		/* 0x10 */
	.quad 0x00cf93000000ffff		/* 0x18 */
native_gdt_end:
native_gdtr:
	.word native_gdt_end - native_gdt - 1
	.quad 0

	.bss
	.balign 16
	.skip 64
native_stack_top:
