/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System management mode: when it is entered and left, what waits meanwhile, and whose memory is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/bits.h"
#include "guest/lapic_ipi.h"
#include "guest/pvclock.h"
#include "guest/testguest.h"
#include "mem/frames.h"
#include "svm/vmcb.h"

#define AT 0x3000ull
#define OTHER 0x8000ull /* of the RAM: what lies at AT in SMM */

static struct vcpu *vcpu;
static struct vm *vm;

/* In real mode, at code in SMM's memory; outside of SMM there is another page at the address. */
static int setup(void **state)
{
	static const u8 rsm[] = {0x0f, 0xaa};

	guest_setup(state);
	vcpu = guest_executes(AT, "\x90", 1);
	vm = vcpu->vm;
	guest_map(AT, NXT_MAP_WRITE);
	guest_map_to(AT | NXT_GPA_SMM, OTHER, NXT_MAP_WRITE);
	memcpy(guest_ram(OTHER), rsm, sizeof(rsm));
	return 0;
}

static bool has_window(void)
{
	return ((struct vmcb *)vcpu->ctx.hw)->intercept1 & INTERCEPT1_VINTR;
}

static bool catches_iret(void)
{
	return ((struct vmcb *)vcpu->ctx.hw)->intercept1 & INTERCEPT1_IRET;
}

static bool catches_ud(void)
{
	return ((struct vmcb *)vcpu->ctx.hw)->intercept_exceptions & BIT(VECTOR_UD);
}

static void is_in_smm(bool smm)
{
	assert_int_equal(vcpu->smm, smm);
	assert_int_equal(guest_run_page(0)->smm, smm);
	assert_true(vcpu->ctx.npt_root == vm->npt[smm].root);
	assert_int_equal(catches_ud(), smm);
}

static void enters(void)
{
	lapic_post_smi(&vcpu->lapic);
	assert_int_equal(vcpu_inject(vcpu), NXT_EXIT_SMI);
	is_in_smm(true);
}

/* As user space gets them. */
static struct nxt_events events(void)
{
	struct nxt_events events;

	assert_int_equal(vcpu_get_state(vcpu, NXT_STATE_EVENTS, NXT_EVENTS_LATCH), 0);
	memcpy(&events, vcpu->state, sizeof(events));
	return events;
}

static s64 set_events(const struct nxt_events *events)
{
	memcpy(vcpu->state, events, sizeof(*events));
	return vcpu_set_state(vcpu, NXT_STATE_EVENTS, 0);
}

static void test_in_and_out(void **state)
{
	(void)state;
	assert_true(vm->npt[0].root != vm->npt[1].root);
	is_in_smm(false);
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	vcpu->cpu = 0;
	enters();
	assert_int_equal(vcpu->cpu, ~0u); /* no translation from before is left */
	assert_int_equal(vcpu->msrs.smi_count, 1);
	assert_true(vcpu->nmi_masked && catches_iret());

	/* The next one waits for RSM. */
	lapic_post_smi(&vcpu->lapic);
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	vcpu->cpu = 0;
	assert_int_equal(vcpu_exit(vcpu, &(struct exit){.kind = EXIT_RSM}), NXT_EXIT_RSM);
	is_in_smm(false);
	assert_int_equal(vcpu->cpu, ~0u);
	assert_true(!vcpu->nmi_masked && !catches_iret());
	assert_int_equal(vcpu_inject(vcpu), NXT_EXIT_SMI);
	assert_int_equal(vcpu->msrs.smi_count, 2);
}

static void test_waits_its_turn(void **state)
{
	(void)state;
	lapic_post_smi(&vcpu->lapic);
	vendor->set_shadow(&vcpu->ctx, true);
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	assert_true(has_window());
	vendor->set_shadow(&vcpu->ctx, false);
	vcpu_raise(vcpu, VECTOR_GP, true, 0);
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	assert_true(has_window());
	is_in_smm(false);
	assert_int_equal(vcpu_inject(vcpu), NXT_EXIT_SMI);
}

