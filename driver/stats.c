// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_STATS_FD: counters of a VM or a vCPU, with their descriptions, as KVM's binary statistics. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "stats.h"
#include "system.h"

#define PLAIN (KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10)

struct stat_info {
	char name[KVM_STATS_NAME_SIZE];
	u32 flags;
	s16 exponent;
};

/* Names as KVM's where the meaning is KVM's. */
static const struct stat_info vcpu_stats[NXT_STATS] = {
	[NXT_STAT_EXITS] = {"exits", KVM_STATS_TYPE_CUMULATIVE | PLAIN},
	[NXT_STAT_IO] = {"io_exits", KVM_STATS_TYPE_CUMULATIVE | PLAIN},
	[NXT_STAT_MMIO] = {"mmio_exits", KVM_STATS_TYPE_CUMULATIVE | PLAIN},
	[NXT_STAT_HALT] = {"halt_exits", KVM_STATS_TYPE_CUMULATIVE | PLAIN},
	[NXT_STAT_IRQ] = {"irq_exits", KVM_STATS_TYPE_CUMULATIVE | PLAIN},
	[NXT_STAT_IRQ_WINDOW] = {"irq_window_exits", KVM_STATS_TYPE_CUMULATIVE | PLAIN},
	[NXT_STAT_FAULT] = {"pf_taken", KVM_STATS_TYPE_CUMULATIVE | PLAIN},
	[NXT_STAT_SIGNAL] = {"signal_exits", KVM_STATS_TYPE_CUMULATIVE | PLAIN},
};

enum { VM_ENGINE_MEMORY, VM_PAGES_4K, VM_PAGES_2M, VM_STATS };

static const struct stat_info vm_stats[VM_STATS] = {
	/* Given to Engine for the VM's page tables and vCPUs: in chunks of 2^21 bytes. */
	[VM_ENGINE_MEMORY] = {"engine_memory",
			      KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BYTES | KVM_STATS_BASE_POW2, 21},
	/* Mapped into the guest. */
	[VM_PAGES_4K] = {"pages_4k", KVM_STATS_TYPE_INSTANT | PLAIN},
	[VM_PAGES_2M] = {"pages_2m", KVM_STATS_TYPE_INSTANT | PLAIN},
};

/* What is read: the header, the id, a description for each, and then the values. */
struct image {
	struct kvm_stats_header header;
	char id[KVM_STATS_NAME_SIZE];
	struct kvm_stats_desc desc[NXT_STATS];
	u64 value[NXT_STATS];
};

static ssize_t read_image(struct image *image, const struct stat_info *stats, u32 count, char __user *user,
			  size_t size, loff_t *pos)
{
	ssize_t ret;
	u32 i;

	image->header = (struct kvm_stats_header){
		.name_size = KVM_STATS_NAME_SIZE,
		.num_desc = count,
		.id_offset = offsetof(struct image, id),
		.desc_offset = offsetof(struct image, desc),
		.data_offset = offsetof(struct image, value),
	};
	for (i = 0; i < count; i++) {
		image->desc[i] = (struct kvm_stats_desc){
			.flags = stats[i].flags,
			.exponent = stats[i].exponent,
			.size = 1,
			.offset = i * sizeof(u64),
		};
		memcpy(image->desc[i].name, stats[i].name, KVM_STATS_NAME_SIZE);
	}
	ret = simple_read_from_buffer(user, size, pos, image,
				      offsetof(struct image, value) + count * sizeof(u64));
	kfree(image);
	return ret;
}

static ssize_t vcpu_read(struct file *file, char __user *user, size_t size, loff_t *pos)
{
	struct nxt_vcpu *vcpu = file->private_data;
	struct image *image = kzalloc(sizeof(*image), GFP_KERNEL);
	u32 i;

	if (!image)
		return -ENOMEM;
	snprintf(image->id, sizeof(image->id), "kvm-nxtop-%u/vcpu-%u", vcpu->vm->id, vcpu->id);
	for (i = 0; i < NXT_STATS; i++)
		image->value[i] = READ_ONCE(vcpu->stats[i]);
	return read_image(image, vcpu_stats, NXT_STATS, user, size, pos);
}

