/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images, policies, and the certificate of Center's key. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "center/cli/ctl.h"
#include "common/block.h"
#include "common/cleanup.h"
#include "common/envelope.h"
#include "common/file.h"

#define ENVELOPE_TYPE "application/vnd.nxtop.envelope+json"
#define INDEX_MAX (513UL * 1024 * 1024)

int ctl_image_list(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *list = NULL;
	int r = ctl_list(ctl, "/api/v1/images", 0, &list, error);

	if (!r)
		print_table(ctl, list,
			    "IMAGE=image DEPLOYED=deployed NEWEST=newest VERSIONS=versions TITLE=title");
	return r;
}

#define VERSION_COLUMNS                                                                                      \
	"VERSION=version STATE=state ASSIGNED=assigned RUNNING=running FILLED=filled UPLOADED=uploaded "     \
	"TITLE=title"

int ctl_image_versions(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *list = NULL;
	char path[128];
	int r;

	snprintf(path, sizeof(path), "/api/v1/images/%.63s/versions", ctl->arguments[0]);
	r = ctl_list(ctl, path, 0, &list, error);
	if (!r)
		print_table(ctl, list, VERSION_COLUMNS);
	return r;
}

/* Sends a whole file. */
static int send_file(struct ctl *ctl, const char *method, const char *path, const char *type,
		     const char *file, size_t limit, json_t **ret, struct nxt_error *error)
{
	struct call call = {.method = method, .path = path, .type = type};
	_cleanup_free_ char *data = NULL;
	int r = nxt_file_read(AT_FDCWD, file, limit, &data, &call.size);

	if (r < 0)
		return nxt_fail(error, r, "%s cannot be read: %s", file, strerror(-r));
	call.bytes = data;
	return ctl_call(ctl, &call, ret, error);
}

