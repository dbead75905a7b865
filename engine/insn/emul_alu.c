/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer arithmetic with its flags (Intel SDM vol. 1, appendix A; AMD APM vol. 3, chapter 3). Flags that the
 * manuals leave undefined keep their value or take what is simplest.
 */
#include "insn/emul.h"

static u64 result_flags(u64 r, u32 size)
{
	u64 f = 0;

	if (!__builtin_parity(r & 0xff))
		f |= FLAG_PF;
	if ((r & size_mask(size)) == 0)
		f |= FLAG_ZF;
	if (r & sign_of(size))
		f |= FLAG_SF;
	return f;
}

static void set_flags(u64 *flags, u64 which, u64 value)
{
	*flags = (*flags & ~which) | (value & which);
}

static u64 add(u64 a, u64 b, bool carry, u32 size, u64 *flags)
{
	u64 mask = size_mask(size);
	u64 r = (a + b + carry) & mask;
	u64 f = result_flags(r, size) | ((a ^ b ^ r) & FLAG_AF);

	if (r < a || (carry && r == a))
		f |= FLAG_CF;
	if ((a ^ r) & (b ^ r) & sign_of(size))
		f |= FLAG_OF;
	set_flags(flags, FLAGS_ARITH, f);
	return r;
}

static u64 sub(u64 a, u64 b, bool borrow, u32 size, u64 *flags)
{
	u64 mask = size_mask(size);
	u64 r = (a - b - borrow) & mask;
	u64 f = result_flags(r, size) | ((a ^ b ^ r) & FLAG_AF);

	if (a < b || (borrow && a == b))
		f |= FLAG_CF;
	if ((a ^ b) & (a ^ r) & sign_of(size))
		f |= FLAG_OF;
	set_flags(flags, FLAGS_ARITH, f);
	return r;
}

u64 alu(enum alu_op op, u64 a, u64 b, u32 size, u64 *flags)
{
	bool carry = *flags & FLAG_CF;
	u64 r;

	a &= size_mask(size);
	b &= size_mask(size);
	switch (op) {
	case ALU_ADD:
		return add(a, b, false, size, flags);
	case ALU_ADC:
		return add(a, b, carry, size, flags);
	case ALU_SBB:
		return sub(a, b, carry, size, flags);
	case ALU_SUB:
	case ALU_CMP:
		return sub(a, b, false, size, flags);
	case ALU_OR:
		r = a | b;
		break;
	case ALU_AND:
		r = a & b;
		break;
	default:
		r = a ^ b;
		break;
	}
	set_flags(flags, FLAGS_ARITH, result_flags(r, size));
	return r;
}

u64 alu_inc(u64 a, u32 size, u64 *flags)
{
	u64 f = *flags;
	u64 r = alu(ALU_ADD, a, 1, size, &f);

	set_flags(flags, FLAGS_ARITH & ~FLAG_CF, f);
	return r;
}

u64 alu_dec(u64 a, u32 size, u64 *flags)
{
	u64 f = *flags;
	u64 r = alu(ALU_SUB, a, 1, size, &f);

	set_flags(flags, FLAGS_ARITH & ~FLAG_CF, f);
	return r;
}

/* Rotates through n = bits (ROL, ROR) or bits + 1 (RCL, RCR) places, one at a time: rare, so simple. */
static u64 rotate(u8 op, u64 a, u8 count, u32 size, u64 *flags)
{
	u32 bits = 8 * size;
	bool cf = *flags & FLAG_CF;
	u64 top = sign_of(size), f = 0;

	count %= op >= 2 ? bits + 1 : bits;
	if (count == 0 && op < 2)
		cf = op == 0 ? a & 1 : a & top;
	for (; count > 0; count--) {
		bool out = op & 1 ? a & 1 : a & top;
		bool in = op >= 2 ? cf : out;

		if (op & 1)
			a = (a >> 1) | (in ? top : 0);
		else
			a = ((a << 1) & size_mask(size)) | in;
		cf = out;
	}

	if (cf)
		f |= FLAG_CF;
	/* Left: the result's sign against CF. Right: its two top bits. Defined for a count of 1. */
	if (op & 1 ? !(a & top) != !(a & (top >> 1)) : !(a & top) != !cf)
		f |= FLAG_OF;
	set_flags(flags, FLAG_CF | FLAG_OF, f);
	return a;
}

