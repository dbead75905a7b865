// SPDX-License-Identifier: GPL-2.0-only
/*
 * For end-to-end scenarios: what only a kernel can do to Engine, for programs, in /sys/kernel/debug/nxtest.
 *
 * hypercall: write "NR ARG ARG ARG" to make the hypercall, then read its result. map: write "VM GPA PFN
 * FLAGS" to have VM_MAP map one frame, with PFN 0 one of the module's own; the result is read likewise. svm:
 * write the index of one of SVM's instructions to execute it; the result is the exception's vector, or -1.
 * touch: write "PFN COUNT" to write to and read from all these frames in many ways. EIO: a read gave another
 * byte than 0xff, or a frame let itself be mapped by no mapping.
 */
#include <linux/debugfs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <asm/asm.h>

#include "../../../driver/hypercall.h"

#define PATTERN 0x4e78546f70426164ULL

static struct dentry *dir;
static struct page *list, *own; /* struct nxt_map for VM_MAP; a frame to be mapped */
static long result;

/* A line of numbers that a program wrote; how many there were. */
static int read_numbers(const char __user *text, size_t len, u64 number[4])
{
	char line[128];

	if (len >= sizeof(line) || copy_from_user(line, text, len))
		return -EFAULT;
	line[len] = '\0';
	return sscanf(line, "%lli %lli %lli %lli", &number[0], &number[1], &number[2], &number[3]);
}

static ssize_t hypercall_write(struct file *file, const char __user *text, size_t len, loff_t *pos)
{
	u64 number[4] = {};
	int count = read_numbers(text, len, number);

	if (count < 1)
		return count ?: -EINVAL;
	result = nxt_hypercall3(number[0], number[1], number[2], number[3]);
	return len;
}

static ssize_t hypercall_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	char line[32];

	return simple_read_from_buffer(to, len, pos, line, scnprintf(line, sizeof(line), "%ld\n", result));
}

static const struct file_operations hypercall_fops = {
	.owner = THIS_MODULE,
	.write = hypercall_write,
	.read = hypercall_read,
};

static ssize_t map_write(struct file *file, const char __user *text, size_t len, loff_t *pos)
{
	struct nxt_map *entry = page_address(list);
	u64 number[4] = {};
	int count = read_numbers(text, len, number);

	if (count != 4)
		return count < 0 ? count : -EINVAL;
	*entry = (struct nxt_map){
		.gpa = number[1],
		.pfn = number[2] ?: page_to_pfn(own),
		.flags = number[3],
	};
	result = nxt_hypercall3(NXT_HC_VM_MAP, number[0], page_to_pfn(list), 1);
	return len;
}

static const struct file_operations map_fops = {
	.owner = THIS_MODULE,
	.write = map_write,
};

/* An exception leaves its vector in RAX. */
#define EXECUTES(number, insn)                                                                               \
	case number:                                                                                         \
		asm volatile("1: " insn "\n\tmov $-1, %0\n2:\n" _ASM_EXTABLE_FAULT(1b, 2b)                   \
			     : "+a"(ax)                                                                      \
			     : "c"(0)                                                                        \
			     : "memory");                                                                    \
		break;

static ssize_t svm_write(struct file *file, const char __user *text, size_t len, loff_t *pos)
{
	unsigned long ax = page_to_phys(own);
	u64 number[4] = {};
	int count = read_numbers(text, len, number);

	if (count != 1)
		return count < 0 ? count : -EINVAL;
	switch (number[0]) {
		EXECUTES(0, "vmrun")
		EXECUTES(1, "vmload")
		EXECUTES(2, "vmsave")
		EXECUTES(3, "stgi")
		EXECUTES(4, "clgi")
		EXECUTES(5, "skinit")
		EXECUTES(6, "invlpga")
	default:
		return -EINVAL;
	}
	result = ax;
	return len;
}

static const struct file_operations svm_fops = {
	.owner = THIS_MODULE,
	.write = svm_write,
};

