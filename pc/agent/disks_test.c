/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/agent_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "pc/agent/disks.h"

static char v1[NXT_SHA256_HEX], v2[NXT_SHA256_HEX];

static int set_up(void **state)
{
	struct nxt_document one = lab_image("tiny", 1, 1 << 20), two = lab_image("tiny", 2, 1 << 20);
	struct nxt_document policy = lab_policy("custom", 1, NXT_CUSTOM);
	struct lab *lab;
	char rule[NXT_SHA256_HEX];

	lab_set_up(state);
	lab = *state;
	lab_put(lab, &one, v1);
	lab_put(lab, &two, v2);
	lab_put(lab, &policy, rule);
	assert_true(db_run(lab->state.db,
			   "INSERT INTO workspaces (id, title, assigned, wanted_manifest, wanted_policy) "
			   "VALUES (?, 'Work', 1,"
			   " ?, ?)",
			   "sss", WORKSPACE_A, v1, rule) > 0);
	assert_int_equal(disks_prepare(&lab->state, WORKSPACE_A, &policy.policy), 0);
	return 0;
}

static bool exists(struct lab *lab, int64_t overlay)
{
	return disks_overlay_exists(&lab->state, WORKSPACE_A, overlay);
}

static int clean_all(struct lab *lab)
{
	int n = 0, r;

	while ((r = disks_clean(&lab->state)) > 0)
		n++;
	assert_int_equal(r, 0);
	return n;
}

/* Freezes the present overlay under the name and goes on on a new one. */
static int64_t freeze(struct lab *lab, const char *name, const char *why)
{
	struct workspace w;
	int64_t next;

	assert_int_equal(workspace_load(&lab->state, WORKSPACE_A, &w), 0);
	assert_int_equal(disks_new_on_overlay(&lab->state, WORKSPACE_A, w.overlay, &next), 0);
	assert_true(snapshot_add(&lab->state, WORKSPACE_A, name, w.overlay, why) >= 0);
	assert_int_equal(disks_switch(&lab->state, WORKSPACE_A, next), 0);
	return w.overlay;
}

