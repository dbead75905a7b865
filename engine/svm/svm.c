/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AMD's SVM behind the vendor contract: finding it, turning it on, and entering and leaving contexts. */
#include "svm/svm.h"
#include "cpu/asm.h"
#include "cpu/msr.h"
#include "lib/string.h"
#include "mem/phys.h"

void svm_enter(struct nxt_regs *regs, u64 vmcb_pa);
void svm_sleep(const u32 *flag);
extern const char svm_sleep_hlt[];

/* By CPU: the page that the processor saves the host's state in at VMRUN (APM vol. 2, 15.30.4). */
static u64 hsave_pa[CPUS_MAX];

static bool svm_probe(void)
{
	struct cpuid_regs vendor = cpuid(0, 0);

	/* "AuthenticAMD" and "HygonGenuine". */
	return (vendor.ebx == 0x68747541 && vendor.edx == 0x69746e65) ||
	       (vendor.ebx == 0x6f677948 && vendor.edx == 0x6e65476e);
}

static const char *svm_unusable(void)
{
	if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & BIT(2)))
		return "the processor does not offer SVM: turn on \"SVM\" or \"virtualization\" in the "
		       "firmware's setup";
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return "the firmware locked SVM off: turn on \"SVM\" or \"virtualization\" in its setup";
	if (!(cpuid(0x8000000a, 0).edx & BIT(0)))
		return "the processor's SVM lacks nested paging";
	if (cpuid(0x8000000a, 0).ebx < 8)
		return "the processor's SVM has too few address space tags";
	return NULL;
}

/* 2 bits for each MSR: read, write (AMD APM vol. 2, 15.11). */
static void msrpm_set(u8 *map, u32 index, bool read, bool write)
{
	u32 bit;

	if (index < 0x2000)
		bit = index * 2;
	else if (index >= 0xc0000000 && index < 0xc0002000)
		bit = 0x800 * 8 + (index - 0xc0000000) * 2;
	else
		bit = 0x1000 * 8 + (index - 0xc0010000) * 2;
	map[bit / 8] = (u8)((map[bit / 8] & ~(3 << bit % 8)) | (read | write << 1) << bit % 8);
}

static void msrpm_set_range(u8 *map, u32 first, u32 last, bool read, bool write)
{
	for (u32 i = first; i <= last; i++)
		msrpm_set(map, i, read, write);
}

/*
 * What the control domain must not do natively. EFER: SVME must stay set. The APIC's mode decides how
 * interrupt commands look. The rest would turn SVM off, move what physical addresses mean, or open SMM's
 * memory.
 */
static void init_cd_msrpm(u8 *map)
{
	msrpm_set(map, MSR_EFER, true, true);
	msrpm_set(map, MSR_APIC_BASE, false, true);
	msrpm_set(map, MSR_X2APIC_ICR, false, true);
	msrpm_set(map, MSR_SYSCFG, false, true);
	msrpm_set_range(map, MSR_IORR_FIRST, MSR_TOP_MEM, false, true);
	msrpm_set(map, MSR_TOP_MEM2, false, true);
	msrpm_set_range(map, MSR_SMBASE, MSR_SMM_MASK, false, true);
	msrpm_set(map, MSR_VM_CR, true, true);
	msrpm_set(map, MSR_SMM_CTL, true, true);
	msrpm_set(map, MSR_VM_HSAVE_PA, true, true);
	msrpm_set(map, MSR_SVM_KEY, true, true);
}

/* A guest gets natively only what VMRUN, VMLOAD and VMSAVE exchange. */
static void init_vm_msrpm(u8 *map)
{
	static const u32 switched[] = {MSR_STAR,	 MSR_LSTAR,	  MSR_CSTAR,	      MSR_SFMASK,
				       MSR_FS_BASE,	 MSR_GS_BASE,	  MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS,
				       MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};

	memset(map, 0xff, 2 * PAGE_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(switched); i++)
		msrpm_set(map, switched[i], false, false);
}

/* What is reserved in EFER depends on the processor's features (APM vol. 2, 3.1.7). */
static u64 efer_bits(void)
{
	struct cpuid_regs extended = cpuid(0x80000001, 0);
	u64 bits = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;

	if (extended.edx & BIT(25))
		bits |= EFER_FFXSR;
	if (extended.ecx & BIT(17))
		bits |= EFER_TCE;
	if (cpuid(0x80000000, 0).eax >= 0x80000021 && (cpuid(0x80000021, 0).eax & BIT(8)))
		bits |= EFER_AIBRSE;
	return bits;
}

static void svm_init(u64 (*alloc)(u32 pages))
{
	u32 features = cpuid(0x8000000a, 0).edx;

	svm_tables.cd_msrpm = alloc(2);
	svm_tables.vm_msrpm = alloc(2);
	svm_tables.iopm = alloc(3);
	svm_tables.has_nrips = features & BIT(3);
	svm_tables.efer = efer_bits();
	init_cd_msrpm(phys_to_virt(svm_tables.cd_msrpm));
	init_vm_msrpm(phys_to_virt(svm_tables.vm_msrpm));
	memset(phys_to_virt(svm_tables.iopm), 0xff, 3 * PAGE_SIZE);
}

