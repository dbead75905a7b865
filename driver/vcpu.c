// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs: their life, their file, and the ioctls that have no other home. */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "hypercall.h"
#include "internal.h"
#include "memory.h"
#include "state.h"
#include "stats.h"
#include "system.h"

static void *page_alloc(void)
{
	return (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

void nxt_vcpu_free(struct nxt_vcpu *vcpu)
{
	free_page((unsigned long)vcpu->run);
	free_page((unsigned long)vcpu->state);
	free_page((unsigned long)vcpu->map);
	free_page((unsigned long)vcpu->kvm_run);
	free_page((unsigned long)vcpu->pio_page);
	kvfree(vcpu->cpuid);
	kfree(vcpu);
}

static struct nxt_vcpu *vcpu_alloc(struct nxt_vm *vm, u32 id)
{
	struct nxt_vcpu *vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);

	if (!vcpu)
		return NULL;
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->extint = -1;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->sleep);
	nxt_timer_init(vcpu);
	vcpu->run = page_alloc();
	vcpu->state = page_alloc();
	vcpu->map = page_alloc();
	vcpu->kvm_run = page_alloc();
	vcpu->pio_page = page_alloc();
	if (vcpu->run && vcpu->state && vcpu->map && vcpu->kvm_run && vcpu->pio_page)
		return vcpu;
	nxt_vcpu_free(vcpu);
	return NULL;
}

static u64 pfn_of(void *page)
{
	return page_to_pfn(virt_to_page(page));
}

static int create_in_engine(struct nxt_vcpu *vcpu)
{
	struct nxt_vm *vm = vcpu->vm;
	u32 chunks;
	long ret;

	do {
		chunks = READ_ONCE(vm->chunk_count);
		ret = nxt_hc_vcpu_create(vm->id, vcpu->id, pfn_of(vcpu->run), pfn_of(vcpu->state));
	} while (ret == -ENOMEM && !(ret = nxt_vm_give(vm, chunks)));
	return ret;
}

/* The vCPU stays with the VM from the moment that Engine has it. vm->lock is held. */
static struct nxt_vcpu *vcpu_create(struct nxt_vm *vm, u32 id)
{
	struct nxt_vcpu *vcpu;
	int ret;

	if (READ_ONCE(vm->dead))
		return ERR_PTR(-EIO);
	if (vm->vcpu_ids && id >= vm->vcpu_ids)
		return ERR_PTR(-EINVAL);
	if (vm->vcpus[id])
		return ERR_PTR(-EEXIST);
	vcpu = vcpu_alloc(vm, id);
	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	ret = create_in_engine(vcpu);
	if (ret) {
		nxt_vcpu_free(vcpu);
		return ERR_PTR(ret);
	}
	vm->vcpu_count++;
	smp_store_release(&vm->vcpus[id], vcpu);
	/* Whoever kicks and does not see it yet does not have to: it has not run. */
	WRITE_ONCE(vm->vcpu_limit, max(vm->vcpu_limit, id + 1));
	ret = nxt_state_set_u64(vcpu, NXT_STATE_TSC_KHZ, tsc_khz);
	if (!ret && READ_ONCE(vm->native_hlt))
		ret = nxt_state_set_u64(vcpu, NXT_STATE_NATIVE, NXT_NATIVE_HLT);
	if (!ret && vm->apic_bus_ns)
		ret = nxt_state_set_u64(vcpu, NXT_STATE_APIC_BUS, vm->apic_bus_ns);
	if (!ret)
		ret = nxt_boot_state(vcpu);
	return ret ? ERR_PTR(ret) : vcpu;
}

static int interrupt(struct nxt_vcpu *vcpu, void __user *argp)
{
	struct kvm_interrupt irq;

	if (copy_from_user(&irq, argp, sizeof(irq)))
		return -EFAULT;
	if (irq.irq > 255)
		return -EINVAL;
	if (nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_FULL)
		return -ENXIO;
	if (nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_SPLIT && vcpu->extint >= 0)
		return -EEXIST;
	vcpu->extint = irq.irq;
	return 0;
}

static long inject(struct nxt_vcpu *vcpu, enum nxt_inject what)
{
	u64 mask;
	long ret = nxt_hc_vcpu_inject(vcpu->vm->id, vcpu->id, what, &mask);

	if (ret < 0)
		return ret;
	nxt_vm_kick_mask(vcpu->vm, mask);
	return 0;
}

static int set_signal_mask(struct nxt_vcpu *vcpu, struct kvm_signal_mask __user *user)
{
	sigset_t sigset;
	u32 len;

	if (!user) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (get_user(len, &user->len))
		return -EFAULT;
	if (len != sizeof(sigset))
		return -EINVAL;
	if (copy_from_user(&sigset, user->sigset, sizeof(sigset)))
		return -EFAULT;
	sigdelsetmask(&sigset, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = sigset;
	vcpu->sigset_active = true;
	return 0;
}

bool nxt_tsc_khz_ok(unsigned long khz)
{
	/* 250 parts in a million is what KVM takes for the same. */
	return !khz || abs_diff(khz, (unsigned long)tsc_khz) <= tsc_khz / 4000;
}

static long setup_mce(struct nxt_vcpu *vcpu, u64 __user *user)
{
	u64 mcg_cap;

	return get_user(mcg_cap, user) ? -EFAULT : nxt_setup_mce(vcpu, mcg_cap);
}

static long set_mce(struct nxt_vcpu *vcpu, void __user *user)
{
	struct kvm_x86_mce mce;

	return copy_from_user(&mce, user, sizeof(mce)) ? -EFAULT : nxt_set_mce(vcpu, &mce);
}

/* QEMU always tells the address, for CPUs where the TPR's accesses are slow. Engine's never are: it has no
 * use for it. */
static int set_vapic_addr(struct nxt_vcpu *vcpu, void __user *user)
{
	struct kvm_vapic_addr addr;

	if (nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_NONE)
		return -EINVAL;
	return copy_from_user(&addr, user, sizeof(addr)) ? -EFAULT : 0;
}

static long enable_cap(struct nxt_vcpu *vcpu, void __user *user)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, user, sizeof(cap)))
		return -EFAULT;
	if (cap.flags || cap.cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	/* For MSRs Engine always asks CPUID what a guest may use. */
	vcpu->pv_enforced = cap.args[0];
	return 0;
}

