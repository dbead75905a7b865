/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Architectural MSR numbers that Engine handles (AMD APM vol. 2 appendix A, Intel SDM vol. 4). */
#ifndef ENGINE_CPU_MSR_H
#define ENGINE_CPU_MSR_H

#include "cpu/bits.h"

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_ADJUST 0x3b
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_DEBUGCTL 0x1d9
#define MSR_PAT 0x277
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_ICR 0x830
#define MSR_X2APIC_LAST 0x8ff
#define MSR_XSS 0xda0

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103

#define MSR_SYSCFG 0xc0010010
#define MSR_IORR_FIRST 0xc0010016
#define MSR_TOP_MEM 0xc001001a
#define MSR_TOP_MEM2 0xc001001d
#define MSR_SMBASE 0xc0010111
#define MSR_SMM_ADDR 0xc0010112
#define MSR_SMM_MASK 0xc0010113
#define MSR_IGNNE 0xc0010115
#define MSR_SMM_CTL 0xc0010116

#endif
