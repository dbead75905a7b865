/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC: its registers, what comes of writing them, and its state as user space sees it. */
#include "guest/lapic.h"
#include "guest/lapic_timer.h"

/* An integrated local APIC with LVT entries 0 .. 5 and no EOI-broadcast suppression. */
#define VERSION 0x00050014u

#define LVT_MODE 0x700u
#define LVT_PIN (BIT(13) | BIT(15)) /* polarity, trigger mode */
#define LVT_TIMER_PERIODIC BIT(17)
#define LVT_TIMER_DEADLINE BIT(18)

#define SVR_WRITABLE 0x3ffu
#define SVR_RESET 0xffu
#define DFR_RESET 0xffffffffu
#define DFR_FIXED 0x0fffffffu
#define TDCR_WRITABLE 0xbu

#define ESR_SEND_ILLEGAL_VECTOR BIT(5)

#define ICR_BUSY BIT(12)
#define ICR_LOGICAL BIT(11)
#define ICR_ASSERT BIT(14)
#define ICR_LEVEL BIT(15)
#define ICR2_XAPIC 0xff000000u
/* Bits 31:20, 17:16 and 13 of the x2APIC ICR (SDM figure 11-28). */
#define ICR_X2APIC_RESERVED 0xfff32000ull

/* Always reserved in IA32_APIC_BASE: bits 7:0 and 9. */
#define BASE_RESERVED 0x2ffull

#define LOCAL_TABLE_SIZE 6u

/* -- events from outside -------------------------------------------------------------------------- */

void lapic_post_nmi(struct lapic *l)
{
	__atomic_fetch_or(&l->events, LAPIC_EVENT_NMI, __ATOMIC_SEQ_CST);
}

void lapic_post_smi(struct lapic *l)
{
	__atomic_fetch_or(&l->events, LAPIC_EVENT_SMI, __ATOMIC_SEQ_CST);
}

/* INIT undoes a SIPI that came before it: the next SIPI counts. */
void lapic_post_init(struct lapic *l)
{
	__atomic_fetch_and(&l->events, ~LAPIC_EVENT_SIPI, __ATOMIC_RELAXED);
	__atomic_fetch_or(&l->events, LAPIC_EVENT_INIT, __ATOMIC_SEQ_CST);
}

/* -- local vector table ---------------------------------------------------------------------------- */

static bool lint_open(const struct lapic *l, u32 lvt, enum lapic_mode mode)
{
	u32 entry = lapic_reg(l, lvt);

	return !lapic_enabled(l) || (!(entry & LAPIC_LVT_MASKED) && (entry & LVT_MODE) == (u32)mode << 8);
}

/* Software disabling masks LVT entries when it happens, but firmware's reset state has LINT0 open all the
 * same. */
bool lapic_takes_extint(const struct lapic *l)
{
	return lint_open(l, LAPIC_LVT_LINT0, LAPIC_EXTINT);
}

bool lapic_takes_nmi(const struct lapic *l)
{
	return lint_open(l, LAPIC_LVT_LINT1, LAPIC_NMI);
}

static u32 lvt_writable(const struct lapic *l, u32 lvt)
{
	switch (lvt) {
	case LAPIC_LVT_TIMER:
		return LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED | LVT_TIMER_PERIODIC |
		       (l->tsc_deadline ? LVT_TIMER_DEADLINE : 0);
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PMC:
		return LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED | LVT_MODE;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		return LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED | LVT_MODE | LVT_PIN;
	default:
		return LAPIC_LVT_VECTOR | LAPIC_LVT_MASKED;
	}
}

/* The timer mode that is reserved (both mode bits) becomes one-shot. */
static u32 lvt_value(const struct lapic *l, u32 lvt, u32 value)
{
	u32 both = LVT_TIMER_PERIODIC | LVT_TIMER_DEADLINE;

	value &= lvt_writable(l, lvt);
	return (value & both) == both ? value & ~both : value;
}

static void write_lvt(struct lapic *l, u32 lvt, u32 value, u64 now, struct lapic_actions *out)
{
	value = lvt_value(l, lvt, value);
	if (!lapic_software_enabled(l))
		value |= LAPIC_LVT_MASKED;
	if (lvt == LAPIC_LVT_TIMER) {
		lapic_timer_set_lvt(l, value, now);
		out->what |= LAPIC_DO_TIMER;
	} else {
		lapic_reg_set(l, lvt, value);
		out->what |= LAPIC_DO_CHECK;
	}
}

