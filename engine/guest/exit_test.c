/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's exits: which end in Engine, which in the control domain, and what the guest has afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/bits.h"
#include "cpu/init_state.h"
#include "guest/testguest.h"

#define AT 0x3000ull
#define DATA 0x5000ull
#define VECTOR_DB 1
#define VECTOR_AC 17
#define VECTOR_MC 18
#define SINGLE_STEP (INIT_DR6 | DR6_BS)

static struct vendor_ops ops;
static struct vcpu *vcpu;
static const struct context *injected_into;
static struct event injected;

static void inject(struct context *ctx, const struct event *event)
{
	injected_into = ctx;
	injected = *event;
}

static int setup(void **state)
{
	static const u8 nop[] = {0x90};

	guest_setup(state);
	ops = *vendor;
	ops.inject = inject;
	vendor = &ops;
	injected_into = NULL;
	vcpu = guest_executes(AT, nop, sizeof(nop));
	vcpu->event.type = EVENT_NONE;
	return 0;
}

static s64 exits(enum exit_kind kind)
{
	return vcpu_exit(vcpu, &(struct exit){.kind = kind});
}

static void set_cpl(u8 cpl)
{
	struct nxt_sregs sregs;

	vendor->get_sregs(&vcpu->ctx, &sregs);
	sregs.cr0 |= CR0_PE;
	sregs.ss.attr = 0x93 | cpl << 5;
	assert_true(vendor->set_sregs(&vcpu->ctx, &sregs));
}

static bool raised(u8 vector)
{
	bool yes = vcpu->event.type == EVENT_EXCEPTION && vcpu->event.vector == vector;

	vcpu->event.type = EVENT_NONE;
	return yes;
}

static void test_cpuid(void **state)
{
	struct nxt_regs *regs = &vcpu->ctx.regs;

	(void)state;
	regs->rax = ~0ULL;
	regs->rbx = regs->rcx = regs->rdx = ~0ULL;
	vendor->set_shadow(&vcpu->ctx, true);
	assert_int_equal(exits(EXIT_CPUID), CONTINUE);
	assert_int_equal(regs->rip, AT + 2);
	assert_int_equal(vendor->get_shadow(&vcpu->ctx), 0);
	/* A leaf that there is not; and all of the registers are written. */
	assert_int_equal(regs->rax | regs->rbx | regs->rcx | regs->rdx, 0);
	/* With prefixes it is longer, which only the processor knows. */
	assert_int_equal(vcpu_exit(vcpu, &(struct exit){.kind = EXIT_CPUID, .insn_len = 5}), CONTINUE);
	assert_int_equal(regs->rip, AT + 7);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
	regs->rflags |= RFLAGS_TF;
	assert_int_equal(exits(EXIT_CPUID), CONTINUE);
	assert_true(raised(VECTOR_DB));
}

static void test_hlt(void **state)
{
	(void)state;
	assert_int_equal(exits(EXIT_HLT), CONTINUE);
	assert_int_equal(vcpu->mp_state, NXT_MP_HALTED);
	assert_int_equal(vcpu->ctx.regs.rip, AT + 1);
	vcpu->mp_state = NXT_MP_RUNNABLE;
	vcpu->ctx.regs.rflags |= RFLAGS_TF;
	assert_int_equal(exits(EXIT_HLT), CONTINUE);
	assert_int_equal(vcpu->mp_state, NXT_MP_RUNNABLE);
	assert_true(raised(VECTOR_DB));
}

/* What a guest's kernel may do, and its programs may not. */
static void test_privileged(void **state)
{
	(void)state;
	set_cpl(0);
	assert_int_equal(exits(EXIT_CACHE), CONTINUE);
	assert_int_equal(vcpu->ctx.regs.rip, AT + 2);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
	set_cpl(3);
	assert_int_equal(exits(EXIT_CACHE), CONTINUE);
	assert_true(raised(VECTOR_GP));
	assert_int_equal(vcpu->ctx.regs.rip, AT + 2);
}

static void test_not_there(void **state)
{
	(void)state;
	assert_int_equal(exits(EXIT_UNDEFINED), CONTINUE);
	assert_true(raised(VECTOR_UD));
	assert_int_equal(exits(EXIT_RDPMC), CONTINUE);
	assert_true(raised(VECTOR_GP));
	assert_int_equal(vcpu->ctx.regs.rip, AT);
}

