// SPDX-License-Identifier: GPL-2.0-only
/* VMs: their life, their file, and the ioctls that are about the VM as a whole. */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "hypercall.h"
#include "internal.h"
#include "memory.h"
#include "msr_filter.h"
#include "stats.h"
#include "system.h"

static DEFINE_MUTEX(list_lock); /* outside vm->lock */
static LIST_HEAD(vms);		/* those that Engine may know */
static bool restarting;

static struct page *chunk_alloc(void)
{
	/* Without a hard try there would be no such block on a PC that has run for a while. */
	return alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, NXT_CHUNK_ORDER);
}

int nxt_vm_give(struct nxt_vm *vm, u32 seen)
{
	struct page *chunk;
	int ret = 0;

	mutex_lock(&vm->chunk_lock);
	if (vm->chunk_count != seen)
		goto out;
	ret = -ENOMEM;
	chunk = chunk_alloc();
	if (!chunk)
		goto out;
	ret = nxt_hc_vm_give(vm->id, page_to_pfn(chunk));
	if (ret) {
		__free_pages(chunk, NXT_CHUNK_ORDER);
		goto out;
	}
	list_add(&chunk->lru, &vm->chunks);
	WRITE_ONCE(vm->chunk_count, vm->chunk_count + 1);
out:
	mutex_unlock(&vm->chunk_lock);
	return ret;
}

/* Ends the VM in Engine, once. When it returns 0, all of its memory is Linux's again. */
static int vm_end(struct nxt_vm *vm)
{
	long ret = 0;

	mutex_lock(&vm->lock);
	if (!vm->dead) {
		WRITE_ONCE(vm->dead, true);
		do {
			nxt_vm_kick_wait(vm);
			cond_resched();
			ret = nxt_hc_vm_destroy(vm->id);
		} while (ret == -EAGAIN || ret == -EBUSY);
		vm->lost = ret != 0;
	}
	mutex_unlock(&vm->lock);
	return vm->lost ? -EIO : 0;
}

void nxt_vm_kill_all(void)
{
	struct nxt_vm *vm;

	mutex_lock(&list_lock);
	restarting = true;
	list_for_each_entry(vm, &vms, link)
		vm_end(vm);
	mutex_unlock(&list_lock);
}

void nxt_vm_all_stopped(void)
{
	struct nxt_vcpu *vcpu;
	struct nxt_vm *vm;
	u32 id;

	mutex_lock(&list_lock);
	list_for_each_entry(vm, &vms, link)
		nxt_for_each_vcpu(id, vcpu, vm)
			nxt_clock_stopped(vcpu);
	mutex_unlock(&list_lock);
}

static void free_chunks(struct nxt_vm *vm)
{
	struct page *chunk, *next;

	list_for_each_entry_safe(chunk, next, &vm->chunks, lru) {
		list_del(&chunk->lru);
		__free_pages(chunk, NXT_CHUNK_ORDER);
	}
}

/* The part that is only this driver's. */
static void vm_free(struct nxt_vm *vm)
{
	struct nxt_vcpu *vcpu;
	u32 id;

	free_chunks(vm);
	nxt_for_each_vcpu(id, vcpu, vm)
		nxt_vcpu_free(vcpu);
	nxt_slots_free(vm);
	nxt_msr_filter_free(vm);
	cleanup_srcu_struct(&vm->srcu);
	mmdrop(vm->mm);
	kfree(vm);
}

/* Also for a VM that vm_create() made only in part. */
static void vm_destroy(struct nxt_vm *vm)
{
	/* Interrupt sources first: Engine gives the id to another VM as soon as this one has ended. */
	nxt_irqchip_destroy(vm);
	nxt_timers_cancel(vm);
	/* Unmaps and releases everything, and no invalidation comes after it. */
	if (vm->notifier.ops)
		mmu_notifier_unregister(&vm->notifier, vm->mm);

	if (vm->id) {
		int ret = vm_end(vm);

		mutex_lock(&list_lock);
		list_del(&vm->link);
		mutex_unlock(&list_lock);
		/* Memory that Engine did not give back is not Linux's to use. */
		if (WARN_ONCE(ret, "nxtop: Engine keeps VM %u and its memory\n", vm->id))
			return;
	}
	vm_free(vm);
}

