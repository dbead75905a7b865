/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/nxtop_print.h"

#include <stdio.h>

static const char *text(json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static double number(json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static void print_size(double bytes)
{
	if (bytes >= 1e9)
		printf("%.1f GB", bytes / 1e9);
	else
		printf("%.1f MB", bytes / 1e6);
}

static void print_workspace(json_t *w)
{
	json_t *snapshots = json_object_get(w, "snapshots"), *snapshot;
	const char *health = text(w, "health");
	size_t i;

	printf("\n%s\n  id        %s\n  state     %s", text(w, "title"), text(w, "workspace"),
	       text(w, "state"));
	if (health[0] && health[0] != 'u')
		printf(", %s", health);
	else if (health[0] == 'u' && health[2] == 'h')
		printf(", unhealthy");
	if (text(w, "message")[0])
		printf(": %s", text(w, "message"));
	if (number(w, "version") > 0)
		printf("\n  version   %.0f of %s", number(w, "version"), text(w, "image"));
	if (json_object_get(w, "fetching")) {
		printf("\n  fetching  ");
		print_size(number(w, "fetched"));
		printf(" of ");
		print_size(number(w, "fetching"));
	}
	if (json_object_get(w, "overlay")) {
		printf("\n  changes   ");
		print_size(number(w, "overlay"));
	}
	putchar('\n');
	json_array_foreach(snapshots, i, snapshot)
	{
		printf("  snapshot  %-32s %s  version %.0f  %s\n", text(snapshot, "name"),
		       text(snapshot, "created"), number(snapshot, "version"), text(snapshot, "why"));
	}
}

void print_status(json_t *answer)
{
	json_t *center = json_object_get(answer, "center"), *fetch = json_object_get(answer, "fetch"),
	       *workspace;
	json_t *space = json_object_get(answer, "space");
	size_t i;

	if (!json_is_true(json_object_get(answer, "enrolled")))
		puts("This PC is not enrolled: nxtop enrol TEXT, with the text that your administrator gives "
		     "you");
	else if (json_is_true(json_object_get(center, "connected")))
		printf("PC %s, in contact with Center at %s\n", text(answer, "pc"), text(center, "host"));
	else
		printf("PC %s, without contact to Center at %s: %s\n", text(answer, "pc"),
		       text(center, "host"), text(center, "trouble"));
	printf("workspaces run on %s\n", text(json_object_get(answer, "versions"), "engine"));
	printf("disk: ");
	print_size(number(space, "free"));
	printf(" free of ");
	print_size(number(space, "total"));
	putchar('\n');
	if (text(fetch, "image")[0]) {
		printf("fetching version %.0f of %s: ", number(fetch, "version"), text(fetch, "image"));
		print_size(number(fetch, "done"));
		printf(" of ");
		print_size(number(fetch, "total"));
		printf(", ");
		print_size(number(fetch, "bytes_per_second"));
		puts("/s");
	}
	if (text(fetch, "trouble")[0])
		printf("cannot fetch: %s\n", text(fetch, "trouble"));
	json_array_foreach(json_object_get(answer, "workspaces"), i, workspace)
	{
		print_workspace(workspace);
	}
}

void print_log(json_t *answer)
{
	json_t *event;
	size_t i;

	json_array_foreach(json_object_get(answer, "events"), i, event)
	{
		printf("%s  %-8s %s\n", text(event, "time"), text(event, "severity"), text(event, "message"));
	}
}