static void write_svr(struct lapic *l, u32 value, u64 now, struct lapic_actions *out)
{
	lapic_timer_poll(l, now);
	lapic_reg_set(l, LAPIC_SVR, value & SVR_WRITABLE);
	if (!lapic_software_enabled(l)) {
		for (u32 i = 0; i < LOCAL_TABLE_SIZE; i++) {
			u32 lvt = LAPIC_LVT_TIMER + i * LAPIC_STRIDE;

			lapic_reg_set(l, lvt, lapic_reg(l, lvt) | LAPIC_LVT_MASKED);
		}
	}
	out->what |= LAPIC_DO_TIMER | LAPIC_DO_CHECK;
}

/* -- sending --------------------------------------------------------------------------------------- */

static void send(struct lapic *l, u32 low, u32 high, struct lapic_actions *out)
{
	bool x2apic = lapic_x2apic(l);
	u32 dest = x2apic ? high : high >> 24;
	u8 mode = low >> 8 & 7;

	if ((mode == LAPIC_FIXED || mode == LAPIC_LOWEST) && (low & LAPIC_LVT_VECTOR) < 16) {
		l->esr |= ESR_SEND_ILLEGAL_VECTOR;
		lapic_local(l, LAPIC_LVT_ERROR);
		out->what |= LAPIC_DO_CHECK;
		return;
	}
	out->what |= LAPIC_DO_IPI;
	out->msg = (struct lapic_msg){
		.dest = !x2apic && dest == 0xff ? LAPIC_BROADCAST : dest,
		.vector = low & LAPIC_LVT_VECTOR,
		.mode = mode,
		.shorthand = low >> 18 & 3,
		.logical = low & ICR_LOGICAL,
		.level = low & ICR_LEVEL,
		.deassert = (low & ICR_LEVEL) && !(low & ICR_ASSERT),
		.lowest = mode == LAPIC_LOWEST,
		.x2apic = x2apic,
	};
}

/* An IPI is never seen on its way: the busy bit reads 0. Reserved bits of the xAPIC's ICR are kept, as in
 * KVM. */
static void write_icr(struct lapic *l, u32 low, u32 high, struct lapic_actions *out)
{
	lapic_reg_set(l, LAPIC_ICR, low & ~ICR_BUSY);
	lapic_reg_set(l, LAPIC_ICR2, high);
	send(l, low, high, out);
}

/* -- register access ------------------------------------------------------------------------------- */

u32 lapic_read(struct lapic *l, u32 offset, u64 now)
{
	if (offset >= LAPIC_PAGE_SIZE || offset % LAPIC_STRIDE)
		return 0;
	return offset == LAPIC_TMCCT ? lapic_timer_count(l, now) : lapic_reg(l, offset);
}

/* The registers that both modes have and software writes. Returns whether there is such a one. */
static bool write_common(struct lapic *l, u32 offset, u32 value, u64 now, struct lapic_actions *out)
{
	switch (offset) {
	case LAPIC_TPR:
		lapic_reg_set(l, LAPIC_TPR, value & 0xff);
		lapic_update_ppr(l);
		out->what |= LAPIC_DO_CHECK;
		return true;
	case LAPIC_EOI:
		lapic_eoi(l, out);
		return true;
	case LAPIC_SVR:
		write_svr(l, value, now, out);
		return true;
	case LAPIC_ESR: /* a write makes the errors since the last write visible (SDM 11.5.3) */
		lapic_reg_set(l, LAPIC_ESR, l->esr);
		l->esr = 0;
		return true;
	case LAPIC_LVT_TIMER:
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PMC:
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
	case LAPIC_LVT_ERROR:
		write_lvt(l, offset, value, now, out);
		return true;
	case LAPIC_TMICT: /* ignored in TSC-deadline mode (SDM 11.5.4.1) */
		if (!(lapic_reg(l, LAPIC_LVT_TIMER) & LVT_TIMER_DEADLINE))
			lapic_timer_start(l, value, now);
		out->what |= LAPIC_DO_TIMER;
		return true;
	case LAPIC_TDCR:
		lapic_timer_set_divider(l, value & TDCR_WRITABLE, now);
		out->what |= LAPIC_DO_TIMER;
		return true;
	default:
		return false;
	}
}

