/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The world switch. VMRUN exchanges RIP, RSP, RAX, RFLAGS, segments CS to DS and control registers (AMD APM vol. 2,
 * 15.5); the other general registers are ours to exchange here.
 */
	.text
	/* void svm_enter(struct nxt_regs *regs, u64 vmcb_pa) */
	.globl svm_enter
svm_enter:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi
	movq	%rsi, %rax
	movq	8(%rdi), %rcx
	movq	16(%rdi), %rdx
	movq	24(%rdi), %rbx
	movq	40(%rdi), %rbp
	movq	48(%rdi), %rsi
	movq	64(%rdi), %r8
	movq	72(%rdi), %r9
	movq	80(%rdi), %r10
	movq	88(%rdi), %r11
	movq	96(%rdi), %r12
	movq	104(%rdi), %r13
	movq	112(%rdi), %r14
	movq	120(%rdi), %r15
	movq	56(%rdi), %rdi
	vmrun	%rax
	/* RSP and RAX are the host's again; the register block's address is on the stack. */
	movq	(%rsp), %rax
	movq	%rcx, 8(%rax)
	movq	%rdx, 16(%rax)
	movq	%rbx, 24(%rax)
	movq	%rbp, 40(%rax)
	movq	%rsi, 48(%rax)
	movq	%rdi, 56(%rax)
	movq	%r8, 64(%rax)
	movq	%r9, 72(%rax)
	movq	%r10, 80(%rax)
	movq	%r11, 88(%rax)
	movq	%r12, 96(%rax)
	movq	%r13, 104(%rax)
	movq	%r14, 112(%rax)
	movq	%r15, 120(%rax)
	popq	%rdi
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

	/*
	 * void svm_sleep(const u32 *flag): sleeps until an NMI, unless *flag is set. GIF is clear before and after; between,
	 * interrupts are off and only NMIs come through. An NMI that arrives between the look at the flag and HLT would be lost on
	 * the way to sleep: the NMI handler sees RIP at svm_sleep_hlt, and steps over it (cpu/trap.c).
	 */
	.globl svm_sleep, svm_sleep_hlt
svm_sleep:
	cli
	cmpl	$0, (%rdi)
	jne	1f
	stgi
svm_sleep_hlt:
	hlt
	clgi
1:	sti
	ret