/* XCR0 that is refused never gets near the processor. */
static void test_xsetbv(void **state)
{
	struct nxt_sregs sregs;

	(void)state;
	vcpu->ctx.regs.rax = 1;
	assert_int_equal(exits(EXIT_XSETBV), CONTINUE);
	assert_true(raised(VECTOR_UD));
	vendor->get_sregs(&vcpu->ctx, &sregs);
	sregs.cr4 |= CR4_OSXSAVE;
	assert_true(vendor->set_sregs(&vcpu->ctx, &sregs));
	vcpu->ctx.regs.rax = 0; /* without the x87 */
	assert_int_equal(exits(EXIT_XSETBV), CONTINUE);
	assert_true(raised(VECTOR_GP));
	vcpu->ctx.regs.rax = 1;
	vcpu->ctx.regs.rdx = BIT(30); /* XCR0 bit 62 */
	assert_int_equal(exits(EXIT_XSETBV), CONTINUE);
	assert_true(raised(VECTOR_GP));
	vcpu->ctx.regs.rdx = 0;
	vcpu->ctx.regs.rcx = 1; /* XCR1 */
	assert_int_equal(exits(EXIT_XSETBV), CONTINUE);
	assert_true(raised(VECTOR_GP));
	vcpu->ctx.regs.rcx = 0;
	set_cpl(3);
	assert_int_equal(exits(EXIT_XSETBV), CONTINUE);
	assert_true(raised(VECTOR_GP));
	assert_int_equal(vcpu->xcr0, 1);
	assert_int_equal(vcpu->ctx.regs.rip, AT);
}

static s64 npf(u64 gpa, bool write, bool walk)
{
	return vcpu_exit(vcpu,
			 &(struct exit){.kind = EXIT_NPF, .npf = {.gpa = gpa, .write = write, .walk = walk}});
}

static void test_nested_fault(void **state)
{
	const struct nxt_run *run = guest_run_page(0);

	(void)state;
	assert_int_equal(npf(DATA + 5, true, false), NXT_EXIT_NPF);
	assert_int_equal(run->npf.gpa, DATA + 5);
	assert_int_equal(run->npf.write, 1);
	assert_int_equal(run->npf.present | run->npf.fetch, 0);
	assert_int_equal(vcpu->pending, PENDING_NPF);
	/* It was mapped: the guest tries again. */
	assert_int_equal(vcpu_finish(vcpu, 0), CONTINUE);
	assert_int_equal(vcpu->pending, PENDING_NONE);

	/* Mapped meanwhile; but not for writing. */
	guest_map(DATA, 0);
	assert_int_equal(npf(DATA, false, false), CONTINUE);
	assert_int_equal(npf(DATA, true, false), NXT_EXIT_NPF);
	guest_unmap(DATA);
	guest_map(DATA, NXT_MAP_WRITE);
	vcpu->pending = PENDING_NONE;
	assert_int_equal(npf(DATA, true, false), CONTINUE);
}

/* Page tables in a device are more than can be carried out, whoever says so. */
static void test_walk_of_a_device(void **state)
{
	(void)state;
	assert_int_equal(npf(DATA, false, true), NXT_EXIT_NPF);
	assert_int_equal(vcpu_finish(vcpu, NXT_RUN_EMULATE), NXT_EXIT_EMULATION);
	assert_int_equal(guest_run_page(0)->emulation.gpa, DATA);
	guest_map(DATA, NXT_MAP_MMIO);
	assert_int_equal(npf(DATA, false, true), NXT_EXIT_EMULATION);
}

/* A write to a device, by its mark and because the control domain says that there is no memory. */
static void test_device(void **state)
{
	static const u8 mov[] = {0xc7, 0x06, 0x10, 0x50, 0xcd, 0xab}; /* movw $0xabcd, 0x5010 */
	const struct nxt_run *run = guest_run_page(0);

	(void)state;
	guest_executes(AT, mov, sizeof(mov));
	guest_map(AT, 0);
	assert_int_equal(npf(DATA + 0x10, true, false), NXT_EXIT_NPF);
	assert_int_equal(vcpu_finish(vcpu, NXT_RUN_EMULATE), NXT_EXIT_RESIDENT);
	assert_int_equal(run->npf.gpa & PAGE_MASK, DATA);
	assert_int_equal(vcpu_finish(vcpu, NXT_RUN_UNBACKED), NXT_EXIT_MMIO);
	assert_int_equal(run->mmio.gpa, DATA + 0x10);
	assert_int_equal(run->mmio.len, 2);
	assert_int_equal(run->mmio.write, 1);
	assert_memory_equal(run->data, "\xcd\xab", 2);
	assert_int_equal(vcpu_finish(vcpu, 0), CONTINUE);
	assert_int_equal(vcpu->ctx.regs.rip, AT + sizeof(mov));

	guest_executes(AT, mov, sizeof(mov));
	guest_map(DATA, NXT_MAP_MMIO);
	assert_int_equal(npf(DATA + 0x10, true, false), NXT_EXIT_MMIO);
	assert_int_equal(run->mmio.gpa, DATA + 0x10);
}

