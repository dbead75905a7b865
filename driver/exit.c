// SPDX-License-Identifier: GPL-2.0-only
/* What Engine's exits mean: memory to map, devices to ask, or something to tell user space. */
#include <linux/kernel.h>
#include <linux/kvm_para.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "exit.h"
#include "internal.h"
#include "memory.h"
#include "msr_filter.h"

/* Nothing is mapped at an address that the guest uses, or that may not be written. */
static int handle_npf(struct nxt_vcpu *vcpu)
{
	const struct nxt_run *run = vcpu->run;
	u64 gpa = READ_ONCE(run->npf.gpa);
	bool present = READ_ONCE(run->npf.present);
	int ret = nxt_fault(vcpu, gpa, READ_ONCE(run->npf.write), present);

	if (ret)
		return ret;
	if (present || !nxt_map_mmio(vcpu, gpa))
		vcpu->run_flags |= NXT_RUN_EMULATE;
	return 1;
}

/*
 * Engine itself needs a page of the guest, to go on with an instruction. It does not always know whether it
 * will write, so where the guest may, the page becomes writable.
 */
static int handle_resident(struct nxt_vcpu *vcpu)
{
	u64 gpa = READ_ONCE(vcpu->run->npf.gpa);
	int ret = nxt_fault(vcpu, gpa, true, true);

	vcpu->unfinished = true;
	if (!ret || ret == -EFAULT)
		ret = nxt_fault(vcpu, gpa, false, true);
	if (ret)
		return ret;
	vcpu->run_flags |= NXT_RUN_UNBACKED;
	return 1;
}

static int handle_mmio(struct nxt_vcpu *vcpu)
{
	struct kvm_run *kvm_run = vcpu->kvm_run;
	struct nxt_run *run = vcpu->run;
	u64 gpa = READ_ONCE(run->mmio.gpa);
	u32 len = min_t(u32, READ_ONCE(run->mmio.len), sizeof(kvm_run->mmio.data));
	bool write = READ_ONCE(run->mmio.write);

	vcpu->unfinished = true;
	if (write ? nxt_io_write(vcpu->vm, NXT_BUS_MMIO, gpa, len, run->data)
		  : nxt_io_read(vcpu->vm, NXT_BUS_MMIO, gpa, len, run->data))
		return 1;

	kvm_run->exit_reason = KVM_EXIT_MMIO;
	kvm_run->mmio.phys_addr = gpa;
	kvm_run->mmio.len = len;
	kvm_run->mmio.is_write = write;
	if (write) {
		memcpy(kvm_run->mmio.data, run->data, len);
	} else {
		vcpu->answer = kvm_run->mmio.data;
		vcpu->answer_len = len;
	}
	return 0;
}

/* True: the driver has the device, and count accesses to the port are done. */
static bool pio_in_kernel(struct nxt_vcpu *vcpu, u16 port, u32 size, u32 count, bool in)
{
	u8 *data = vcpu->run->data;
	u32 i;

	for (i = 0; i < count; i++, data += size) {
		if (in ? nxt_io_read(vcpu->vm, NXT_BUS_PIO, port, size, data)
		       : nxt_io_write(vcpu->vm, NXT_BUS_PIO, port, size, data))
			continue;
		if (!i)
			return false;
		/* The device went away in the middle; nobody answers the rest. */
		if (in)
			memset(data, 0xff, size);
	}
	return true;
}

static int handle_pio(struct nxt_vcpu *vcpu)
{
	struct kvm_run *kvm_run = vcpu->kvm_run;
	struct nxt_run *run = vcpu->run;
	u16 port = READ_ONCE(run->pio.port);
	u32 size = READ_ONCE(run->pio.size);
	u32 count = READ_ONCE(run->pio.count);
	bool in = READ_ONCE(run->pio.in);

	if (WARN_ON_ONCE(!size || size > 4 || !count || count > NXT_RUN_DATA / size))
		return -EIO;
	vcpu->unfinished = true;
	if (pio_in_kernel(vcpu, port, size, count, in))
		return 1;

	kvm_run->exit_reason = KVM_EXIT_IO;
	kvm_run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	kvm_run->io.size = size;
	kvm_run->io.port = port;
	kvm_run->io.count = count;
	kvm_run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	if (in) {
		vcpu->answer = vcpu->pio_page;
		vcpu->answer_len = size * count;
	} else {
		memcpy(vcpu->pio_page, run->data, size * count);
	}
	return 0;
}

static int handle_eoi(struct nxt_vcpu *vcpu)
{
	u8 vector = READ_ONCE(vcpu->run->eoi.vector);

	nxt_ioapic_eoi(vcpu->vm, vector);
	if (!nxt_split_wants_eoi(vcpu->vm, vector))
		return 1;
	vcpu->kvm_run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	vcpu->kvm_run->eoi.vector = vector;
	return 0;
}

