/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: decoder-compare [--seed N] [--random N] [--stride N] [FILE...]
 * Compares Engine's instruction decoder and emulator with Zydis (Debian: libzydis-dev), which shares no
 * code with them: on N random instructions; on every N-th of the systematic ones (bytes.h), 0: none; and at
 * every byte of the code of ELF files, in 16-, 32- and 64-bit mode. The same arguments give the same
 * result. Fails if anything differs that documented.c does not list.
 *
 * What is compared of the decoder: length, operand and address size, the register numbers, the parts of the
 * effective address, immediates (decoded.c). Of the emulator: which memory it reads and writes, how much,
 * and which registers it uses and changes (emulated.c); what it refuses must be outside its set
 * (documented.c). Zydis may refuse what the decoder takes, since that does not judge opcodes: but not what
 * the emulator executes.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/hypercall.h"
#include "compare.h"

#define SHOWN 30

struct counts {
	u64 tried, decoded, emulated, outside, no_memory, refused, lenient, known, wrong;
};

static struct counts all;
static ZydisDecoder decoders[3];
static u64 rng = 0x9e3779b97f4a7c15;

static void set_up_zydis(void)
{
	static const ZydisMachineMode modes[] = {ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32,
						 ZYDIS_MACHINE_MODE_LONG_64};
	static const ZydisStackWidth widths[] = {ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32,
						 ZYDIS_STACK_WIDTH_64};

	for (u32 i = 0; i < 3; i++) {
		ZydisDecoderInit(&decoders[i], modes[i], widths[i]);
		/* Undefined parts of the space, which these would give a meaning. */
		ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_KNC, ZYAN_FALSE);
		ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
	}
}

static void show(const char *what, enum insn_mode mode, const u8 *b, const struct insn *in, int rc,
		 const struct theirs *t)
{
	if (all.wrong++ >= SHOWN)
		return;
	printf("DIFFERS: %s; mode %d:", what, mode);
	for (u32 i = 0; i < (t ? MIN(t->z.length, BYTES) : INSN_MAX_LEN); i++)
		printf(" %02x", b[i]);
	if (rc)
		printf("; ours: refused (%d)", rc);
	else
		printf("; ours: %u bytes", in->len);
	if (t)
		printf("; Zydis: %u bytes, %s\n", t->z.length, ZydisMnemonicGetString(t->z.mnemonic));
	else
		printf("; Zydis: refused\n");
}

/* No part of an instruction is one. */
static bool part_is_one(const struct insn *in, const u8 *b, enum insn_mode mode)
{
	struct insn part;

	return insn_decode(&part, b, bytes_rng(&rng) % in->len, mode) != -NXT_EAGAIN;
}

static void compare(const u8 b[BYTES], enum insn_mode mode)
{
	struct theirs t;
	struct insn in;
	ZyanStatus status = ZydisDecoderDecodeFull(&decoders[mode / 32], b, BYTES, &t.z, t.op);
	int rc = insn_decode(&in, b, BYTES, mode);
	const char *differs = NULL, *why;
	bool done = false;

	all.tried++;
	if (!ZYAN_SUCCESS(status)) {
		if (rc) {
			all.refused++;
			return;
		}
		all.lenient++;
		differs = compare_emulated(&in, b, NULL, &done);
		if (differs)
			show(differs, mode, b, &in, rc, NULL);
		return;
	}

	differs = rc ? "refused" : compare_decoded(&in, &t);
	if (differs && documented_difference(&in, b, &t)) {
		all.known++;
		return;
	}
	if (!differs && part_is_one(&in, b, mode))
		differs = "its beginning is taken for an instruction";
	if (!differs) {
		all.decoded++;
		differs = compare_emulated(&in, b, &t, &done);
	}
	if (!differs && done != documented_emulated(&t, &why))
		differs = done ? why : "not emulated";
	if (differs)
		show(differs, mode, b, &in, rc, &t);
	else if (done)
		all.emulated++;
	else if (!in.has_mem)
		all.no_memory++;
	else
		all.outside++;
}

static void compare_code(void *arg, const u8 *code, size_t n)
{
	(void)arg;
	for (size_t i = 0; i + BYTES <= n; i++) {
		compare(code + i, INSN_MODE_16);
		compare(code + i, INSN_MODE_32);
		compare(code + i, INSN_MODE_64);
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Prints what was added to the counts since *before, and remembers them there. */
static void report(const char *what, struct counts *before, double *since)
{
	double now = seconds();

	if (all.tried == before->tried)
		return;
#define ADDED(field) ((unsigned long long)(all.field - before->field))
	printf("%s: %llu tried, %llu decoded alike; of these %llu emulated alike, %llu with memory outside "
	       "the set, "
	       "%llu without; %llu refused by both, %llu by Zydis alone, %llu differ as documented, %llu "
	       "wrong; "
	       "%.0f a second\n",
	       what, ADDED(tried), ADDED(decoded), ADDED(emulated), ADDED(outside), ADDED(no_memory),
	       ADDED(refused), ADDED(lenient), ADDED(known), ADDED(wrong),
	       (double)(all.tried - before->tried) / (now - *since + 1e-9));
	fflush(stdout);
	*before = all;
	*since = now;
}

static u64 number(const char *arg)
{
	char *end;
	u64 n = strtoull(arg, &end, 0);

	if (*arg && !*end)
		return n;
	fprintf(stderr, "decoder-compare: %s is no number\n", arg);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
						{"random", required_argument, NULL, 'r'},
						{"stride", required_argument, NULL, 't'},
						{0}};
	u64 random = 1000000, stride = 0;
	struct counts before = {0};
	double since = seconds(), started = since;
	u8 b[BYTES];
	enum insn_mode mode;

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		if (c == 's')
			rng ^= number(optarg) * 0x2545f4914f6cdd1d;
		else if (c == 'r')
			random = number(optarg);
		else if (c == 't')
			stride = number(optarg);
		else
			return 2;
	}
	set_up_zydis();

	for (u64 i = 0; i < random; i++) {
		bytes_random(&rng, b, &mode);
		compare(b, mode);
	}
	report("random", &before, &since);
	for (u64 i = 0; stride && i < bytes_systematic_count(); i += stride) {
		bytes_systematic(&rng, i, b, &mode);
		compare(b, mode);
	}
	report("systematic", &before, &since);
	for (int i = optind; i < argc; i++) {
		int rc = bytes_code(argv[i], compare_code, NULL);

		if (rc) {
			fprintf(stderr, "decoder-compare: %s: %s\n", argv[i], strerror(-rc));
			return 2;
		}
		report(argv[i], &before, &since);
	}
	before = (struct counts){0};
	report("all", &before, &started);
	return all.wrong != 0;
}
