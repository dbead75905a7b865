/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "common/names.h"

/*
 * nxtopctl: every command is a few requests of abi/center.yaml and a way to print the answer. Functions
 * return 0 or a negative errno; the error holds what the person is told, and main() prints it.
 */
#define ARGUMENTS_MAX 8
#define LIST_MAX 64

/* Where Center is and who we are: kept in a file that only its owner can read. */
struct place {
	char *url;   /* https://host:port */
	char *ca;    /* PEM of Center's CA */
	char *token; /* an API token */
	char *token_id;
};

struct ctl {
	struct place place;
	CURL *curl;
	bool json;	     /* print answers as they are */
	char *cookie, *csrf; /* of a session, while signing in */

	/* The command line: what stands alone, and options by name. */
	const char *arguments[ARGUMENTS_MAX];
	size_t n_arguments;
	struct {
		const char *name, *value;
	} options[LIST_MAX];
	size_t n_options;
};

/* NULL: not given. With index, of one that may be repeated. */
const char *option(const struct ctl *ctl, const char *name);
const char *option_at(const struct ctl *ctl, const char *name, size_t index);
/* -EINVAL: it is missing, or no whole number from 1 to max. */
int option_needed(const struct ctl *ctl, const char *name, const char **ret, struct nxt_error *error);
int option_number(const struct ctl *ctl, const char *name, int64_t otherwise, int64_t max, int64_t *ret,
		  struct nxt_error *error);

/* --------------------------------------------------------------------------------------------- place.c */
int place_load(struct place *place, struct nxt_error *error);
int place_save(const struct place *place, struct nxt_error *error);
int place_forget(struct nxt_error *error);
void place_done(struct place *place);

/* ---------------------------------------------------------------------------------------------- http.c */
struct call {
	const char *method, *path;
	json_t *body;	   /* sent as JSON; stays the caller's */
	const void *bytes; /* or these, of this type */
	size_t size;
	const char *type;
	const char *key;   /* Idempotency-Key */
	const char *match; /* If-Match */
	char etag[64];	   /* of the answer */
};

/*
 * *ret is the answer's JSON, or NULL where there is none. ret may be NULL. A refusal is -EREMOTEIO, a missing
 * thing -ENOENT.
 */
int ctl_call(struct ctl *ctl, struct call *call, json_t **ret, struct nxt_error *error);
int ctl_get(struct ctl *ctl, json_t **ret, struct nxt_error *error, const char *path, ...)
	__attribute__((format(printf, 4, 5)));
/* All pages of a list, as one array; at most limit items (0: all). */
int ctl_list(struct ctl *ctl, const char *path, int64_t limit, json_t **ret, struct nxt_error *error);
/* For a query; for curl_free(). */
char *ctl_escape(struct ctl *ctl, const char *text);

/* Asks for whom to trust, without checking the server. *ret_ca is for free(). */
int ctl_fetch_trust(const char *url, char **ret_ca, char ret_fingerprint[65], struct nxt_error *error);
void ctl_disconnect(struct ctl *ctl);

/* --------------------------------------------------------------------------------------------- print.c */
/*
 * Columns: "NAME=name STATE=status.state ...". Prints a table, or with --json the array. And one object as
 * lines.
 */
void print_table(const struct ctl *ctl, json_t *items, const char *columns);
void print_object(const struct ctl *ctl, json_t *object, const char *lines);
void print_json(json_t *json);

/* -------------------------------------------------------------------------------------------- commands */
typedef int command(struct ctl *ctl, struct nxt_error *error);

command ctl_setup, ctl_login, ctl_logout, ctl_overview, ctl_password;
command ctl_pc_list, ctl_pc_show, ctl_pc_rename, ctl_pc_note, ctl_pc_remove;
command ctl_workspace_list, ctl_workspace_add, ctl_workspace_remove;
command ctl_order, ctl_order_list, ctl_order_show;
command ctl_image_list, ctl_image_versions, ctl_image_upload, ctl_image_deploy, ctl_image_remove;
command ctl_policy_list, ctl_policy_add, ctl_operations_show, ctl_operations_certify;
command ctl_enrolment_list, ctl_enrolment_create, ctl_enrolment_remove;
command ctl_token_list, ctl_token_create, ctl_token_remove;
command ctl_admin_list, ctl_admin_add, ctl_admin_remove;
command ctl_event_list, ctl_log_list, ctl_log_check;

/* A PC's id, by id or by its name if only one has it. */
int find_pc(struct ctl *ctl, const char *text, char ret[NXT_ID_SIZE], struct nxt_error *error);
/* A time so many seconds from now. */
void time_from_now(int64_t seconds, char ret[NXT_TIME_SIZE]);
/* A password from --password-file, or typed; twice if it is new. *ret is to be wiped. */
int read_password(struct ctl *ctl, const char *prompt, bool new, char **ret, struct nxt_error *error);

#endif
