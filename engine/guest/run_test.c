/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop around the guest, with a processor that exits as a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/bits.h"
#include "cpu/kick.h"
#include "guest/testguest.h"
#include "svm/svm.h"

#define AT 0x3000ull
#define TAGS 4 /* of which 2 and 3 are for guests */
#define ENTRIES_MAX 16

static struct vendor_ops ops;
static struct vcpu *vcpu;
static enum exit_kind script[ENTRIES_MAX]; /* what the guest exits with, in order; then interrupts */
static u32 entries, tag[ENTRIES_MAX], loads, nmis_swallowed;
static u64 event_inj; /* of the last entry */
static u64 root[ENTRIES_MAX];
static u64 kicks; /* what each exit asks for */
static bool flushed[ENTRIES_MAX], loaded, extra, nmi_is_ours;
static u64 fs_base, kernel_gs_base; /* the CPU's own */

bool kick_is_ours(const struct cpu *cpu)
{
	assert_ptr_equal(cpu, this_cpu());
	return nmi_is_ours;
}

void __wrap_vcpu_load_extra(struct vcpu *self, struct cpu *cpu);
void __wrap_vcpu_unload_extra(struct vcpu *self, struct cpu *cpu);

void __wrap_vcpu_load_extra(struct vcpu *self, struct cpu *cpu)
{
	assert_ptr_equal(self, vcpu);
	assert_ptr_equal(cpu, this_cpu());
	assert_true(loaded && !extra);
	extra = true;
}

void __wrap_vcpu_unload_extra(struct vcpu *self, struct cpu *cpu)
{
	assert_ptr_equal(self, vcpu);
	assert_ptr_equal(cpu, this_cpu());
	assert_true(loaded && extra);
	extra = false;
}

static void vmload(struct context *ctx)
{
	const struct vmcb *vmcb = ctx->hw;

	assert_true(loaded);
	fs_base = vmcb->fs.base;
	kernel_gs_base = vmcb->kernel_gs_base;
}

static void vmsave(struct context *ctx)
{
	struct vmcb *vmcb = ctx->hw;

	assert_true(loaded);
	vmcb->fs.base = fs_base;
	vmcb->kernel_gs_base = kernel_gs_base;
}

static void load(struct context *cd, struct context *ctx)
{
	assert_ptr_equal(cd, &this_cpu()->cd);
	assert_ptr_equal(ctx, &vcpu->ctx);
	assert_false(loaded);
	loaded = true;
	loads++;
	vmload(ctx);
}

static void unload(struct context *cd, struct context *ctx)
{
	assert_ptr_equal(cd, &this_cpu()->cd);
	assert_ptr_equal(ctx, &vcpu->ctx);
	assert_true(loaded && !extra);
	vmsave(ctx);
	loaded = false;
}

static void run(struct context *ctx, struct exit *exit)
{
	assert_true(loaded && extra);
	assert_in_range(entries, 0, ENTRIES_MAX - 1);
	/* Who revokes something from now on can tell that this entry is from before. */
	assert_int_equal(vcpu_epoch(vcpu), vcpu->vm->epoch);
	tag[entries] = ctx->asid;
	root[entries] = ctx->npt_root;
	flushed[entries] = ctx->flush;
	ctx->flush = false;
	event_inj = ((struct vmcb *)ctx->hw)->event_inj;
	((struct vmcb *)ctx->hw)->event_inj = 0;
	*exit = (struct exit){.kind = script[entries]};
	vcpu->kick_mask |= kicks;
	entries++;
}

static void consume_nmi(void)
{
	assert_true(nmi_is_ours);
	nmi_is_ours = false;
	nmis_swallowed++;
}

static int setup(void **state)
{
	static const u8 nop[] = {0x90};

	guest_setup(state);
	ops = *vendor;
	ops.run = run;
	ops.load = load;
	ops.unload = unload;
	ops.cd_load = vmload;
	ops.cd_save = vmsave;
	ops.consume_nmi = consume_nmi;
	ops.inject = svm_inject;
	ops.pending = svm_pending;
	ops.want_window = svm_want_window;
	vendor = &ops;
	vcpu = guest_executes(AT, nop, sizeof(nop));
	vcpu->ctx.flush = false;
	this_cpu()->asid_next = 2;
	this_cpu()->asid_count = TAGS;
	this_cpu()->asid_epoch = 0;
	this_cpu()->flush_guests = false;
	entries = loads = nmis_swallowed = 0;
	kicks = 0;
	nmi_is_ours = false;
	for (u32 i = 0; i < ENTRIES_MAX; i++)
		script[i] = EXIT_INTR;
	return 0;
}