/* What Engine knows of the VM; nothing of one that has ended there. */
static int ask_engine(struct nxt_vm *vm, struct image *image)
{
	struct nxt_info_vm *info = (void *)get_zeroed_page(GFP_KERNEL);

	if (!info)
		return -ENOMEM;
	/* Under the lock its id stays its own. */
	mutex_lock(&vm->lock);
	if (!vm->dead && nxt_info(NXT_INFO_VM, info, vm->id) >= 0) {
		image->value[VM_PAGES_4K] = info->pages_4k;
		image->value[VM_PAGES_2M] = info->pages_2m;
	}
	mutex_unlock(&vm->lock);
	free_page((unsigned long)info);
	return 0;
}

static ssize_t vm_read(struct file *file, char __user *user, size_t size, loff_t *pos)
{
	struct nxt_vm *vm = file->private_data;
	struct image *image = kzalloc(sizeof(*image), GFP_KERNEL);

	BUILD_BUG_ON(ARRAY_SIZE(vm_stats) > NXT_STATS);
	if (!image || ask_engine(vm, image)) {
		kfree(image);
		return -ENOMEM;
	}
	snprintf(image->id, sizeof(image->id), "kvm-nxtop-%u", vm->id);
	image->value[VM_ENGINE_MEMORY] = READ_ONCE(vm->chunk_count);
	return read_image(image, vm_stats, VM_STATS, user, size, pos);
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	nxt_vm_put(((struct nxt_vcpu *)file->private_data)->vm);
	return 0;
}

static int vm_release(struct inode *inode, struct file *file)
{
	nxt_vm_put(file->private_data);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.read = vcpu_read,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.read = vm_read,
	.release = vm_release,
	.llseek = noop_llseek,
};

/* The file holds the VM, as its other files do. pread() needs the mode; a file of no inode has none. */
static int make_fd(struct nxt_vm *vm, const char *name, const struct file_operations *fops, void *data)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile(name, fops, data, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	nxt_vm_get(vm);
	file->f_mode |= FMODE_PREAD;
	fd_install(fd, file);
	return fd;
}

long nxt_vcpu_stats_fd(struct nxt_vcpu *vcpu)
{
	return make_fd(vcpu->vm, "kvm-vcpu-stats", &vcpu_fops, vcpu);
}

long nxt_vm_stats_fd(struct nxt_vm *vm)
{
	return make_fd(vm, "kvm-vm-stats", &vm_fops, vm);
}

static enum nxt_vcpu_stat stat_of(long reason)
{
	switch (reason) {
	case NXT_EXIT_PIO:
		return NXT_STAT_IO;
	case NXT_EXIT_MMIO:
		return NXT_STAT_MMIO;
	case NXT_EXIT_HALTED:
		return NXT_STAT_HALT;
	case NXT_EXIT_INTR:
		return NXT_STAT_IRQ;
	case NXT_EXIT_IRQ_WINDOW:
		return NXT_STAT_IRQ_WINDOW;
	case NXT_EXIT_NPF:
	case NXT_EXIT_RESIDENT:
		return NXT_STAT_FAULT;
	default:
		return NXT_STAT_EXITS;
	}
}

void nxt_stats_count(struct nxt_vcpu *vcpu, long reason)
{
	enum nxt_vcpu_stat stat = stat_of(reason);

	WRITE_ONCE(vcpu->stats[NXT_STAT_EXITS], vcpu->stats[NXT_STAT_EXITS] + 1);
	if (stat != NXT_STAT_EXITS)
		WRITE_ONCE(vcpu->stats[stat], vcpu->stats[stat] + 1);
}
