/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares the emulator with the CPU that runs the test: random instructions on random registers and memory,
 * once natively, once emulated with random pages of that memory being a device. Registers, defined flags and
 * memory must agree, and so must whether there was a fault. usage: emulate_native_test [rounds per
 * instruction [seed]]
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "insn/emulate_native_table.h"
#include "insn/testcpu.h"

#define CODE_BASE 0x20000000ULL

/* What the native code loads and stores; at a fixed place that its instructions name. */
struct native {
	struct nxt_regs regs;
	u64 host_rsp;
	u8 ymm[16][32];
};

/* One instruction with everything it works on. */
struct trial {
	u8 code[INSN_MAX_LEN];
	u32 n;
	struct nxt_regs regs;
	u64 undefined;
	u64 operand; /* address of the memory operand */
};

static u64 rng_state = 0x9e3779b97f4a7c15;
static u32 rounds = 300;
static u8 *data = (u8 *)TEST_BASE;
static u8 *code = (u8 *)CODE_BASE;
static struct native *native = (struct native *)(CODE_BASE + 0x1000);
static u8 *leave; /* in code: restores what C expects and returns RAX */

static u64 rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1d;
}

static u32 pick(u32 n)
{
	return (rng() >> 33) % n;
}

/* Values with short distances to the ends of the ranges make carries, overflows and quotients that fit. */
static u64 value(void)
{
	u64 v = rng();

	switch (pick(5)) {
	case 0:
		return v;
	case 1:
		return (u64)((s64)v >> pick(64));
	case 2:
		return pick(4) - 2ULL;
	case 3:
		return 1ULL << pick(64);
	default:
		return v >> pick(64);
	}
}

static u64 *reg(struct nxt_regs *r, u32 i)
{
	return (u64 *)((u8 *)r + 8 * i);
}

static void emit(struct trial *t, u32 n, ...)
{
	va_list ap;

	va_start(ap, n);
	while (n--)
		t->code[t->n++] = va_arg(ap, int);
	va_end(ap);
}

static void emit_value(struct trial *t, u64 v, u32 size)
{
	memcpy(t->code + t->n, &v, size);
	t->n += size;
}

static u64 random_operand(void)
{
	/* Often across or near a page boundary, often aligned. */
	u64 a = pick(3) ? PAGE_SIZE * (1 + pick(2)) - pick(40) : PAGE_SIZE / 2 + pick(2 * PAGE_SIZE);

	return TEST_BASE + (pick(2) ? a & ~31ULL : a);
}

static void prepare_string(struct trial *t)
{
	t->regs.rcx = pick(8) ? pick(100) : 0;
	t->regs.rsi = TEST_BASE + PAGE_SIZE * 2 - 512 + pick(1024);
	t->regs.rdi = TEST_BASE + PAGE_SIZE * 1 - 512 + pick(1024);
	/* Long equal runs, so that comparisons go on. */
	if (pick(2)) {
		memset(data, t->regs.rax, TEST_SIZE);
		t->regs.rax = 0x0101010101010101ULL * (u8)t->regs.rax;
		data[t->regs.rdi - TEST_BASE + (t->regs.rflags & DF ? -(s64)pick(400) : pick(400))] ^= 1;
	}
}