static void svm_cpu_init(const struct cpu *cpu, u64 (*alloc)(u32 pages))
{
	hsave_pa[cpu->index] = alloc(1);
}

static void svm_cpu_enable(struct cpu *cpu)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, hsave_pa[cpu->index]);
	cpu->asid_count = cpuid(0x8000000a, 0).ebx;
	cpu->asid_next = 2;
	/*
	 * RFLAGS.IF is set from here on, so that interrupts can end a guest's run; GIF keeps them out of
	 * Engine.
	 */
	__asm__ volatile("clgi; sti" : : : "memory");
}

static void svm_consume_nmi(void)
{
	__asm__ volatile("cli; stgi; nop; clgi; sti" : : : "memory");
}

static void svm_run(struct context *ctx, struct exit *exit)
{
	struct vmcb *vmcb = ctx->hw;
	bool virtual;

	vmcb->rax = ctx->regs.rax;
	vmcb->rsp = ctx->regs.rsp;
	vmcb->rip = ctx->regs.rip;
	vmcb->rflags = ctx->regs.rflags;
	vmcb->nested_cr3 = ctx->npt_root;
	vmcb->asid = ctx->asid;
	vmcb->tlb_control = ctx->flush ? TLB_CONTROL_FLUSH_ALL : TLB_CONTROL_NONE;
	ctx->flush = false;
	virtual = svm_make_virtual(vmcb);

	svm_enter(&ctx->regs, ctx->hw_pa);

	if (virtual)
		svm_end_virtual(vmcb);
	ctx->regs.rax = vmcb->rax;
	ctx->regs.rsp = vmcb->rsp;
	ctx->regs.rip = vmcb->rip;
	ctx->regs.rflags = vmcb->rflags;
	vmcb->event_inj = 0;
	svm_decode_exit(vmcb, exit);
}

static void vmload(u64 pa)
{
	__asm__ volatile("vmload %0" : : "a"(pa) : "memory");
}

static void vmsave(u64 pa)
{
	__asm__ volatile("vmsave %0" : : "a"(pa) : "memory");
}

static void svm_cd_load(struct context *cd)
{
	vmload(cd->hw_pa);
}

static void svm_cd_save(struct context *cd)
{
	vmsave(cd->hw_pa);
}

static void svm_load(struct context *cd, struct context *vcpu)
{
	vmsave(cd->hw_pa);
	vmload(vcpu->hw_pa);
}

static void svm_unload(struct context *cd, struct context *vcpu)
{
	vmsave(vcpu->hw_pa);
	vmload(cd->hw_pa);
}

/*
 * NMIs are intercepted at all times, so that Engine reaches this CPU even in an NMI handler that never ends:
 * a kernel that crashes stops its other CPUs in one. So the control domain's NMI is taken off the processor
 * and injected, and that further ones wait until IRET is Engine's to ensure.
 */
static void svm_cd_pass_nmi(struct context *ctx)
{
	struct vmcb *vmcb = ctx->hw;

	svm_inject(ctx, &(struct event){.type = EVENT_NMI, .vector = 2});
	vmcb->intercept1 |= (u32)INTERCEPT1_IRET;
}

static void svm_cd_catch_nmi(struct context *ctx)
{
	struct vmcb *vmcb = ctx->hw;

	vmcb->intercept1 &= (u32)~INTERCEPT1_IRET;
}

const struct vendor_ops svm_ops = {
	.name = "svm",
	.hypercall = 0xd9, /* VMMCALL */
	.npt = &npt_format_amd,
	.probe = svm_probe,
	.unusable = svm_unusable,
	.init = svm_init,
	.cpu_init = svm_cpu_init,
	.cpu_enable = svm_cpu_enable,
	.cd_init = svm_cd_init,
	.cd_read_msr = svm_cd_read_msr,
	.vcpu_init = svm_vcpu_init,
	.run = svm_run,
	.load = svm_load,
	.cd_load = svm_cd_load,
	.cd_save = svm_cd_save,
	.unload = svm_unload,
	.consume_nmi = svm_consume_nmi,
	.wait_for_nmi = svm_sleep,
	.sleep_hlt = svm_sleep_hlt,
	.cd_pass_nmi = svm_cd_pass_nmi,
	.cd_catch_nmi = svm_cd_catch_nmi,
	.get_sregs = svm_get_sregs,
	.set_sregs = svm_set_sregs,
	.get_paging = svm_get_paging,
	.get_segment = svm_get_segment,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.intercept_msrs = svm_intercept_msrs,
	.get_dr = svm_get_dr,
	.set_dr = svm_set_dr,
	.set_cr2 = svm_set_cr2,
	.intercept_dr = svm_intercept_dr,
	.intercept_exceptions = svm_intercept_exceptions,
	.inject = svm_inject,
	.pending = svm_pending,
	.irq_open = svm_irq_open,
	.get_shadow = svm_get_shadow,
	.set_shadow = svm_set_shadow,
	.want_window = svm_want_window,
	.intercept_hlt = svm_intercept_hlt,
	.intercept_iret = svm_intercept_iret,
	.get_tpr = svm_get_tpr,
	.set_tpr = svm_set_tpr,
	.set_tsc_offset = svm_set_tsc_offset,
};
