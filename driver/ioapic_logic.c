// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why no interrupt gets lost:
 *
 * Level-triggered: `lines` always has the line as it is now. An interrupt is due when the line is high, the
 * entry unmasked and its remote IRR clear. Each of the three can only become true in ioapic_set_line(),
 * ioapic_write() and ioapic_eoi_end(), and each of these sends then. Remote IRR is set only when a local APIC
 * took the message: where nobody took it, no EOI would ever clear it.
 *
 * Edge-triggered: an edge is sent at once or, if the entry is masked, ignored, as the data sheet wants
 * ("Interrupt Mask"). A line that is still high when the entry is unmasked makes no edge. There is no remote
 * IRR: each edge is latched in the local APIC's IRR, also while the previous interrupt of that vector is in
 * service.
 */
#include <linux/string.h>

#include "ioapic_logic.h"

#define REG_SELECT 0x00
#define REG_WINDOW 0x10

#define INDEX_ID 0x00
#define INDEX_VERSION 0x01
#define INDEX_ARBITRATION 0x02
#define INDEX_ENTRIES 0x10

#define VERSION 0x11u
#define READ_ONLY (IOAPIC_STATUS | IOAPIC_REMOTE_IRR)
#define DEFINED (0x1ffffull | 0xffull << IOAPIC_DEST_SHIFT)

enum delivery { FIXED = 0, LOWEST = 1, SMI = 2, NMI = 4, INIT = 5, EXTINT = 7 };

static enum delivery delivery(u64 entry)
{
	return entry >> IOAPIC_DELIVERY_SHIFT & 7;
}

/* NMI and the like have no vector of their own, no EOI, and are edge-triggered always ("Delivery Mode"). */
static bool has_eoi(u64 entry)
{
	return delivery(entry) <= LOWEST;
}

static bool is_level(u64 entry)
{
	return entry & IOAPIC_LEVEL && has_eoi(entry);
}

void ioapic_reset(struct ioapic *io)
{
	int (*send)(struct ioapic * io, u64 address, u32 data) = io->send;
	u32 pin;

	memset(io, 0, sizeof(*io));
	io->send = send;
	io->base = IOAPIC_DEFAULT_BASE;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		io->entry[pin] = IOAPIC_MASKED;
}

/*
 * Edges are sent as level-triggered messages, too: Engine reports the EOI of these, and the PIT, the RTC and
 * resampling irqfds wait for it. Software could tell by TMR alone, which nobody reads for an edge-triggered
 * interrupt.
 */
static int send(struct ioapic *io, u32 pin)
{
	u64 entry = io->entry[pin], address;
	u32 data;
	int taken;

	switch (delivery(entry)) {
	case FIXED:
	case LOWEST:
	case SMI:
	case NMI:
	case INIT:
		break;
	default:
		/*
		 * ExtINT: the PIC's output reaches the processors directly, as if wired to LINT0. Rest:
		 * reserved.
		 */
		return -1;
	}

	/* SDM vol. 3, "Message Address Register Format" and "Message Data Register Format". */
	address = 0xfee00000ull | entry >> IOAPIC_DEST_SHIFT << 12;
	if (entry & IOAPIC_LOGICAL)
		address |= 1 << 2;
	data = entry & (IOAPIC_VECTOR | 7 << IOAPIC_DELIVERY_SHIFT);
	if (has_eoi(entry))
		data |= 1 << 15; /* level */
	data |= 1 << 14;	 /* assert */

	taken = io->send(io, address, data);
	if (taken < 0)
		return -1;
	if (!is_level(entry))
		io->delivered |= 1u << pin;
	if (taken > 0 && has_eoi(entry)) {
		if (is_level(entry))
			io->entry[pin] |= IOAPIC_REMOTE_IRR;
		else
			io->in_service |= 1u << pin;
		io->sent_vector[pin] = entry & IOAPIC_VECTOR;
	}
	return taken;
}

void ioapic_service(struct ioapic *io, u32 pin)
{
	u64 entry = io->entry[pin];

	if (is_level(entry) && io->lines & 1u << pin && !(entry & (IOAPIC_MASKED | IOAPIC_REMOTE_IRR)))
		send(io, pin);
}

int ioapic_set_line(struct ioapic *io, u32 pin, bool level, bool retries)
{
	u64 entry = io->entry[pin];
	u32 bit = 1u << pin;
	bool was = io->lines & bit;

	if (!level) {
		io->lines &= ~bit;
		io->delivered &= ~bit;
		return 1;
	}

	if (retries && pin == IOAPIC_RTC && io->in_service & bit)
		return 0;
	io->lines |= bit;
	if (is_level(entry)) {
		/* Also if it was high already: nobody may have taken it before. */
		if (entry & (IOAPIC_MASKED | IOAPIC_REMOTE_IRR))
			return -1;
		return send(io, pin);
	}
	if (was)
		return 0;
	if (entry & IOAPIC_MASKED)
		return -1;
	return send(io, pin);
}

/*
 * The data sheet compares the vector of the entry. The vector that was really sent counts too: a guest that
 * changes an entry with its interrupt in service would otherwise never get another one.
 */