/* What a read gets is what the run page holds when the guest goes on. */
static void test_device_read(void **state)
{
	static const u8 mov[] = {0xa1, 0x10, 0x50}; /* mov 0x5010, %ax */
	struct nxt_run *run = guest_run_page(0);

	(void)state;
	guest_executes(AT, mov, sizeof(mov));
	guest_map(AT, 0);
	guest_map(DATA, NXT_MAP_MMIO);
	vcpu->ctx.regs.rax = ~0ULL;
	assert_int_equal(npf(DATA + 0x10, false, false), NXT_EXIT_MMIO);
	assert_int_equal(run->mmio.write, 0);
	memset(run->data, 0x77, 8);
	assert_int_equal(vcpu_finish(vcpu, 0), CONTINUE);
	assert_int_equal(vcpu->ctx.regs.rax, 0xffffffffffff7777);
	assert_int_equal(vcpu->ctx.regs.rip, AT + sizeof(mov));
}

static s64 exception(u8 vector, bool has_error, u32 error)
{
	return vcpu_exit(vcpu, &(struct exit){.kind = EXIT_EXCEPTION,
					      .exception = {.vector = vector,
							    .has_error = has_error,
							    .error = error,
							    .dr6 = SINGLE_STEP}});
}

static void test_exceptions(void **state)
{
	(void)state;
	assert_int_equal(exception(VECTOR_AC, true, 0), CONTINUE);
	assert_true(vcpu->event.has_error);
	assert_true(raised(VECTOR_AC));
	assert_int_equal(exception(VECTOR_DB, false, 0), CONTINUE);
	assert_true(raised(VECTOR_DB));

	/* A debugger's. */
	vcpu->debug.flags = NXT_DEBUG_ENABLE | NXT_DEBUG_STEP;
	assert_int_equal(exception(VECTOR_DB, false, 0), NXT_EXIT_DEBUG);
	assert_int_equal(guest_run_page(0)->debug.exception, VECTOR_DB);
	assert_int_equal(guest_run_page(0)->debug.dr6, SINGLE_STEP);
	assert_int_equal(vcpu->event.type, EVENT_NONE);

	/* The machine's, which is not the guest's. */
	assert_int_equal(exception(VECTOR_MC, false, 0), NXT_EXIT_INTR);
	assert_ptr_equal(injected_into, &this_cpu()->cd);
	assert_int_equal(injected.vector, VECTOR_MC);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
}

static void test_nmi_is_over(void **state)
{
	(void)state;
	vcpu->nmi_masked = true;
	assert_int_equal(exits(EXIT_IRET), CONTINUE);
	assert_false(vcpu->nmi_masked);
}

static void test_for_the_control_domain(void **state)
{
	(void)state;
	assert_int_equal(exits(EXIT_INTR), NXT_EXIT_INTR);
	assert_int_equal(exits(EXIT_IRQ_WINDOW), CONTINUE);
	vcpu->event.type = EVENT_EXCEPTION;
	assert_int_equal(exits(EXIT_SHUTDOWN), NXT_EXIT_SHUTDOWN);
	assert_int_equal(vcpu->event.type, EVENT_NONE);
	assert_int_equal(vcpu_exit(vcpu, &(struct exit){.kind = EXIT_INVALID, .code = 0x1234}),
			 NXT_EXIT_FAIL);
	assert_int_equal(guest_run_page(0)->fail.reason, 0x1234);
	assert_int_equal(exits(EXIT_UNKNOWN), NXT_EXIT_EMULATION);
	assert_int_equal(exits(EXIT_TASK_SWITCH), NXT_EXIT_EMULATION);
	assert_int_equal(vcpu->ctx.regs.rip, AT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cpuid),
		TEST(test_hlt),
		TEST(test_privileged),
		TEST(test_not_there),
		TEST(test_xsetbv),
		TEST(test_nested_fault),
		TEST(test_walk_of_a_device),
		TEST(test_device),
		TEST(test_device_read),
		TEST(test_exceptions),
		TEST(test_nmi_is_over),
		TEST(test_for_the_control_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
