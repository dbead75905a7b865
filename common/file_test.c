/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/file.h"

static int set_up(void **state)
{
	static char folder[64];

	strcpy(folder, "/tmp/nxt-file-test.XXXXXX");
	assert_non_null(mkdtemp(folder));
	*state = folder;
	return 0;
}

/* How many files lie in the folder. */
static int count(const char *folder)
{
	DIR *dir = opendir(folder);
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static int tear_down(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", (char *)*state);
	return system(command);
}

static void assert_content(int dir, const char *path, const char *expected)
{
	_cleanup_free_ char *data = NULL;
	size_t size;

	assert_int_equal(nxt_file_read(dir, path, 1000, &data, &size), 0);
	assert_int_equal(size, strlen(expected));
	assert_string_equal(data, expected);
}

static void test_write(void **state)
{
	static const unsigned int flags[] = {NXT_WRITE_DURABLE, NXT_WRITE_LAZY, NXT_WRITE_NEW,
					     NXT_WRITE_NEW | NXT_WRITE_LAZY};
	_cleanup_close_ int dir = open(*state, O_RDONLY | O_DIRECTORY);
	char path[128];
	struct stat st;

	umask(0077);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		snprintf(path, sizeof(path), "file-%zu", i);
		assert_int_equal(nxt_file_write(dir, path, "one", 3, 0644, flags[i]), 0);
		assert_content(dir, path, "one");
		assert_int_equal(fstatat(dir, path, &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0644);

		if (flags[i] & NXT_WRITE_NEW) {
			assert_int_equal(nxt_file_write(dir, path, "two", 3, 0644, flags[i]), -EEXIST);
			assert_content(dir, path, "one");
		} else {
			assert_int_equal(nxt_file_write(dir, path, "", 0, 0600, flags[i]), 0);
			assert_content(dir, path, "");
			assert_int_equal(fstatat(dir, path, &st, 0), 0);
			assert_int_equal(st.st_mode & 07777, 0600);
		}
	}
	assert_int_equal(nxt_sync(dir, "file-0"), 0);
	assert_int_equal(nxt_sync(dir, "absent"), -ENOENT);

	snprintf(path, sizeof(path), "%s/absolute", (char *)*state);
	assert_int_equal(nxt_file_write(AT_FDCWD, path, "three", 5, 0600, 0), 0);
	assert_content(dir, "absolute", "three");
	/* Nothing is left beside them. */
	assert_int_equal(count(*state), 5);
}

static void test_write_fails(void **state)
{
	_cleanup_close_ int dir = open(*state, O_RDONLY | O_DIRECTORY);

	assert_int_equal(mkdirat(dir, "folder", 0700), 0);
	assert_int_equal(nxt_file_write(dir, "absent/file", "x", 1, 0600, 0), -ENOENT);
	assert_int_equal(nxt_file_write(dir, "folder/", "x", 1, 0600, 0), -EISDIR);
	assert_int_equal(nxt_file_write(dir, "folder", "x", 1, 0600, 0), -EISDIR);
	assert_int_equal(nxt_file_write(dir, "folder", "x", 1, 0600, NXT_WRITE_NEW), -EEXIST);
	assert_int_equal(count(*state), 1);
}

/* A write that fails half way, as on a full disk: the old content stays, and nothing lies beside it. */
static void test_full(void **state)
{
	_cleanup_close_ int dir = open(*state, O_RDONLY | O_DIRECTORY);
	struct rlimit before, small;
	static char data[8192];

	assert_int_equal(nxt_file_write(dir, "file", "old", 3, 0600, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(nxt_file_write(dir, "file", data, sizeof(data), 0600, 0), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_content(dir, "file", "old");
	assert_int_equal(count(*state), 1);
}

static void test_read(void **state)
{
	_cleanup_close_ int dir = open(*state, O_RDONLY | O_DIRECTORY);
	char *data = NULL;
	size_t size = 77;

	assert_int_equal(nxt_file_write(dir, "five", "12345", 5, 0600, 0), 0);
	assert_int_equal(nxt_file_read(dir, "five", 4, &data, &size), -EFBIG);
	assert_int_equal(nxt_file_read(dir, "absent", 4, &data, &size), -ENOENT);
	assert_int_equal(nxt_file_read(dir, ".", 4, &data, &size), -EISDIR);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(nxt_file_read(dir, "fifo", 4, &data, &size), -ENXIO);
	assert_int_equal(nxt_file_read(AT_FDCWD, "/dev/zero", 4, &data, &size), -ENXIO);
	assert_null(data);
	assert_int_equal(size, 77);
	assert_int_equal(nxt_file_read(dir, "five", 5, &data, &size), 0);
	assert_string_equal(data, "12345");
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_write_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