/* There is one attribute: how far the guest's TSC is ahead of this PC's. */
static long device_attr(struct nxt_vcpu *vcpu, unsigned int cmd, void __user *argp)
{
	struct kvm_device_attr attr;
	u64 __user *user, offset;
	long ret;

	if (copy_from_user(&attr, argp, sizeof(attr)))
		return -EFAULT;
	if (attr.flags || attr.group != KVM_VCPU_TSC_CTRL || attr.attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	user = u64_to_user_ptr(attr.addr);
	switch (cmd) {
	case KVM_GET_DEVICE_ATTR:
		ret = nxt_state_get(vcpu, NXT_STATE_TSC_OFFSET);
		return ret < 0 ? ret : put_user(*(u64 *)vcpu->state, user);
	case KVM_SET_DEVICE_ATTR:
		return get_user(offset, user) ? -EFAULT
					      : nxt_state_set_u64(vcpu, NXT_STATE_TSC_OFFSET, offset);
	default:
		return 0;
	}
}

static long locked_ioctl(struct nxt_vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	long ret;

	switch (cmd) {
	case KVM_RUN:
		return arg ? -EINVAL : nxt_vcpu_run(vcpu);
	case KVM_INTERRUPT:
		return interrupt(vcpu, argp);
	case KVM_NMI:
		return inject(vcpu, NXT_INJECT_NMI);
	case KVM_SMI:
		return inject(vcpu, NXT_INJECT_SMI);
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(vcpu, argp);
	case KVM_SET_CPUID2:
		return nxt_cpuid_set(vcpu, argp);
	case KVM_GET_CPUID2:
		return nxt_cpuid_get(vcpu, argp);
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		return nxt_msrs_ioctl(vcpu, argp, cmd == KVM_SET_MSRS);
	case KVM_GET_XSAVE:
		return nxt_xsave_get(vcpu, argp);
	case KVM_SET_XSAVE:
		return nxt_xsave_set(vcpu, argp);
	case KVM_SET_VAPIC_ADDR:
		return set_vapic_addr(vcpu, argp);
	case KVM_X86_SETUP_MCE:
		return setup_mce(vcpu, argp);
	case KVM_X86_SET_MCE:
		return set_mce(vcpu, argp);
	case KVM_GET_TSC_KHZ:
		return tsc_khz;
	case KVM_SET_TSC_KHZ:
		return nxt_tsc_khz_ok(arg) ? 0 : -EINVAL;
	case KVM_KVMCLOCK_CTRL:
		return nxt_clock_stopped(vcpu);
	case KVM_ENABLE_CAP:
		return enable_cap(vcpu, argp);
	case KVM_GET_STATS_FD:
		return nxt_vcpu_stats_fd(vcpu);
	case KVM_PRE_FAULT_MEMORY:
		return nxt_pre_fault(vcpu, argp);
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		return device_attr(vcpu, cmd, argp);
	default:
		ret = nxt_state_ioctl(vcpu, cmd, argp);
		return ret == -ENOIOCTLCMD ? -EINVAL : ret;
	}
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct nxt_vcpu *vcpu = file->private_data;
	long ret;

	if (vcpu->vm->mm != current->mm || READ_ONCE(vcpu->vm->dead))
		return -EIO;
	if (_IOC_TYPE(cmd) != KVMIO)
		return -EINVAL;
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	ret = locked_ioctl(vcpu, cmd, arg);
	mutex_unlock(&vcpu->mutex);
	return ret;
}

static vm_fault_t vcpu_page_fault(struct vm_fault *vmf)
{
	struct nxt_vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page;

	switch (vmf->pgoff) {
	case 0:
		page = virt_to_page(vcpu->kvm_run);
		break;
	case KVM_PIO_PAGE_OFFSET:
		page = virt_to_page(vcpu->pio_page);
		break;
	case KVM_COALESCED_MMIO_PAGE_OFFSET:
		page = nxt_coalesced_page(vcpu->vm);
		break;
	default:
		return VM_FAULT_SIGBUS;
	}
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_page_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct nxt_vcpu *vcpu = file->private_data;

	nxt_vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};

long nxt_vcpu_create_fd(struct nxt_vm *vm, unsigned long id)
{
	struct nxt_vcpu *vcpu;
	char name[24];
	int fd;

	if (id >= NXT_MAX_VCPUS)
		return -EINVAL;
	mutex_lock(&vm->lock);
	vcpu = vcpu_create(vm, id);
	mutex_unlock(&vm->lock);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);

	snprintf(name, sizeof(name), "kvm-vcpu:%lu", id);
	nxt_vm_get(vm);
	fd = anon_inode_getfd(name, &vcpu_fops, vcpu, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		nxt_vm_put(vm);
	return fd;
}
