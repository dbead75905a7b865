/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "center/release/pack.h"
#include "center/release/release.h"
#include "common/document.h"
#include "common/envelope.h"
#include "common/file.h"

static const char help[] =
	"usage: nxtop-release seal OPTION... DISK\n"
	"\n"
	"Makes an image version out of DISK: cuts it into blocks, and signs a manifest of them. DISK is raw, "
	"qcow2, or any\n"
	"other format that QEMU reads; its virtual machine must be shut down. DIR gets VERSION.json, "
	"indexes/ and blocks/;\n"
	"blocks that it has from other versions are used again. What was interrupted goes on when it is "
	"started again.\n"
	"\n"
	"  --image NAME            the image: lower-case letters, digits, hyphens\n"
	"  --version N             whole number, higher than that of each version before\n"
	"  --title TITLE           for people: what this version is\n"
	"  --firmware bios|uefi    what DISK boots from\n"
	"  --memory-mib M          the least memory that the image needs\n"
	"  --key FILE              the release key\n"
	"  --passphrase-file FILE  take the key's passphrase from FILE's first line instead of asking for "
	"it\n"
	"  -o, --output DIR        a directory for this image; made if it is not there\n"
	"  --format FORMAT         QEMU's word for DISK's format, if it is neither raw nor qcow2\n";

struct seal_options {
	const char *image, *version, *title, *firmware, *memory_mib, *key, *passphrase_file, *output, *format,
		*disk;
	bool help;
};

static int parse_options(int argc, char **argv, struct seal_options *ret, struct nxt_error *error)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"image", required_argument, NULL, 'i'},
		{"version", required_argument, NULL, 'v'},
		{"title", required_argument, NULL, 't'},
		{"firmware", required_argument, NULL, 'f'},
		{"memory-mib", required_argument, NULL, 'm'},
		{"key", required_argument, NULL, 'k'},
		{"passphrase-file", required_argument, NULL, 'p'},
		{"output", required_argument, NULL, 'o'},
		{"format", required_argument, NULL, 'F'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			ret->help = true;
			return 0;
		case 'i':
			ret->image = optarg;
			break;
		case 'v':
			ret->version = optarg;
			break;
		case 't':
			ret->title = optarg;
			break;
		case 'f':
			ret->firmware = optarg;
			break;
		case 'm':
			ret->memory_mib = optarg;
			break;
		case 'k':
			ret->key = optarg;
			break;
		case 'p':
			ret->passphrase_file = optarg;
			break;
		case 'o':
			ret->output = optarg;
			break;
		case 'F':
			ret->format = optarg;
			break;
		default:
			return nxt_fail(error, -EINVAL, "seal does not know that option");
		}
	}
	if (optind + 1 != argc)
		return nxt_fail(error, -EINVAL, "seal takes one DISK");
	ret->disk = argv[optind];
	return 0;
}

/* What the manifest says apart from the disk. Wrong values are told now, not after the long work. */
static int describe(const struct seal_options *options, struct nxt_document *ret, struct nxt_error *error)
{
	const struct {
		const char *name, *value;
	} needed[] = {
		{"--image", options->image},	       {"--version", options->version},
		{"--title", options->title},	       {"--firmware", options->firmware},
		{"--memory-mib", options->memory_mib}, {"--key", options->key},
		{"--output", options->output},
	};
	struct nxt_document document = {.type = NXT_IMAGE};
	struct nxt_image *image = &document.image;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		r = demand(needed[i].name, needed[i].value, error);
		if (r < 0)
			return r;
	}
	if (!nxt_name_valid(options->image))
		return nxt_fail(error, -EINVAL,
				"--image %s is no name: 1 to 63 lower-case letters, digits, inner hyphens",
				options->image);
	if (!nxt_title_valid(options->title))
		return nxt_fail(error, -EINVAL,
				"--title is not 1 to 100 characters without control characters");
	strcpy(image->image, options->image);
	strcpy(image->title, options->title);
	r = read_number("--version", options->version, 1, NXT_NUMBER_MAX, &image->version, error);
	if (r < 0)
		return r;
	r = read_number("--memory-mib", options->memory_mib, 16, 1024 * 1024, &image->memory_mib, error);
	if (r < 0)
		return r;
	if (strcmp(options->firmware, "uefi") == 0)
		image->firmware = NXT_FIRMWARE_UEFI;
	else if (strcmp(options->firmware, "bios") != 0)
		return nxt_fail(error, -EINVAL, "--firmware is neither bios nor uefi");
	*ret = document;
	return 0;
}

