// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CREATE_GUEST_MEMFD: a file of memory that user space can neither map, read nor write, for guests that
 * are protected from it. As on stock KVM without such guests, no VM takes it as memory: KVM_MEM_GUEST_MEMFD
 * is refused. Its pages come by fallocate(), go by punching holes or with the file, and are charged to who
 * asked for them.
 */
#include <linux/anon_inodes.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "memory.h"

/* Pages from start up to end, which is inside the file, are there afterwards, zeroed. */
static long fill(struct inode *inode, pgoff_t start, pgoff_t end)
{
	struct folio *folio;
	pgoff_t index;

	for (index = start; index < end; index++) {
		if (signal_pending(current))
			return -EINTR;
		folio = filemap_grab_folio(inode->i_mapping, index);
		if (IS_ERR(folio))
			return PTR_ERR(folio);
		if (!folio_test_uptodate(folio)) {
			folio_zero_segment(folio, 0, folio_size(folio));
			folio_mark_uptodate(folio);
		}
		folio_unlock(folio);
		folio_put(folio);
		cond_resched();
	}
	return 0;
}

static long guest_memfd_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	loff_t end = offset + len; /* vfs_fallocate() has seen that it is no overflow */
	long ret = 0;

	/* Nothing grows by being filled. ftruncate() does change the size, which stock refuses. */
	if (!(mode & FALLOC_FL_KEEP_SIZE) || (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)))
		return -EOPNOTSUPP;
	if (!PAGE_ALIGNED(offset) || !PAGE_ALIGNED(len))
		return -EINVAL;

	inode_lock(inode);
	if (mode & FALLOC_FL_PUNCH_HOLE)
		truncate_inode_pages_range(inode->i_mapping, offset, end - 1);
	else if (end > i_size_read(inode))
		ret = -EINVAL;
	else
		ret = fill(inode, offset >> PAGE_SHIFT, end >> PAGE_SHIFT);
	inode_unlock(inode);
	return ret;
}

static const struct file_operations guest_memfd_fops = {
	.owner = THIS_MODULE,
	.fallocate = guest_memfd_fallocate,
};

int nxt_guest_memfd_create(const void __user *argp)
{
	struct kvm_create_guest_memfd args;
	struct inode *inode;
	struct file *file;
	int fd;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	if (args.flags || (loff_t)args.size <= 0 || !PAGE_ALIGNED(args.size))
		return -EINVAL;

	fd = get_unused_fd_flags(0);
	if (fd < 0)
		return fd;
	/*
	 * An inode of its own: fstat() tells its size, and no two have the same number. It can outlive the
	 * file, and this module: an O_PATH descriptor holds it. So none of its operations are ours.
	 */
	file = anon_inode_create_getfile("[nxtop-gmem]", &guest_memfd_fops, NULL, O_RDWR, NULL);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_flags |= O_LARGEFILE;
	inode = file_inode(file);
	inode->i_mode |= S_IFREG;
	inode->i_size = args.size;
	mapping_set_gfp_mask(inode->i_mapping, GFP_HIGHUSER);
	mapping_set_unevictable(inode->i_mapping);
	fd_install(fd, file);
	return fd;
}
