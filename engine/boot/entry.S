/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From GRUB to C. GRUB enters in 32-bit protected mode with paging off, EAX holding multiboot2's magic and EBX
 * the address of its information (Multiboot2 specification, section 3.3). We may lie at any 2 MiB boundary
 * below 4 GiB, so this file addresses everything relative to where it finds itself, turns on long mode with
 * tables that map the first 4 GiB at 0 and at DIRECT_MAP, and the image at IMAGE_VIRT, and calls boot_main.
 */
#include "lib/layout.h"

/* Offsets in the image are written as symbol - IMAGE_VIRT. */
#define MB2_MAGIC 0xe85250d6
#define MB2_ARCH 0 /* i386 protected mode */

	.section .multiboot2, "a"
	.balign 8
mb2_header:
	.long MB2_MAGIC, MB2_ARCH, mb2_end - mb2_header
	.long -(MB2_MAGIC + MB2_ARCH + (mb2_end - mb2_header))
	/* Framebuffer: any mode, optional, so that messages reach the screen on UEFI too. */
	.balign 8
	.word 5, 1
	.long 20, 0, 0, 0
	/* Relocatable: 2 MiB-aligned, the highest place below 4 GiB, to leave low memory whole for Linux. */
	.balign 8
	.word 10, 0
	.long 24, 0x00200000, 0xffffffff, 0x200000, 2
	/* Modules page-aligned, as the initrd must be. */
	.balign 8
	.word 6, 0
	.long 8
	.balign 8
	.word 0, 0
	.long 8
mb2_end:

	.text
	.code32
	.globl entry
entry:
	cld
	cli
	movl	%eax, %edi
	/* No stack yet: borrow the reserved word of the multiboot information for one return address. */
	leal	8(%ebx), %esp
	call	1f
1:	popl	%ebp
	subl	$(1b - IMAGE_VIRT), %ebp	/* EBP: where the image lies */
	movl	$0, 4(%ebx)

	/* The four page directories that map 0 .. 4 GiB in 2 MiB pages. */
	leal	(low_pd - IMAGE_VIRT)(%ebp), %edx
	movl	%edx, %ecx
	movl	$0x83, %eax			/* present, writable, large */
2:	movl	%eax, (%ecx)
	movl	$0, 4(%ecx)
	addl	$8, %ecx
	addl	$0x200000, %eax
	jnc	2b

	/* Their PDPT, which serves at 0 and at DIRECT_MAP. */
	leal	(direct_pdpt - IMAGE_VIRT)(%ebp), %ecx
	leal	3(%edx), %eax
	movl	%eax, 0(%ecx)
	addl	$4096, %eax
	movl	%eax, 8(%ecx)
	addl	$4096, %eax
	movl	%eax, 16(%ecx)
	addl	$4096, %eax
	movl	%eax, 24(%ecx)

	leal	(engine_pml4 - IMAGE_VIRT)(%ebp), %edx
	leal	3(%ecx), %eax
	movl	%eax, 0(%edx)
	movl	%eax, DIRECT_MAP_SLOT * 8(%edx)

	/* The image: four 2 MiB pages from where we lie. */
	leal	(image_pdpt - IMAGE_VIRT)(%ebp), %ecx
	leal	3(%ecx), %eax
	movl	%eax, 511 * 8(%edx)
	leal	(image_pd - IMAGE_VIRT + 3)(%ebp), %eax
	movl	%eax, 510 * 8(%ecx)
	leal	(image_pd - IMAGE_VIRT)(%ebp), %ecx
	leal	0x83(%ebp), %eax
	movl	%eax, 0(%ecx)
	addl	$0x200000, %eax
	movl	%eax, 8(%ecx)
	addl	$0x200000, %eax
	movl	%eax, 16(%ecx)
	addl	$0x200000, %eax
	movl	%eax, 24(%ecx)

	movl	%ebp, (image_pa - IMAGE_VIRT)(%ebp)
	/* boot_main's arguments, in memory while CPUID needs the registers. */
	movl	%edi, (boot_magic - IMAGE_VIRT)(%ebp)
	movl	%ebx, (boot_mbi - IMAGE_VIRT)(%ebp)

	movl	$0x80000001, %eax
	cpuid
	btl	$29, %edx			/* long mode; without it Debian's kernel would not run either */
	jnc	no_long_mode

	leal	(boot_gdt - IMAGE_VIRT)(%ebp), %eax
	movl	%eax, (boot_gdtr + 2 - IMAGE_VIRT)(%ebp)
	lgdt	(boot_gdtr - IMAGE_VIRT)(%ebp)
	leal	(engine_pml4 - IMAGE_VIRT)(%ebp), %ecx
	call	enter_long_mode_at
	/* not reached */

no_long_mode:
	leal	(no_long_mode_text - IMAGE_VIRT)(%ebp), %esi
	movl	$0xb8000, %edi
3:	lodsb
	testb	%al, %al
	jz	4f
	movb	$0x4f, %ah
	stosw
	jmp	3b
4:	hlt
	jmp	4b

/*
 * In: ECX: CR3, EBP: image_pa, the GDT loaded (physical). Jumps to entry64. Reads the far pointer from the stack
 * it makes below boot_stack, which lies wherever the image lies.
 */
enter_long_mode_at:
	leal	(boot_stack_top - IMAGE_VIRT)(%ebp), %esp
	movl	%cr4, %eax
	orl	$0x20, %eax			/* PAE */
	movl	%eax, %cr4
	movl	%ecx, %cr3
	movl	$0xc0000080, %ecx		/* EFER: LME, NXE */
	rdmsr
	orl	$0x900, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80010000, %eax		/* PG, WP */
	movl	%eax, %cr0
	pushl	$SEL_CODE64
	leal	(entry64_low - IMAGE_VIRT)(%ebp), %eax
	pushl	%eax
	lret

	.code64
entry64_low:
	movabsq	$entry64, %rax
	jmp	*%rax
entry64:
	lgdt	gdtr64(%rip)
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movq	$boot_stack_top, %rsp
	xorl	%ebp, %ebp
	movl	boot_magic(%rip), %edi
	movl	boot_mbi(%rip), %esi
	call	boot_main
5:	hlt
	jmp	5b

	.section .rodata
no_long_mode_text:
	.asciz "NxTop Engine: this processor has no 64-bit mode; choose another entry in the boot menu."

	.data
	.balign 8
	.globl boot_gdt, gdtr64
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff		/* SEL_CODE64 */
	.quad 0x00cf93000000ffff		/* SEL_DATA */
	.quad 0x00cf9b000000ffff		/* SEL_CODE32 */
boot_gdt_end:
boot_gdtr:
	.word boot_gdt_end - boot_gdt - 1
	.long 0
	.balign 8
gdtr64:
	.word boot_gdt_end - boot_gdt - 1
	.quad boot_gdt
	.globl image_pa
	.balign 8
image_pa:
	.quad 0
boot_magic:
	.long 0
boot_mbi:
	.long 0

	.section .bss.pages, "aw", @nobits
	.balign 4096
	.globl engine_pml4, direct_pdpt
engine_pml4:
	.skip 4096
direct_pdpt:
	.skip 4096
low_pd:
	.skip 4 * 4096
image_pdpt:
	.skip 4096
image_pd:
	.skip 4096
boot_stack:
	.skip 16384
boot_stack_top:
