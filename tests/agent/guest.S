/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that is one boot sector: it starts in a second, also under emulation. It says "up VERSION", and then does what
 * it is told on its serial port, a letter at a time:
 *
 *	r	say what it finds on the system disk: "found X", 0 if nothing was written
 *	a-j	write that letter there
 *	z	wreck the system disk: its boot sector is overwritten
 *	x	switch the machine off
 *	y	reset it
 *	q	hang, with interrupts off
 *
 * It switches itself off when the power button is pressed, too. With RESETS defined it resets itself as soon as it is up.
 * The user disk is out of its reach: SeaBIOS leaves disks alone that it is not told to start from.
 */
	.code16
	.globl _start
_start:
	ljmp $0, $1f
1:	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
	movw $hello, %si
	call say
#ifdef RESETS
	jmp reset
#endif

	movw $0x602, %dx	/* listen to the power button */
	movw $0x100, %ax
	outw %ax, %dx
next:	movw $0x600, %dx
	inw %dx, %ax
	testb $1, %ah
	jnz off
	movw $0x3fd, %dx	/* wait for a letter */
	inb %dx, %al
	testb $1, %al
	jz next
	movw $0x3f8, %dx
	inb %dx, %al
	cmpb $'r', %al
	je report
	cmpb $'z', %al
	je wreck
	cmpb $'x', %al
	je off
	cmpb $'y', %al
	je reset
	cmpb $'q', %al
	je hang
	movb %al, buffer
	movb $0x43, %ah		/* write */
	call transfer
	movw $done, %si
	call say
	jmp next

report:	movb $0x42, %ah		/* read */
	call transfer
	movb buffer, %al
	testb %al, %al
	jnz 1f
	movb $'0', %al
1:	movb %al, found + 6
	movw $found, %si
	call say
	jmp next

wreck:	movb $0, sector + 9	/* not sector 2048, but 0 */
	movb $0x43, %ah
	call transfer
	movw $done, %si
	call say
hang:	cli
	hlt
	jmp hang

off:	movw $0x604, %dx
	movw $0x2000, %ax
	outw %ax, %dx
	jmp hang

reset:	movb $0xfe, %al
	outb %al, $0x64
	jmp hang

transfer:
	movb $0, %al
	movw $sector, %si
	movb $0x80, %dl
	int $0x13
	ret

say:	lodsb
	testb %al, %al
	jz 3f
	movb %al, %bl
	movw $0x3fd, %dx
1:	inb %dx, %al
	testb $0x20, %al
	jz 1b
	movw $0x3f8, %dx
	movb %bl, %al
	outb %al, %dx
	jmp say
3:	ret

sector:	.byte 16, 0
	.word 1, buffer, 0
	.long 2048, 0

hello:	.ascii "up "
	.ascii VERSION
	.asciz "\r\n"
found:	.asciz "found .\r\n"
done:	.asciz "done\r\n"

	.org 510
	.word 0xaa55
	.set buffer, 0x8000