static u64 entering(void)
{
	struct vmcb *vmcb = vcpu->ctx.hw;
	u64 event = vmcb->event_inj;

	vmcb->event_inj = 0; /* it is in */
	return event;
}

static void sets_what_it_gets(void)
{
	struct nxt_events saved = events();

	saved.sets_smm = 1;
	assert_int_equal(set_events(&saved), 0);
}

/* A vector that the PIC has given does not get into SMM, nor is it lost. */
static void test_vector_of_the_pic(void **state)
{
	(void)state;
	vcpu->extint = true;
	vcpu->extint_vector = 0x30;
	vcpu->ctx.regs.rflags |= RFLAGS_IF;
	lapic_post_smi(&vcpu->lapic);
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	assert_int_equal(entering() & 0x800007ff, 0x80000030);
	assert_false(vcpu->extint);
	assert_true(has_window());
	assert_int_equal(vcpu_inject(vcpu), NXT_EXIT_SMI);
	assert_int_equal(vcpu_rsm(vcpu), NXT_EXIT_RSM);

	/* It cannot go in yet. */
	vcpu->extint = true;
	vcpu->ctx.regs.rflags &= ~RFLAGS_IF;
	enters();
	sets_what_it_gets();
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	assert_int_equal(entering(), 0);
	assert_int_equal(vcpu_rsm(vcpu), NXT_EXIT_RSM);
	sets_what_it_gets();
	lapic_post_smi(&vcpu->lapic);
	assert_int_equal(vcpu_inject(vcpu), NXT_EXIT_SMI);
	assert_int_equal(vcpu_rsm(vcpu), NXT_EXIT_RSM);
	vcpu->event = (struct event){.type = EVENT_NMI, .vector = 2};
	sets_what_it_gets();
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	assert_int_equal(entering() & 0x800007ff, 0x80000202);
	vcpu->ctx.regs.rflags |= RFLAGS_IF;
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	assert_int_equal(entering() & 0x800007ff, 0x80000030);
	assert_int_equal(events().irq_injected, 0);
}

static void test_rsm_outside(void **state)
{
	(void)state;
	assert_int_equal(vcpu_exit(vcpu, &(struct exit){.kind = EXIT_RSM}), CONTINUE);
	assert_int_equal(vcpu->event.type, EVENT_EXCEPTION);
	assert_int_equal(vcpu->event.vector, VECTOR_UD);
	is_in_smm(false);
}

static void test_nmi(void **state)
{
	(void)state;
	/* From within an NMI's handler: RSM goes back there. */
	vcpu->nmi_masked = true;
	vendor->intercept_iret(&vcpu->ctx, true);
	enters();
	assert_int_equal(events().smm_in_nmi, 1);
	assert_int_equal(vcpu_rsm(vcpu), NXT_EXIT_RSM);
	assert_true(vcpu->nmi_masked && catches_iret());

	/* The handler's own IRET lets one in. */
	vcpu->nmi_masked = false;
	enters();
	lapic_post_nmi(&vcpu->lapic);
	vcpu_take_signals(vcpu);
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	assert_true(vcpu->nmi_pending);
	assert_int_equal(vcpu_exit(vcpu, &(struct exit){.kind = EXIT_IRET}), CONTINUE);
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
	assert_false(vcpu->nmi_pending);
}

static void test_init_waits(void **state)
{
	(void)state;
	enters();
	vcpu->ctx.regs.rip = 0x1234;
	lapic_post_init(&vcpu->lapic);
	__atomic_fetch_or(&vcpu->lapic.events, LAPIC_EVENT_SIPI, __ATOMIC_SEQ_CST);
	vcpu_take_signals(vcpu);
	assert_true(vcpu->ctx.regs.rip == 0x1234);
	assert_int_equal(vcpu_events(vcpu), LAPIC_EVENT_INIT);
	assert_int_equal(events().init_pending, 1);
	assert_int_equal(vcpu_rsm(vcpu), NXT_EXIT_RSM);
	vcpu_take_signals(vcpu);
	assert_true(vcpu->ctx.regs.rip == 0xfff0);
	assert_int_equal(events().init_pending, 0);
}