static void test_user_disk(void **state)
{
	struct nxt_policy policy = lab_policy("custom", 1, NXT_CUSTOM).policy;
	struct lab *lab = *state;
	char path[PATH_MAX];
	struct stat before, after;

	disks_user_path(WORKSPACE_A, path);
	assert_int_equal(fstatat(lab->state.dir, path, &before, 0), 0);
	policy.user_disk_mib = 99;
	assert_int_equal(disks_prepare(&lab->state, WORKSPACE_A, &policy), 0);
	assert_int_equal(fstatat(lab->state.dir, path, &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void test_spare(void **state)
{
	struct lab *lab = *state;
	int64_t taken, again;
	struct workspace w;

	assert_int_equal(disks_make_spare(&lab->state, WORKSPACE_A, v1), 1);
	assert_int_equal(disks_make_spare(&lab->state, WORKSPACE_A, v1), 0);
	assert_int_equal(clean_all(lab), 0);
	assert_int_equal(disks_take_clean(&lab->state, WORKSPACE_A, v1, &taken), 0);
	assert_int_equal(disks_switch(&lab->state, WORKSPACE_A, taken), 0);
	assert_int_equal(workspace_load(&lab->state, WORKSPACE_A, &w), 0);
	assert_int_equal(w.overlay, taken);
	assert_int_equal(w.version, 1);
	assert_string_equal(w.manifest, v1);
	/* It is no spare any more. */
	assert_int_equal(disks_take_clean(&lab->state, WORKSPACE_A, v1, &again), 0);
	assert_int_not_equal(taken, again);
	/* A spare for another version takes the place of the old one. */
	assert_int_equal(disks_make_spare(&lab->state, WORKSPACE_A, v2), 1);
	assert_true(clean_all(lab) >= 1);
	assert_true(exists(lab, taken));
	assert_false(exists(lab, again));
}

static void test_snapshots_and_reverts(void **state)
{
	struct lab *lab = *state;
	int64_t first, second, overlay, found;

	assert_int_equal(disks_take_clean(&lab->state, WORKSPACE_A, v1, &overlay), 0);
	assert_int_equal(disks_switch(&lab->state, WORKSPACE_A, overlay), 0);
	first = freeze(lab, "first", "hand");
	second = freeze(lab, "second", "hand");
	assert_int_equal(snapshot_find(&lab->state, WORKSPACE_A, "first", &found), 0);
	assert_int_equal(found, first);
	assert_int_equal(snapshot_add(&lab->state, WORKSPACE_A, "first", second, "hand"), -EEXIST);

	/* Back to the first: the second stays, what was written after it goes. */
	assert_int_equal(disks_new_on_overlay(&lab->state, WORKSPACE_A, first, &overlay), 0);
	assert_int_equal(disks_switch(&lab->state, WORKSPACE_A, overlay), 0);
	assert_int_equal(clean_all(lab), 1);
	assert_true(exists(lab, first) && exists(lab, second) && exists(lab, overlay));

	/* A forgotten snapshot that others stand on stays as a file, without a name. */
	assert_true(snapshot_remove(&lab->state, WORKSPACE_A, "first") > 0);
	assert_int_equal(snapshot_remove(&lab->state, WORKSPACE_A, "first"), -ENOENT);
	assert_int_equal(clean_all(lab), 0);
	assert_true(snapshot_remove(&lab->state, WORKSPACE_A, "second") > 0);
	assert_int_equal(clean_all(lab), 1);
	assert_int_equal(disks_take_clean(&lab->state, WORKSPACE_A, v1, &overlay), 0);
	assert_int_equal(disks_switch(&lab->state, WORKSPACE_A, overlay), 0);
	assert_int_equal(clean_all(lab), 2);
	assert_true(exists(lab, overlay) && !exists(lab, first) && !exists(lab, second));
}

static void test_retention(void **state)
{
	struct lab *lab = *state;
	int64_t overlay;
	char name[32];

	assert_int_equal(disks_take_clean(&lab->state, WORKSPACE_A, v1, &overlay), 0);
	assert_int_equal(disks_switch(&lab->state, WORKSPACE_A, overlay), 0);
	freeze(lab, "mine", "hand");
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "schedule-%d", i);
		freeze(lab, name, i == 1 ? "update" : "schedule");
	}
	assert_true(db_run(lab->state.db, "UPDATE workspaces SET good_snapshot = 'schedule-1'", "") > 0);
	assert_int_equal(snapshot_retain(&lab->state, WORKSPACE_A, 2), 3);
	/* Made by hand; of the last good version; the two newest. */
	assert_int_equal(snapshot_find(&lab->state, WORKSPACE_A, "mine", &overlay), 0);
	assert_int_equal(snapshot_find(&lab->state, WORKSPACE_A, "schedule-1", &overlay), 0);
	assert_int_equal(snapshot_find(&lab->state, WORKSPACE_A, "schedule-3", &overlay), -ENOENT);
	assert_int_equal(snapshot_find(&lab->state, WORKSPACE_A, "schedule-4", &overlay), 0);
	assert_int_equal(snapshot_find(&lab->state, WORKSPACE_A, "schedule-5", &overlay), 0);
}

static void test_depth(void **state)
{
	struct lab *lab = *state;
	int64_t overlay, next;

	assert_int_equal(disks_take_clean(&lab->state, WORKSPACE_A, v1, &overlay), 0);
	for (int i = 1; i < DISKS_DEPTH_MAX; i++) {
		assert_int_equal(disks_new_on_overlay(&lab->state, WORKSPACE_A, overlay, &next), 0);
		overlay = next;
	}
	assert_int_equal(disks_new_on_overlay(&lab->state, WORKSPACE_A, overlay, &next), -EMLINK);
	assert_int_equal(disks_new_on_overlay(&lab->state, WORKSPACE_B, overlay, &next), -ENOENT);
	assert_int_equal(disks_new_on_overlay(&lab->state, WORKSPACE_A, 12345, &next), -ENOENT);
}

static void touch(struct lab *lab, const char *path)
{
	int fd = openat(lab->state.dir, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void test_sweep(void **state)
{
	struct lab *lab = *state;
	int64_t overlay;

	assert_int_equal(disks_take_clean(&lab->state, WORKSPACE_A, v1, &overlay), 0);
	touch(lab, "workspaces/" WORKSPACE_A "/system-777.qcow2");
	touch(lab, "workspaces/" WORKSPACE_A "/user.qcow2.new");
	touch(lab, "workspaces/" WORKSPACE_A "/somebody's notes");
	assert_int_equal(disks_sweep(&lab->state), 0);
	assert_true(exists(lab, overlay));
	assert_false(exists(lab, 777));
	assert_int_equal(faccessat(lab->state.dir, "workspaces/" WORKSPACE_A "/user.qcow2", F_OK, 0), 0);
	assert_int_equal(faccessat(lab->state.dir, "workspaces/" WORKSPACE_A "/user.qcow2.new", F_OK, 0), -1);
	assert_int_equal(faccessat(lab->state.dir, "workspaces/" WORKSPACE_A "/somebody's notes", F_OK, 0),
			 0);
}

static void test_erase(void **state)
{
	struct lab *lab = *state;
	struct workspace w;
	int64_t overlay;

	assert_int_equal(disks_take_clean(&lab->state, WORKSPACE_A, v1, &overlay), 0);
	assert_int_equal(disks_switch(&lab->state, WORKSPACE_A, overlay), 0);
	assert_int_equal(disks_erase(&lab->state, WORKSPACE_A), -EBUSY);
	assert_int_equal(disks_erase(&lab->state, "../../etc"), -EINVAL);
	assert_true(exists(lab, overlay));
	assert_true(db_run(lab->state.db, "UPDATE workspaces SET assigned = 0", "") > 0);
	assert_true(disks_erase(&lab->state, WORKSPACE_A) >= 0);
	assert_int_equal(workspace_load(&lab->state, WORKSPACE_A, &w), -ENOENT);
	assert_int_equal(faccessat(lab->state.dir, "workspaces/" WORKSPACE_A, F_OK, 0), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, lab_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_user_disk), TEST(test_spare), TEST(test_snapshots_and_reverts),
		TEST(test_retention), TEST(test_depth), TEST(test_sweep),
		TEST(test_erase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