u32 ioapic_eoi_begin(struct ioapic *io, u8 vector)
{
	u32 pin, pins = 0;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 entry = io->entry[pin];
		bool sent = io->sent_vector[pin] == vector;

		if (is_level(entry) ? (entry & IOAPIC_VECTOR) == vector || (entry & IOAPIC_REMOTE_IRR && sent)
				    : io->in_service & 1u << pin && sent)
			pins |= 1u << pin;
	}
	/* Edges end here: whoever is told sends the next, perhaps before ioapic_eoi_end(). */
	io->in_service &= ~pins;
	return pins;
}

/*
 * A guest whose handler does not quiet its device takes the interrupt again as soon as it ends it, and does
 * nothing else ever. On a real bus the message takes a while, in which such a guest makes some progress, and
 * may get so far as to load the right driver. So after many in a row it gets a pause.
 */
bool ioapic_eoi_end(struct ioapic *io, u32 pin)
{
	io->entry[pin] &= ~IOAPIC_REMOTE_IRR;
	if (!is_level(io->entry[pin]) || !(io->lines & 1u << pin) || io->entry[pin] & IOAPIC_MASKED) {
		io->eois[pin] = 0;
		return false;
	}
	if (++io->eois[pin] >= IOAPIC_STORM) {
		io->eois[pin] = 0;
		return true;
	}
	ioapic_service(io, pin);
	return false;
}

u32 ioapic_read(const struct ioapic *io, u32 offset)
{
	u32 index = io->select - INDEX_ENTRIES;

	if (offset == REG_SELECT)
		return io->select;
	if (offset != REG_WINDOW)
		return 0;

	switch (io->select) {
	case INDEX_ID:
	case INDEX_ARBITRATION:
		return io->id << 24;
	case INDEX_VERSION:
		return (IOAPIC_PINS - 1) << 16 | VERSION;
	}
	if (index / 2 >= IOAPIC_PINS)
		return ~0u;
	return index & 1 ? io->entry[index / 2] >> 32 : io->entry[index / 2];
}

static struct ioapic_written write_entry(struct ioapic *io, u32 pin, bool high, u32 value)
{
	struct ioapic_written written = {.service = -1, .unmasked = -1};
	u64 old = io->entry[pin], entry;

	if (high)
		entry = (u32)old | (u64)value << 32;
	else
		entry = old >> 32 << 32 | value;
	entry &= DEFINED & ~READ_ONLY;
	entry |= old & READ_ONLY;
	/*
	 * Going through edge-triggered clears remote IRR: this is how Linux ends an interrupt where there is
	 * no EOI register, as in this version of the chip.
	 */
	if (!is_level(entry))
		entry &= ~IOAPIC_REMOTE_IRR;
	else
		io->delivered &= ~(1u << pin);
	/* A guest that starts over may never end what its predecessor took. */
	io->in_service &= ~(1u << pin);
	io->entry[pin] = entry;

	if (old & IOAPIC_MASKED && !(entry & IOAPIC_MASKED))
		written.unmasked = pin;
	if (is_level(entry) && io->lines & 1u << pin && !(entry & (IOAPIC_MASKED | IOAPIC_REMOTE_IRR)))
		written.service = pin;
	return written;
}

struct ioapic_written ioapic_write(struct ioapic *io, u32 offset, u32 value)
{
	struct ioapic_written nothing = {.service = -1, .unmasked = -1};
	u32 index = io->select - INDEX_ENTRIES;

	if (offset == REG_SELECT) {
		io->select = value & 0xff;
		return nothing;
	}
	if (offset != REG_WINDOW)
		return nothing;
	if (io->select == INDEX_ID)
		io->id = value >> 24 & 0xf;
	else if (io->select >= INDEX_ENTRIES && index / 2 < IOAPIC_PINS)
		return write_entry(io, index / 2, index & 1, value);
	return nothing;
}

void ioapic_get_state(const struct ioapic *io, struct kvm_ioapic_state *state)
{
	u32 pin;

	memset(state, 0, sizeof(*state));
	state->base_address = io->base;
	state->ioregsel = io->select;
	state->id = io->id;
	/*
	 * An edge that was sent is in the local APIC's state; the one who restores both must not get it
	 * twice.
	 */
	state->irr = io->lines & ~io->delivered;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		state->redirtbl[pin].bits = io->entry[pin];
}

void ioapic_set_state(struct ioapic *io, const struct kvm_ioapic_state *state)
{
	u32 pin;

	io->base = state->base_address;
	io->select = state->ioregsel & 0xff;
	io->id = state->id & 0xf;
	io->lines = 0;
	io->delivered = 0;
	io->in_service = 0;
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 entry = state->redirtbl[pin].bits & DEFINED & ~IOAPIC_STATUS;

		if (!is_level(entry))
			entry &= ~IOAPIC_REMOTE_IRR;
		io->entry[pin] = entry;
		io->sent_vector[pin] = entry & IOAPIC_VECTOR;
		io->eois[pin] = 0;
	}
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (state->irr & 1u << pin)
			ioapic_set_line(io, pin, true, false);
}