static int send_block(struct ctl *ctl, const char *folder, const char *name, struct nxt_error *error)
{
	_cleanup_free_ char *file = NULL;
	char path[100];

	if (asprintf(&file, "%s/blocks/%.2s/%s", folder, name, name) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	snprintf(path, sizeof(path), "/api/v1/blocks/%s", name);
	return send_file(ctl, "PUT", path, "application/zstd", file, NXT_BLOCK_PACKED_MAX, NULL, error);
}

/* Only what Center does not have; what was cut goes on from there. */
static int send_blocks(struct ctl *ctl, const char *version_path, const char *folder, struct nxt_error *error)
{
	bool shows = !ctl->json && isatty(STDERR_FILENO);
	size_t sent = 0;

	for (;;) {
		_cleanup_(nxt_json_unrefp) json_t *answer = NULL;
		json_t *name;
		size_t i;
		int r = ctl_get(ctl, &answer, error, "%s/missing?limit=10000", version_path);

		if (r < 0)
			return r;
		if (!json_array_size(json_object_get(answer, "blocks")))
			break;
		json_array_foreach(json_object_get(answer, "blocks"), i, name)
		{
			if (!json_is_string(name) || !nxt_sha256_valid(json_string_value(name)))
				return nxt_fail(error, -EBADMSG, "Center asked for a block without a name");
			r = send_block(ctl, folder, json_string_value(name), error);
			if (r < 0)
				return r;
			sent++;
			if (shows && sent % 20 == 0)
				fprintf(stderr, "\r%zu of %lld blocks", sent,
					(long long)json_integer_value(json_object_get(answer, "missing")));
		}
	}
	if (shows && sent)
		fputc('\n', stderr);
	if (!ctl->json)
		printf("%zu blocks sent; the others were there.\n", sent);
	return 0;
}

static int upload(struct ctl *ctl, const char *folder, const char *version, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *draft = NULL, *done = NULL;
	_cleanup_free_ char *manifest = NULL, *index = NULL;
	char path[160], step[200];
	struct call complete = {.method = "POST", .path = step};
	const char *name;
	int r;

	if (asprintf(&manifest, "%s/%s.json", folder, version) < 0) {
		manifest = NULL;
		return -ENOMEM;
	}
	r = send_file(ctl, "POST", "/api/v1/images", ENVELOPE_TYPE, manifest, NXT_ENVELOPE_MAX, &draft,
		      error);
	if (r < 0)
		return r;
	name = json_string_value(json_object_get(draft, "index"));
	if (!name || !nxt_sha256_valid(name) || asprintf(&index, "%s/indexes/%s", folder, name) < 0) {
		index = NULL;
		return nxt_fail(error, -EBADMSG, "Center's answer names no index");
	}
	snprintf(path, sizeof(path), "/api/v1/images/%.63s/versions/%lld",
		 json_string_value(json_object_get(draft, "image")),
		 (long long)json_integer_value(json_object_get(draft, "version")));
	snprintf(step, sizeof(step), "%s/index", path);
	r = send_file(ctl, "PUT", step, "application/zstd", index, INDEX_MAX, NULL, error);
	if (!r)
		r = send_blocks(ctl, path, folder, error);
	snprintf(step, sizeof(step), "%s/complete", path);
	if (!r)
		r = ctl_call(ctl, &complete, &done, error);
	if (!r)
		print_object(ctl, done,
			     "image=image version=version state=state title=title manifest=manifest");
	return r;
}

int ctl_image_upload(struct ctl *ctl, struct nxt_error *error)
{
	return upload(ctl, ctl->arguments[0], ctl->arguments[1], error);
}

int ctl_image_deploy(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = json_object(), *pcs = json_array(), *answer = NULL;
	char id[NXT_ID_SIZE], path[160];
	struct call call = {.method = "POST", .path = path, .body = body};
	int r;

	for (size_t i = 0; option_at(ctl, "pc", i); i++) {
		r = find_pc(ctl, option_at(ctl, "pc", i), id, error);
		if (r < 0)
			return r;
		json_array_append_new(pcs, json_string(id));
	}
	if (json_array_size(pcs))
		json_object_set(body, "pcs", pcs);
	snprintf(path, sizeof(path), "/api/v1/images/%.63s/versions/%.20s/deploy", ctl->arguments[0],
		 ctl->arguments[1]);
	r = ctl_call(ctl, &call, &answer, error);
	if (!r)
		print_object(ctl, answer,
			     "image=version.image version=version.version state=version.state "
			     "PCs_newly_assigned=assigned");
	return r;
}

int ctl_image_remove(struct ctl *ctl, struct nxt_error *error)
{
	char path[160];
	struct call call = {.method = "DELETE", .path = path};

	snprintf(path, sizeof(path), "/api/v1/images/%.63s/versions/%.20s", ctl->arguments[0],
		 ctl->arguments[1]);
	return ctl_call(ctl, &call, NULL, error);
}

int ctl_policy_list(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *list = NULL;
	int r = ctl_list(ctl, "/api/v1/policies", 0, &list, error);

	if (!r)
		print_table(ctl, list,
			    "POLICY=policy GENERATION=generation KIND=kind VCPUS=vcpus MEMORY_MIB=memory_mib "
			    "NETWORK=network ASSIGNED=assigned TITLE=title");
	return r;
}

int ctl_policy_add(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *policy = NULL;
	int r = send_file(ctl, "POST", "/api/v1/policies", ENVELOPE_TYPE, ctl->arguments[0], NXT_ENVELOPE_MAX,
			  &policy, error);

	if (!r)
		print_object(ctl, policy, "policy=policy generation=generation title=title kind=kind");
	return r;
}

#define OPERATIONS_LINES "state=state from=certificate.not_before until=certificate.not_after key_id=key_id"

int ctl_operations_show(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *operations = NULL;
	const char *file = option(ctl, "key-out"), *key;
	int r = ctl_get(ctl, &operations, error, "/api/v1/operations");

	if (r < 0)
		return r;
	key = json_string_value(json_object_get(operations, "key"));
	if (file && key) {
		r = nxt_file_write(AT_FDCWD, file, key, strlen(key), 0644, NXT_WRITE_DURABLE);
		if (r < 0)
			return nxt_fail(error, r, "%s cannot be written: %s", file, strerror(-r));
	}
	print_object(ctl, operations, OPERATIONS_LINES);
	return 0;
}

int ctl_operations_certify(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *operations = NULL;
	int r = send_file(ctl, "PUT", "/api/v1/operations", ENVELOPE_TYPE, ctl->arguments[0],
			  NXT_ENVELOPE_MAX, &operations, error);

	if (!r)
		print_object(ctl, operations, OPERATIONS_LINES);
	return r;
}