void lapic_write(struct lapic *l, u32 offset, u32 value, u64 now, struct lapic_actions *out)
{
	out->what = 0;
	switch (offset) {
	case LAPIC_LDR:
		lapic_reg_set(l, LAPIC_LDR, value & 0xff000000);
		break;
	case LAPIC_DFR:
		lapic_reg_set(l, LAPIC_DFR, value | DFR_FIXED);
		break;
	case LAPIC_ICR:
		write_icr(l, value, lapic_reg(l, LAPIC_ICR2), out);
		break;
	case LAPIC_ICR2:
		lapic_reg_set(l, LAPIC_ICR2, value & ICR2_XAPIC);
		break;
	default:
		write_common(l, offset, value, now, out);
	}
}

/* SDM table 11-6: what RDMSR reads. Bit n stands for MSR LAPIC_MSR_FIRST + n. */
static bool x2apic_readable(u32 n)
{
	const u64 readable = BIT(0x02) | BIT(0x03) | BIT(0x08) | BIT(0x0a) | BIT(0x0d) | BIT(0x0f) |
			     0xffffffull << 0x10 | BIT(0x28) | BIT(0x30) | 0x3full << 0x32 | BIT(0x38) |
			     BIT(0x39) | BIT(0x3e);

	return readable >> n & 1;
}

int lapic_msr_read(struct lapic *l, u32 msr, u64 now, u64 *value)
{
	u32 n = msr - LAPIC_MSR_FIRST;

	if (!lapic_x2apic(l) || n > LAPIC_MSR_LAST - LAPIC_MSR_FIRST || !x2apic_readable(n))
		return -NXT_EINVAL;
	*value = lapic_read(l, n * LAPIC_STRIDE, now);
	if (n * LAPIC_STRIDE == LAPIC_ICR)
		*value |= (u64)lapic_reg(l, LAPIC_ICR2) << 32;
	return 0;
}

int lapic_msr_write(struct lapic *l, u32 msr, u64 value, u64 now, struct lapic_actions *out)
{
	u32 n = msr - LAPIC_MSR_FIRST;
	u32 offset = n * LAPIC_STRIDE;

	out->what = 0;
	if (!lapic_x2apic(l) || n > LAPIC_MSR_LAST - LAPIC_MSR_FIRST)
		return -NXT_EINVAL;
	if (offset == LAPIC_ICR) {
		if (value & ICR_X2APIC_RESERVED)
			return -NXT_EINVAL;
		write_icr(l, (u32)value, value >> 32, out);
		return 0;
	}
	if (value >> 32)
		return -NXT_EINVAL;
	if (offset == LAPIC_SELF_IPI) {
		if (value > 0xff)
			return -NXT_EINVAL;
		send(l, (u32)value | LAPIC_TO_SELF << 18 | ICR_ASSERT, 0, out);
		return 0;
	}
	/* Only zero may be written to EOI and ESR (SDM 11.12.1.2). */
	if ((offset == LAPIC_EOI || offset == LAPIC_ESR) && value)
		return -NXT_EINVAL;
	return write_common(l, offset, value, now, out) ? 0 : -NXT_EINVAL;
}

/* -- modes, reset ---------------------------------------------------------------------------------- */

/* ID, LDR and ICR's destination look different in the two modes; xAPIC's logical ID is what software wrote,
 * x2APIC's follows from the ID. */
static void set_mode_registers(struct lapic *l, bool x2apic)
{
	if (x2apic) {
		lapic_reg_set(l, LAPIC_ID, l->id);
		lapic_reg_set(l, LAPIC_LDR, l->id / 16 << 16 | 1u << l->id % 16);
	} else {
		lapic_reg_set(l, LAPIC_ID, l->id << 24);
		lapic_reg_set(l, LAPIC_LDR, lapic_reg(l, LAPIC_LDR) & 0xff000000);
		lapic_reg_set(l, LAPIC_ICR2, lapic_reg(l, LAPIC_ICR2) & ICR2_XAPIC);
	}
}

int lapic_base_write(struct lapic *l, u64 value, bool host)
{
	const u64 mode_bits = LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC;
	u64 old = lapic_base(l) & mode_bits, mode = value & mode_bits;

	if (value & l->base_reserved || mode == LAPIC_BASE_X2APIC)
		return -NXT_EINVAL;
	/* Out of x2APIC only to disabled, and into it only from xAPIC. */
	if (!host && ((old == mode_bits && mode == LAPIC_BASE_ENABLE) || (!old && mode == mode_bits)))
		return -NXT_EINVAL;
	if (mode != old)
		set_mode_registers(l, mode & LAPIC_BASE_X2APIC);
	__atomic_store_n(&l->base, value, __ATOMIC_RELEASE);
	return 0;
}

