/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an enrolment text may lie: see enrol.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/enrol_text.h"
#include "common/file.h"
#include "pc/agent/enrol.h"

#define OPTION "nxtop.enrol="
#define FILE_NAME "nxtop-enrol"
#define DEVICE "/dev/disk/by-label/NXTOP-ENROL"
#define MOUNT_POINT "/run/nxtop/enrol"

static int from_command_line(char **ret)
{
	_cleanup_free_ char *line = NULL;
	char *word, *rest, *copy;
	size_t size;
	int r;

	r = nxt_file_read(AT_FDCWD, "/proc/cmdline", 65536, &line, &size);
	if (r < 0)
		return r;
	for (word = strtok_r(line, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
		if (strncmp(word, OPTION, strlen(OPTION)))
			continue;
		copy = strdup(word + strlen(OPTION));
		if (!copy)
			return -ENOMEM;
		*ret = copy;
		return 0;
	}
	return -ENOENT;
}

/* The file system may be anything that somebody plugged in: read only, and for a moment. */
static int from_file_system(char **ret)
{
	static const char *const types[] = {"vfat", "iso9660", "ext4"};
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
	_cleanup_close_ int dir = -EBADF;
	bool mounted = false;
	size_t size;
	int r;

	if (access(DEVICE, F_OK) < 0)
		return -errno;
	(void)mkdir("/run/nxtop", 0755);
	if (mkdir(MOUNT_POINT, 0700) < 0 && errno != EEXIST)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(types) && !mounted; i++)
		mounted = mount(DEVICE, MOUNT_POINT, types[i], flags, i == 2 ? "noload" : NULL) == 0;
	if (!mounted)
		return -errno;
	dir = open(MOUNT_POINT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno : nxt_file_read(dir, FILE_NAME, 4096, ret, &size);
	closep(&dir);
	dir = -EBADF;
	(void)umount2(MOUNT_POINT, MNT_DETACH);
	return r;
}

int enrol_find(struct state *state, char **ret)
{
	size_t size;

	if (from_command_line(ret) >= 0)
		return 0;
	if (nxt_file_read(state->dir, FILE_NAME, 4096, ret, &size) >= 0)
		return 0;
	return from_file_system(ret) >= 0 ? 0 : -ENOENT;
}
