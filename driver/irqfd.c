// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: an eventfd whose signal is an interrupt.
 *
 * The signal calls wake() from the eventfd's wait queue, perhaps in a hard interrupt. All that an interrupt
 * takes is done there and then, whatever it reaches: the chips' locks are safe there, so nothing waits for a
 * worker.
 *
 * Resampling irqfds drive their GSI as a level. The signal raises the line; when the guest ends the interrupt
 * the line is lowered, for all irqfds of the GSI at once, and their resamplefds are signalled: who still
 * wants an interrupt then signals its eventfd again. Lowering comes first, so that a new signal is never
 * wiped out.
 *
 * Life of an irqfd: assign() puts it on the active list, and into the wait queue; it leaves the list through
 * deassign(), nxt_irqfds_destroy() or a hang-up, of which only the first to come under irqfds.lock takes it
 * apart. A hang-up cannot sleep, so it leaves that to the reaper. assign() and deassign() hold irqchip->lock
 * throughout, so neither sees half of the other; and they hold the file, so its hang-up comes later.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "internal.h"
#include "irqchip_priv.h"

/* All resampling irqfds of one GSI. */
struct resampler {
	struct list_head link;	  /* irqfds.resamplers; RCU */
	struct list_head members; /* RCU */
	u32 gsi;
};

struct irqfd {
	struct nxt_irqchip *ic;
	u32 gsi;
	bool active;	       /* on the active list; under irqfds.lock */
	struct list_head link; /* irqfds.active, then irqfds.dead */
	struct eventfd_ctx *eventfd;
	wait_queue_entry_t wait;
	poll_table poll;

	struct resampler *resampler; /* NULL: does not resample */
	struct eventfd_ctx *resamplefd;
	struct list_head member; /* of the resampler */
};

static void inject(struct irqfd *irqfd)
{
	if (irqfd->resampler) {
		nxt_set_irq(irqfd->ic, NXT_SRC_RESAMPLE, irqfd->gsi, true);
	} else {
		nxt_set_irq(irqfd->ic, NXT_SRC_USER, irqfd->gsi, true);
		nxt_set_irq(irqfd->ic, NXT_SRC_USER, irqfd->gsi, false);
	}
}

/* Called with the wait queue's lock held and interrupts off. */
static int wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	struct nxt_irqfds *irqfds = &irqfd->ic->irqfds;
	__poll_t events = key_to_poll(key);
	unsigned long flags;
	u64 count;
	int taken = 0;

	if (events & EPOLLIN) {
		/* First the count, then the interrupt: a signal in between makes one more, not one less. */
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		inject(irqfd);
		taken = 1;
	}
	if (events & EPOLLHUP) {
		spin_lock_irqsave(&irqfds->lock, flags);
		if (irqfd->active) {
			irqfd->active = false;
			list_move_tail(&irqfd->link, &irqfds->dead);
			schedule_work(&irqfds->reap);
		}
		spin_unlock_irqrestore(&irqfds->lock, flags);
	}
	return taken;
}

static void enqueue(struct file *file, wait_queue_head_t *queue, poll_table *poll)
{
	struct irqfd *irqfd = container_of(poll, struct irqfd, poll);

	/* Before all other readers: they would see the count that is the guest's. */
	add_wait_queue_priority(queue, &irqfd->wait);
}

void nxt_irqfds_resample(struct nxt_irqchip *ic, u32 gsi)
{
	struct resampler *resampler;
	struct irqfd *irqfd;

	list_for_each_entry_srcu(resampler, &ic->irqfds.resamplers, link, srcu_read_lock_held(&ic->srcu)) {
		if (resampler->gsi != gsi)
			continue;
		nxt_set_irq(ic, NXT_SRC_RESAMPLE, gsi, false);
		list_for_each_entry_srcu(irqfd, &resampler->members, member, srcu_read_lock_held(&ic->srcu))
			eventfd_signal(irqfd->resamplefd);
		return;
	}
}

static int resampler_join(struct irqfd *irqfd)
{
	struct nxt_irqchip *ic = irqfd->ic;
	struct resampler *resampler;

	lockdep_assert_held(&ic->lock);
	list_for_each_entry(resampler, &ic->irqfds.resamplers, link)
		if (resampler->gsi == irqfd->gsi)
			goto join;

	resampler = kzalloc(sizeof(*resampler), GFP_KERNEL_ACCOUNT);
	if (!resampler)
		return -ENOMEM;
	resampler->gsi = irqfd->gsi;
	INIT_LIST_HEAD(&resampler->members);
	list_add_rcu(&resampler->link, &ic->irqfds.resamplers);
join:
	irqfd->resampler = resampler;
	list_add_rcu(&irqfd->member, &resampler->members);
	return 0;
}

static void resampler_leave(struct irqfd *irqfd)
{
	struct resampler *resampler = irqfd->resampler;
	struct nxt_irqchip *ic = irqfd->ic;
	bool last;

	lockdep_assert_held(&ic->lock);
	list_del_rcu(&irqfd->member);
	last = list_empty(&resampler->members);
	if (last)
		list_del_rcu(&resampler->link);
	synchronize_srcu_expedited(&ic->srcu);
	if (last) {
		/* Nobody would ever lower it. */
		nxt_set_irq(ic, NXT_SRC_RESAMPLE, irqfd->gsi, false);
		kfree(resampler);
	}
}