/* Instructions of every shape that compilers and Linux use on memory. */
static void write_all_ways(void *page)
{
	u64 old = PATTERN;
	void *to = page + 0x400;
	size_t n = 64;

	*(volatile u64 *)page = PATTERN;
	*(volatile u32 *)(page + 0x124) = (u32)PATTERN;
	*(volatile u16 *)(page + 0x232) = (u16)PATTERN;
	*(volatile u8 *)(page + 0xfff) = (u8)PATTERN;
	*(volatile u64 *)(page + 0x33d) = PATTERN; /* across a cache line */
	asm volatile("movnti %0, (%1)" : : "r"(PATTERN), "r"(page + 8) : "memory");
	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0x5a) : "memory");
	asm volatile("xchg %0, (%1)" : "+r"(old) : "r"(page + 16) : "memory");
	asm volatile("lock orq %0, (%1)" : : "r"(PATTERN), "r"(page + 24) : "memory");
	asm volatile("lock cmpxchgq %1, (%2)" : "+a"(old) : "r"(PATTERN), "r"(page + 32) : "memory", "cc");
	asm volatile("andq $0, (%0)" : : "r"(page + 40) : "memory");
}

static bool reads_as_ones(void *page)
{
	u64 old = 0;
	u8 buf[64] = {};
	void *from = page + 0x400, *to = buf;
	size_t n = sizeof(buf);

	asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
	asm volatile("xchg %0, (%1)" : "+r"(old) : "r"(page + 16) : "memory");
	return *(volatile u64 *)page == ~0ULL && *(volatile u32 *)(page + 0x124) == ~0U &&
	       *(volatile u16 *)(page + 0x232) == 0xffff && *(volatile u8 *)(page + 0xfff) == 0xff &&
	       *(volatile u64 *)(page + 0x33d) == ~0ULL && *(volatile u64 *)(page + 8) == ~0ULL &&
	       !memchr_inv(buf, 0xff, sizeof(buf)) && old == ~0ULL;
}

static bool touch_frame(u64 pfn, bool cached)
{
	phys_addr_t at = pfn << PAGE_SHIFT;
	void *page = (__force void *)(cached ? ioremap_cache(at, PAGE_SIZE) : ioremap(at, PAGE_SIZE));
	bool ok;

	if (!page) {
		pr_err("nxtest: frame %llx cannot be mapped\n", pfn);
		return false;
	}
	write_all_ways(page);
	ok = reads_as_ones(page);
	if (!ok)
		pr_err("nxtest: frame %llx holds other bytes than ff\n", pfn);
	iounmap((__force void __iomem *)page);
	return ok;
}

static ssize_t touch_write(struct file *file, const char __user *text, size_t len, loff_t *pos)
{
	u64 number[4] = {}, bad = 0, i;
	int count = read_numbers(text, len, number);

	if (count != 2)
		return count < 0 ? count : -EINVAL;
	for (i = 0; i < number[1]; i++) {
		bad += !touch_frame(number[0] + i, true);
		bad += !touch_frame(number[0] + i, false);
		cond_resched();
	}
	return bad ? -EIO : len;
}

static const struct file_operations touch_fops = {
	.owner = THIS_MODULE,
	.write = touch_write,
};

static void free_pages_of_mine(void)
{
	if (list)
		__free_page(list);
	if (own)
		__free_page(own);
}

static int __init nxtest_init(void)
{
	list = alloc_page(GFP_KERNEL | __GFP_ZERO);
	own = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!list || !own) {
		free_pages_of_mine();
		return -ENOMEM;
	}
	dir = debugfs_create_dir("nxtest", NULL);
	debugfs_create_file("map", 0200, dir, NULL, &map_fops);
	debugfs_create_file("hypercall", 0600, dir, NULL, &hypercall_fops);
	debugfs_create_file("svm", 0200, dir, NULL, &svm_fops);
	debugfs_create_file("touch", 0200, dir, NULL, &touch_fops);
	return 0;
}

static void __exit nxtest_exit(void)
{
	debugfs_remove_recursive(dir);
	free_pages_of_mine();
}

module_init(nxtest_init);
module_exit(nxtest_exit);
MODULE_DESCRIPTION("For NxTop's end-to-end scenarios");
MODULE_LICENSE("GPL");
