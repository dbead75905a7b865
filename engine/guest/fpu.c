/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a world switch must exchange beside what the hardware does: FPU and vector registers, debug address
 * registers, and a few MSRs. All eagerly: nothing of one context is ever in the CPU while another runs.
 */
#include "cpu/asm.h"
#include "cpu/bits.h"
#include "cpu/trap.h"
#include "guest/vcpu.h"
#include "lib/string.h"

#define MSR_XSS_INDEX 0xda0
#define FXSAVE_FCW 0
#define FXSAVE_MXCSR 24
#define FCW_RESET 0x37f
#define MXCSR_RESET 0x1f80
#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
/* Of CPUID 0x80000008 EBX, any of which brings SPEC_CTRL: IBRS, STIBP, SSBD, PSFD. */
#define SPECULATION_BITS (BIT(14) | BIT(15) | BIT(24) | BIT(28))

static void raw(u32 leaf, u32 subleaf, struct cpuid_regs *out)
{
	*out = cpuid(leaf, subleaf);
}

static struct {
	bool known, xsave, xss, rdtscp, spec_ctrl;
	u64 xcr0, cr4;
	u32 size;
} cpu_has;

/* The same on all CPUs; several may fill it in at once. */
static void learn(void)
{
	if (__atomic_load_n(&cpu_has.known, __ATOMIC_ACQUIRE))
		return;
	cpu_has.xsave = cpuid(1, 0).ecx & BIT(26);
	cpu_has.xss = cpu_has.xsave && (cpuid(0xd, 1).eax & BIT(3));
	cpu_has.rdtscp = cpuid(0x80000001, 0).edx & BIT(27);
	cpu_has.spec_ctrl =
		cpuid(0x80000000, 0).eax >= 0x80000008 && (cpuid(0x80000008, 0).ebx & SPECULATION_BITS);
	cpu_has.xcr0 = cpu_has.xsave ? cpuid_guest_xcr0(raw) : 0;
	cpu_has.cr4 = cpuid_guest_cr4(raw);
	cpu_has.size = cpu_has.xsave ? cpuid_xsave_size(raw, cpu_has.xcr0) : 512;
	__atomic_store_n(&cpu_has.known, true, __ATOMIC_RELEASE);
}

u64 fpu_guest_xcr0(void)
{
	learn();
	return cpu_has.xcr0;
}

u64 cpu_guest_cr4(void)
{
	learn();
	return cpu_has.cr4;
}

u32 fpu_area_size(void)
{
	learn();
	return cpu_has.size;
}

static void save(void *area)
{
	if (cpu_has.xsave)
		__asm__ volatile("xsave64 (%0)"
				 :
				 : "r"(area), "a"((u32)cpu_has.xcr0), "d"((u32)(cpu_has.xcr0 >> 32))
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static void restore(const void *area)
{
	if (cpu_has.xsave)
		__asm__ volatile("xrstor64 (%0)"
				 :
				 : "r"(area), "a"((u32)cpu_has.xcr0), "d"((u32)(cpu_has.xcr0 >> 32)));
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area));
}

/* With all components enabled that a guest may have, so that none is left behind. */
static void switch_fpu(void *from, const void *to, u64 xcr0_from, u64 xcr0_to)
{
	u64 all = xcr0_from | cpu_has.xcr0;

	if (cpu_has.xsave && xcr0_from != all)
		xsetbv0(all);
	save(from);
	restore(to);
	if (cpu_has.xsave && xcr0_to != all)
		xsetbv0(xcr0_to);
}

/* The guest's value was checked against what its CPUID claims, which need not be what the CPU has. */
static void exchange_msr(u32 index, u64 guest, u64 *cd)
{
	*cd = rdmsr(index);
	if (*cd != guest)
		wrmsr_safe(index, guest);
}

void vcpu_wrote_msr(u32 index, u64 value)
{
	if ((index == MSR_SPEC_CTRL && cpu_has.spec_ctrl) || (index == MSR_TSC_AUX && cpu_has.rdtscp))
		wrmsr_safe(index, value);
}

