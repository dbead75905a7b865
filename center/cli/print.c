/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "center/cli/ctl.h"
#include "common/cleanup.h"

#define COLUMNS_MAX 12
#define CELL 160

struct column {
	char heading[32], path[64];
	size_t width;
};

void print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* Characters, which UTF-8 begins with bytes other than 10xxxxxx. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static json_t *follow(json_t *value, const char *path)
{
	char step[64];

	while (*path && value) {
		size_t length = strcspn(path, ".");

		snprintf(step, sizeof(step), "%.*s", (int)length, path);
		value = json_object_get(value, step);
		path += length + (path[length] == '.');
	}
	return value;
}

static void cell_of(json_t *item, const char *path, char ret[CELL])
{
	json_t *value = follow(item, path);

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		snprintf(ret, CELL, "%s", json_string_value(value));
		break;
	case JSON_INTEGER:
		snprintf(ret, CELL, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_TRUE:
		snprintf(ret, CELL, "yes");
		break;
	case JSON_FALSE:
		snprintf(ret, CELL, "no");
		break;
	case JSON_ARRAY:
		snprintf(ret, CELL, "%zu", json_array_size(value));
		break;
	default:
		snprintf(ret, CELL, "-");
	}
}

static size_t parse_columns(const char *text, struct column *columns)
{
	size_t n = 0;
	int used;

	while (n < COLUMNS_MAX &&
	       sscanf(text, " %31[^=]=%63s%n", columns[n].heading, columns[n].path, &used) == 2) {
		for (char *c = columns[n].heading; *c; c++)
			if (*c == '_')
				*c = ' ';
		columns[n].width = width_of(columns[n].heading);
		text += used;
		n++;
	}
	return n;
}

static void print_cell(const char *text, const struct column *column, bool last)
{
	printf("%s", text);
	for (size_t i = width_of(text); !last && i < column->width + 2; i++)
		putchar(' ');
	if (last)
		putchar('\n');
}

void print_table(const struct ctl *ctl, json_t *items, const char *text)
{
	struct column columns[COLUMNS_MAX];
	size_t n = parse_columns(text, columns), row;
	char cell[CELL];
	json_t *item;

	if (ctl->json) {
		print_json(items);
		return;
	}
	json_array_foreach(items, row, item) for (size_t i = 0; i < n; i++)
	{
		cell_of(item, columns[i].path, cell);
		if (width_of(cell) > columns[i].width)
			columns[i].width = width_of(cell);
	}
	for (size_t i = 0; i < n; i++)
		print_cell(columns[i].heading, &columns[i], i == n - 1);
	json_array_foreach(items, row, item) for (size_t i = 0; i < n; i++)
	{
		cell_of(item, columns[i].path, cell);
		print_cell(cell, &columns[i], i == n - 1);
	}
}

void print_object(const struct ctl *ctl, json_t *object, const char *text)
{
	struct column lines[COLUMNS_MAX];
	size_t n = parse_columns(text, lines), width = 0;
	char cell[CELL];

	if (ctl->json) {
		print_json(object);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (lines[i].width > width)
			width = lines[i].width;
	for (size_t i = 0; i < n; i++) {
		lines[i].width = width;
		cell_of(object, lines[i].path, cell);
		print_cell(lines[i].heading, &lines[i], false);
		printf("%s\n", cell);
	}
}
