/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 16550 UART, output only and polled. The control domain drives the same port: nothing is switched that
 * Linux' driver relies on, and a port that stops taking characters loses them rather than stopping Engine.
 */
#include "console/console.h"
#include "cpu/asm.h"

#define UART_CLOCK 115200
#define REG_DATA 0
#define REG_IER 1
#define REG_FCR 2
#define REG_LCR 3
#define REG_MCR 4
#define REG_LSR 5
#define REG_SCRATCH 7
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define LSR_THR_EMPTY 0x20
#define POLL_LIMIT 200000

static u16 uart;

void serial_init(u16 port, u32 baud)
{
	u32 divisor = baud ? UART_CLOCK / baud : 1;

	/* Something that remembers what is written to the scratch register is a UART. */
	outb(port + REG_SCRATCH, 0xa5);
	if (inb(port + REG_SCRATCH) != 0xa5)
		return;
	outb(port + REG_IER, 0);
	outb(port + REG_LCR, LCR_DLAB);
	outb(port + REG_DATA, (u8)divisor);
	outb(port + REG_IER, (u8)(divisor >> 8));
	outb(port + REG_LCR, LCR_8N1);
	outb(port + REG_FCR, 0x07);
	outb(port + REG_MCR, 0x03);
	uart = port;
}

static void put(char c)
{
	for (u32 i = 0; i < POLL_LIMIT && !(inb(uart + REG_LSR) & LSR_THR_EMPTY); i++)
		pause();
	outb(uart + REG_DATA, (u8)c);
}

void serial_write(const char *text, size_t len)
{
	if (!uart)
		return;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			put('\r');
		put(text[i]);
	}
}
