// SPDX-License-Identifier: GPL-2.0-only
/* Registers, and the small state groups. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>

#include "hypercall.h"
#include "internal.h"
#include "state.h"

long nxt_state_get(struct nxt_vcpu *vcpu, enum nxt_state group)
{
	return nxt_hc_vcpu_get(vcpu->vm->id, vcpu->id, group, 0);
}

long nxt_state_set(struct nxt_vcpu *vcpu, enum nxt_state group)
{
	/* What the last exit said about interrupts may not hold any more; the next run finds out. */
	WRITE_ONCE(vcpu->run->irq_ready, 0);
	return nxt_hc_vcpu_set(vcpu->vm->id, vcpu->id, group, 0);
}

int nxt_state_set_u64(struct nxt_vcpu *vcpu, enum nxt_state group, u64 value)
{
	*(u64 *)vcpu->state = value;
	return nxt_state_set(vcpu, group);
}

int nxt_mp_set(struct nxt_vcpu *vcpu, enum nxt_mp_state state)
{
	return nxt_state_set_u64(vcpu, NXT_STATE_MP, state);
}

int nxt_cr8_set(struct nxt_vcpu *vcpu, u64 cr8)
{
	struct nxt_sregs *sregs = vcpu->state;
	long ret = nxt_state_get(vcpu, NXT_STATE_SREGS);

	if (ret < 0)
		return ret;
	sregs->cr8 = cr8;
	return nxt_state_set(vcpu, NXT_STATE_SREGS);
}

int nxt_boot_state(struct nxt_vcpu *vcpu)
{
	struct nxt_vm *vm = vcpu->vm;
	struct nxt_sregs *sregs = vcpu->state;
	bool boots = vcpu->id == vm->bsp_id;
	int ret;

	/*
	 * Without the kernel's local APICs, INIT and SIPI are user space's, and a vCPU runs when it is
	 * asked to.
	 */
	if (nxt_irqchip_mode(vm) == NXT_IRQCHIP_NONE)
		return nxt_mp_set(vcpu, NXT_MP_RUNNABLE);
	/* Engine takes vCPU 0 for the bootstrap processor. */
	if (vm->bsp_id == 0)
		return 0;
	ret = nxt_state_get(vcpu, NXT_STATE_SREGS);
	if (ret < 0)
		return ret;
	sregs->apic_base &= ~MSR_IA32_APICBASE_BSP;
	if (boots)
		sregs->apic_base |= MSR_IA32_APICBASE_BSP;
	ret = nxt_state_set(vcpu, NXT_STATE_SREGS);
	return ret ?: nxt_mp_set(vcpu, boots ? NXT_MP_RUNNABLE : NXT_MP_UNINITIALIZED);
}

/* The registers that have the same name in both. */
/* clang-format off */
#define FOR_EACH_REG(X) \
	X(rax) X(rbx) X(rcx) X(rdx) X(rsi) X(rdi) X(rsp) X(rbp) X(r8) X(r9) \
	X(r10) X(r11) X(r12) X(r13) X(r14) X(r15) X(rip) X(rflags)
/* clang-format on */

static int get_regs(struct nxt_vcpu *vcpu, struct kvm_regs *to)
{
	const struct nxt_regs *from = vcpu->state;
	int ret = nxt_state_get(vcpu, NXT_STATE_REGS);

#define COPY(reg) to->reg = from->reg;
	FOR_EACH_REG(COPY)
	return ret;
}

static int set_regs(struct nxt_vcpu *vcpu, const struct kvm_regs *from)
{
	struct nxt_regs *to = vcpu->state;

	FOR_EACH_REG(COPY)
#undef COPY
	return nxt_state_set(vcpu, NXT_STATE_REGS);
}

static void get_segment(struct kvm_segment *to, const struct nxt_segment *from)
{
	*to = (struct kvm_segment){
		.base = from->base,
		.limit = from->limit,
		.selector = from->selector,
		.type = from->attr & 0xf,
		.s = from->attr >> 4 & 1,
		.dpl = from->attr >> 5 & 3,
		.present = from->attr >> 7 & 1,
		.avl = from->attr >> 12 & 1,
		.l = from->attr >> 13 & 1,
		.db = from->attr >> 14 & 1,
		.g = from->attr >> 15 & 1,
		.unusable = !!(from->attr & NXT_SEG_UNUSABLE),
	};
}

