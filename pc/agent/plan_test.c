/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pc/agent/plan.h"

#define NEVER INT64_MAX

/* A workspace that should run, and is off. */
static const struct plan_view off = {
	.now = 1000,
	.assigned = true,
	.power = true,
	.has_disks = true,
	.wanted_ready = true,
};

/* One that runs, is healthy, and has no schedule. */
static const struct plan_view on = {
	.now = 1000,
	.assigned = true,
	.power = true,
	.has_disks = true,
	.wanted_ready = true,
	.believed_running = true,
	.running = true,
	.healthy = true,
	.deadline = 900,
};

static void expect_at(const struct plan_view *view, enum plan_step step, int64_t at, int line)
{
	int64_t real_at;
	enum plan_step real = plan_next(view, &real_at);

	if (real != step || (step == PLAN_NOTHING && real_at != at))
		fail_msg("line %d: step %d, look again at %lld", line, real, (long long)real_at);
}

/* The view `base` with some members changed. */
#define EXPECT(base, step, at, ...)                                                                          \
	do {                                                                                                 \
		struct plan_view v = base;                                                                   \
		const struct plan_view *c = &(v);                                                            \
		__VA_ARGS__;                                                                                 \
		expect_at(c, step, at, __LINE__);                                                            \
	} while (0)

static void test_off(void **state)
{
	(void)state;
	EXPECT(off, PLAN_START, 0, );
	EXPECT(off, PLAN_NOTHING, NEVER, v.power = false);
	EXPECT(off, PLAN_NOTHING, NEVER, v.assigned = false);
	EXPECT(off, PLAN_NOTE_END, 0, v.believed_running = true);
	EXPECT(off, PLAN_NOTE_END, 0, v.believed_running = true, v.power = false);
	EXPECT(off, PLAN_NOTHING, 1010, v.retry_at = 1010);
	EXPECT(off, PLAN_START, 0, v.retry_at = 1000);
}

static void test_update(void **state)
{
	(void)state;
	EXPECT(off, PLAN_UPDATE, 0, v.wanted_differs = true);
	EXPECT(off, PLAN_START, 0, v.wanted_differs = true, v.wanted_ready = false);
	EXPECT(off, PLAN_NOTHING, NEVER, v.wanted_differs = true, v.wanted_ready = false,
	       v.has_disks = false);
	EXPECT(off, PLAN_UPDATE, 0, v.wanted_differs = true, v.has_disks = false);
	/* A workspace that nobody wants to run is not touched, and one that runs is not either. */
	EXPECT(off, PLAN_NOTHING, NEVER, v.wanted_differs = true, v.power = false);
	EXPECT(on, PLAN_NOTHING, NEVER, v.wanted_differs = true);
}

static void test_trial(void **state)
{
	(void)state;
	EXPECT(off, PLAN_START, 0, v.on_trial = true, v.starts = PLAN_STARTS_MAX - 1);
	EXPECT(off, PLAN_FALL_BACK, 0, v.on_trial = true, v.starts = PLAN_STARTS_MAX);
	EXPECT(off, PLAN_GIVE_UP, 0, v.starts = PLAN_STARTS_MAX);
	/* An update may mend what does not start. */
	EXPECT(off, PLAN_UPDATE, 0, v.starts = PLAN_STARTS_MAX, v.wanted_differs = true);
}

static void test_stop(void **state)
{
	(void)state;
	EXPECT(on, PLAN_SHUT_DOWN, 0, v.power = false);
	EXPECT(on, PLAN_SHUT_DOWN, 0, v.assigned = false);
	EXPECT(on, PLAN_SHUT_DOWN, 0, v.restarting = true);
	EXPECT(on, PLAN_NOTHING, 1000 + PLAN_SHUT_DOWN_SECONDS, v.power = false, v.stop_asked = 1000);
	EXPECT(on, PLAN_DESTROY, 0, v.power = false, v.stop_asked = 1000 - PLAN_SHUT_DOWN_SECONDS);
	EXPECT(on, PLAN_DESTROY, 0, v.wrong_disk = true);
}

static void test_health_by_agent(void **state)
{
	(void)state;
	struct plan_view booting = on;

	booting.healthy = false;
	booting.needs_agent = true;
	booting.deadline = 1100;
	EXPECT(booting, PLAN_NOTHING, 1100, );
	EXPECT(booting, PLAN_PING, 0, v.agent_open = true);
	EXPECT(booting, PLAN_NOTHING, 1002, v.agent_open = true, v.next_ping = 1002);
	EXPECT(booting, PLAN_UNHEALTHY, 0, v.now = 1100);
	EXPECT(booting, PLAN_FALL_BACK, 0, v.now = 1100, v.on_trial = true);
	EXPECT(booting, PLAN_NOTHING, NEVER, v.now = 1100, v.unhealthy_known = true);
	/* Late is better than never. */
	EXPECT(booting, PLAN_PING, 0, v.now = 1100, v.unhealthy_known = true, v.agent_open = true);
	EXPECT(booting, PLAN_PING, 0, v.now = 1100, v.on_trial = true, v.agent_open = true);
}

static void test_health_by_deadline(void **state)
{
	(void)state;
	struct plan_view booting = on;

	booting.healthy = false;
	booting.deadline = 1100;
	EXPECT(booting, PLAN_NOTHING, 1100, );
	EXPECT(booting, PLAN_HEALTHY, 0, v.now = 1100);
	EXPECT(booting, PLAN_HEALTHY, 0, v.now = 1100, v.on_trial = true);
	EXPECT(booting, PLAN_FALL_BACK, 0, v.now = 1100, v.on_trial = true, v.paused = true);
	EXPECT(booting, PLAN_UNHEALTHY, 0, v.now = 1100, v.paused = true);
	/* A guest that restarts again and again runs at its deadline, and is not healthy. */
	EXPECT(booting, PLAN_FALL_BACK, 0, v.on_trial = true, v.resets = PLAN_RESETS_MAX);
	EXPECT(booting, PLAN_NOTHING, 1100, v.resets = PLAN_RESETS_MAX);
	EXPECT(booting, PLAN_UNHEALTHY, 0, v.now = 1100, v.resets = PLAN_RESETS_MAX);
}

static void test_schedule(void **state)
{
	(void)state;
	struct plan_view v0 = on;

	v0.every_minutes = 10;
	v0.can_snapshot = true;
	EXPECT(v0, PLAN_NOTHING, 1000 + 600 - 100, v.snapshot_age = 100);
	EXPECT(v0, PLAN_SNAPSHOT, 0, v.snapshot_age = 600);
	EXPECT(v0, PLAN_SNAPSHOT, 0, v.snapshot_age = -1);
	EXPECT(v0, PLAN_NOTHING, NEVER, v.snapshot_age = 600, v.can_snapshot = false);
	EXPECT(v0, PLAN_SHUT_DOWN, 0, v.snapshot_age = 600, v.power = false);
}

static void test_settle_comes_first(void **state)
{
	(void)state;
	EXPECT(on, PLAN_SETTLE, 0, v.pending_snapshot = true, v.wrong_disk = true);
	EXPECT(off, PLAN_SETTLE, 0, v.pending_snapshot = true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_trial),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_health_by_agent),
		cmocka_unit_test(test_health_by_deadline),
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_settle_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