/* Puts the prefixes, opcode and operand of a template into a trial; registers and memory to match. */
static bool build(const struct template *m, struct trial *t)
{
	u8 rex = 0x40 | pick(16), ext = m->ext < 0 ? pick(8) : (u32)m->ext, modrm = ext << 3, sib = 0x25;
	bool opsize = !(m->special & NO_66) && pick(4) == 0, addr32 = pick(8) == 0, has_rex = pick(2), wide;
	u32 form = pick(4), base, index, number, size, disp_at, imm = m->imm;
	u8 vex_l = pick(2), scale = pick(4);
	s32 disp = (s32)rng() >> (8 + pick(20));

	memset(t, 0, sizeof(*t));
	for (u32 i = 0; i < 16; i++)
		*reg(&t->regs, i) = value();
	t->regs.rflags = 2 | (rng() & (ARITH | DF));
	t->regs.rsp = TEST_BASE + PAGE_SIZE * 3 + 0x800 + pick(16);
	t->operand = random_operand();

	if (m->special & FORCE_W) {
		has_rex = true;
		rex |= 8;
	}
	if (strcmp(m->name, "cmpxchg8b") == 0)
		rex &= ~8;
	if (m->special & VEX)
		has_rex = false;
	if (!has_rex && !(m->special & VEX))
		rex = 0x40;
	wide = rex & 8;
	number = ext | (rex & 4) << 1;
	size = wide ? 8 : opsize ? 2 : 4;
	if (!(m->special & BYTE_FORM) && (m->op[0] == 0x80 || m->op[0] == 0xc6 || m->op[0] == 0xf6))
		size = 1;
	if (imm == 4 && size == 2)
		imm = 2;

	if (addr32)
		emit(t, 1, 0x67);
	if ((m->special & LOCKS) && pick(2))
		emit(t, 1, 0xf0);
	if (opsize)
		emit(t, 1, 0x66);
	if ((m->special & STRING) && pick(3))
		emit(t, 1, pick(2) ? 0xf2 : 0xf3);

	if (m->special & VEX) {
		u8 pp = m->op[2] == 0x66 ? 1 : m->op[2] == 0xf3 ? 2 : m->op[2] == 0xf2 ? 3 : 0;

		emit(t, 4, 0xc4, (~(rex << 5) & 0xe0) | m->op[0], (wide ? 0x80 : 0) | 0x78 | vex_l << 2 | pp,
		     m->op[1]);
	} else {
		u32 skip = m->op[0] == 0x66 || m->op[0] == 0xf2 || m->op[0] == 0xf3;

		for (u32 i = 0; i < m->n; i++) {
			bool last = i == m->n - 1u;
			u8 b = m->op[i];

			if (i == skip && has_rex)
				emit(t, 1, rex);
			if (last && (m->special & BYTE_FORM)) {
				u8 w = pick(2);

				b |= w;
				if (!w)
					size = 1;
			}
			emit(t, 1, b);
		}
	}
	if (m->special & STRING) {
		prepare_string(t);
		if (addr32 && pick(2)) {
			t->regs.rsi |= rng() << 32;
			t->regs.rdi |= rng() << 32;
			t->regs.rcx |= rng() << 32;
		}
		return true;
	}
	if (m->special & MOFFS) {
		emit_value(t, t->operand, addr32 ? 4 : 8);
		return true;
	}

	/* Forms: absolute, RIP-relative, base, base + index. */
	disp_at = t->n + 1;
	if (form == 0) {
		emit(t, 2, modrm | 4, sib | scale << 6);
		if (rex & 2)
			return false; /* 12 is an index */
		emit_value(t, t->operand, 4);
	} else if (form == 1) {
		emit(t, 1, modrm | 5);
		emit_value(t, t->operand - (CODE_BASE + 0x800 + disp_at + 4 + imm), 4);
	} else {
		base = pick(8);
		index = pick(8);
		if (form == 2 && base != 4) {
			emit(t, 1, modrm | 0x80 | base);
			base |= rex & 1 ? 8 : 0;
			index = 4;
		} else {
			emit(t, 2, modrm | 0x84, scale << 6 | index << 3 | base);
			base |= rex & 1 ? 8 : 0;
			index |= rex & 2 ? 8 : 0;
		}
		emit_value(t, disp, 4);
		if (base == 4) {
			disp &= 0xff;
			memcpy(t->code + t->n - 4, &disp, 4);
			t->operand = t->regs.rsp + disp;
		}
		if (index == base)
			return false;
		if (index != 4) {
			if (base == 4)
				return false;
			*reg(&t->regs, index) = pick(1 << 20);
			*reg(&t->regs, base) = t->operand - disp - (*reg(&t->regs, index) << scale);
		} else {
			if (base != 4)
				*reg(&t->regs, base) = t->operand - disp;
			else if (m->op[0] == 0x8f)
				t->operand += size; /* POP moves RSP before it makes the address */
		}
		if (addr32 && base != 4)
			*reg(&t->regs, base) = (u32)*reg(&t->regs, base) | rng() << 32;
		if ((m->special & BIT_REG) && (base == number || index == number))
			return false;
		if ((m->special & DIVIDE) && (base == 2 || index == 2 || base == 0 || index == 0))
			return false;
	}
	for (u32 i = 0; i < imm; i++)
		emit(t, 1, pick(256));

	if (m->special & BIT_REG) {
		if (number == 4)
			return false;
		t->operand = (t->operand & (PAGE_SIZE - 1)) + TEST_BASE + PAGE_SIZE;
		if (form != 2 && form != 3)
			return false;
		*reg(&t->regs, number) = (s64)pick(32000) - 16000;
	}
	if (m->special & DIVIDE) {
		u64 top = size == 1 ? 0 : pick(2) ? pick(3) - 1ULL : value();

		t->regs.rdx = top;
		if (pick(4))
			memcpy(data + (t->operand - TEST_BASE), &(u64){value() | 1ULL << (8 * size - 2)}, 8);
	}
	if (m->special & SHIFT) {
		u32 count = m->imm ? t->code[t->n - 1] : t->regs.rcx & 0xff;

		count &= size == 8 ? 63 : 31;
		if (count != 1)
			t->undefined |= OF;
		if (ext >= 4 && count >= 8 * size)
			t->undefined |= CF;
		if (count == 0)
			t->undefined = 0;
	}
	if (m->special & BRANCH)
		memcpy(data + (t->operand - TEST_BASE), &(u64){CODE_BASE + 0x800 + t->n}, 8);
	if ((m->special & MATCH) && pick(2)) {
		u32 half = m->op[1] == 0xc7 ? (wide ? 8 : 4) : 8;

		memcpy(data + (t->operand - TEST_BASE), &t->regs.rax, half);
		if (m->op[1] == 0xc7)
			memcpy(data + (t->operand - TEST_BASE) + half, &t->regs.rdx, half);
	}
	return true;
}