static int handle_emulation(struct nxt_vcpu *vcpu)
{
	struct kvm_run *kvm_run = vcpu->kvm_run;
	const struct nxt_run *run = vcpu->run;
	u32 len = min_t(u32, READ_ONCE(run->emulation.insn_len), sizeof(run->emulation.insn));

	kvm_run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	memset(&kvm_run->emulation_failure, 0, sizeof(kvm_run->emulation_failure));
	kvm_run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	/* In u64: the flags, then the length and 15 bytes of instruction. */
	kvm_run->emulation_failure.ndata = 1;
	if (len) {
		kvm_run->emulation_failure.ndata = 3;
		kvm_run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		kvm_run->emulation_failure.insn_size = len;
		memset(kvm_run->emulation_failure.insn_bytes, 0x90,
		       sizeof(kvm_run->emulation_failure.insn_bytes));
		memcpy(kvm_run->emulation_failure.insn_bytes, run->emulation.insn, len);
	}
	return 0;
}

static int handle_debug(struct nxt_vcpu *vcpu)
{
	struct kvm_debug_exit_arch *arch = &vcpu->kvm_run->debug.arch;
	const struct nxt_run *run = vcpu->run;

	vcpu->kvm_run->exit_reason = KVM_EXIT_DEBUG;
	arch->exception = READ_ONCE(run->debug.exception);
	arch->pc = READ_ONCE(run->debug.pc);
	arch->dr6 = READ_ONCE(run->debug.dr6);
	arch->dr7 = READ_ONCE(run->debug.dr7);
	return 0;
}

static bool has_pv_feature(const struct nxt_vcpu *vcpu, u32 feature)
{
	u32 i;

	if (!vcpu->pv_enforced)
		return true;
	for (i = 0; i < vcpu->cpuid_count; i++)
		if (vcpu->cpuid[i].function == KVM_CPUID_FEATURES)
			return vcpu->cpuid[i].eax & BIT(feature);
	return false;
}

/* One is known: the guest waits for another of its vCPUs. Linux lets that one run as soon as it can. */
static void handle_hypercall(struct nxt_vcpu *vcpu)
{
	struct nxt_run *run = vcpu->run;
	long ret = -KVM_ENOSYS;

	if (READ_ONCE(run->hypercall.cpl))
		ret = -KVM_EPERM;
	else if (READ_ONCE(run->hypercall.nr) == KVM_HC_SCHED_YIELD &&
		 has_pv_feature(vcpu, KVM_FEATURE_PV_SCHED_YIELD))
		ret = 0;
	if (!ret)
		yield();
	WRITE_ONCE(run->hypercall.ret, ret);
	vcpu->unfinished = true;
}

int nxt_exit_handle(struct nxt_vcpu *vcpu, long reason)
{
	struct kvm_run *kvm_run = vcpu->kvm_run;

	switch (reason) {
	case NXT_EXIT_INTR:
	case NXT_EXIT_NMI:
	case NXT_EXIT_TIMER:
	case NXT_EXIT_KICK:
	case NXT_EXIT_IRQ_WINDOW:
		return 1; /* done by coming here */
	case NXT_EXIT_NPF:
		return handle_npf(vcpu);
	case NXT_EXIT_RESIDENT:
		return handle_resident(vcpu);
	case NXT_EXIT_MMIO:
		return handle_mmio(vcpu);
	case NXT_EXIT_PIO:
		return handle_pio(vcpu);
	case NXT_EXIT_EOI:
		return handle_eoi(vcpu);
	case NXT_EXIT_EMULATION:
		return handle_emulation(vcpu);
	case NXT_EXIT_MSR:
		return nxt_msr_exit(vcpu);
	case NXT_EXIT_DEBUG:
		return handle_debug(vcpu);
	case NXT_EXIT_SHUTDOWN:
		kvm_run->exit_reason = KVM_EXIT_SHUTDOWN;
		return 0;
	case NXT_EXIT_FAIL:
		kvm_run->exit_reason = KVM_EXIT_FAIL_ENTRY;
		kvm_run->fail_entry.hardware_entry_failure_reason = READ_ONCE(vcpu->run->fail.reason);
		kvm_run->fail_entry.cpu = vcpu->cpu;
		return 0;
	case NXT_EXIT_SMI:
		return nxt_smm_enter(vcpu);
	case NXT_EXIT_RSM:
		return nxt_smm_leave(vcpu);
	case NXT_EXIT_WALL_CLOCK:
		nxt_wall_clock(vcpu);
		return 1;
	case NXT_EXIT_HYPERCALL:
		handle_hypercall(vcpu);
		return 1;
	default:
		kvm_run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
		kvm_run->internal.suberror = KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON;
		kvm_run->internal.ndata = 2;
		kvm_run->internal.data[0] = reason;
		kvm_run->internal.data[1] = vcpu->cpu;
		return 0;
	}
}
