/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signing in: once with a password, from then on with an API token that lies in our file. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>

#include "center/cli/ctl.h"
#include "common/cleanup.h"
#include "common/file.h"

#define TOKEN_LASTS (90 * 24 * 3600)

static void wipe_free(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}
NXT_DEFINE_CLEANUP(char *, wipe_free)

void time_from_now(int64_t seconds, char ret[NXT_TIME_SIZE])
{
	nxt_time_format(time(NULL) + seconds, ret);
}

static int type_secret(const char *prompt, char **ret, struct nxt_error *error)
{
	struct termios shown, hidden;
	size_t room = 0;
	ssize_t length;

	if (tcgetattr(STDIN_FILENO, &shown) < 0)
		return nxt_fail(error, -ENOTTY, "nobody is here to type a password: use --password-file");
	hidden = shown;
	hidden.c_lflag &= ~ECHO;
	fprintf(stderr, "%s: ", prompt);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	length = getline(ret, &room, stdin);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fputc('\n', stderr);
	if (length < 0)
		return nxt_fail(error, -EIO, "no password was typed");
	(*ret)[strcspn(*ret, "\n")] = 0;
	return 0;
}

int read_password(struct ctl *ctl, const char *prompt, bool new, char **ret, struct nxt_error *error)
{
	_cleanup_(wipe_freep) char *first = NULL, *second = NULL;
	const char *file = option(ctl, "password-file");
	size_t size;
	int r;

	if (file) {
		r = nxt_file_read(AT_FDCWD, file, 4096, &first, &size);
		if (r < 0)
			return nxt_fail(error, r, "%s cannot be read: %s", file, strerror(-r));
		first[strcspn(first, "\n")] = 0;
	} else {
		r = type_secret(prompt, &first, error);
		if (!r && new)
			r = type_secret("Once more", &second, error);
		if (r < 0)
			return r;
		if (second && strcmp(first, second))
			return nxt_fail(error, -EINVAL, "the two are not the same");
	}
	*ret = TAKE_PTR(first);
	return 0;
}

/* Whom to trust: a CA certificate out of a file, or one that the server shows and a person confirms. */
static int find_ca(struct ctl *ctl, struct nxt_error *error)
{
	const char *file = option(ctl, "ca"), *expected = option(ctl, "fingerprint");
	char fingerprint[65], line[8];
	size_t size;
	int r;

	if (file) {
		r = nxt_file_read(AT_FDCWD, file, 65536, &ctl->place.ca, &size);
		return r < 0 ? nxt_fail(error, r, "%s cannot be read: %s", file, strerror(-r)) : 0;
	}
	r = ctl_fetch_trust(ctl->place.url, &ctl->place.ca, fingerprint, error);
	if (r < 0)
		return r;
	if (expected)
		return strcasecmp(expected, fingerprint)
			       ? nxt_fail(error, -EKEYREJECTED,
					  "the server's CA has another fingerprint, %s: it is not who you "
					  "think, or was set up anew",
					  fingerprint)
			       : 0;
	fprintf(stderr,
		"The server's CA certificate has the SHA-256 fingerprint\n  %s\n"
		"On the server: openssl x509 -in DIR/ca.crt -noout -fingerprint -sha256\n"
		"Is it the same? (yes/no) ",
		fingerprint);
	if (!fgets(line, sizeof(line), stdin) || strcmp(line, "yes\n"))
		return nxt_fail(error, -EKEYREJECTED, "not confirmed; in scripts use --ca or --fingerprint");
	return 0;
}

static int make_token(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = NULL, *made = NULL;
	char expires[NXT_TIME_SIZE], host[64] = "", title[100];
	struct call call = {.method = "POST", .path = "/api/v1/tokens"};
	const char *secret, *id;
	int r;

	gethostname(host, sizeof(host) - 1);
	snprintf(title, sizeof(title), "nxtopctl on %s", *host ? host : "some machine");
	time_from_now(TOKEN_LASTS, expires);
	body = json_pack("{s:s, s:s}", "title", title, "expires", expires);
	call.body = body;
	r = ctl_call(ctl, &call, &made, error);
	if (r < 0)
		return r;
	secret = json_string_value(json_object_get(made, "secret"));
	id = json_string_value(json_object_get(made, "id"));
	ctl->place.token = secret ? strdup(secret) : NULL;
	ctl->place.token_id = id ? strdup(id) : NULL;
	return ctl->place.token && ctl->place.token_id ? 0 : -ENOMEM;
}

