// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/debug/nxtop: what Engine tells about itself, for people and for tests. */
#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/seq_file.h>

#include "internal.h"
#include "system.h"

static struct dentry *dir;

static int info_show(struct seq_file *m, void *unused)
{
	struct nxt_info_engine *info = (void *)get_zeroed_page(GFP_KERNEL);
	long ret;

	if (!info)
		return -ENOMEM;
	ret = nxt_info(NXT_INFO_ENGINE, info, 0);
	if (ret >= 0) {
		seq_printf(m, "version %.*s\nabi %u\nvendor %.*s\ncpus %u\n", (int)sizeof(info->version),
			   info->version, info->abi_version, (int)sizeof(info->vendor), info->vendor,
			   info->cpus);
		seq_printf(m, "memory_base 0x%llx\nmemory_size %llu\nmemory_used %llu\n", info->memory_base,
			   info->memory_size, info->memory_used);
		seq_printf(m, "vms %u\nframes_shared %llu\nframes_given %llu\nframes_pinned %llu\n",
			   info->vms, info->frames_shared, info->frames_given, info->frames_pinned);
		seq_printf(m, "xcr0 0x%llx\nxsave_size %u\n", info->xcr0, info->xsave_size);
	}
	free_page((unsigned long)info);
	return ret < 0 ? ret : 0;
}
DEFINE_SHOW_ATTRIBUTE(info);

/* A line for each counter that is not 0 on a CPU. */

static int exits_show(struct seq_file *m, void *unused)
{
	struct nxt_info_stats *stats = (void *)get_zeroed_page(GFP_KERNEL);
	u32 cpu, i;

	if (!stats)
		return -ENOMEM;
	for (cpu = 0; cpu < nxt_engine.cpus && nxt_info(NXT_INFO_STATS, stats, cpu) >= 0; cpu++)
		for (i = 0; i < min_t(u32, stats->count, NXT_STATS_MAX); i++)
			if (stats->stat[i].count)
				seq_printf(m, "cpu%u %.*s %llu\n", cpu, (int)sizeof(stats->stat[i].name),
					   stats->stat[i].name, stats->stat[i].count);
	free_page((unsigned long)stats);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(exits);

static int show_log(struct seq_file *m, enum nxt_info kind)
{
	struct nxt_info_log *log = (void *)get_zeroed_page(GFP_KERNEL);
	u64 at = 0;
	long ret;

	if (!log)
		return -ENOMEM;
	while ((ret = nxt_info(kind, log, at)) >= 0 && log->len && log->len <= sizeof(log->text)) {
		if (log->lost)
			seq_printf(m, "[%u bytes lost]\n", log->lost);
		seq_write(m, log->text, log->len);
		at = log->next;
	}
	free_page((unsigned long)log);
	return ret < 0 && ret != -ENOENT ? ret : 0;
}

static int log_show(struct seq_file *m, void *unused)
{
	return show_log(m, NXT_INFO_LOG);
}
DEFINE_SHOW_ATTRIBUTE(log);

static int crash_show(struct seq_file *m, void *unused)
{
	return show_log(m, NXT_INFO_CRASH);
}
DEFINE_SHOW_ATTRIBUTE(crash);

void nxt_debugfs_init(void)
{
	dir = debugfs_create_dir("nxtop", NULL);
	debugfs_create_file("info", 0400, dir, NULL, &info_fops);
	debugfs_create_file("exits", 0400, dir, NULL, &exits_fops);
	debugfs_create_file("log", 0400, dir, NULL, &log_fops);
	debugfs_create_file("crash", 0400, dir, NULL, &crash_fops);
}

void nxt_debugfs_exit(void)
{
	debugfs_remove_recursive(dir);
}
