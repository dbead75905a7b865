/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usage: hostile [--list] [NAME]...
 * Runs hostile guests, all or those named: a line for each, and how many failed, which is the exit code too.
 *
 *	gcc -O1 -g -Wall -static -pthread -o hostile *.c
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

#define LIMIT_MS 300000 /* against a guest that hangs; the slowest takes seconds */
#define LEFT_OUT 77

static const struct guest *const groups[] = {msr_guests,    cpuid_guests,     mmio_guests, pio_guests,
					     paging_guests, exception_guests, mode_guests, svm_guests,
					     apic_guests,   leak_guests};

/* What processes tell each other. */
static struct {
	volatile unsigned long rounds; /* of the witness */
	volatile int bad;	       /* its end, if it found something changed */
	char why[120];		       /* why a guest is left out */
} * shared;

static int failures;

bool in_qemu(void)
{
	FILE *file = fopen("/sys/class/dmi/id/sys_vendor", "r");
	char vendor[8] = "";
	bool yes = file && fgets(vendor, sizeof(vendor), file) && !strncmp(vendor, "QEMU", 4);

	if (file)
		fclose(file);
	return yes;
}

void check(bool ok, const char *file, int line, const char *what)
{
	if (ok)
		return;
	printf("    %s:%d: not so: %s\n", file, line, what);
	failures++;
}

static const char *describe(int result)
{
	static char text[4][32];
	static unsigned turn;
	char *to = text[turn++ % 4];

	if (result == DONE)
		return "done";
	if (result == LATE)
		return "runs on";
	if ((result & ~0xff) == FAULT)
		snprintf(to, sizeof(text[0]), "exception %d", result & 0xff);
	else if (result >= FAILED)
		snprintf(to, sizeof(text[0]), "KVM_RUN: %s", strerror(result - FAILED));
	else
		snprintf(to, sizeof(text[0]), "KVM_EXIT %d", result);
	return to;
}

void expect(int got, const char *file, int line, const char *what, const int *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (wanted[i] == got)
			return;
	printf("    %s:%d: %s: %s, not %s%s\n", file, line, what, describe(got), describe(wanted[0]),
	       n > 1 ? " (or another that is allowed)" : "");
	failures++;
}

void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("    %s: %s\n", what, strerror(errno));
	exit(1);
}

void left_out(const char *why)
{
	snprintf(shared->why, sizeof(shared->why), "%s", why);
	exit(failures ? 1 : LEFT_OUT);
}

bool on_engine(void)
{
	unsigned eax, ebx, ecx, edx;

	__cpuid(0x40004e00, eax, ebx, ecx, edx);
	return !memcmp(&ebx, "NxTo", sizeof(ebx));
}

/*
 * Its registers of every kind and its memory hold one pattern, and it looks whether they still do. Another
 * byte there is an undefined instruction.
 */
GUEST(witness, 64,
      "movabs $0x5a17ab1e5a17ab1e, %r15\n"
      "mov %r15, %rbx; mov %r15, %rbp; mov %r15, %r8; mov %r15, %r14\n"
      "movq %r15, %xmm0; movq %r15, %xmm7; movq %r15, %xmm15\n"
      "mov $0x3000, %edi; mov $512, %ecx; mov %r15, %rax; rep stosq\n"
      "mov %r15d, %eax; mov %rax, %dr0; mov %rax, %dr3\n"
      "mov $0xc0000102, %ecx; mov $0x5a17ab1e, %eax; xor %edx, %edx; wrmsr\n"
      "1: out %al, $0x10\n"
      "cmp %r15, %rbx; jne 2f; cmp %r15, %rbp; jne 2f; cmp %r15, %r8; jne 2f; cmp %r15, %r14; jne 2f\n"
      "movq %xmm0, %rax; cmp %r15, %rax; jne 2f; movq %xmm7, %rax; cmp %r15, %rax; jne 2f\n"
      "movq %xmm15, %rax; cmp %r15, %rax; jne 2f\n"
      "mov %dr0, %rax; cmp %r15d, %eax; jne 2f; mov %dr3, %rax; cmp %r15d, %eax; jne 2f\n"
      "mov $0xc0000102, %ecx; rdmsr; cmp $0x5a17ab1e, %eax; jne 2f; test %edx, %edx; jne 2f\n"
      "mov $0x3000, %edi; mov $512, %ecx; mov %r15, %rax; repe scasq; jne 2f\n"
      "jmp 1b\n"
      "2: ud2");

