/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile control domain writes where it must not, by instructions that read, write, or lie where they must
 * not either. Whatever it tries: memory that is not its own stays as it is, and shows nothing of itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cd/cd.h"
#include "cd/memory.h"
#include "cpu/bits.h"
#include "hypercall/testmachine.h"
#include "mem/frames.h"
#include "mem/phys.h"
#include "svm/svm.h"

#define CHUNKS 8
#define OWN (CHUNK_PFN(4) << PAGE_SHIFT) /* the control domain's memory: code here, data behind */
#define DATA (OWN + 0x10000)
#define ENGINES (CHUNK_PFN(ENGINE_CHUNK) << PAGE_SHIFT)
#define ENGINES_DATA (ENGINES + PAGE_2M / 2)
#define GIVEN (CHUNK_PFN(3) << PAGE_SHIFT)
#define DEVICE (CHUNK_PFN(HOLE_CHUNK) << PAGE_SHIFT)
#define APIC 0xfee00000ULL
#define SECRET 0x5ec2e7

static struct vmcb vmcb;
static struct cpu cpu = {.cd.hw = &vmcb};
static struct vendor_ops ops;
static u32 faults;
static u32 apic_writes, apic_reg, apic_value;

void cd_fault_gp(struct cpu *self)
{
	assert_ptr_equal(self, &cpu);
	faults++;
}

bool cd_is_apic(u64 pa)
{
	return (pa & PAGE_MASK) == APIC;
}

u32 cd_apic_read(u32 reg)
{
	return 0xa0000000 | reg;
}

void cd_apic_write(struct cpu *self, u32 reg, u32 value)
{
	assert_ptr_equal(self, &cpu);
	apic_writes++;
	apic_reg = reg;
	apic_value = value;
}

static u32 *at(u64 pa)
{
	return phys_to_virt(pa);
}

static void flat(struct vmcb_segment *segment, u16 attr)
{
	*segment = (struct vmcb_segment){.limit = 0xffffffff, .attr = attr};
}

/* 32-bit protected mode, flat and without paging: addresses are physical. */
static int setup(void **state)
{
	(void)state;
	machine_start(CHUNKS);
	assert_true(machine_call(NXT_HC_VM_CREATE, (const u64[5]){GIVEN >> PAGE_SHIFT}).result > 0);
	memset(at(OWN), 0, PAGE_2M);
	*at(ENGINES_DATA) = *at(ENGINES_DATA + 4) = SECRET;
	*at(DEVICE) = 0;
	ops = *vendor;
	ops.inject = svm_inject;
	vendor = &ops;
	vmcb = (struct vmcb){.cr0 = CR0_PE, .rflags = RFLAGS_FIXED};
	flat(&vmcb.cs, 0xc9b);
	flat(&vmcb.ds, 0xc93);
	vmcb.es = vmcb.fs = vmcb.gs = vmcb.ss = vmcb.ds;
	cpu.cd.regs = (struct nxt_regs){.rip = OWN, .rflags = RFLAGS_FIXED, .rsp = DATA};
	faults = apic_writes = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(*at(ENGINES_DATA), SECRET);
	assert_int_equal(*at(ENGINES_DATA + 4), SECRET);
	machine_check();
	machine_stop(); /* also: nothing stays pinned */
	return 0;
}

/* The instruction that faulted, at RIP. */
static void fault(const void *code, size_t len)
{
	const struct exit exit = {.kind = EXIT_NPF, .npf.write = true};
	u64 owners = machine_owners_hash();

	memcpy(at(cpu.cd.regs.rip), code, len);
	cd_memory_fault(&cpu, &exit);
	assert_int_equal(machine_owners_hash(), owners);
}

#define FAULT(...)                                                                                           \
	do {                                                                                                 \
		const u8 code[] = {__VA_ARGS__};                                                             \
		fault(code, sizeof(code));                                                                   \
	} while (0)

