/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nxtopctl: Center from the command line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "center/cli/ctl.h"

/* Options: NAME takes a value, NAME! takes none, NAME* may be repeated. All take --json. */
static const struct verb {
	const char *words[2];
	const char *arguments; /* of the usage; those in [] may be left out */
	const char *options, *help;
	command *run;
	bool signed_out; /* needs no sign-in */
} verbs[] = {
	{{"setup"},
	 "URL",
	 "name code password-file ca fingerprint",
	 "make the first administrator, with the one-time code",
	 ctl_setup,
	 true},
	{{"login"}, "URL", "name password-file ca fingerprint", "sign in", ctl_login, true},
	{{"logout"}, "", "", "sign out", ctl_logout},
	{{"password"}, "", "password-file", "change your password", ctl_password},
	{{"overview"}, "", "", "the fleet at a glance", ctl_overview},
	{{"pc", "list"}, "", "search online!", "PCs", ctl_pc_list},
	{{"pc", "show"}, "PC", "", "a PC and its workspaces", ctl_pc_show},
	{{"pc", "rename"}, "PC NAME", "", "call it otherwise", ctl_pc_rename},
	{{"pc", "note"}, "PC TEXT", "", "note something", ctl_pc_note},
	{{"pc", "remove"}, "PC", "", "remove it: its certificate is refused from now on", ctl_pc_remove},
	{{"workspace", "list"}, "[PC]", "image policy", "workspaces", ctl_workspace_list},
	{{"workspace", "add"}, "PC", "title image policy", "assign a workspace", ctl_workspace_add},
	{{"workspace", "remove"},
	 "WORKSPACE",
	 "",
	 "delete it on its PC, user disk and all",
	 ctl_workspace_remove},
	{{"order", "list"}, "", "pc open! limit", "orders and their outcome", ctl_order_list},
	{{"order", "show"}, "ORDER", "", "one order", ctl_order_show},
	{{"order"},
	 "DO WORKSPACE",
	 "snapshot wait!",
	 "start, stop, restart, snapshot, revert, or forget (a snapshot)",
	 ctl_order},
	{{"image", "list"}, "", "", "images", ctl_image_list},
	{{"image", "versions"}, "IMAGE", "", "versions of an image", ctl_image_versions},
	{{"image", "upload"}, "DIR VERSION", "", "upload what nxtop-release seal made", ctl_image_upload},
	{{"image", "deploy"},
	 "IMAGE VERSION",
	 "pc*",
	 "deploy a version to all, or stage it for some PCs",
	 ctl_image_deploy},
	{{"image", "remove"},
	 "IMAGE VERSION",
	 "",
	 "remove a version that nobody is assigned",
	 ctl_image_remove},
	{{"policy", "list"}, "", "", "policies", ctl_policy_list},
	{{"policy", "add"}, "FILE", "", "add what nxtop-release policy made", ctl_policy_add},
	{{"operations", "show"},
	 "",
	 "key-out",
	 "Center's key (written to --key-out) and its certificate",
	 ctl_operations_show},
	{{"operations", "certify"},
	 "FILE",
	 "",
	 "upload what nxtop-release operations made",
	 ctl_operations_certify},
	{{"enrolment", "create"},
	 "",
	 "title days uses workspace* host",
	 "make an enrolment text; --workspace TITLE:IMAGE:POLICY",
	 ctl_enrolment_create},
	{{"enrolment", "list"}, "", "", "enrolment tokens", ctl_enrolment_list},
	{{"enrolment", "remove"}, "ID", "", "no further PC enrols with it", ctl_enrolment_remove},
	{{"token", "create"}, "", "title days", "make an API token for a script", ctl_token_create},
	{{"token", "list"}, "", "", "API tokens", ctl_token_list},
	{{"token", "remove"}, "ID", "", "end a token", ctl_token_remove},
	{{"admin", "list"}, "", "", "administrators", ctl_admin_list},
	{{"admin", "add"}, "NAME", "password-file", "add an administrator", ctl_admin_add},
	{{"admin", "remove"}, "NAME", "", "remove one; their sessions and tokens end", ctl_admin_remove},
	{{"event", "list"}, "", "pc severity limit", "what happened on PCs", ctl_event_list},
	{{"log", "list"}, "", "limit", "who did what", ctl_log_list},
	{{"log", "check"}, "", "", "whether the log is whole", ctl_log_check},
};

static void print_verb(FILE *out, const struct verb *verb)
{
	const char *text = verb->options;

	fprintf(out, "  nxtopctl %s%s%s%s%s", verb->words[0], verb->words[1] ? " " : "",
		verb->words[1] ? verb->words[1] : "", *verb->arguments ? " " : "", verb->arguments);
	while (*text) {
		size_t length = strcspn(text, " ");
		char mark = text[length - 1];

		if (mark == '!')
			fprintf(out, " [--%.*s]", (int)length - 1, text);
		else if (mark == '*')
			fprintf(out, " [--%.*s VALUE]...", (int)length - 1, text);
		else
			fprintf(out, " [--%.*s VALUE]", (int)length, text);
		text += length + strspn(text + length, " ");
	}
	fprintf(out, "\n      %s\n", verb->help);
}