/* On a processor that has no exit for it outside of its own SMM. */
static void test_rsm_as_undefined(void **state)
{
	const struct exit ud = {.kind = EXIT_EXCEPTION, .exception.vector = VECTOR_UD};

	(void)state;
	enters();
	assert_int_equal(vcpu_exit(vcpu, &ud), NXT_EXIT_RSM);
	is_in_smm(false);

	/* Its page was taken away since it was executed. */
	enters();
	guest_unmap(AT | NXT_GPA_SMM);
	assert_int_equal(vcpu_exit(vcpu, &ud), NXT_EXIT_RESIDENT);
	assert_true(guest_run_page(0)->npf.gpa == (NXT_GPA_SMM | AT));
	is_in_smm(true);
	guest_map_to(AT | NXT_GPA_SMM, OTHER, NXT_MAP_WRITE);
	assert_int_equal(vcpu_finish(vcpu, 0), CONTINUE);
	assert_int_equal(vcpu_exit(vcpu, &ud), NXT_EXIT_RSM);
	is_in_smm(false);

	enters();
	memcpy(guest_ram(OTHER), "\x0f\x01\xc1", 3); /* VMCALL is nobody's to replace here */
	assert_int_equal(vcpu_exit(vcpu, &ud), CONTINUE);
	assert_int_equal(vcpu->event.vector, VECTOR_UD);
	assert_memory_equal(guest_ram(OTHER), "\x0f\x01\xc1", 3);
	is_in_smm(true);
}

static u8 reads(u64 linear)
{
	struct insn_fault fault;
	u64 gpa;
	u8 byte;

	assert_int_equal(vcpu_insn_ops.translate(vcpu, linear, INSN_ACCESS_FETCH, &gpa, &fault), INSN_MEM_OK);
	assert_int_equal(vcpu_insn_ops.ram(vcpu, gpa, &byte, 1, false), INSN_MEM_OK);
	return byte;
}

static void test_own_memory(void **state)
{
	(void)state;
	assert_int_equal(reads(AT), 0x90);
	enters();
	assert_int_equal(reads(AT), 0x0f);
	assert_int_equal(vcpu_rsm(vcpu), NXT_EXIT_RSM);
	assert_int_equal(reads(AT), 0x90);
}

static void test_faults_name_it(void **state)
{
	const struct exit npf = {.kind = EXIT_NPF, .npf.gpa = AT + PAGE_SIZE, .npf.write = true};
	const struct nxt_run *run = guest_run_page(0);

	(void)state;
	assert_int_equal(vcpu_exit(vcpu, &npf), NXT_EXIT_NPF);
	assert_true(run->npf.gpa == AT + PAGE_SIZE);
	enters();
	assert_int_equal(vcpu_exit(vcpu, &npf), NXT_EXIT_NPF);
	assert_true(run->npf.gpa == (NXT_GPA_SMM | (AT + PAGE_SIZE)));
	/* A mark of one is none of the other. */
	guest_map(AT + PAGE_SIZE, NXT_MAP_MMIO);
	assert_int_equal(vcpu_exit(vcpu, &npf), NXT_EXIT_NPF);
	/* Each is taken away by its own name. */
	guest_unmap(AT);
	assert_int_equal(reads(AT), 0x0f);
	guest_unmap(AT | NXT_GPA_SMM);
	vcpu_exit(vcpu, &(struct exit){.kind = EXIT_NPF, .npf.gpa = AT});
	assert_true(run->npf.gpa == (NXT_GPA_SMM | AT));
}

/*
 * A guest's kernel says where its clock is, and must not reach SMM's memory by that: neither while the vCPU
 * is there, nor by an address that looks like Engine's name for it.
 */