#define MOV_EDI_EAX 0x89, 0x07	/* mov %eax, (%edi) */
#define ADD_EDI_EAX 0x01, 0x07	/* add %eax, (%edi) */
#define XCHG_EDI_EAX 0x87, 0x07 /* xchg %eax, (%edi) */
#define MOVSD 0xa5

static bool went_on(u32 len)
{
	return !faults && !(vmcb.event_inj & EVENT_VALID) && cpu.cd.regs.rip == OWN + len;
}

static void test_write_is_dropped(void **state)
{
	static const u64 targets[] = {ENGINES_DATA, ENGINES_DATA + 2, GIVEN, GIVEN + PAGE_2M - 4};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		u32 before, after;

		memcpy(&before, at(targets[i]), sizeof(before));
		cpu.cd.regs.rip = OWN;
		cpu.cd.regs.rdi = targets[i];
		cpu.cd.regs.rax = 0x41414141;
		FAULT(MOV_EDI_EAX);
		assert_true(went_on(2));
		memcpy(&after, at(targets[i]), sizeof(after));
		assert_int_equal(after, before);
	}
}

/* What it reads of hidden memory is ones, as its own reads there are. */
static void test_read_shows_nothing(void **state)
{
	(void)state;
	cpu.cd.regs.rdi = ENGINES_DATA;
	cpu.cd.regs.rax = 0x41414141;
	FAULT(XCHG_EDI_EAX);
	assert_true(went_on(2));
	assert_int_equal((u32)cpu.cd.regs.rax, 0xffffffff);
	cpu.cd.regs.rip = OWN;
	cpu.cd.regs.rax = 1;
	FAULT(ADD_EDI_EAX);
	assert_true(went_on(2));
	assert_true(cpu.cd.regs.rflags & BIT(6)); /* ~0 + 1: zero, not SECRET + 1 */
}

/* From hidden memory to its own, or to a register of the APIC: the same ones. */
static void test_copy_shows_nothing(void **state)
{
	(void)state;
	*at(DATA) = 0;
	cpu.cd.regs.rsi = ENGINES_DATA;
	cpu.cd.regs.rdi = DATA;
	FAULT(MOVSD);
	assert_true(went_on(1));
	assert_int_equal(*at(DATA), 0xffffffff);
	cpu.cd.regs.rip = OWN;
	cpu.cd.regs.rsi = GIVEN;
	cpu.cd.regs.rdi = APIC + 0x80;
	FAULT(MOVSD);
	assert_true(went_on(1));
	assert_int_equal(apic_writes, 1);
	assert_int_equal(apic_value, 0xffffffff);
}

/* Half of it goes to its own memory, half to what it gave away. */
static void test_across_the_border(void **state)
{
	u32 before = *at(GIVEN);

	(void)state;
	assert_int_equal(frame_read((GIVEN >> PAGE_SHIFT) - 1).kind, FRAME_CONTROL);
	*at(GIVEN - 4) = 0;
	cpu.cd.regs.rdi = GIVEN - 2;
	cpu.cd.regs.rax = 0x44434241;
	FAULT(MOV_EDI_EAX);
	assert_true(went_on(2));
	assert_int_equal(*at(GIVEN - 4), 0x42410000);
	assert_int_equal(*at(GIVEN), before);
}

/* Code in hidden memory is not fetched: its bytes must not be told from what it does. */
static void test_code_is_hidden(void **state)
{
	static const u8 mov[] = {MOV_EDI_EAX};
	struct nxt_regs before;

	(void)state;
	memcpy(at(GIVEN + 0x1000), mov, sizeof(mov));
	cpu.cd.regs.rip = GIVEN + 0x1000;
	cpu.cd.regs.rdi = DATA;
	cpu.cd.regs.rax = 0x41414141;
	before = cpu.cd.regs;
	cd_memory_fault(&cpu, &(struct exit){.kind = EXIT_NPF, .npf.write = true});
	assert_true(faults == 1 || (vmcb.event_inj & EVENT_VALID));
	assert_memory_equal(&cpu.cd.regs, &before, sizeof(before));
	assert_int_equal(*at(DATA), 0);
	memset(at(GIVEN + 0x1000), 0, sizeof(mov));
}