static struct nxt_vm *vm_alloc(void)
{
	struct nxt_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);

	if (!vm)
		return NULL;
	refcount_set(&vm->users, 1);
	INIT_LIST_HEAD(&vm->link);
	INIT_LIST_HEAD(&vm->chunks);
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	mutex_init(&vm->chunk_lock);
	spin_lock_init(&vm->mmu_lock);
	if (init_srcu_struct(&vm->srcu)) {
		kfree(vm);
		return NULL;
	}
	vm->mm = current->mm;
	mmgrab(vm->mm);
	if (nxt_slots_init(vm) || nxt_irqchip_init(vm)) {
		vm_free(vm);
		return NULL;
	}
	return vm;
}

/* Makes the VM in Engine and lists it. */
static int vm_begin(struct nxt_vm *vm)
{
	struct page *chunk = chunk_alloc();
	long id;

	if (!chunk)
		return -ENOMEM;
	mutex_lock(&list_lock);
	id = restarting ? -EIO : nxt_hc_vm_create(page_to_pfn(chunk));
	if (id > 0) {
		vm->id = id;
		vm->chunk_count = 1;
		list_add(&chunk->lru, &vm->chunks);
		list_add(&vm->link, &vms);
	}
	mutex_unlock(&list_lock);
	if (id > 0)
		return 0;
	__free_pages(chunk, NXT_CHUNK_ORDER);
	return id ?: -EIO;
}

static struct nxt_vm *vm_create(void)
{
	struct nxt_vm *vm = vm_alloc();
	int ret;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	ret = vm_begin(vm);
	if (!ret)
		ret = nxt_clock_init(vm);
	if (!ret)
		ret = nxt_notifier_register(vm);
	if (ret) {
		vm_destroy(vm);
		return ERR_PTR(ret);
	}
	return vm;
}

void nxt_vm_get(struct nxt_vm *vm)
{
	refcount_inc(&vm->users);
}

void nxt_vm_put(struct nxt_vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		vm_destroy(vm);
}

static long set_identity_map_addr(struct nxt_vm *vm, void __user *argp)
{
	u64 addr;
	long ret;

	if (copy_from_user(&addr, argp, sizeof(addr)))
		return -EFAULT;
	/* The page is for CPUs that cannot run real mode; all of Engine's can. */
	mutex_lock(&vm->lock);
	ret = vm->vcpu_count ? -EINVAL : 0;
	mutex_unlock(&vm->lock);
	return ret;
}

static long set_boot_cpu_id(struct nxt_vm *vm, unsigned long id)
{
	long ret = -EBUSY;

	mutex_lock(&vm->lock);
	if (!vm->vcpu_count) {
		ret = id > NXT_MAX_VCPUS || (vm->vcpu_ids && id >= vm->vcpu_ids) ? -EINVAL : 0;
		if (!ret)
			vm->bsp_id = id;
	}
	mutex_unlock(&vm->lock);
	return ret;
}

/* How high the ids of vCPUs may be. Said once; the bootstrap processor's is one of them. */
static long limit_vcpu_ids(struct nxt_vm *vm, u64 limit)
{
	long ret = -EINVAL;

	mutex_lock(&vm->lock);
	if (limit && limit <= NXT_MAX_VCPUS && vm->bsp_id <= limit &&
	    (!vm->vcpu_ids || vm->vcpu_ids == limit)) {
		vm->vcpu_ids = limit;
		ret = 0;
	}
	mutex_unlock(&vm->lock);
	return ret;
}

/* KVM allows slower ones than Engine does. */
static long set_apic_bus(struct nxt_vm *vm, u64 ns)
{
	long ret = 0;

	if (!ns || ns > NXT_APIC_BUS_NS_MAX)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (nxt_irqchip_mode(vm) == NXT_IRQCHIP_NONE)
		ret = -ENXIO;
	else if (vm->vcpu_count)
		ret = -EINVAL;
	else
		vm->apic_bus_ns = ns;
	mutex_unlock(&vm->lock);
	return ret;
}