static _Noreturn void be_witness(void)
{
	struct vm vm;
	int result;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vm_open(&vm, LONG, CODE(witness));
	while ((result = go(&vm.cpu[0])) == DONE) {
		shared->rounds++;
		pause_ms(2);
	}
	shared->bad = result;
	_exit(1);
}

/* Another VM has gone on since the guest ended, and nothing of it has changed. */
static bool witness_is_well(void)
{
	unsigned long from = shared->rounds;

	for (unsigned ms = 0; ms < LIMIT_MS && !shared->bad; ms += 2) {
		if (shared->rounds - from >= 2)
			return true;
		pause_ms(2);
	}
	if (shared->bad)
		printf("    the guest beside it: %s\n", describe(shared->bad));
	else
		printf("    the guest beside it stands still\n");
	return false;
}

static bool ends(pid_t pid, int *ret_status, unsigned limit_ms)
{
	for (unsigned ms = 0; ms < limit_ms; ms += 10) {
		if (waitpid(pid, ret_status, WNOHANG) == pid)
			return true;
		pause_ms(10);
	}
	return false;
}

/* The exit code of the guest's process; -1 if it had to be ended or ended by itself. */
static int wait_end(pid_t pid)
{
	int status;

	if (ends(pid, &status, LIMIT_MS)) {
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		printf("    ended by signal %d\n", WTERMSIG(status));
		return -1;
	}
	kill(pid, SIGKILL);
	printf("    still ran after %d s%s\n", LIMIT_MS / 1000,
	       ends(pid, &status, LIMIT_MS) ? "" : ", and cannot even be killed");
	return -1;
}

enum verdict { OK, BAD, LEFT };

static enum verdict run_guest(const struct guest *guest)
{
	pid_t pid = fork();
	int code;
	bool well;

	must(pid >= 0, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		guest->run();
		exit(failures ? 1 : 0);
	}
	code = wait_end(pid);
	well = witness_is_well();
	if (well && code == LEFT_OUT) {
		printf("left out %s: %s\n", guest->name, shared->why);
		return LEFT;
	}
	printf("%s %s: %s%s%s%s\n", well && !code ? "ok" : "FAILED", guest->name, guest->idea,
	       guest->note ? " [" : "", guest->note ? guest->note : "", guest->note ? "]" : "");
	return well && !code ? OK : BAD;
}

static bool is_named(const struct guest *guest, char **names)
{
	bool any = *names;

	for (; *names; names++)
		if (!strcmp(*names, guest->name))
			return true;
	return !any;
}

static int list(void)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct guest *guest = groups[g]; guest->name; guest++)
			printf("%s | %s | %s | %s\n", guest->name, guest->idea, guest->source,
			       guest->note ? guest->note : "");
	return 0;
}

int main(int argc, char **argv)
{
	unsigned count[3] = {0};
	pid_t pid;

	(void)argc;
	if (argv[1] && !strcmp(argv[1], "--list"))
		return list();
	setvbuf(stdout, NULL, _IONBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED, "mmap");
	pid = fork();
	must(pid >= 0, "fork");
	if (!pid)
		be_witness();
	if (!witness_is_well())
		return 100;
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct guest *guest = groups[g]; guest->name; guest++)
			if (is_named(guest, argv + 1))
				count[run_guest(guest)]++;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("hostile guests: %u ok, %u failed, %u left out; on %s\n", count[OK], count[BAD], count[LEFT],
	       on_engine() ? "Engine" : "stock KVM");
	return count[BAD] < 99 ? (int)count[BAD] : 99;
}