u64 alu_shift(u8 op, u64 a, u8 count, u32 size, u64 *flags)
{
	u32 bits = 8 * size;
	u64 top = sign_of(size), r, f;
	bool cf, of;

	count &= size == 8 ? 63 : 31;
	a &= size_mask(size);
	if (count == 0)
		return a;
	if (op < 4)
		return rotate(op, a, count, size, flags);

	if (op == 4 || op == 6) {
		r = count < bits ? (a << count) & size_mask(size) : 0;
		cf = count <= bits && ((a >> (bits - count)) & 1);
		of = !(r & top) != !cf;
	} else if (op == 5) {
		r = count < bits ? a >> count : 0;
		cf = count <= bits && ((a >> (count - 1)) & 1);
		of = a & top;
	} else {
		s64 wide = sign_extended(a, size);
		u32 n = MIN(count, 63u);

		r = (u64)(wide >> n) & size_mask(size);
		cf = (wide >> (n - 1)) & 1;
		of = false;
	}
	f = result_flags(r, size) | (cf ? FLAG_CF : 0) | (of ? FLAG_OF : 0);
	set_flags(flags, FLAGS_ARITH & ~FLAG_AF, f);
	return r;
}

u64 alu_mul(u64 a, u64 b, u32 size, bool is_signed, u64 *high, u64 *flags)
{
	u64 low;
	bool wide;

	if (is_signed) {
		__int128 p = (__int128)sign_extended(a, size) * sign_extended(b, size);

		low = (u64)p & size_mask(size);
		*high = (u64)(p >> (8 * size)) & size_mask(size);
		wide = p != sign_extended(low, size);
	} else {
		unsigned __int128 p = (unsigned __int128)(a & size_mask(size)) * (b & size_mask(size));

		low = (u64)p & size_mask(size);
		*high = (u64)(p >> (8 * size));
		wide = *high != 0;
	}
	set_flags(flags, FLAG_CF | FLAG_OF, wide ? FLAG_CF | FLAG_OF : 0);
	return low;
}

/* high:low / b, where the caller made sure that the quotient fits (high < b). */
static u64 div128(u64 low, u64 high, u64 b, u64 *remainder)
{
	u64 q;

	/* C's division of __int128 needs a library that Engine does not have. */
	__asm__("divq %4" : "=a"(q), "=d"(*remainder) : "a"(low), "d"(high), "r"(b) : "cc");
	return q;
}

bool alu_div(u64 low, u64 high, u64 b, u32 size, bool is_signed, u64 *quotient, u64 *remainder)
{
	u64 mask = size_mask(size);
	unsigned __int128 n;
	bool neg_n = false, neg_q = false;
	u64 q, r;

	low &= mask;
	high &= mask;
	b &= mask;
	n = is_signed ? (unsigned __int128)(__int128)sign_extended(high, size) : high;
	n = n << (8 * size) | low;
	if (is_signed) {
		neg_n = high & sign_of(size);
		neg_q = neg_n != !!(b & sign_of(size));
		if (neg_n)
			n = -n;
		if (b & sign_of(size))
			b = -b & mask;
	}
	if (b == 0 || (u64)(n >> 64) >= b)
		return false;
	q = div128((u64)n, (u64)(n >> 64), b, &r);
	if (is_signed ? q > sign_of(size) - !neg_q : q > mask)
		return false;
	*quotient = (neg_q ? -q : q) & mask;
	*remainder = (neg_n ? -r : r) & mask;
	return true;
}