/* Its page tables are in hidden memory: they are not read, and no accessed bit is set in them. */
static void test_tables_are_hidden(void **state)
{
	(void)state;
	*at(ENGINES_DATA) = 0x87; /* a 4 MiB page, present */
	vmcb.cr0 = CR0_PE | CR0_PG;
	vmcb.cr4 = BIT(4); /* PSE */
	vmcb.cr3 = ENGINES_DATA;
	cpu.cd.regs.rip = 0;
	cd_memory_fault(&cpu, &(struct exit){.kind = EXIT_NPF, .npf.write = true});
	assert_int_equal(*at(ENGINES_DATA), 0x87);
	*at(ENGINES_DATA) = SECRET;
	assert_true(vmcb.event_inj & EVENT_VALID);
	assert_int_equal(vmcb.event_inj & EVENT_VECTOR, 13);
	assert_int_equal(cpu.cd.regs.rip, 0);
}

static void test_fetch_and_walk(void **state)
{
	(void)state;
	cd_memory_fault(&cpu, &(struct exit){.kind = EXIT_NPF, .npf.walk = true});
	assert_int_equal(faults, 1);
	cd_memory_fault(&cpu, &(struct exit){.kind = EXIT_NPF, .npf.fetch = true});
	assert_int_equal(faults, 2);
	assert_int_equal(cpu.cd.regs.rip, OWN);
}

/* Registers of the APIC are written as a whole, where they are; nothing else of the page is anything. */
static void test_apic(void **state)
{
	(void)state;
	cpu.cd.regs.rdi = APIC + 0x300;
	cpu.cd.regs.rax = 0x000c4500;
	FAULT(MOV_EDI_EAX);
	assert_true(went_on(2));
	assert_int_equal(apic_writes, 1);
	assert_int_equal(apic_reg, 0x300);
	assert_int_equal(apic_value, 0x000c4500);

	cpu.cd.regs.rip = OWN;
	cpu.cd.regs.rdi = APIC + 0x304;
	FAULT(MOV_EDI_EAX);
	assert_true(went_on(2));
	cpu.cd.regs.rip = OWN;
	cpu.cd.regs.rdi = APIC + 0x301;
	FAULT(MOV_EDI_EAX);
	assert_true(went_on(2));
	cpu.cd.regs.rip = OWN;
	cpu.cd.regs.rdi = APIC + 0x300;
	FAULT(0x88, 0x07); /* mov %al, (%edi) */
	assert_true(went_on(2));
	assert_int_equal(apic_writes, 1);

	cpu.cd.regs.rip = OWN;
	cpu.cd.regs.rax = 1;
	FAULT(ADD_EDI_EAX);
	assert_true(went_on(2));
	assert_int_equal(apic_writes, 2);
	assert_int_equal(apic_value, 0xa0000301);
}

/* A device is the control domain's own: what reaches it by the same instruction arrives. */
static void test_device(void **state)
{
	(void)state;
	*at(DATA) = 0x12345678;
	cpu.cd.regs.rsi = DATA;
	cpu.cd.regs.rdi = DEVICE;
	FAULT(MOVSD);
	assert_true(went_on(1));
	assert_int_equal(*at(DEVICE), 0x12345678);
}

static void test_unknown_instruction(void **state)
{
	(void)state;
	cpu.cd.regs.rdi = ENGINES_DATA;
	FAULT(0xdd, 0x37); /* fnsave (%edi) */
	assert_int_equal(faults, 1);
	assert_int_equal(cpu.cd.regs.rip, OWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_is_dropped),
		TEST(test_read_shows_nothing),
		TEST(test_copy_shows_nothing),
		TEST(test_across_the_border),
		TEST(test_code_is_hidden),
		TEST(test_tables_are_hidden),
		TEST(test_fetch_and_walk),
		TEST(test_apic),
		TEST(test_device),
		TEST(test_unknown_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
