/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the boot loader to the control domain: learn what the machine is, take memory and CPUs, place Linux,
 * and enter it in a context of its own. Where Engine cannot run, Linux is started without it; where Linux
 * cannot be started, the PC restarts, and the boot loader's fallback entry is next. Nobody is locked out of
 * their PC.
 */
#include "boot/acpi.h"
#include "boot/control.h"
#include "boot/multiboot2.h"
#include "boot/options.h"
#include "boot/paging.h"
#include "boot/pool.h"
#include "boot/smp.h"
#include "cd/cd.h"
#include "console/console.h"
#include "cpu/apic.h"
#include "cpu/asm.h"
#include "cpu/msr.h"
#include "cpu/reset.h"
#include "cpu/trap.h"
#include "engine.h"
#include "lib/log.h"
#include "mem/frames.h"
#include "mem/identity.h"
#include "mem/phys.h"
#include "vendor.h"

#define MINIMUM_FOR_LINUX MIB(384)
#define FATAL_SECONDS 15
#define NOTICE_SECONDS 5

extern const char image_start[], image_end[];
extern const u64 image_pa;

NORETURN void native_jump(u32 entry, u32 params);
NORETURN void boot_main(u32 magic, u32 mbi);

/* Of the boot, and not needed after it. */
static struct boot_info info;
static struct options options;
static struct memmap map;
static struct acpi_root acpi;
static struct acpi_madt madt;
static struct acpi_fadt fadt;
static struct phys_range busy[CONTROL_BUSY_MAX];
static u32 busy_count;
static struct linux_entry entry;
static u64 ram_top;

static void echo(const char *text, size_t len)
{
	serial_write(text, len);
	screen_write(text, len);
}

/* For a person in front of the screen. A write to port 0x80 takes about a microsecond on every PC. */
static void leave_time_to_read(u32 seconds)
{
	for (u32 i = 0; i < seconds * 1000000u; i++)
		outb(0x80, 0);
}

/*
 * Neither Engine nor Linux can go on: say why, leave time to read it, and let the boot loader try something
 * else.
 */
static NORETURN void fatal(const char *why)
{
	log_line("cannot start the PC: %s", why);
	log_line("restarting in %u seconds; the boot menu's next entry is tried then", FATAL_SECONDS);
	leave_time_to_read(FATAL_SECONDS);
	reset_pc();
}

static struct phys_range image_range(void)
{
	return (struct phys_range){image_pa, image_pa + (u64)(image_end - image_start)};
}

static u32 phys_bits(void)
{
	return cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
}

static void init_consoles(void)
{
	const struct boot_framebuffer *fb = &info.framebuffer;

	if (options.console_port)
		serial_init(options.console_port, options.console_baud);
	if (!options.screen)
		return;
	if (fb->present && fb->address + (u64)fb->pitch * fb->height <= GIB(4))
		screen_init_pixels(phys_to_virt(fb->address), fb->pitch, fb->width, fb->height,
				   (fb->bpp + 7) / 8);
	else if (!fb->present && !info.efi.system_table)
		screen_init_text();
}

static void *map_table(void *context, u64 address, u64 len)
{
	(void)context;
	if (address + len < address || address + len > GIB(4))
		return NULL;
	return phys_to_virt(address);
}

static const char *read_acpi(void)
{
	const char *why;

	acpi.memory.map = map_table;
	if (!info.rsdp_size)
		return "the boot loader passed no ACPI root pointer";
	why = acpi_open(&acpi, info.rsdp, info.rsdp_size);
	if (!why)
		why = acpi_read_fadt(&acpi, &fadt);
	if (!why)
		why = acpi_read_madt(&acpi, &madt);
	reset_init(&fadt);
	return why;
}

static const char *find_vendor(void)
{
	static const struct vendor_ops *const known[] = {&svm_ops};
	const struct vendor_ops *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(known) && !found; i++) {
		if (known[i]->probe())
			found = known[i];
	}
	if (!found)
		return "this processor's virtualization is not supported yet (AMD's is)";
	if (found->unusable())
		return found->unusable();
	if (!(cpuid(0x80000001, 0).edx & BIT(26)))
		return "the processor lacks 1 GiB pages";
	vendor = found;
	return NULL;
}

static u64 find_ram_top(void)
{
	u64 top = 0;

	for (u32 i = 0; i < map.count; i++) {
		if (map.entry[i].type == MEMMAP_RAM)
			top = MAX(top, map.entry[i].base + map.entry[i].size);
	}
	return top;
}

/*
 * Where Engine's memory should end: in the middle of what lies below 4 GiB. Firmware and boot loaders work at
 * both ends, and would overwrite the log of a panic in a warm reset. In coarse steps, so that small changes
 * in the firmware's own use do not move it. 0: the machine is too small for that.
 */
