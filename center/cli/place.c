/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "center/cli/ctl.h"
#include "common/cleanup.h"
#include "common/file.h"

static int path_of(char **ret, struct nxt_error *error)
{
	const char *given = getenv("NXTOPCTL_CONFIG"), *config = getenv("XDG_CONFIG_HOME"),
		   *home = getenv("HOME");
	_cleanup_free_ char *folder = NULL;

	if (given && *given)
		return (*ret = strdup(given)) ? 0 : -ENOMEM;
	if (config && *config ? asprintf(&folder, "%s", config) < 0
			      : asprintf(&folder, "%s/.config", home ? home : ".") < 0)
		return -ENOMEM;
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return nxt_fail(error, -errno, "%s cannot be made: %s", folder, strerror(errno));
	return asprintf(ret, "%s/nxtopctl.json", folder) < 0 ? -ENOMEM : 0;
}

int place_load(struct place *place, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *json = NULL;
	_cleanup_free_ char *path = NULL, *text = NULL;
	const char *url, *ca, *token, *token_id;
	size_t size;
	int r;

	r = path_of(&path, error);
	if (r < 0)
		return r;
	r = nxt_file_read(AT_FDCWD, path, 65536, &text, &size);
	if (r == -ENOENT)
		return nxt_fail(error, r,
				"you are not signed in: nxtopctl login https://HOST:8443 --name NAME");
	if (r < 0)
		return nxt_fail(error, r, "%s cannot be read: %s", path, strerror(-r));
	json = json_loadb(text, size, 0, NULL);
	if (!json || json_unpack(json, "{s:s, s:s, s:s, s:s}", "url", &url, "ca", &ca, "token", &token,
				 "token_id", &token_id) < 0)
		return nxt_fail(error, -EBADMSG, "%s is damaged: remove it and sign in again", path);
	place->url = strdup(url);
	place->ca = strdup(ca);
	place->token = strdup(token);
	place->token_id = strdup(token_id);
	return place->url && place->ca && place->token && place->token_id ? 0 : -ENOMEM;
}

int place_save(const struct place *place, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *json =
		json_pack("{s:s, s:s, s:s, s:s}", "url", place->url, "ca", place->ca, "token", place->token,
			  "token_id", place->token_id);
	_cleanup_free_ char *path = NULL, *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	int r = path_of(&path, error);

	if (r < 0)
		return r;
	if (!text)
		return -ENOMEM;
	r = nxt_file_write(AT_FDCWD, path, text, strlen(text), 0600, NXT_WRITE_DURABLE);
	return r < 0 ? nxt_fail(error, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}

int place_forget(struct nxt_error *error)
{
	_cleanup_free_ char *path = NULL;
	int r = path_of(&path, error);

	if (r < 0)
		return r;
	return unlink(path) < 0 && errno != ENOENT
		       ? nxt_fail(error, -errno, "%s cannot be removed: %s", path, strerror(errno))
		       : 0;
}

void place_done(struct place *place)
{
	free(place->url);
	free(place->ca);
	free(place->token);
	free(place->token_id);
}