static void test_clock_stays_out(void **state)
{
	static u8 before[PAGE_SIZE];

	(void)state;
	assert_int_equal(vm_set_clock(vm, 0, 0, 1000000, true), 0);
	memcpy(before, guest_ram(OTHER), PAGE_SIZE);
	enters();
	vcpu_set_clock_msr(vcpu, AT | 1);
	assert_int_equal(vcpu_write_clock(vcpu), CONTINUE);
	assert_memory_equal(guest_ram(OTHER), before, PAGE_SIZE);
	assert_int_not_equal(((struct pvclock_time *)guest_ram(AT))->version, 0);

	for (u32 smm = 0; smm < 2; smm++) {
		vcpu_set_smm(vcpu, smm);
		vcpu_set_clock_msr(vcpu, NXT_GPA_SMM | AT | 1);
		assert_int_equal(vcpu_write_clock(vcpu), CONTINUE);
		assert_true(vcpu_set_steal_msr(vcpu, NXT_GPA_SMM | AT | 1));
		assert_int_equal(vcpu_write_steal(vcpu), CONTINUE);
	}
	assert_memory_equal(guest_ram(OTHER), before, PAGE_SIZE);
}

static void test_state(void **state)
{
	struct nxt_events saved;

	(void)state;
	enters();
	lapic_post_smi(&vcpu->lapic);
	lapic_post_init(&vcpu->lapic);
	saved = events();
	assert_true(saved.smm && saved.smi_pending && saved.init_pending && !saved.smm_in_nmi);
	assert_false(saved.sets_smm);

	/* Who sets only the rest leaves these alone. */
	assert_int_equal(set_events(&(struct nxt_events){0}), 0);
	assert_true(events().smm && events().smi_pending && events().init_pending);

	assert_int_equal(set_events(&(struct nxt_events){.sets_smm = 1}), 0);
	is_in_smm(false);
	assert_int_equal(vcpu_events(vcpu), 0);

	saved.sets_smm = 1;
	saved.smm_in_nmi = 1;
	assert_int_equal(set_events(&saved), 0);
	is_in_smm(true);
	assert_true(vcpu->smm_in_nmi);
	assert_int_equal(vcpu_events(vcpu), LAPIC_EVENT_SMI | LAPIC_EVENT_INIT);
}

static void post_sipi(u8 vector)
{
	const struct lapic_msg sipi = {.dest = 0, .vector = vector, .mode = LAPIC_STARTUP};
	u64 kick = 0;

	assert_int_equal(lapic_deliver(vm->lapics, 1, &sipi, NULL, &kick), 1);
}

/* User space sets what it got, and something came in between. */
static void test_nothing_is_lost(void **state)
{
	struct nxt_events saved = events();

	(void)state;
	saved.sets_smm = 1;
	lapic_post_smi(&vcpu->lapic);
	lapic_post_init(&vcpu->lapic);
	lapic_post_nmi(&vcpu->lapic);
	/* The control domain's kernel looks at the events for itself. */
	assert_int_equal(vcpu_get_state(vcpu, NXT_STATE_EVENTS, 0), 0);
	assert_true(((struct nxt_events *)vcpu->state)->smi_pending);
	assert_int_equal(set_events(&saved), 0);
	assert_int_equal(vcpu_events(vcpu), LAPIC_EVENT_SMI | LAPIC_EVENT_INIT | LAPIC_EVENT_NMI);

	/* Once user space has seen them, it can take them back. */
	assert_true(events().smi_pending && events().init_pending && events().nmi_pending);
	assert_int_equal(set_events(&saved), 0);
	assert_int_equal(vcpu_events(vcpu), 0);
	assert_false(vcpu->nmi_pending);

	/* One that it has seen is taken once. */
	lapic_post_smi(&vcpu->lapic);
	saved = events();
	saved.sets_smm = 1;
	assert_int_equal(set_events(&saved), 0);
	assert_int_equal(vcpu_inject(vcpu), NXT_EXIT_SMI);
	assert_int_equal(vcpu_rsm(vcpu), NXT_EXIT_RSM);
	assert_int_equal(vcpu_inject(vcpu), CONTINUE);
}