static void load_db(const u64 db[4])
{
	write_dr0(db[0]);
	write_dr1(db[1]);
	write_dr2(db[2]);
	write_dr3(db[3]);
}

static void save_db(u64 db[4])
{
	db[0] = read_dr0();
	db[1] = read_dr1();
	db[2] = read_dr2();
	db[3] = read_dr3();
}

void vcpu_load_extra(struct vcpu *vcpu, struct cpu *cpu)
{
	learn();
	cpu->cd_xcr0 = cpu_has.xsave ? xgetbv0() : 0;
	switch_fpu(cpu->fpu, vcpu->fpu, cpu->cd_xcr0, vcpu->xcr0);
	if (cpu_has.rdtscp)
		exchange_msr(MSR_TSC_AUX, vcpu->tsc_aux, &cpu->cd_tsc_aux);
	if (cpu_has.xss)
		exchange_msr(MSR_XSS_INDEX, 0, &cpu->cd_xss);
	if (cpu_has.spec_ctrl)
		exchange_msr(MSR_SPEC_CTRL, vcpu->spec_ctrl, &cpu->cd_spec_ctrl);
	if (vcpu->db_live) {
		save_db(cpu->cd_db);
		load_db(vcpu->debug.flags & NXT_DEBUG_HW_BP ? vcpu->debug.db : vcpu->db);
	}
}

static void give_back_msr(u32 index, u64 guest, u64 cd)
{
	if (guest != cd)
		wrmsr(index, cd);
}

void vcpu_unload_extra(struct vcpu *vcpu, struct cpu *cpu)
{
	if (vcpu->db_live) {
		if (!(vcpu->debug.flags & NXT_DEBUG_HW_BP))
			save_db(vcpu->db);
		load_db(cpu->cd_db);
	}
	if (cpu_has.spec_ctrl)
		give_back_msr(MSR_SPEC_CTRL, vcpu->spec_ctrl, cpu->cd_spec_ctrl);
	if (cpu_has.xss)
		give_back_msr(MSR_XSS_INDEX, 0, cpu->cd_xss);
	if (cpu_has.rdtscp)
		give_back_msr(MSR_TSC_AUX, vcpu->tsc_aux, cpu->cd_tsc_aux);
	switch_fpu(vcpu->fpu, cpu->fpu, vcpu->xcr0, cpu->cd_xcr0);
}

void vcpu_fpu_sync(struct vcpu *vcpu)
{
	if (cpu_has.xsave)
		xsetbv0(vcpu->xcr0 | cpu_has.xcr0);
	save(vcpu->fpu);
	if (cpu_has.xsave)
		xsetbv0(vcpu->xcr0);
}

void vcpu_fpu_reload(struct vcpu *vcpu)
{
	if (cpu_has.xsave)
		xsetbv0(vcpu->xcr0 | cpu_has.xcr0);
	restore(vcpu->fpu);
	if (cpu_has.xsave)
		xsetbv0(vcpu->xcr0);
}

void vcpu_fpu_reset(struct vcpu *vcpu)
{
	learn();
	memset(vcpu->fpu, 0, sizeof(vcpu->fpu));
	*(u16 *)(vcpu->fpu + FXSAVE_FCW) = FCW_RESET;
	*(u32 *)(vcpu->fpu + FXSAVE_MXCSR) = MXCSR_RESET;
}

/* The rules of XSETBV (SDM vol. 1, 13.3), within what guests may have at all. */
bool vcpu_set_xcr0(struct vcpu *vcpu, u64 value)
{
	learn();
	if ((value & ~(cpu_has.xcr0 | XCR0_X87)) || (value & ~(vcpu->cpuid.features.xcr0 | XCR0_X87)) ||
	    !(value & XCR0_X87))
		return false;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return false;
	if ((value & XCR0_AVX512) && ((value & XCR0_AVX512) != XCR0_AVX512 || !(value & XCR0_AVX)))
		return false;
	vcpu->xcr0 = value;
	return true;
}
