/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/vcpu.h"
#include "cpu/init_state.h"
#include "guest/lapic_timer.h"
#include "mem/frames.h"
#include "mem/phys.h"

#define XCR0_X87 1

bool vcpu_own(struct vcpu *vcpu)
{
	u32 free = 0;

	return __atomic_compare_exchange_n(&vcpu->running, &free, 1, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

void vcpu_disown(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->running, 0, __ATOMIC_SEQ_CST);
}

void vcpu_reset(struct vcpu *vcpu, bool power_on, u8 sipi_vector)
{
	struct nxt_sregs sregs = power_on ? init_sregs(0xf000, 0xffff0000)
					  : init_sregs((u16)(sipi_vector << 8), (u64)sipi_vector << 12);
	struct cpuid_regs signature;

	cpuid_lookup(&vcpu->cpuid, 1, 0, &(struct cpuid_state){0}, &signature);
	vendor->set_sregs(&vcpu->ctx, &sregs);
	vcpu->ctx.regs = init_regs(power_on ? 0xfff0 : 0, signature.eax);
	vendor->set_dr(&vcpu->ctx, 6, INIT_DR6);
	vendor->set_dr(&vcpu->ctx, 7, INIT_DR7);
	vendor->set_shadow(&vcpu->ctx, false);
	vendor->intercept_iret(&vcpu->ctx, false);
	vcpu->event = (struct event){0};
	vcpu->nmi_pending = vcpu->nmi_masked = false;
	vcpu->pending = PENDING_NONE;
	vcpu_set_clock_msr(vcpu, 0);
	vcpu_set_steal_msr(vcpu, 0);
	insn_start(&vcpu->emul, NULL, 0);
}

static void init(struct vcpu *vcpu, struct vm *vm, u32 id, u64 hw_pa)
{
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->ctx.guest = true;
	vcpu->ctx.hw_pa = hw_pa;
	vcpu->ctx.hw = phys_to_virt(hw_pa);
	vcpu->mp_state = id == 0 ? NXT_MP_RUNNABLE : NXT_MP_UNINITIALIZED;
	vcpu->xcr0 = XCR0_X87;
	vendor->vcpu_init(&vcpu->ctx);
	vcpu_set_smm(vcpu, false);
	lapic_reset(&vcpu->lapic, id, id == 0);
	msr_reset(&vcpu->msrs, true);
	vcpu_fpu_reset(vcpu);
	vcpu_write_tsc(vcpu, 0, true);
	vcpu_reset(vcpu, true, 0);
}

void vcpu_unpin(const struct vcpu *vcpu)
{
	frame_unpin(vcpu->run_pfn);
	frame_unpin(vcpu->state_pfn);
}

s64 vcpu_create(struct vm *vm, u64 id, u64 run_pfn, u64 state_pfn)
{
	s64 result = -NXT_ENOMEM;
	u64 pa, hw_pa;

	if (id >= NXT_MAX_VCPUS || !run_pfn || !state_pfn)
		return -NXT_EINVAL;
	if (frame_pin(run_pfn))
		return -NXT_EPERM;
	if (frame_pin(state_pfn)) {
		frame_unpin(run_pfn);
		return -NXT_EPERM;
	}
	spin_lock(&vm->lock);
	if (vm->vcpus[id]) {
		result = -NXT_EEXIST;
		goto fail;
	}
	hw_pa = chunk_alloc_page(&vm->chunks);
	pa = hw_pa ? chunk_alloc_pages(&vm->chunks, ALIGN_UP(sizeof(struct vcpu), PAGE_SIZE) / PAGE_SIZE) : 0;
	if (!pa) {
		if (hw_pa)
			chunk_free_page(&vm->chunks, hw_pa);
		goto fail;
	}
	struct vcpu *vcpu = phys_to_virt(pa);

	vcpu->run_pfn = run_pfn;
	vcpu->state_pfn = state_pfn;
	vcpu->run = phys_to_virt(run_pfn << PAGE_SHIFT);
	vcpu->state = phys_to_virt(state_pfn << PAGE_SHIFT);
	init(vcpu, vm, (u32)id, hw_pa);
	__atomic_store_n(&vm->lapics[id], &vcpu->lapic, __ATOMIC_RELEASE);
	__atomic_store_n(&vm->vcpus[id], vcpu, __ATOMIC_RELEASE);
	__atomic_store_n(&vm->vcpu_limit, MAX(vm->vcpu_limit, (u32)id + 1), __ATOMIC_RELEASE);
	/* One more TSC: whether all are one is to be looked at again. */
	vm_clock_changed(vm);
	spin_unlock(&vm->lock);
	return 0;
fail:
	spin_unlock(&vm->lock);
	frame_unpin(run_pfn);
	frame_unpin(state_pfn);
	return result;
}