static void print_usage(FILE *out, const char *only)
{
	fputs("usage: nxtopctl COMMAND [--json]\n\nA PC is given by its name or id, everything else by its "
	      "id.\n\n",
	      out);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!only || !strcmp(verbs[i].words[0], only))
			print_verb(out, &verbs[i]);
}

const char *option_at(const struct ctl *ctl, const char *name, size_t index)
{
	for (size_t i = 0; i < ctl->n_options; i++)
		if (!strcmp(ctl->options[i].name, name) && !index--)
			return ctl->options[i].value;
	return NULL;
}

const char *option(const struct ctl *ctl, const char *name)
{
	return option_at(ctl, name, 0);
}

int option_needed(const struct ctl *ctl, const char *name, const char **ret, struct nxt_error *error)
{
	*ret = option(ctl, name);
	return *ret ? 0 : nxt_fail(error, -EINVAL, "--%s is missing", name);
}

int option_number(const struct ctl *ctl, const char *name, int64_t otherwise, int64_t max, int64_t *ret,
		  struct nxt_error *error)
{
	const char *text = option(ctl, name);
	char *end;

	*ret = text ? strtoll(text, &end, 10) : otherwise;
	if (text && (*text < '0' || *text > '9' || *end || *ret < 1 || *ret > max))
		return nxt_fail(error, -EINVAL, "--%s must be a whole number from 1 to %lld", name,
				(long long)max);
	return 0;
}

/* ' ': takes a value, '!': takes none, 0: not an option of this verb. */
static char takes(const struct verb *verb, const char *name, size_t length)
{
	for (const char *text = verb->options; *text; text += strcspn(text, " "), text += strspn(text, " "))
		if (!strncmp(text, name, length) && strchr(" !*", text[length]))
			return text[length] == '!' ? '!' : ' ';
	return 0;
}

static int parse_option(struct ctl *ctl, const struct verb *verb, char **words, int *i,
			struct nxt_error *error)
{
	const char *name = words[*i] + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	char kind = takes(verb, name, length);

	if (!kind)
		return nxt_fail(error, -EINVAL, "--%.*s is no option of this command", (int)length, name);
	if (ctl->n_options == LIST_MAX)
		return nxt_fail(error, -E2BIG, "too many options");
	if (kind == '!' ? !!equals : !equals && !words[*i + 1])
		return nxt_fail(error, -EINVAL, "--%.*s takes %s", (int)length, name,
				kind == '!' ? "no value" : "a value");
	if (equals)
		words[*i][2 + length] = 0;
	ctl->options[ctl->n_options].name = name;
	ctl->options[ctl->n_options++].value = kind == '!' ? "" : equals ? equals + 1 : words[++*i];
	return 0;
}

static int parse(struct ctl *ctl, const struct verb *verb, char **words, struct nxt_error *error)
{
	size_t most = *verb->arguments != 0, least;

	for (const char *c = verb->arguments; *c; c++)
		most += *c == ' ';
	least = *verb->arguments == '[' ? 0 : most;
	for (int i = 0; words[i]; i++) {
		int r = 0;

		if (!strcmp(words[i], "--json"))
			ctl->json = true;
		else if (!strncmp(words[i], "--", 2))
			r = parse_option(ctl, verb, words, &i, error);
		else if (ctl->n_arguments < most)
			ctl->arguments[ctl->n_arguments++] = words[i];
		else
			return nxt_fail(error, -EINVAL, "%s is too much", words[i]);
		if (r < 0)
			return r;
	}
	if (ctl->n_arguments < least)
		return nxt_fail(error, -EINVAL, "it needs %s", verb->arguments);
	return 0;
}

static const struct verb *find_verb(char **words)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (words[0] && !strcmp(words[0], verbs[i].words[0]) &&
		    (!verbs[i].words[1] || (words[1] && !strcmp(words[1], verbs[i].words[1]))))
			return &verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct verb *verb = find_verb(argv + 1);
	struct nxt_error error = {};
	struct ctl ctl = {};
	int r;

	if (!verb) {
		bool asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"));

		print_usage(asked ? stdout : stderr, argc > 1 && !asked ? argv[1] : NULL);
		return asked ? EXIT_SUCCESS : 2;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = parse(&ctl, verb, argv + 2 + !!verb->words[1], &error);
	if (r < 0) {
		fprintf(stderr, "nxtopctl: %s\n", error.text);
		print_verb(stderr, verb);
		return 2;
	}
	if (!verb->signed_out)
		r = place_load(&ctl.place, &error);
	if (!r)
		r = verb->run(&ctl, &error);
	ctl_disconnect(&ctl);
	place_done(&ctl.place);
	curl_global_cleanup();
	if (r < 0) {
		fprintf(stderr, "nxtopctl: %s\n", *error.text ? error.text : strerror(-r));
		return EXIT_FAILURE;
	}
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