/* Frees an irqfd that is not in a wait queue. irqchip->lock held. */
static void irqfd_free(struct irqfd *irqfd)
{
	if (irqfd->resampler)
		resampler_leave(irqfd);
	if (irqfd->resamplefd)
		eventfd_ctx_put(irqfd->resamplefd);
	if (irqfd->eventfd)
		eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

/* Takes apart an irqfd that the caller took off the active list. After this no interrupt comes from it. */
static void irqfd_shutdown(struct irqfd *irqfd)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	irqfd_free(irqfd);
}

static void reap(struct work_struct *work)
{
	struct nxt_irqchip *ic = container_of(work, struct nxt_irqchip, irqfds.reap);
	struct irqfd *irqfd, *next;
	LIST_HEAD(dead);

	spin_lock_irq(&ic->irqfds.lock);
	list_splice_init(&ic->irqfds.dead, &dead);
	spin_unlock_irq(&ic->irqfds.lock);

	mutex_lock(&ic->lock);
	list_for_each_entry_safe(irqfd, next, &dead, link)
		irqfd_shutdown(irqfd);
	mutex_unlock(&ic->lock);
}

/* Makes it active, unless the eventfd is somebody's interrupt already. */
static int activate(struct irqfd *irqfd)
{
	struct nxt_irqfds *irqfds = &irqfd->ic->irqfds;
	struct irqfd *other;
	int ret = 0;

	spin_lock_irq(&irqfds->lock);
	list_for_each_entry(other, &irqfds->active, link) {
		if (other->eventfd == irqfd->eventfd) {
			ret = -EBUSY;
			break;
		}
	}
	if (!ret) {
		irqfd->active = true;
		list_add_tail(&irqfd->link, &irqfds->active);
	}
	spin_unlock_irq(&irqfds->lock);
	return ret;
}

static int take_fds(struct irqfd *irqfd, struct file *file, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *ctx;

	ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	irqfd->eventfd = ctx;
	if (!(args->flags & KVM_IRQFD_FLAG_RESAMPLE))
		return 0;

	ctx = eventfd_ctx_fdget(args->resamplefd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	irqfd->resamplefd = ctx;
	return resampler_join(irqfd);
}

static int assign_file(struct nxt_irqchip *ic, struct file *file, const struct kvm_irqfd *args)
{
	struct irqfd *irqfd;
	int ret;

	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->ic = ic;
	irqfd->gsi = args->gsi;
	init_waitqueue_func_entry(&irqfd->wait, wake);
	init_poll_funcptr(&irqfd->poll, enqueue);

	mutex_lock(&ic->lock);
	ret = take_fds(irqfd, file, args);
	if (!ret)
		ret = activate(irqfd);
	if (ret)
		irqfd_free(irqfd);
	/* What was signalled before anybody listened counts too. */
	else if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		inject(irqfd);
	mutex_unlock(&ic->lock);
	return ret;
}

static int assign(struct nxt_irqchip *ic, const struct kvm_irqfd *args)
{
	struct file *file;
	int ret;

	switch (irqchip_mode(ic)) {
	case NXT_IRQCHIP_NONE:
		return -EINVAL;
	case NXT_IRQCHIP_SPLIT:
		/* The chip that could tell of the end of an interrupt is not here. */
		if (args->flags & KVM_IRQFD_FLAG_RESAMPLE)
			return -EINVAL;
		break;
	case NXT_IRQCHIP_FULL:
		break;
	}

	file = fget(args->fd);
	if (!file)
		return -EBADF;
	ret = assign_file(ic, file, args);
	fput(file);
	return ret;
}

static int deassign(struct nxt_irqchip *ic, const struct kvm_irqfd *args)
{
	struct irqfd *irqfd, *next;
	struct eventfd_ctx *ctx;
	LIST_HEAD(gone);

	ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);

	mutex_lock(&ic->lock);
	spin_lock_irq(&ic->irqfds.lock);
	list_for_each_entry_safe(irqfd, next, &ic->irqfds.active, link) {
		if (irqfd->eventfd == ctx && irqfd->gsi == args->gsi) {
			irqfd->active = false;
			list_move_tail(&irqfd->link, &gone);
		}
	}
	spin_unlock_irq(&ic->irqfds.lock);

	list_for_each_entry_safe(irqfd, next, &gone, link)
		irqfd_shutdown(irqfd);
	mutex_unlock(&ic->lock);
	eventfd_ctx_put(ctx);
	return 0;
}

int nxt_irqfd(struct nxt_irqchip *ic, const struct kvm_irqfd *args)
{
	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	return args->flags & KVM_IRQFD_FLAG_DEASSIGN ? deassign(ic, args) : assign(ic, args);
}

void nxt_irqfds_init(struct nxt_irqchip *ic)
{
	spin_lock_init(&ic->irqfds.lock);
	INIT_LIST_HEAD(&ic->irqfds.active);
	INIT_LIST_HEAD(&ic->irqfds.dead);
	INIT_LIST_HEAD(&ic->irqfds.resamplers);
	INIT_WORK(&ic->irqfds.reap, reap);
}

void nxt_irqfds_destroy(struct nxt_irqchip *ic)
{
	struct irqfd *irqfd;

	/*
	 * A hang-up races for each of them; what it wins is on the dead list, and the reaper has been
	 * scheduled.
	 */
	spin_lock_irq(&ic->irqfds.lock);
	list_for_each_entry(irqfd, &ic->irqfds.active, link)
		irqfd->active = false;
	list_splice_init(&ic->irqfds.active, &ic->irqfds.dead);
	spin_unlock_irq(&ic->irqfds.lock);

	schedule_work(&ic->irqfds.reap);
	flush_work(&ic->irqfds.reap);
}
