// SPDX-License-Identifier: GPL-2.0-only
/*
 * System management mode. Engine has already changed the vCPU's mode, and with it its memory, when it leaves
 * with NXT_EXIT_SMI or NXT_EXIT_RSM; its registers are saved and loaded here. smm_logic.h knows what goes
 * where.
 */
#include <linux/string.h>

#include "exit.h"
#include "internal.h"
#include "memory.h"
#include "smm_logic.h"
#include "state.h"

static int get_cpu_state(struct nxt_vcpu *vcpu, struct smm_cpu *cpu)
{
	u64 smbase;
	int ret;

	ret = nxt_state_get(vcpu, NXT_STATE_REGS);
	if (ret)
		return ret;
	memcpy(&cpu->regs, vcpu->state, sizeof(cpu->regs));
	ret = nxt_state_get(vcpu, NXT_STATE_SREGS);
	if (ret)
		return ret;
	memcpy(&cpu->sregs, vcpu->state, sizeof(cpu->sregs));
	ret = nxt_state_get(vcpu, NXT_STATE_DEBUGREGS);
	if (ret)
		return ret;
	memcpy(&cpu->debugregs, vcpu->state, sizeof(cpu->debugregs));
	ret = nxt_smbase_get(vcpu, &smbase);
	cpu->smbase = smbase;
	return ret;
}

/* -EINVAL: the guest made a state of it that no CPU can be in. */
static int set_cpu_state(struct nxt_vcpu *vcpu, const struct smm_cpu *cpu)
{
	int ret;

	memcpy(vcpu->state, &cpu->sregs, sizeof(cpu->sregs));
	ret = nxt_state_set(vcpu, NXT_STATE_SREGS);
	if (ret)
		return ret;
	memcpy(vcpu->state, &cpu->debugregs, sizeof(cpu->debugregs));
	ret = nxt_state_set(vcpu, NXT_STATE_DEBUGREGS);
	if (ret)
		return ret;
	memcpy(vcpu->state, &cpu->regs, sizeof(cpu->regs));
	ret = nxt_state_set(vcpu, NXT_STATE_REGS);
	return ret ?: nxt_smbase_set(vcpu, cpu->smbase);
}

/* The processor has nowhere to go on. */
static int shut_down(struct nxt_vcpu *vcpu)
{
	vcpu->kvm_run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

static u64 area_at(const struct smm_cpu *cpu)
{
	return NXT_GPA_SMM | ((u64)cpu->smbase + SMM_AREA);
}

int nxt_smm_enter(struct nxt_vcpu *vcpu)
{
	struct smm_area area;
	struct smm_cpu cpu;
	int ret = get_cpu_state(vcpu, &cpu);

	if (ret)
		return ret;
	smm_save(&area, &cpu);
	if (nxt_guest_write(vcpu->vm, area_at(&cpu), &area, sizeof(area)))
		return shut_down(vcpu);
	smm_enter(&cpu);
	return set_cpu_state(vcpu, &cpu) ?: 1;
}

int nxt_smm_leave(struct nxt_vcpu *vcpu)
{
	struct smm_area area;
	struct smm_cpu cpu;
	int ret = get_cpu_state(vcpu, &cpu);

	if (ret)
		return ret;
	if (nxt_guest_read(vcpu->vm, area_at(&cpu), &area, sizeof(area)))
		return shut_down(vcpu);
	smm_restore(&cpu, &area);
	ret = set_cpu_state(vcpu, &cpu);
	if (ret == -EINVAL)
		return shut_down(vcpu);
	return ret ?: 1;
}