/* A SIPI came after the INIT that waits with it, whoever has looked at that one meanwhile. */
static void test_sipi_is_not_lost(void **state)
{
	struct nxt_events saved;

	(void)state;
	vcpu->lapic.bsp = false;
	for (u32 early = 0; early < 2; early++) {
		vcpu->mp_state = NXT_MP_UNINITIALIZED;
		lapic_post_init(&vcpu->lapic);
		if (early)
			post_sipi(0x12);
		saved = events();
		assert_true(saved.init_pending);
		if (!early)
			post_sipi(0x12);
		saved.sets_smm = 1;
		assert_int_equal(set_events(&saved), 0);
		vcpu_take_signals(vcpu);
		assert_int_equal(vcpu->mp_state, NXT_MP_RUNNABLE);
		assert_int_equal(vcpu->ctx.regs.rip, 0);
		assert_int_equal(vcpu_events(vcpu), 0);
	}

	/* An INIT undoes the SIPI from before it, also one that user space brings. */
	for (u32 set = 0; set < 2; set++) {
		vcpu->mp_state = NXT_MP_INIT_RECEIVED;
		post_sipi(0x12);
		if (set)
			assert_int_equal(set_events(&saved), 0);
		else
			lapic_post_init(&vcpu->lapic);
		vcpu_take_signals(vcpu);
		assert_int_equal(vcpu->mp_state, NXT_MP_INIT_RECEIVED);
	}
}

static s64 set_mp(u64 mp_state)
{
	*(u64 *)vcpu->state = mp_state;
	return vcpu_set_state(vcpu, NXT_STATE_MP, 0);
}

/* A vCPU that waits for SIPI is not in SMM, and does not come there. */
static void test_contradictions(void **state)
{
	const struct nxt_events smm = {.sets_smm = 1, .smm = 1};

	(void)state;
	for (u32 mp = NXT_MP_INIT_RECEIVED; mp <= NXT_MP_SIPI_RECEIVED; mp += 2) {
		vcpu->mp_state = NXT_MP_INIT_RECEIVED;
		assert_int_equal(set_events(&smm), -NXT_EINVAL);
		is_in_smm(false);

		vcpu->mp_state = NXT_MP_RUNNABLE;
		assert_int_equal(set_events(&smm), 0);
		assert_int_equal(set_mp(mp), -NXT_EINVAL);
		assert_int_equal(set_events(&(struct nxt_events){.sets_smm = 1}), 0);
	}
}

/* Whichever comes first, its state can be set again, in either order, and the SMI is taken after the SIPI. */
static void test_smi_beside_init(void **state)
{
	(void)state;
	vcpu->lapic.bsp = false;
	for (u32 i = 0; i < 4; i++) {
		bool smi_first = i & 1, mp_first = i & 2;
		struct nxt_events saved;

		if (smi_first)
			lapic_post_smi(&vcpu->lapic);
		lapic_post_init(&vcpu->lapic);
		vcpu_take_signals(vcpu);
		if (!smi_first)
			lapic_post_smi(&vcpu->lapic);
		assert_int_equal(vcpu->mp_state, NXT_MP_INIT_RECEIVED);
		saved = events();
		assert_true(saved.smi_pending);

		vcpu->mp_state = NXT_MP_UNINITIALIZED;
		assert_int_equal(set_events(&(struct nxt_events){.sets_smm = 1}), 0);
		saved.sets_smm = 1;
		if (mp_first)
			assert_int_equal(set_mp(NXT_MP_INIT_RECEIVED), 0);
		assert_int_equal(set_events(&saved), 0);
		if (!mp_first)
			assert_int_equal(set_mp(NXT_MP_INIT_RECEIVED), 0);
		post_sipi(0x12);
		vcpu_take_signals(vcpu);
		assert_int_equal(vcpu->mp_state, NXT_MP_RUNNABLE);
		assert_int_equal(vcpu_inject(vcpu), NXT_EXIT_SMI);
		assert_int_equal(vcpu_rsm(vcpu), NXT_EXIT_RSM);
	}
}