/* VCPU_RUN, with these flags. What it returns is also in the run page. */
static s64 runs(u32 flags)
{
	struct nxt_run *page = guest_run_page(0);
	s64 reason;

	page->in_flags = flags;
	reason = guest_call(NXT_HC_VCPU_RUN, (const u64[5]){guest_vm(), 0}, NULL);
	assert_false(loaded || extra);
	assert_int_equal(page->exit_reason, reason);
	assert_int_equal(page->in_flags, 0);
	assert_int_equal(page->mp_state, vcpu->mp_state);
	return reason;
}

static void test_until_the_control_domain_is_needed(void **state)
{
	u64 before = this_cpu()->exits[EXIT_FROM_VM][EXIT_CPUID];

	(void)state;
	script[0] = script[1] = EXIT_CPUID;
	script[2] = EXIT_IRQ_WINDOW;
	vcpu->ctx.regs.rflags |= RFLAGS_IF;
	assert_int_equal(runs(0), NXT_EXIT_INTR);
	assert_int_equal(entries, 4);
	assert_int_equal(loads, 1);
	assert_int_equal(vcpu->ctx.regs.rip, AT + 4);
	assert_int_equal(this_cpu()->exits[EXIT_FROM_VM][EXIT_CPUID], before + 2);
	assert_int_equal(guest_run_page(0)->if_flag, 1);
	assert_int_equal(guest_run_page(0)->irq_ready, 1);
	vcpu->ctx.regs.rflags &= ~RFLAGS_IF;
	assert_int_equal(runs(0), NXT_EXIT_INTR);
	assert_int_equal(guest_run_page(0)->if_flag | guest_run_page(0)->irq_ready, 0);
}

static void test_immediate(void **state)
{
	(void)state;
	assert_int_equal(runs(NXT_RUN_IMMEDIATE), NXT_EXIT_INTR);
	assert_int_equal(entries, 0);
}

static void test_halt(void **state)
{
	(void)state;
	script[0] = EXIT_HLT;
	assert_int_equal(runs(0), NXT_EXIT_HALTED);
	assert_int_equal(entries, 1);
	assert_int_equal(runs(0), NXT_EXIT_HALTED);
	assert_int_equal(entries, 1);
	/* An NMI wakes it up, whatever IF is. */
	guest_call(NXT_HC_VCPU_INJECT, (const u64[5]){guest_vm(), 0, NXT_INJECT_NMI}, NULL);
	assert_int_equal(runs(0), NXT_EXIT_INTR);
	assert_int_equal(entries, 2);
	assert_int_equal(vcpu->mp_state, NXT_MP_RUNNABLE);
	assert_true(vcpu->nmi_masked);
}

static void test_never_started(void **state)
{
	(void)state;
	vcpu->mp_state = NXT_MP_UNINITIALIZED;
	assert_int_equal(runs(0), NXT_EXIT_HALTED);
	assert_int_equal(entries, 0);
}

/* It ends a halt, and from the entry after it on the guest has other memory, by another tag. */
static void test_smi(void **state)
{
	const u64 smi[5] = {guest_vm(), 0, NXT_INJECT_SMI};

	(void)state;
	this_cpu()->asid_count = 8;
	script[0] = EXIT_HLT;
	script[2] = EXIT_RSM;
	assert_int_equal(runs(0), NXT_EXIT_HALTED);
	guest_call(NXT_HC_VCPU_INJECT, smi, NULL);
	assert_int_equal(runs(0), NXT_EXIT_SMI);
	assert_int_equal(entries, 1);
	assert_int_equal(vcpu->mp_state, NXT_MP_RUNNABLE);
	assert_int_equal(runs(0), NXT_EXIT_INTR);
	assert_int_equal(runs(0), NXT_EXIT_RSM);
	assert_int_equal(runs(0), NXT_EXIT_INTR);
	assert_int_equal(entries, 4);
	for (u32 i = 0; i < entries; i++) {
		assert_int_equal(tag[i], i == 0 ? 2 : i < 3 ? 3 : 4);
		assert_true(root[i] == vcpu->vm->npt[i == 1 || i == 2].root);
	}

	/* Who was never started does not start by it. */
	vcpu->mp_state = NXT_MP_UNINITIALIZED;
	guest_call(NXT_HC_VCPU_INJECT, smi, NULL);
	assert_int_equal(runs(0), NXT_EXIT_HALTED);
	assert_false(vcpu->smm);
}

static void test_nmi(void **state)
{
	(void)state;
	script[0] = EXIT_NMI;
	assert_int_equal(runs(0), NXT_EXIT_NMI); /* the control domain's: it stays pending */
	assert_int_equal(entries, 1);
	assert_int_equal(nmis_swallowed, 0);
	entries = 0;
	nmi_is_ours = true;
	assert_int_equal(runs(0), NXT_EXIT_INTR);
	assert_int_equal(entries, 2);
	assert_int_equal(nmis_swallowed, 1);
}