static long enable_cap(struct nxt_vm *vm, void __user *argp)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, argp, sizeof(cap)))
		return -EFAULT;
	if (cap.flags)
		return -EINVAL;
	switch (cap.cap) {
	case KVM_CAP_SPLIT_IRQCHIP:
		return nxt_irqchip_enable_split(vm, cap.args[0]);
	case KVM_CAP_MAX_VCPU_ID:
		return limit_vcpu_ids(vm, cap.args[0]);
	case KVM_CAP_X86_DISABLE_EXITS:
		if (cap.args[0] & ~(u64)KVM_X86_DISABLE_VALID_EXITS)
			return -EINVAL;
		/* What is not offered is ignored, as by KVM: exits stay. */
		if (cap.args[0] & KVM_X86_DISABLE_EXITS_HLT)
			WRITE_ONCE(vm->native_hlt, true);
		return 0;
	case KVM_CAP_DISABLE_QUIRKS2:
		if (cap.args[0] & ~(u64)NXT_QUIRKS)
			return -EINVAL;
		WRITE_ONCE(vm->quirks_off, cap.args[0]);
		return 0;
	case KVM_CAP_X86_APIC_BUS_CYCLES_NS:
		return set_apic_bus(vm, cap.args[0]);
	case KVM_CAP_MSR_PLATFORM_INFO:
		nxt_msr_hide_platform_info(vm, !cap.args[0]);
		return 0;
	case KVM_CAP_X86_USER_SPACE_MSR:
		return nxt_msr_exits_set(vm, cap.args[0]);
	case KVM_CAP_X2APIC_API:
		if (cap.args[0] & ~(u64)KVM_X2APIC_API_USE_32BIT_IDS)
			return -EINVAL;
		WRITE_ONCE(vm->wide_apic_ids, cap.args[0]);
		return 0;
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
		if (cap.args[0] & ~1ull)
			return -EINVAL;
		WRITE_ONCE(vm->tells_all, cap.args[0]);
		return 0;
	default:
		return -EINVAL;
	}
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct nxt_vm *vm = file->private_data;
	void __user *argp = (void __user *)arg;

	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;

	switch (cmd) {
	case KVM_CREATE_VCPU:
		return nxt_vcpu_create_fd(vm, arg);
	case KVM_CHECK_EXTENSION:
		/* Of the ordinary VMs that there are, none takes such memory: guest_memfd.c. */
		return arg == KVM_CAP_GUEST_MEMFD ? 0 : nxt_check_extension(arg);
	case KVM_ENABLE_CAP:
		return enable_cap(vm, argp);
	case KVM_SET_USER_MEMORY_REGION:
	case KVM_SET_USER_MEMORY_REGION2:
		return nxt_set_memory_region(vm, cmd, argp);
	case KVM_CREATE_GUEST_MEMFD:
		return nxt_guest_memfd_create(argp);
	case KVM_GET_DIRTY_LOG:
		return nxt_get_dirty_log(vm, argp);
	case KVM_X86_SET_MSR_FILTER:
		return nxt_msr_filter_set(vm, argp);
	case KVM_SET_TSS_ADDR: /* for CPUs without real mode, as above */
		return arg > (unsigned int)(-3 * PAGE_SIZE) ? -EINVAL : 0;
	case KVM_SET_IDENTITY_MAP_ADDR:
		return set_identity_map_addr(vm, argp);
	case KVM_SET_BOOT_CPU_ID:
		return set_boot_cpu_id(vm, arg);
	case KVM_GET_CLOCK:
		return nxt_clock_get(vm, argp);
	case KVM_SET_CLOCK:
		return nxt_clock_set(vm, argp);
	case KVM_SET_NR_MMU_PAGES: /* limits shadow page tables, which there are none of; KVM's least is 64 */
		return arg < 64 ? -EINVAL : 0;
	case KVM_GET_TSC_KHZ:
		return tsc_khz;
	case KVM_SET_TSC_KHZ:
		return nxt_tsc_khz_ok(arg) ? 0 : -EINVAL;
	case KVM_GET_STATS_FD:
		return nxt_vm_stats_fd(vm);
	case KVM_CREATE_DEVICE:
		return -ENODEV;
	default:
		return nxt_irqchip_ioctl(vm, cmd, argp);
	}
}

static int vm_release(struct inode *inode, struct file *file)
{
	nxt_vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
	.llseek = noop_llseek,
};

int nxt_vm_create_fd(unsigned long type)
{
	struct nxt_vm *vm;
	int fd;

	if (type)
		return -EINVAL;
	vm = vm_create();
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = anon_inode_getfd("kvm-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		nxt_vm_put(vm);
	return fd;
}