static u8 *put(u8 *p, const void *bytes, u32 n)
{
	memcpy(p, bytes, n);
	return p + n;
}

#define PUT(p, ...) ((p) = put(p, (u8[]){__VA_ARGS__}, sizeof((u8[]){__VA_ARGS__})))

/* One move between a register (or YMM register) and the struct native that RAX points to. */
static u8 *put_move(u8 *p, u32 r, bool store, bool ymm)
{
	u32 offset = ymm ? offsetof(struct native, ymm) + 32 * r : 8 * r;

	if (ymm)
		PUT(p, 0xc5, r < 8 ? 0xfe : 0x7e, store ? 0x7f : 0x6f, 0x80 | (r & 7) << 3);
	else
		PUT(p, r < 8 ? 0x48 : 0x4c, store ? 0x89 : 0x8b, 0x80 | (r & 7) << 3);
	return put(p, &offset, 4);
}

/* Code that loads all registers, runs the instruction at CODE_BASE + 0x800, and stores all registers. */
static void assemble(const struct trial *t)
{
	u64 address = (u64)native;
	u32 flags = offsetof(struct nxt_regs, rflags), rsp = offsetof(struct native, host_rsp);
	u8 *p = code, *end = code + 0x800 + t->n;

	PUT(p, 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, 0x48, 0xb8);
	p = put(p, &address, 8);
	PUT(p, 0x48, 0x89, 0xa0);
	p = put(p, &rsp, 4);
	for (u32 i = 0; i < 16; i++)
		p = put_move(p, i, false, true);
	PUT(p, 0xff, 0xb0);
	p = put(p, &flags, 4);
	PUT(p, 0x9d);
	for (u32 i = 1; i < 16; i++)
		p = put_move(p, i, false, false);
	p = put_move(p, 0, false, false);
	PUT(p, 0xe9);
	p = put(p, &(u32){code + 0x800 - (p + 4)}, 4);

	memcpy(code + 0x800, t->code, t->n);
	p = end;
	PUT(p, 0x48, 0xa3);
	p = put(p, &address, 8);
	PUT(p, 0x48, 0xb8);
	p = put(p, &address, 8);
	for (u32 i = 1; i < 16; i++)
		p = put_move(p, i, true, false);
	PUT(p, 0x48, 0x8b, 0xa0);
	p = put(p, &rsp, 4);
	PUT(p, 0x9c, 0x8f, 0x80);
	p = put(p, &flags, 4);
	PUT(p, 0xfc);
	for (u32 i = 0; i < 16; i++)
		p = put_move(p, i, true, true);
	PUT(p, 0x31, 0xc0);
	leave = p;
	PUT(p, 0xc5, 0xf8, 0x77, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}

/* The instruction faulted: goes on at leave, with the signal as result. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)info;
	if (regs[REG_RIP] != (greg_t)(CODE_BASE + 0x800))
		abort();
	regs[REG_RSP] = native->host_rsp;
	regs[REG_RIP] = (greg_t)leave;
	regs[REG_RAX] = sig;
	regs[REG_EFL] &= ~DF;
}

/* Returns the signal that the instruction raised, or 0. */
static int run_native(const struct trial *t)
{
	assemble(t);
	native->regs = t->regs;
	return ((int (*)(void))code)();
}

static void explain(const struct template *m, const struct trial *t, const char *what)
{
	printf("%s: %s differs, code", m->name, what);
	for (u32 i = 0; i < t->n; i++)
		printf(" %02x", t->code[i]);
	printf(", operand %llx, flags %llx\n", (unsigned long long)t->operand,
	       (unsigned long long)t->regs.rflags);
	fail();
}

static void compare(const struct template *m, const struct trial *t, struct test_cpu *cpu)
{
	u64 defined = ~(m->undefined | t->undefined);

	for (u32 i = 0; i < 16; i++) {
		if (*reg(&cpu->regs, i) != *reg(&native->regs, i)) {
			printf("r%u: %llx emulated, %llx native, was %llx\n", i,
			       (unsigned long long)*reg(&cpu->regs, i),
			       (unsigned long long)*reg(&native->regs, i),
			       (unsigned long long)*reg((struct nxt_regs *)&t->regs, i));
			explain(m, t, "register");
		}
	}
	if ((cpu->regs.rflags ^ native->regs.rflags) & defined & (ARITH | DF)) {
		printf("flags: %llx emulated, %llx native\n", (unsigned long long)cpu->regs.rflags,
		       (unsigned long long)native->regs.rflags);
		explain(m, t, "flags");
	}
	if (cpu->regs.rip != CODE_BASE + 0x800 + t->n)
		explain(m, t, "rip");
	if (memcmp(cpu->mem, data, TEST_SIZE))
		explain(m, t, "memory");
	if (memcmp(cpu->ymm, native->ymm, sizeof(cpu->ymm)))
		explain(m, t, "vector register");
}

/* Returns false if this instruction cannot be compared. */
static bool try(const struct template *m, struct test_cpu *cpu, u32 *faults)
{
	struct insn_ctx ctx;
	struct trial t;
	enum insn_result result;
	int sig;

	for (u32 i = 0; i < TEST_SIZE; i += 8)
		memcpy(data + i, &(u64){i % 64 ? rng() : value()}, 8);
	if (!build(m, &t))
		return false;

	memset(cpu, 0, sizeof(*cpu));
	test_init(cpu, &ctx, INSN_MODE_64);
	cpu->regs = t.regs;
	cpu->regs.rip = CODE_BASE + 0x800;
	for (u32 i = 0; i < sizeof(cpu->ymm); i += 8)
		memcpy((u8 *)cpu->ymm + i, &(u64){rng()}, 8);
	memcpy(native->ymm, cpu->ymm, sizeof(cpu->ymm));
	memcpy(cpu->mem, data, TEST_SIZE);
	for (u32 i = 0; i < TEST_PAGES; i++) {
		cpu->device[i] = pick(3);
		cpu->absent[i] = pick(4) == 0;
	}

	result = test_run(cpu, &ctx, t.code, t.n);
	if (result == INSN_UNHANDLED && (m->special & VEX))
		return false; /* VEX.L with a scalar */
	sig = run_native(&t);
	if (result != (sig ? INSN_FAULT : INSN_DONE)) {
		printf("result %d, signal %d, vector %d\n", result, sig, cpu->fault.vector);
		explain(m, &t, "result");
	}
	if (sig)
		(*faults)++;
	else
		compare(m, &t, cpu);
	return true;
}

static void test_against_cpu(void **state)
{
	static struct test_cpu cpu;
	u32 total = 0, faults = 0;

	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_ONSTACK | SA_SIGINFO};
	stack_t ss = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};

	(void)state;
	/* Here, since cmocka sets its own handlers before each test. */
	sigaltstack(&ss, NULL);
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	for (u32 i = 0; i < ARRAY_SIZE(templates); i++) {
		u32 done = 0;

		for (u32 tries = 0; done < rounds && tries < 20 * rounds; tries++)
			done += try(&templates[i], &cpu, &faults);
		if (done < rounds / 4)
			explain(&templates[i], &(struct trial){0}, "too few trials: coverage");
		total += done;
	}
	sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
	free(ss.ss_sp);
	printf("%u instructions agree with this CPU, %u of them faults\n", total, faults);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_cpu)};

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		rng_state ^= strtoull(argv[2], NULL, 0) * 0xbf58476d1ce4e5b9;
	if (!__builtin_cpu_supports("avx2")) {
		printf("SKIP: this CPU has no AVX2\n");
		return 77;
	}
	if (mmap(data, TEST_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		 -1, 0) != data ||
	    mmap(code, 0x3000, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != code) {
		printf("SKIP: cannot map memory at fixed addresses\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