static void set_segment(struct nxt_segment *to, const struct kvm_segment *from)
{
	*to = (struct nxt_segment){
		.base = from->base,
		.limit = from->limit,
		.selector = from->selector,
		.attr = (from->type & 0xf) | (from->s & 1) << 4 | (from->dpl & 3) << 5 |
			(from->present & 1) << 7 | (from->avl & 1) << 12 | (from->l & 1) << 13 |
			(from->db & 1) << 14 | (from->g & 1) << 15 | (from->unusable ? NXT_SEG_UNUSABLE : 0),
	};
}

/* The interrupt that is on its way into the guest, as the bit of its vector. */
static int get_injected_irq(struct nxt_vcpu *vcpu, struct kvm_sregs *sregs)
{
	const struct nxt_events *events = vcpu->state;
	int ret = nxt_state_get(vcpu, NXT_STATE_EVENTS);

	memset(sregs->interrupt_bitmap, 0, sizeof(sregs->interrupt_bitmap));
	if (!ret && events->irq_injected && !events->irq_soft)
		sregs->interrupt_bitmap[events->irq_nr / 64] |= 1ull << (events->irq_nr % 64);
	return ret;
}

/* An empty bitmap changes nothing, as with KVM. */
static int set_injected_irq(struct nxt_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct nxt_events *events = vcpu->state;
	int ret, i;

	for (i = 0; i < ARRAY_SIZE(sregs->interrupt_bitmap) && !sregs->interrupt_bitmap[i]; i++)
		;
	if (i == ARRAY_SIZE(sregs->interrupt_bitmap))
		return 0;
	ret = nxt_state_get(vcpu, NXT_STATE_EVENTS);
	if (ret)
		return ret;
	events->irq_injected = 1;
	events->irq_soft = 0;
	events->irq_nr = i * 64 + __ffs64(sregs->interrupt_bitmap[i]);
	return nxt_state_set(vcpu, NXT_STATE_EVENTS);
}

#define FOR_EACH_SEGMENT(X) X(cs) X(ds) X(es) X(fs) X(gs) X(ss) X(tr) X(ldt)
#define FOR_EACH_CONTROL(X) X(cr0) X(cr2) X(cr3) X(cr4) X(cr8) X(efer) X(apic_base)

static int get_sregs(struct nxt_vcpu *vcpu, struct kvm_sregs *to)
{
	const struct nxt_sregs *from = vcpu->state;
	int ret = nxt_state_get(vcpu, NXT_STATE_SREGS);

	if (ret < 0)
		return ret;
#define COPY(seg) get_segment(&to->seg, &from->seg);
	FOR_EACH_SEGMENT(COPY)
#undef COPY
#define COPY(reg) to->reg = from->reg;
	FOR_EACH_CONTROL(COPY)
	to->gdt = (struct kvm_dtable){.base = from->gdt.base, .limit = from->gdt.limit};
	to->idt = (struct kvm_dtable){.base = from->idt.base, .limit = from->idt.limit};
	return get_injected_irq(vcpu, to);
}

static int set_sregs(struct nxt_vcpu *vcpu, const struct kvm_sregs *from)
{
	struct nxt_sregs *to = vcpu->state;
	int ret;

	memset(to, 0, sizeof(*to));
	FOR_EACH_CONTROL(COPY)
#undef COPY
#define COPY(seg) set_segment(&to->seg, &from->seg);
	FOR_EACH_SEGMENT(COPY)
#undef COPY
	to->gdt = (struct nxt_dtable){.base = from->gdt.base, .limit = from->gdt.limit};
	to->idt = (struct nxt_dtable){.base = from->idt.base, .limit = from->idt.limit};
	ret = nxt_state_set(vcpu, NXT_STATE_SREGS);
	return ret ?: set_injected_irq(vcpu, from);
}