static s64 on_range(u64 number, u64 gpa)
{
	const u64 args[5] = {guest_vm(), gpa, 1};

	return guest_call(number, args, NULL);
}

static struct npt_mapping mapping_of(bool smm, u64 gpa)
{
	struct npt_mapping mapping;

	assert_int_equal(npt_lookup(&vm->npt[smm], gpa, &mapping), NPT_PRESENT);
	return mapping;
}

/* A frame of the VM in both spaces: each is changed by its own name, and the VM's until it is in none. */
static void test_one_frame_in_both(void **state)
{
	const u64 gpa = AT + PAGE_SIZE, smm = gpa | NXT_GPA_SMM;
	u64 pfn;

	(void)state;
	guest_map(gpa, NXT_MAP_WRITE);
	guest_map_to(smm, gpa, NXT_MAP_WRITE);
	pfn = mapping_of(false, gpa).pfn;
	assert_true(mapping_of(true, gpa).pfn == pfn);
	assert_int_equal(on_range(NXT_HC_VM_PROTECT, smm), 1);
	assert_true(mapping_of(false, gpa).writable && !mapping_of(true, gpa).writable);
	assert_int_equal(on_range(NXT_HC_VM_AGE, smm), 0);
	guest_unmap(gpa);
	assert_int_equal(frame_read(pfn).kind, FRAME_SHARED);
	guest_unmap(smm);
	assert_int_equal(frame_read(pfn).kind, FRAME_CONTROL);
	assert_int_equal(on_range(NXT_HC_VM_UNMAP, NXT_GPA_SMM | NPT_LIMIT), -NXT_EINVAL);
}

/* The driver gets and sets all of SREGS; of the TPR, CR8 is only the upper half. */
static void test_tpr_stays(void **state)
{
	struct lapic_actions actions;

	(void)state;
	lapic_write(&vcpu->lapic, LAPIC_TPR, 0x25, 0, &actions);
	assert_int_equal(vcpu_get_state(vcpu, NXT_STATE_SREGS, 0), 0);
	assert_int_equal(vcpu_set_state(vcpu, NXT_STATE_SREGS, 0), 0);
	assert_int_equal(lapic_reg(&vcpu->lapic, LAPIC_TPR), 0x25);
	((struct nxt_sregs *)vcpu->state)->cr8 = 3;
	assert_int_equal(vcpu_set_state(vcpu, NXT_STATE_SREGS, 0), 0);
	assert_int_equal(lapic_reg(&vcpu->lapic, LAPIC_TPR), 0x30);
	/* VMRUN would refuse this. */
	((struct nxt_sregs *)vcpu->state)->cr3 = BIT(52);
	assert_int_equal(vcpu_set_state(vcpu, NXT_STATE_SREGS, 0), -NXT_EINVAL);
}

static void test_injected(void **state)
{
	const u64 args[5] = {guest_vm(), 0, NXT_INJECT_SMI};
	u64 mask;

	(void)state;
	assert_int_equal(guest_call(NXT_HC_VCPU_INJECT, args, &mask), 0);
	assert_true(mask == 1);
	assert_true(vcpu_smi_due(vcpu));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_in_and_out),	      CASE(test_waits_its_turn),
		CASE(test_rsm_outside),	      CASE(test_nmi),
		CASE(test_init_waits),	      CASE(test_rsm_as_undefined),
		CASE(test_own_memory),	      CASE(test_faults_name_it),
		CASE(test_clock_stays_out),   CASE(test_state),
		CASE(test_contradictions),    CASE(test_injected),
		CASE(test_one_frame_in_both), CASE(test_tpr_stays),
		CASE(test_nothing_is_lost),   CASE(test_sipi_is_not_lost),
		CASE(test_vector_of_the_pic), CASE(test_smi_beside_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
