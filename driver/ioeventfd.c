// SPDX-License-Identifier: GPL-2.0-only
/* ioeventfd: a guest's write to an address signals an eventfd, and user space need not know. */
#include <linux/eventfd.h>
#include <linux/hash.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "internal.h"
#include "irqchip_priv.h"

struct ioeventfd {
	struct hlist_node link; /* irqchip->ioeventfds; RCU, changed under irqchip->lock */
	enum nxt_bus bus;
	u64 addr;
	u32 len;    /* 0: a write of any length */
	bool match; /* of this value only: */
	u64 value;
	struct eventfd_ctx *eventfd;
};

static struct hlist_head *bucket(struct nxt_irqchip *ic, u64 addr)
{
	return &ic->ioeventfds[hash_64(addr, NXT_IOEVENTFD_HASH_BITS)];
}

static bool same_address(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->bus == b->bus && a->addr == b->addr;
}

/* Whether one write could mean both. */
static bool collide(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (!same_address(a, b))
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len && (!a->match || !b->match || a->value == b->value);
}

static bool equal(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return same_address(a, b) && a->eventfd == b->eventfd && a->len == b->len && a->match == b->match &&
	       (!a->match || a->value == b->value);
}

static int assign(struct nxt_irqchip *ic, const struct ioeventfd *what)
{
	struct ioeventfd *new, *old;
	int ret = 0;

	new = kmemdup(what, sizeof(*what), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;

	mutex_lock(&ic->lock);
	hlist_for_each_entry(old, bucket(ic, new->addr), link)
		if (collide(old, new))
			ret = -EEXIST;
	if (!ret)
		hlist_add_head_rcu(&new->link, bucket(ic, new->addr));
	mutex_unlock(&ic->lock);
	if (ret)
		kfree(new);
	return ret;
}

static int deassign(struct nxt_irqchip *ic, const struct ioeventfd *what)
{
	struct ioeventfd *old, *found = NULL;

	mutex_lock(&ic->lock);
	hlist_for_each_entry(old, bucket(ic, what->addr), link) {
		if (equal(old, what)) {
			found = old;
			hlist_del_rcu(&old->link);
			break;
		}
	}
	mutex_unlock(&ic->lock);
	if (!found)
		return -ENOENT;
	/* Also tells user space: no signal comes after this. */
	synchronize_srcu_expedited(&ic->srcu);
	eventfd_ctx_put(found->eventfd);
	kfree(found);
	return 0;
}

static bool valid(const struct kvm_ioeventfd *args)
{
	const u32 flags = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DEASSIGN;

	if (args->flags & ~flags || args->addr + args->len < args->addr)
		return false;
	switch (args->len) {
	case 0:
		/* There is no telling which bytes to compare. */
		return !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	case 1:
	case 2:
	case 4:
	case 8:
		return true;
	}
	return false;
}

int nxt_ioeventfd(struct nxt_irqchip *ic, const struct kvm_ioeventfd *args)
{
	struct ioeventfd what = {
		.bus = args->flags & KVM_IOEVENTFD_FLAG_PIO ? NXT_BUS_PIO : NXT_BUS_MMIO,
		.addr = args->addr,
		.len = args->len,
		.match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
		.value = args->datamatch,
	};
	bool remove = args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN;
	int ret;

	/* What could not have been made is not there to be removed: -ENOENT, as KVM. */
	if (!remove && !valid(args))
		return -EINVAL;
	what.eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(what.eventfd))
		return PTR_ERR(what.eventfd);

	ret = remove ? deassign(ic, &what) : assign(ic, &what);
	/* Only a new ioeventfd keeps the reference. */
	if (ret || remove)
		eventfd_ctx_put(what.eventfd);
	return ret;
}

void nxt_ioeventfds_destroy(struct nxt_irqchip *ic)
{
	struct ioeventfd *old;
	struct hlist_node *next;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ic->ioeventfds); i++) {
		hlist_for_each_entry_safe(old, next, &ic->ioeventfds[i], link) {
			eventfd_ctx_put(old->eventfd);
			kfree(old);
		}
	}
}

static bool matches(const struct ioeventfd *e, u32 len, const void *data)
{
	if (!e->len)
		return true;
	if (e->len != len)
		return false;
	if (!e->match)
		return true;
	switch (len) {
	case 1:
		return *(const u8 *)data == e->value;
	case 2:
		return get_unaligned((const u16 *)data) == e->value;
	case 4:
		return get_unaligned((const u32 *)data) == e->value;
	default:
		return get_unaligned((const u64 *)data) == e->value;
	}
}

bool nxt_ioeventfd_write(struct nxt_irqchip *ic, enum nxt_bus bus, u64 addr, u32 len, const void *data)
{
	struct ioeventfd *e;
	bool found = false;
	int idx;

	idx = srcu_read_lock(&ic->srcu);
	hlist_for_each_entry_srcu(e, bucket(ic, addr), link, srcu_read_lock_held(&ic->srcu)) {
		if (e->bus == bus && e->addr == addr && matches(e, len, data)) {
			eventfd_signal(e->eventfd);
			found = true;
			break;
		}
	}
	srcu_read_unlock(&ic->srcu, idx);
	return found;
}