static int get_debugregs(struct nxt_vcpu *vcpu, struct kvm_debugregs *to)
{
	const struct nxt_debugregs *from = vcpu->state;
	int ret = nxt_state_get(vcpu, NXT_STATE_DEBUGREGS);

	memset(to, 0, sizeof(*to));
	memcpy(to->db, from->db, sizeof(to->db));
	to->dr6 = from->dr6;
	to->dr7 = from->dr7;
	return ret;
}

static int set_debugregs(struct nxt_vcpu *vcpu, const struct kvm_debugregs *from)
{
	struct nxt_debugregs *to = vcpu->state;

	if (from->flags || from->dr6 >> 32 || from->dr7 >> 32)
		return -EINVAL;
	memcpy(to->db, from->db, sizeof(to->db));
	to->dr6 = from->dr6;
	to->dr7 = from->dr7;
	return nxt_state_set(vcpu, NXT_STATE_DEBUGREGS);
}

static int get_mp_state(struct nxt_vcpu *vcpu, struct kvm_mp_state *to)
{
	int ret = nxt_state_get(vcpu, NXT_STATE_MP);

	to->mp_state = *(u32 *)vcpu->state;
	return ret;
}

static int set_mp_state(struct nxt_vcpu *vcpu, const struct kvm_mp_state *from)
{
	if (from->mp_state > NXT_MP_SIPI_RECEIVED)
		return -EINVAL;
	if (nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_NONE && from->mp_state != KVM_MP_STATE_RUNNABLE)
		return -EINVAL;
	return nxt_mp_set(vcpu, from->mp_state);
}

/*
 * Engine's page has bits 7:0 of the ID in bits 31:24, in either mode, as KVM's has. An x2APIC's whole ID,
 * which is the vCPU's, is for user space that asked for it; then it must also be in the page that is set.
 */
static bool has_wide_id(struct nxt_vcpu *vcpu)
{
	const struct nxt_sregs *sregs = vcpu->state;

	return READ_ONCE(vcpu->vm->wide_apic_ids) && !nxt_state_get(vcpu, NXT_STATE_SREGS) &&
	       (sregs->apic_base & X2APIC_ENABLE);
}

static int get_lapic(struct nxt_vcpu *vcpu, struct kvm_lapic_state *to)
{
	bool wide;
	int ret;

	if (nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_NONE)
		return -EINVAL;
	wide = has_wide_id(vcpu);
	ret = nxt_state_get(vcpu, NXT_STATE_LAPIC);
	memcpy(to, vcpu->state, sizeof(*to));
	if (wide)
		*(u32 *)(to->regs + APIC_ID) = vcpu->id;
	return ret;
}

static int set_lapic(struct nxt_vcpu *vcpu, const struct kvm_lapic_state *from)
{
	if (nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_NONE)
		return -EINVAL;
	if (has_wide_id(vcpu) && *(const u32 *)(from->regs + APIC_ID) != vcpu->id)
		return -EINVAL;
	memcpy(vcpu->state, from, sizeof(*from));
	return nxt_state_set(vcpu, NXT_STATE_LAPIC);
}

static int translate(struct nxt_vcpu *vcpu, struct kvm_translation *tr)
{
	struct nxt_translate *state = vcpu->state;
	int ret;

	*state = (struct nxt_translate){.linear = tr->linear_address};
	ret = nxt_state_get(vcpu, NXT_STATE_TRANSLATE);
	tr->valid = !!state->valid;
	tr->physical_address = state->valid ? state->physical : ~0ull;
	tr->writeable = state->writable;
	tr->usermode = state->user;
	return ret;
}

/*
 * KVM_CAP_SYNC_REGS. User space may change the shared page at any time, so what is set is a copy. A register
 * set that was taken is clean afterwards.
 */
