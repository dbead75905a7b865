/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 32 exception entries, and the instructions that may fault on purpose. */
	.text
	.altmacro
	.macro trap_stub n
	.if (\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21) || (\n == 29) || (\n == 30)
	nop
	nop
	.else
	pushq	$0
	.endif
	pushq	$\n
	jmp	trap_common
	.balign 16
	.endm

	.balign 16
	.globl trap_stubs
trap_stubs:
	.set n, 0
	.rept 32
	trap_stub %n
	.set n, n + 1
	.endr

trap_common:
	cld
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, %rdi
	call	trap_handle
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
	addq	$16, %rsp
	iretq

	/* bool rdmsr_safe(u32 index, u64 *value) */
	.globl rdmsr_safe
rdmsr_safe:
	movl	%edi, %ecx
rdmsr_insn:
	rdmsr
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, (%rsi)
	movl	$1, %eax
	ret

	/* bool wrmsr_safe(u32 index, u64 value) */
	.globl wrmsr_safe
wrmsr_safe:
	movl	%edi, %ecx
	movl	%esi, %eax
	shrq	$32, %rsi
	movl	%esi, %edx
wrmsr_insn:
	wrmsr
	movl	$1, %eax
	ret

	/* bool xsetbv0_safe(u64 value) */
	.globl xsetbv0_safe
xsetbv0_safe:
	xorl	%ecx, %ecx
	movl	%edi, %eax
	shrq	$32, %rdi
	movl	%edi, %edx
xsetbv_insn:
	xsetbv
	movl	$1, %eax
	ret

insn_failed:
	xorl	%eax, %eax
	ret

	/* Pairs: the instruction that may fault, and where to go on. */
	.section .rodata
	.balign 8
	.globl trap_fixups, trap_fixups_end
trap_fixups:
	.quad rdmsr_insn, insn_failed
	.quad wrmsr_insn, insn_failed
	.quad xsetbv_insn, insn_failed
trap_fixups_end:
