/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/http/console.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "center/core/center.h"
#include "common/cleanup.h"

/* Scripts and styles from here only, and nothing inline: what a PC is called cannot become code. */
#define CONTENT_SECURITY                                                                                     \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "   \
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors "     \
	"'none'"

static const struct {
	const char *ending, *type;
} types[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".ico", "image/x-icon"},
	{".woff2", "font/woff2"},
	{".json", "application/json"},
	{".webmanifest", "application/manifest+json"},
	{".txt", "text/plain; charset=utf-8"},
};

static bool begins(const char *url, const char *with)
{
	return !strncmp(url, with, strlen(with));
}

bool console_wants(struct center *center, const char *method, const char *url)
{
	return center->console >= 0 && (!strcmp(method, "GET") || !strcmp(method, "HEAD")) &&
	       !begins(url, "/api/") && !begins(url, "/pc/") && !begins(url, "/enrol/");
}

/* Nothing outside of the folder, whatever links or dots the path has. */
static int open_beneath(int folder, const char *path, size_t *ret_size)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	_cleanup_close_ int fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
	struct stat info;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &info) < 0)
		return -errno;
	if (!S_ISREG(info.st_mode) || info.st_size > CONSOLE_FILE_MAX)
		return -EISDIR;
	*ret_size = info.st_size;
	return TAKE_FD(fd);
}

static const char *type_of(const char *path)
{
	const char *ending = strrchr(path, '.');

	for (size_t i = 0; ending && i < ARRAY_SIZE(types); i++)
		if (!strcmp(ending, types[i].ending))
			return types[i].type;
	return "application/octet-stream";
}

static void add_headers(struct MHD_Response *response, const char *type, bool lasting)
{
	static const char *const headers[][2] = {
		{"Content-Security-Policy", CONTENT_SECURITY},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		MHD_add_response_header(response, headers[i][0], headers[i][1]);
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control",
				lasting ? "public, max-age=31536000, immutable" : "no-cache");
}

static enum MHD_Result reply_missing(struct MHD_Connection *mhd)
{
	static char text[] = "Not found\n";
	struct MHD_Response *response =
		MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	add_headers(response, "text/plain; charset=utf-8", false);
	result = MHD_queue_response(mhd, 404, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result console_serve(struct center *center, struct MHD_Connection *mhd, const char *url)
{
	/* What the build names by its content never changes. */
	bool lasting = begins(url, "/assets/");
	const char *path = url + strspn(url, "/");
	struct MHD_Response *response;
	enum MHD_Result result;
	size_t size = 0;
	int fd;

	/* Addresses of screens have no file: the page finds out itself which screen it is. */
	if (!*path || (!lasting && !strchr(path, '.')))
		path = "index.html";
	fd = open_beneath(center->console, path, &size);
	if (fd < 0)
		return reply_missing(mhd);
	response = MHD_create_response_from_fd(size, fd);
	if (!response) {
		close(fd);
		return MHD_NO;
	}
	add_headers(response, type_of(path), lasting);
	result = MHD_queue_response(mhd, 200, response);
	MHD_destroy_response(response);
	return result;
}