int nxt_sync_regs_in(struct nxt_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm_run;
	u64 dirty = READ_ONCE(run->kvm_dirty_regs);
	union {
		struct kvm_regs regs;
		struct kvm_sregs sregs;
		struct kvm_vcpu_events events;
	} copy;
	int ret = 0;

	if ((dirty | READ_ONCE(run->kvm_valid_regs)) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	if (dirty & KVM_SYNC_X86_REGS) {
		copy.regs = run->s.regs.regs;
		ret = set_regs(vcpu, &copy.regs);
	}
	if (!ret && (dirty & KVM_SYNC_X86_SREGS)) {
		copy.sregs = run->s.regs.sregs;
		ret = set_sregs(vcpu, &copy.sregs);
	}
	if (!ret && (dirty & KVM_SYNC_X86_EVENTS)) {
		copy.events = run->s.regs.events;
		ret = nxt_events_set(vcpu, &copy.events);
	}
	if (!ret)
		run->kvm_dirty_regs &= ~dirty;
	return ret;
}

void nxt_sync_regs_out(struct nxt_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm_run;
	u64 valid = READ_ONCE(run->kvm_valid_regs);

	if (valid & KVM_SYNC_X86_REGS)
		get_regs(vcpu, &run->s.regs.regs);
	if (valid & KVM_SYNC_X86_SREGS)
		get_sregs(vcpu, &run->s.regs.sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		nxt_events_get(vcpu, &run->s.regs.events);
}

/* The ioctls that carry one struct of less than a page, out or in. */
union payload {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs debugregs;
	struct kvm_mp_state mp;
	struct kvm_lapic_state lapic;
	struct kvm_translation translation;
	struct kvm_vcpu_events events;
	struct kvm_guest_debug debug;
	struct kvm_fpu fpu;
	struct kvm_xcrs xcrs;
};

static long get_payload(struct nxt_vcpu *vcpu, unsigned int cmd, union payload *p)
{
	switch (cmd) {
	case KVM_GET_REGS:
		return get_regs(vcpu, &p->regs);
	case KVM_GET_SREGS:
		return get_sregs(vcpu, &p->sregs);
	case KVM_GET_DEBUGREGS:
		return get_debugregs(vcpu, &p->debugregs);
	case KVM_GET_MP_STATE:
		return get_mp_state(vcpu, &p->mp);
	case KVM_GET_LAPIC:
		return get_lapic(vcpu, &p->lapic);
	case KVM_TRANSLATE:
		return translate(vcpu, &p->translation);
	case KVM_GET_VCPU_EVENTS:
		return nxt_events_get(vcpu, &p->events);
	case KVM_GET_FPU:
		return nxt_fpu_get(vcpu, &p->fpu);
	case KVM_GET_XCRS:
		return nxt_xcrs_get(vcpu, &p->xcrs);
	default:
		return -ENOIOCTLCMD;
	}
}

static long set_payload(struct nxt_vcpu *vcpu, unsigned int cmd, const union payload *p)
{
	switch (cmd) {
	case KVM_SET_REGS:
		return set_regs(vcpu, &p->regs);
	case KVM_SET_SREGS:
		return set_sregs(vcpu, &p->sregs);
	case KVM_SET_DEBUGREGS:
		return set_debugregs(vcpu, &p->debugregs);
	case KVM_SET_MP_STATE:
		return set_mp_state(vcpu, &p->mp);
	case KVM_SET_LAPIC:
		return set_lapic(vcpu, &p->lapic);
	case KVM_SET_VCPU_EVENTS:
		return nxt_events_set(vcpu, &p->events);
	case KVM_SET_GUEST_DEBUG:
		return nxt_guest_debug_set(vcpu, &p->debug);
	case KVM_SET_FPU:
		return nxt_fpu_set(vcpu, &p->fpu);
	case KVM_SET_XCRS:
		return nxt_xcrs_set(vcpu, &p->xcrs);
	default:
		return -ENOIOCTLCMD;
	}
}

long nxt_state_ioctl(struct nxt_vcpu *vcpu, unsigned int cmd, void __user *argp)
{
	size_t size = _IOC_SIZE(cmd);
	union payload *p;
	long ret = 0;

	if (size > sizeof(*p))
		return -ENOIOCTLCMD;
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	if ((_IOC_DIR(cmd) & _IOC_WRITE) && copy_from_user(p, argp, size))
		ret = -EFAULT;
	if (!ret)
		ret = _IOC_DIR(cmd) & _IOC_READ ? get_payload(vcpu, cmd, p) : set_payload(vcpu, cmd, p);
	if (!ret && (_IOC_DIR(cmd) & _IOC_READ) && copy_to_user(argp, p, size))
		ret = -EFAULT;
	kfree(p);
	return ret;
}
