// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the machine leaves this kernel: reboot and kexec take the VMs down, suspend to idle lets them
 * sleep with Linux (the freezer stops the vCPUs' threads), and what Engine would not survive is refused.
 *
 * A panic needs nothing: the kernel that comes next says HELLO, which returns all that was given away.
 */
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "internal.h"
#include "system.h"

static int on_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	nxt_vm_kill_all();
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = on_reboot,
};

/* Before the vCPUs' threads are frozen. */
static int on_suspend_prepare(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == PM_SUSPEND_PREPARE)
		nxt_vm_all_stopped();
	return NOTIFY_DONE;
}

static struct notifier_block suspend_notifier = {
	.notifier_call = on_suspend_prepare,
};

/*
 * Suspend to RAM and hibernation end with the firmware or another kernel starting Linux where Engine
 * should be.
 */
static int on_suspend(struct device *dev)
{
	if (pm_suspend_target_state == PM_SUSPEND_TO_IDLE)
		return 0;
	dev_warn(dev, "only suspend to idle works under NxTop Engine\n");
	return -EOPNOTSUPP;
}

static const struct dev_pm_ops pm_ops = {
	.suspend = on_suspend,
	.freeze = on_suspend,
};

static int probe(struct platform_device *unused)
{
	return 0;
}

/* A device, because only devices are asked whether the machine may suspend, and how. */
static struct platform_driver driver = {
	.driver.name = "nxtop",
	.driver.pm = &pm_ops,
};

static struct platform_device *device;

int nxt_power_init(void)
{
	device = platform_create_bundle(&driver, probe, NULL, 0, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	register_reboot_notifier(&reboot_notifier);
	register_pm_notifier(&suspend_notifier);
	return 0;
}

void nxt_power_exit(void)
{
	unregister_pm_notifier(&suspend_notifier);
	unregister_reboot_notifier(&reboot_notifier);
	platform_device_unregister(device);
	platform_driver_unregister(&driver);
}