static int sign_in(struct ctl *ctl, const char *path, json_t *body, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *session = NULL;
	struct call begin = {.method = "POST", .path = path, .body = body};
	struct call end = {.method = "DELETE", .path = "/api/v1/session"};
	_cleanup_free_ char *token = NULL;
	const char *csrf;
	int r;

	r = ctl_call(ctl, &begin, &session, error);
	if (r < 0)
		return r;
	csrf = json_string_value(json_object_get(session, "csrf"));
	ctl->csrf = csrf ? strdup(csrf) : NULL;
	r = make_token(ctl, error);
	if (r < 0)
		return r;
	/* The session has done its work. */
	token = TAKE_PTR(ctl->place.token);
	r = ctl_call(ctl, &end, NULL, error);
	ctl->place.token = TAKE_PTR(token);
	if (!r)
		r = place_save(&ctl->place, error);
	if (!r && !ctl->json)
		printf("Signed in at %s as %s, for 90 days.\n", ctl->place.url,
		       json_string_value(json_object_get(session, "administrator")));
	return r;
}

static int find_server(struct ctl *ctl, struct nxt_error *error)
{
	const char *url = ctl->arguments[0];
	size_t length = strlen(url);

	if (strncmp(url, "https://", 8))
		return nxt_fail(error, -EINVAL, "%s is no address such as https://center.example:8443", url);
	while (length && url[length - 1] == '/')
		length--;
	place_done(&ctl->place);
	ctl->place = (struct place){.url = strndup(url, length)};
	return ctl->place.url ? find_ca(ctl, error) : -ENOMEM;
}

int ctl_setup(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = NULL;
	_cleanup_(wipe_freep) char *password = NULL;
	const char *name, *code;
	int r;

	r = option_needed(ctl, "name", &name, error);
	if (!r)
		r = option_needed(ctl, "code", &code, error);
	if (!r)
		r = find_server(ctl, error);
	if (!r)
		r = read_password(ctl, "New password", true, &password, error);
	if (r < 0)
		return r;
	body = json_pack("{s:s, s:s, s:s}", "code", code, "name", name, "password", password);
	return sign_in(ctl, "/api/v1/setup", body, error);
}

int ctl_login(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = NULL;
	_cleanup_(wipe_freep) char *password = NULL;
	const char *name;
	int r;

	r = option_needed(ctl, "name", &name, error);
	if (!r)
		r = find_server(ctl, error);
	if (!r)
		r = read_password(ctl, "Password", false, &password, error);
	if (r < 0)
		return r;
	body = json_pack("{s:s, s:s}", "name", name, "password", password);
	return sign_in(ctl, "/api/v1/session", body, error);
}

/* The file goes in any case: a server that cannot be reached ends the token in time. */
int ctl_logout(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_free_ char *path = NULL;
	struct call call = {.method = "DELETE"};
	int r, forgotten;

	if (asprintf(&path, "/api/v1/tokens/%s", ctl->place.token_id) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	call.path = path;
	r = ctl_call(ctl, &call, NULL, error);
	forgotten = place_forget(r < 0 ? NULL : error);
	return r < 0 ? r : forgotten;
}

int ctl_password(struct ctl *ctl, struct nxt_error *error)
{
	_cleanup_(nxt_json_unrefp) json_t *body = NULL;
	_cleanup_(wipe_freep) char *old = NULL, *new = NULL;
	struct call call = {.method = "PUT", .path = "/api/v1/password"};
	int r;

	r = type_secret("Old password", &old, error);
	if (!r)
		r = read_password(ctl, "New password", true, &new, error);
	if (r < 0)
		return r;
	body = json_pack("{s:s, s:s}", "old", old, "new", new);
	call.body = body;
	return ctl_call(ctl, &call, NULL, error);
}