void lapic_set_features(struct lapic *l, u32 maxphyaddr, bool x2apic, bool tsc_deadline)
{
	l->base_reserved = BASE_RESERVED | (maxphyaddr < 64 ? ~(BIT(maxphyaddr) - 1) : 0);
	if (!x2apic)
		l->base_reserved |= LAPIC_BASE_X2APIC;
	l->tsc_deadline = tsc_deadline;
}

/* IRR and TMR too: messages that race with the INIT are lost, as they are on hardware. */
void lapic_init_signal(struct lapic *l)
{
	for (u32 offset = 0; offset < LAPIC_PAGE_SIZE; offset += LAPIC_STRIDE)
		lapic_reg_set(l, offset, 0);
	for (u32 i = 0; i < LOCAL_TABLE_SIZE; i++)
		lapic_reg_set(l, LAPIC_LVT_TIMER + i * LAPIC_STRIDE, LAPIC_LVT_MASKED);
	if (l->bsp) /* as firmware leaves it, and as KVM does: the PIC reaches the first CPU */
		lapic_reg_set(l, LAPIC_LVT_LINT0, LAPIC_EXTINT << 8);
	lapic_reg_set(l, LAPIC_VERSION, VERSION);
	lapic_reg_set(l, LAPIC_DFR, DFR_RESET);
	lapic_reg_set(l, LAPIC_SVR, SVR_RESET);
	set_mode_registers(l, lapic_x2apic(l));
	l->esr = 0;
	lapic_timer_stop(l);
	lapic_take_events(l, LAPIC_EVENT_NMI);
}

void lapic_reset(struct lapic *l, u32 id, bool bsp)
{
	*l = (struct lapic){
		.base = LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE | (bsp ? LAPIC_BASE_BSP : 0),
		.id = id,
		.bsp = bsp,
		.timer.tsc_khz = 1000000,
		.timer.bus_ns = 1,
	};
	lapic_set_features(l, 36, false, false);
	lapic_init_signal(l);
}

/* -- saved state ----------------------------------------------------------------------------------- */

void lapic_get_state(struct lapic *l, u64 now, void *page)
{
	u32 *out = page;

	lapic_timer_poll(l, now);
	for (u32 i = 0; i < LAPIC_PAGE_SIZE / 4; i++)
		WRITE_ONCE(out[i], i % 4 ? 0 : lapic_read(l, i * 4, now));
	WRITE_ONCE(out[LAPIC_ID / 4], l->id << 24);
}

/* What software could have left in a register to which value is restored. */
static u32 legal_value(const struct lapic *l, u32 offset, u32 value)
{
	switch (offset) {
	case LAPIC_TPR:
		return value & 0xff;
	case LAPIC_LDR:
		return value & 0xff000000;
	case LAPIC_DFR:
		return value | DFR_FIXED;
	case LAPIC_SVR:
		return value & SVR_WRITABLE;
	case LAPIC_ISR ... LAPIC_ESR - 1: /* ISR, TMR, IRR */
	case LAPIC_TMICT:
		return value;
	case LAPIC_ESR:
		return value & 0xff;
	case LAPIC_ICR:
		return value & ~ICR_BUSY;
	case LAPIC_ICR2:
		return lapic_x2apic(l) ? value : value & ICR2_XAPIC;
	case LAPIC_LVT_TIMER ... LAPIC_LVT_ERROR:
		return lvt_value(l, offset, value);
	case LAPIC_TDCR:
		return value & TDCR_WRITABLE;
	default:
		return 0;
	}
}

void lapic_set_state(struct lapic *l, u64 now, const void *page)
{
	const u32 *in = page;

	lapic_timer_stop(l);
	for (u32 offset = 0; offset < LAPIC_PAGE_SIZE; offset += LAPIC_STRIDE)
		lapic_reg_set(l, offset, legal_value(l, offset, READ_ONCE(in[offset / 4])));
	lapic_reg_set(l, LAPIC_VERSION, VERSION);
	set_mode_registers(l, lapic_x2apic(l));
	lapic_update_ppr(l);
	lapic_timer_resume(l, READ_ONCE(in[LAPIC_TMCCT / 4]), now);
}
