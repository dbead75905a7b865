/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bits of control registers, RFLAGS and MSRs (AMD APM vol. 2, chapter 3). */
#ifndef ENGINE_CPU_BITS_H
#define ENGINE_CPU_BITS_H

#define APIC_BASE_BSP (1ULL << 8)
#define APIC_BASE_X2APIC (1ULL << 10)
#define APIC_BASE_ENABLE (1ULL << 11)
#define EFER_SCE (1ULL << 0)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)
#define EFER_NX (1ULL << 11)
#define EFER_FFXSR (1ULL << 14)
#define EFER_TCE (1ULL << 15)
#define EFER_AIBRSE (1ULL << 21)

#define CR0_PE (1ULL << 0)
#define CR0_EM (1ULL << 2)
#define CR0_TS (1ULL << 3)
#define CR0_ET (1ULL << 4)
#define CR0_WP (1ULL << 16)
#define CR0_NW (1ULL << 29)
#define CR0_CD (1ULL << 30)
#define CR0_PG (1ULL << 31)
#define CR4_PAE (1ULL << 5)
#define CR4_PGE (1ULL << 7)
#define CR4_OSFXSR (1ULL << 9)
#define CR4_OSXSAVE (1ULL << 18)

#define RFLAGS_FIXED (1ULL << 1)
#define RFLAGS_TF (1ULL << 8)
#define RFLAGS_IF (1ULL << 9)
#define RFLAGS_RF (1ULL << 16)

#endif