static u64 pool_limit(void)
{
	u64 top = 0;

	for (u32 i = 0; i < map.count; i++) {
		if (map.entry[i].type == MEMMAP_RAM && map.entry[i].base < GIB(4))
			top = MAX(top, map.entry[i].base + map.entry[i].size);
	}
	return ALIGN_DOWN(MIN(top, GIB(4)) / 2, MIB(128));
}

/* Engine's memory: the frame table, what each CPU needs, the nested identity map, two logs, and a little. */
static u64 pool_bytes(void)
{
	u64 bytes = (ram_top >> PAGE_SHIFT) * sizeof(u32);

	bytes += (MIN(madt.cpu_count, CPUS_MAX) + 2) * (u64)(CPU_BLOCK_SIZE + 3 * PAGE_SIZE);
	bytes += identity_tables_needed(ram_top, phys_bits()) * PAGE_SIZE;
	bytes += 2 * sizeof(struct log_ring) + KIB(64);
	return ALIGN_UP(MAX(bytes, options.memory), PAGE_2M);
}

static const char *take_memory(void)
{
	struct memmap_request request = {.align = PAGE_2M, .min = MIB(16), .high = true};
	const char *why;
	u64 base;

	ram_top = find_ram_top();
	if (ram_top > DIRECT_MAP_SIZE)
		return "the machine has memory above 512 GiB";
	request.size = pool_bytes();
	if (memmap_ram_size(&map) < request.size + MINIMUM_FOR_LINUX)
		return "the machine has too little memory";
	request.max = pool_limit();
	if (!memmap_find(&map, &request, busy, busy_count, &base)) {
		request.max = GIB(4);
		if (!memmap_find(&map, &request, busy, busy_count, &base))
			return "no place in memory below 4 GiB is large enough for Engine";
	}
	why = memmap_reserve(&map, image_range());
	if (!why)
		why = memmap_reserve(&map, (struct phys_range){base, base + request.size});
	if (!why)
		pool_init(base, request.size);
	return why;
}

/* Why Engine cannot run on this PC; NULL: it can, and has its memory. */
static const char *check_machine(void)
{
	const char *why;

	if (options.native)
		return "the option \"native\" asks for that";
	why = find_vendor();
	if (!why)
		why = read_acpi();
	if (!why)
		why = take_memory();
	return why;
}

static void init_log(void)
{
	u32 pages = ALIGN_UP(sizeof(struct log_ring), PAGE_SIZE) / PAGE_SIZE;
	struct log_ring *ring = phys_to_virt(pool_alloc_dirty(pages));
	struct log_ring *crash = phys_to_virt(pool_alloc_dirty(pages));

	log_init(ring, crash);
	if (log_crash())
		log_line("an earlier boot ended in a panic of Engine; its log is kept");
}

static void init_frames(void)
{
	u64 frames = ram_top >> PAGE_SHIFT;

	frames_init(phys_to_virt(pool_alloc((u32)(ALIGN_UP(frames * sizeof(u32), PAGE_SIZE) / PAGE_SIZE))),
		    frames);
	for (u32 i = 0; i < map.count; i++) {
		u64 first = ALIGN_UP(map.entry[i].base, PAGE_SIZE) >> PAGE_SHIFT;
		u64 end = (map.entry[i].base + map.entry[i].size) >> PAGE_SHIFT;

		if (map.entry[i].type == MEMMAP_RAM && end > first)
			frames_set_range(first, end - first, FRAME_CONTROL);
	}
	frames_set_range(image_pa >> PAGE_SHIFT, (u64)(image_end - image_start) >> PAGE_SHIFT, FRAME_ENGINE);
	frames_set_range(pool_base() >> PAGE_SHIFT, pool_size() >> PAGE_SHIFT, FRAME_ENGINE);
}

static void init_identity(void)
{
	u64 tables = identity_tables_needed(ram_top, phys_bits());

	if (identity_init(vendor->npt, phys_bits(), pool_alloc((u32)tables), tables) ||
	    identity_hide(image_pa, (u64)(image_end - image_start)) ||
	    identity_hide(pool_base(), pool_size()))
		panic("cannot build the control domain's nested page table");
	cd_apic_init();
}

static struct cpu *new_cpu(u32 apic_id)
{
	struct cpu *cpu = phys_to_virt(pool_alloc_aligned(CPU_BLOCK_SIZE / PAGE_SIZE));

