/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The instructions that C has no words for. */
#ifndef ENGINE_CPU_ASM_H
#define ENGINE_CPU_ASM_H

#include "lib/cpuid.h"
#include "lib/types.h"

static inline u64 rdmsr(u32 index)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(index));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 index, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static inline void outb(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(u16 port, u16 value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

#define DEFINE_CR(n)                                                                                         \
	static inline u64 read_cr##n(void)                                                                   \
	{                                                                                                    \
		u64 value;                                                                                   \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(value));                                        \
		return value;                                                                                \
	}                                                                                                    \
	static inline void write_cr##n(u64 value)                                                            \
	{                                                                                                    \
		__asm__ volatile("mov %0, %%cr" #n : : "r"(value) : "memory");                               \
	}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

#define DEFINE_DR(n)                                                                                         \
	static inline u64 read_dr##n(void)                                                                   \
	{                                                                                                    \
		u64 value;                                                                                   \
		__asm__ volatile("mov %%db" #n ", %0" : "=r"(value));                                        \
		return value;                                                                                \
	}                                                                                                    \
	static inline void write_dr##n(u64 value)                                                            \
	{                                                                                                    \
		__asm__ volatile("mov %0, %%db" #n : : "r"(value));                                          \
	}
DEFINE_DR(0)
DEFINE_DR(1)
DEFINE_DR(2)
DEFINE_DR(3)
#undef DEFINE_DR

static inline u64 xgetbv0(void)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (u64)hi << 32 | lo;
}

static inline void xsetbv0(u64 value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"((u32)(value >> 32)));
}

static inline void pause(void)
{
	__builtin_ia32_pause();
}

/* Orders a store before a later load, as flag handshakes between CPUs need (SDM 8.2.3.4). */
static inline void mb(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

#endif
