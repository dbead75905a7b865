/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the writer makes is judged by qemu-img. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "pc/agent/qcow2.h"

static char folder[] = "/tmp/nxtop-qcow2-XXXXXX";
static int folder_fd;

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	close(folder_fd);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static int run(const char *format, ...)
{
	char command[1024], full[1200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	snprintf(full, sizeof(full), "cd %s && %s >out 2>&1", folder, command);
	return system(full);
}

static json_t *info(const char *name)
{
	char path[128];
	json_t *root;

	assert_int_equal(run("qemu-img info --output=json %s", name), 0);
	snprintf(path, sizeof(path), "%s/out", folder);
	root = json_load_file(path, 0, NULL);
	assert_non_null(root);
	return root;
}

static void make_raw(const char *name, off_t size)
{
	int fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, "golden", 6, 0), 6);
	close(fd);
}

static void test_overlay_on_raw(void **state)
{
	json_t *i;

	(void)state;
	make_raw("base.raw", 100 << 20);
	assert_int_equal(qcow2_create(folder_fd, "a.qcow2", 100 << 20, QCOW2_BACKING_RAW, "base.raw"), 0);
	assert_int_equal(run("qemu-img check a.qcow2"), 0);
	i = info("a.qcow2");
	assert_string_equal(json_string_value(json_object_get(i, "format")), "qcow2");
	assert_string_equal(json_string_value(json_object_get(i, "backing-filename")), "base.raw");
	assert_string_equal(json_string_value(json_object_get(i, "backing-filename-format")), "raw");
	assert_int_equal(json_integer_value(json_object_get(i, "virtual-size")), 100 << 20);
	json_decref(i);
	/* It reads as its base, takes writes, and is whole afterwards; the base stays as it was. */
	assert_int_equal(run("qemu-img compare -f qcow2 -F raw a.qcow2 base.raw"), 0);
	assert_int_equal(run("qemu-io -f qcow2 -c 'write -P 7 50M 12M' -c 'read -P 7 50M 12M' a.qcow2"), 0);
	assert_int_equal(run("qemu-img check a.qcow2"), 0);
	assert_int_not_equal(run("qemu-img compare -f qcow2 -F raw a.qcow2 base.raw"), 0);
}

static void test_overlay_on_overlay(void **state)
{
	(void)state;
	make_raw("c.raw", 3 << 20);
	assert_int_equal(qcow2_create(folder_fd, "c1.qcow2", 3 << 20, QCOW2_BACKING_RAW, "c.raw"), 0);
	assert_int_equal(qcow2_create(folder_fd, "c2.qcow2", 3 << 20, QCOW2_BACKING_QCOW2, "c1.qcow2"), 0);
	assert_int_equal(run("qemu-io -f qcow2 -c 'write -P 9 1M 64k' c1.qcow2"), 0);
	assert_int_equal(run("qemu-io -f qcow2 -c 'read -P 9 1M 64k' c2.qcow2"), 0);
	assert_int_equal(run("qemu-img check c2.qcow2"), 0);
}

static void test_sizes(void **state)
{
	static const uint64_t sizes[] = {
		512,	      65536,	      (512ULL << 20) - 512, 512ULL << 20, (512ULL << 20) + 512,
		100ULL << 30, QCOW2_MAX_SIZE,
	};

	(void)state;
	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		char name[32];
		json_t *i;

		snprintf(name, sizeof(name), "size%zu.qcow2", n);
		assert_int_equal(qcow2_create(folder_fd, name, sizes[n], QCOW2_BACKING_NONE, NULL), 0);
		assert_int_equal(run("qemu-img check %s", name), 0);
		i = info(name);
		assert_int_equal(json_integer_value(json_object_get(i, "virtual-size")), sizes[n]);
		json_decref(i);
		/* The last sector can be written, too. */
		assert_int_equal(run("qemu-io -f qcow2 -c 'write -P 3 %llu 512' %s",
				     (unsigned long long)sizes[n] - 512, name),
				 0);
		assert_int_equal(run("qemu-img check %s", name), 0);
	}
}

static void test_refusals(void **state)
{
	char longest[QCOW2_MAX_BACKING_NAME + 2];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(qcow2_create(folder_fd, "r", 0, QCOW2_BACKING_NONE, NULL), -EINVAL);
	assert_int_equal(qcow2_create(folder_fd, "r", 513, QCOW2_BACKING_NONE, NULL), -EINVAL);
	assert_int_equal(qcow2_create(folder_fd, "r", QCOW2_MAX_SIZE + 512, QCOW2_BACKING_NONE, NULL),
			 -EINVAL);
	assert_int_equal(qcow2_create(folder_fd, "r", 512, QCOW2_BACKING_RAW, NULL), -EINVAL);
	assert_int_equal(qcow2_create(folder_fd, "r", 512, QCOW2_BACKING_RAW, ""), -EINVAL);
	assert_int_equal(qcow2_create(folder_fd, "r", 512, QCOW2_BACKING_NONE, "x"), -EINVAL);
	assert_int_equal(qcow2_create(folder_fd, "r", 512, QCOW2_BACKING_RAW, longest), -EINVAL);
	assert_int_equal(faccessat(folder_fd, "r", F_OK, 0), -1);

	assert_int_equal(qcow2_create(folder_fd, "twice", 512, QCOW2_BACKING_NONE, NULL), 0);
	assert_int_equal(qcow2_create(folder_fd, "twice", 512, QCOW2_BACKING_NONE, NULL), -EEXIST);
	longest[QCOW2_MAX_BACKING_NAME] = 0;
	assert_int_equal(qcow2_create(folder_fd, "long", 512, QCOW2_BACKING_RAW, longest), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlay_on_raw),
		cmocka_unit_test(test_overlay_on_overlay),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