/* EVENTINJ as the processor reads it (APM vol. 2, 15.20): bit 11 says that there is an error code. */
static void test_error_code(void **state)
{
	struct vmcb *vmcb = vcpu->ctx.hw;

	(void)state;
	vmcb->cr0 |= 1; /* PE */
	vcpu_raise(vcpu, 13, true, 5);
	runs(0);
	assert_int_equal(event_inj, 5ull << 32 | 1u << 31 | 1u << 11 | 3u << 8 | 13u);
	vmcb->cr0 &= ~1ull;
	vcpu_raise(vcpu, 13, true, 5);
	runs(0);
	assert_int_equal(event_inj & 0xffffffff, 1u << 31 | 3u << 8 | 13u);
}

static void test_kicks_are_told(void **state)
{
	(void)state;
	script[0] = EXIT_CPUID;
	kicks = 6;
	assert_int_equal(runs(0), NXT_EXIT_KICK);
	assert_int_equal(guest_run_page(0)->kick_mask, 6);
	kicks = 0;
	assert_int_equal(runs(0), NXT_EXIT_INTR);
	assert_int_equal(guest_run_page(0)->kick_mask, 0);
	assert_int_equal(entries, 2);
	/* Those of an instruction that is finished on the way in do not wait for the next exit. */
	vcpu->kick_mask = 4;
	assert_int_equal(runs(0), NXT_EXIT_KICK);
	assert_int_equal(guest_run_page(0)->kick_mask, 4);
	assert_int_equal(entries, 2);
}

/* The same tag for as long as nothing was revoked; then one that no translation has yet. */
static void test_tags(void **state)
{
	(void)state;
	runs(0);
	runs(0);
	assert_int_equal(tag[0], 2);
	assert_int_equal(tag[1], 2);
	guest_map(AT, 0);
	runs(0);
	assert_int_equal(tag[2], 2);
	guest_unmap(AT);
	runs(0);
	assert_int_equal(tag[3], 3);
	assert_false(flushed[0] || flushed[1] || flushed[2] || flushed[3]);

	/* They are used up: all are flushed, and given out again. */
	guest_map(AT, 0);
	guest_unmap(AT);
	runs(0);
	assert_int_equal(tag[4], 2);
	assert_true(flushed[4]);
	assert_int_equal(this_cpu()->asid_epoch, 1);
	runs(0);
	assert_int_equal(tag[5], 2);
	assert_false(flushed[5]);

	/* Whoever had a tag from before the flush does not have it any more. */
	this_cpu()->asid_epoch++;
	runs(0);
	assert_int_equal(tag[6], 3);
	/* Nor does one that comes from another CPU. */
	vcpu->cpu = 7;
	runs(0);
	assert_int_equal(tag[7], 2);
	assert_true(flushed[7]);
}

/* Who gets the first tag of a new round may not enter, and enter elsewhere: the CPU owes the flush. */
static void test_flush_is_owed(void **state)
{
	(void)state;
	this_cpu()->asid_next = TAGS;
	vcpu->mp_state = NXT_MP_HALTED;
	assert_int_equal(runs(0), NXT_EXIT_HALTED);
	assert_int_equal(this_cpu()->asid_epoch, 1);
	vcpu->ctx.flush = false; /* as after an entry on another CPU */
	vcpu->mp_state = NXT_MP_RUNNABLE;
	runs(0);
	runs(0);
	assert_int_equal(entries, 2);
	assert_true(flushed[0] && !flushed[1]);
}

/* INIT resets what is in the CPU while the vCPU is loaded, and leaves there what it does not change. */
static void test_init(void **state)
{
	struct vmcb *vmcb = vcpu->ctx.hw;

	(void)state;
	vmcb->fs.base = 0x123456;
	vmcb->kernel_gs_base = 0x789abc;
	lapic_post_init(&vcpu->lapic);
	runs(0);
	assert_int_equal(entries, 1);
	assert_true(vcpu->ctx.regs.rip == 0xfff0);
	assert_true(vmcb->fs.base == 0);
	assert_true(vmcb->kernel_gs_base == 0x789abc);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_until_the_control_domain_is_needed),
		TEST(test_immediate),
		TEST(test_halt),
		TEST(test_never_started),
		TEST(test_smi),
		TEST(test_nmi),
		TEST(test_error_code),
		TEST(test_kicks_are_told),
		TEST(test_tags),
		TEST(test_flush_is_owed),
		TEST(test_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