/* A version is never changed: PCs and Center know it by its name and number. */
static int check_new(struct store *store, uint64_t version, struct nxt_error *error)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "%" PRIu64 ".json", version);
	if (fstatat(store->dir, path, &st, 0) >= 0)
		return nxt_fail(error, -EEXIST,
				"version %" PRIu64 " is there already and is not changed: take a higher one",
				version);
	return 0;
}

static int write_index(struct store *store, const struct nxt_index *index, char ret_name[NXT_SHA256_HEX],
		       struct nxt_error *error)
{
	_cleanup_free_ void *packed = NULL;
	char path[sizeof("indexes/") + NXT_SHA256_HEX];
	size_t size;
	int r;

	r = nxt_index_pack(index, &packed, &size, ret_name);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "indexes/%s", ret_name);
	r = nxt_file_write(store->dir, path, packed, size, 0644, NXT_WRITE_DURABLE);
	return r < 0 ? fail_file(error, r, "cannot write", path) : 0;
}

static int write_manifest(struct store *store, struct nxt_document *document,
			  const struct nxt_private_key *key, char ret_name[NXT_SHA256_HEX],
			  struct nxt_error *error)
{
	_cleanup_free_ char *envelope = NULL;
	char path[32];
	size_t size;
	int r;

	document->image.created = time(NULL);
	r = nxt_document_seal(document, key, &envelope, &size, error);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%" PRIu64 ".json", document->image.version);
	r = nxt_file_write(store->dir, path, envelope, size, 0644, NXT_WRITE_NEW);
	if (r < 0)
		return fail_file(error, r, "cannot write", path);
	nxt_sha256_hex(envelope, size, ret_name);
	return 0;
}

static int seal(const struct seal_options *options, struct nxt_document *document,
		const struct nxt_private_key *key, struct nxt_error *error)
{
	_cleanup_(source_closep) struct source *source = NULL;
	_cleanup_(store_closep) struct store *store = NULL;
	_cleanup_(nxt_index_freep) struct nxt_index *index = NULL;
	struct nxt_disk *disk = &document->image.disks[0];
	char name[NXT_SHA256_HEX];
	struct pack_result packed;
	int r;

	r = source_open(options->disk, options->format, &source, error);
	if (r < 0)
		return r;
	r = nxt_index_new(source_size(source), &index);
	if (r == -EINVAL)
		return nxt_fail(error, -EFBIG,
				"the disk has %" PRIu64
				" bytes, which is 0, no multiple of 512, or more than 4 TiB",
				source_size(source));
	if (r < 0)
		return r;
	r = store_open(options->output, &store, error);
	if (r < 0)
		return r;
	r = check_new(store, document->image.version, error);
	if (r < 0)
		return r;

	r = pack_disk(source, store, index, &packed, error);
	if (r < 0)
		return r;
	/* Each step is durable before the next one refers to it. */
	r = nxt_sync(store->dir, ".");
	if (r < 0)
		return fail_file(error, r, "cannot flush", options->output);
	document->image.n_disks = 1;
	*disk = (struct nxt_disk){.role = NXT_DISK_SYSTEM, .size = index->disk_size, .block = NXT_BLOCK_SIZE};
	disk->filled = nxt_index_filled(index);
	r = write_index(store, index, disk->index, error);
	if (r < 0)
		return r;
	r = write_manifest(store, document, key, name, error);
	if (r < 0)
		return r;

	printf("%s version %" PRIu64 ": %" PRIu64 " MiB, %" PRIu64 " MiB of them filled; %" PRIu64
	       " new blocks, %.1f MB compressed.\n"
	       "Its manifest is %s/%" PRIu64 ".json, named %s.\n",
	       document->image.image, document->image.version, disk->size >> 20, disk->filled >> 20,
	       packed.stored_blocks, (double)packed.stored_bytes / 1e6, options->output,
	       document->image.version, name);
	return 0;
}

int verb_seal(int argc, char **argv, struct nxt_error *error)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = NULL;
	struct seal_options options = {.help = false};
	struct nxt_document document;
	int r;

	r = parse_options(argc, argv, &options, error);
	if (r < 0)
		return r;
	if (options.help)
		return fputs(help, stdout) < 0 ? -EIO : 0;
	r = describe(&options, &document, error);
	if (r < 0)
		return r;
	r = load_private_key(options.key, options.passphrase_file, &key, error);
	if (r < 0)
		return r;
	return seal(&options, &document, key, error);
}