	cpu->index = cpu_count;
	cpu->apic_id = apic_id;
	cpu->cd.hw_pa = pool_alloc(1);
	cpu->cd.hw = phys_to_virt(cpu->cd.hw_pa);
	cpu->fpu = phys_to_virt(pool_alloc(1));
	vendor->cpu_init(cpu, pool_alloc);
	cpus[cpu_count++] = cpu;
	return cpu;
}

static void start_cpus(u32 self)
{
	struct memmap_request page = {
		.size = PAGE_SIZE, .align = PAGE_SIZE, .min = PAGE_SIZE, .max = KIB(636)};
	u32 limit = options.cpus ? MIN(options.cpus, CPUS_MAX) : CPUS_MAX;
	u32 online = 1;
	u64 trampoline;

	if (!memmap_find(&map, &page, busy, busy_count, &trampoline))
		panic("no page below 636 KiB is free to start CPUs with");
	for (u32 i = 0; i < madt.cpu_count && cpu_count < limit; i++) {
		if (!madt.cpu[i].enabled || madt.cpu[i].apic_id == self)
			continue;
		if (smp_start(new_cpu(madt.cpu[i].apic_id), trampoline))
			online++;
		else
			log_line("the CPU with APIC ID %u does not start; going on without it",
				 madt.cpu[i].apic_id);
	}
	log_line("%u of %u CPUs run, %s; %lu of %lu KiB of memory used", online, madt.cpu_count, vendor->name,
		 pool_used() >> 10, pool_size() >> 10);
}

/* Turns this CPU into one of Engine's; on the stack of its own block from here on. */
static void enable(struct cpu *cpu)
{
	trap_init_cpu();
	if (cpuid(1, 0).ecx & BIT(26))
		write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXSAVE);
	vendor->cpu_enable(cpu);
	cd_init_cpu(cpu);
	__atomic_store_n(&cpu->online, 1, __ATOMIC_RELEASE);
}

void cpu_main(struct cpu *cpu)
{
	enable(cpu);
	if (cpu->index == 0) {
		start_cpus(cpu->apic_id);
		paging_seal();
		engine = (struct engine){
			.memory_base = pool_base(),
			.memory_size = pool_size(),
			.selftest = options.selftest,
		};
		screen_release();
		cd_enter_linux(cpu, (u32)entry.entry32, (u32)entry.params);
	}
	cd_run(cpu);
}

static NORETURN void start_engine(void)
{
	struct cpu *self;

	paging_map_all();
	init_log();
	init_frames();
	vendor->init(pool_alloc);
	init_identity();
	if (acpi_hide_s3(&acpi))
		log_line("suspend to RAM (S3) is not offered: Engine cannot resume; suspend-to-idle is");
	self = new_cpu(apic_self_id());
	/* On to the stack of the CPU's own block. */
	__asm__ volatile("mov %0, %%rsp; xor %%ebp, %%ebp; call cpu_main; ud2"
			 :
			 : "r"((u64)self + CPU_BLOCK_SIZE), "D"(self));
	__builtin_unreachable();
}

void boot_main(u32 magic, u32 mbi)
{
	const char *why, *why_native;
	struct phys_range hidden[2];
	u32 hidden_count = 0;

	trap_init_cpu();
	log_set_echo(echo);
	if (magic != MULTIBOOT2_LOADER_MAGIC ||
	    (why = multiboot2_parse(phys_to_virt(mbi), GIB(4) - mbi, &info))) {
		screen_init_text();
		fatal(magic != MULTIBOOT2_LOADER_MAGIC ? "not started by a multiboot2 boot loader" : why);
	}
	options_parse(info.cmdline, &options);
	init_consoles();
	log_line("NxTop Engine %s", ENGINE_VERSION);
	for (u32 i = 0; i < MIN(options.bad_count, OPTIONS_BAD_MAX); i++)
		log_line("unknown option or value, ignored: %s", options.bad[i]);
	if (options.bad_count)
		leave_time_to_read(NOTICE_SECONDS);

	why = memmap_build(&map, info.memory, info.memory_count);
	if (!why)
		why = control_check(&info);
	if (why)
		fatal(why);
	busy_count = control_busy(&info, mbi, image_range(), busy);

	why_native = check_machine();
	if (!why_native) {
		hidden[hidden_count++] = image_range();
		hidden[hidden_count++] = (struct phys_range){pool_base(), pool_base() + pool_size()};
		busy[busy_count++] = hidden[1];
	}
	why = control_place(&info, &map, busy, busy_count, hidden, hidden_count, &entry);
	if (why)
		fatal(why);
	if (why_native) {
		log_line("starting the control domain without Engine beneath it: %s", why_native);
		if (!options.native)
			leave_time_to_read(NOTICE_SECONDS);
		native_jump((u32)entry.entry32, (u32)entry.params);
	}
	start_engine();
}
