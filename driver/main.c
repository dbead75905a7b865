// SPDX-License-Identifier: GPL-2.0-only
/* The module: finds Engine, greets it, and offers /dev/kvm. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <asm/processor.h>

#include "hypercall.h"
#include "internal.h"
#include "system.h"

static bool engine_present(void)
{
	u32 eax, ebx, ecx, edx;

	cpuid(NXT_CPUID_BASE, &eax, &ebx, &ecx, &edx);
	return eax >= NXT_CPUID_BASE + 1 && ebx == NXT_CPUID_EBX && ecx == NXT_CPUID_ECX &&
	       edx == NXT_CPUID_EDX;
}

static long say_hello(void)
{
	long ret;

	while ((ret = nxt_hc_hello(NXT_ABI_VERSION)) == -EAGAIN)
		cond_resched();
	return ret;
}

static const struct file_operations nxt_dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = nxt_dev_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice nxt_dev = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &nxt_dev_fops,
};

static int __init nxtop_init(void)
{
	long ret;

	if (!engine_present())
		return -ENODEV;
	ret = say_hello();
	if (ret < 0) {
		pr_err("nxtop: Engine refused this driver's ABI %u: %ld\n", NXT_ABI_VERSION, ret);
		return ret;
	}
	ret = nxt_system_init();
	if (ret)
		return ret;
	ret = nxt_power_init();
	if (ret)
		goto no_power;
	ret = misc_register(&nxt_dev);
	if (ret) {
		pr_err("nxtop: /dev/kvm is taken: %ld\n", ret);
		goto no_device;
	}
	nxt_debugfs_init();
	return 0;

no_device:
	nxt_power_exit();
no_power:
	nxt_system_exit();
	return ret;
}

/* Files of VMs and vCPUs hold the module, so there are none here. */
static void __exit nxtop_exit(void)
{
	nxt_debugfs_exit();
	misc_deregister(&nxt_dev);
	nxt_power_exit();
	nxt_system_exit();
}

module_init(nxtop_init);
module_exit(nxtop_exit);
MODULE_DESCRIPTION("Virtual machines on NxTop Engine, through the API of KVM");
MODULE_LICENSE("GPL");
MODULE_ALIAS_MISCDEV(KVM_MINOR);
MODULE_ALIAS("devname:kvm");
