/*
 * Makes the completion of a shell, at build time: gen_completion SHELL TEMPLATE >SCRIPT.
 *
 * The script is the template, src/completion/mtaq.SHELL, with the line "@TABLES@" replaced by what
 * the tables of commands, options, fields and formats hold, in the words of that shell. So a new
 * command, option or field is completed without another line here. What an argument may be is told
 * by its name in the help: FILE, DIR, QUEUE, EXPR, FIELD,..., ID.
 */
#include <mtaq/check.h>

#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "output.h"

/* ---- what arguments may be ---- */

/* The kinds that scripts know, each by the function mtaq_KIND (or a name like it). */
static const struct {
	const char *arg, *kind;
} kinds[] = {
    {"FILE", "files"},	  {"DIR", "dirs"},    {"PATH", "files"},       {"QUEUE", "queues"},
    {"FORMAT", "format"}, {"EXPR", "expr"},   {"KEY,...", "fields"},   {"FIELD,...", "fields"},
    {"WHEN", "when"},	  {"CODE", "codes"},  {"COMMAND", "commands"}, {"RUN", "runs"},
    {"HOST", "hosts"},	  {"TARGET", "dirs"}, {"SOURCE", "files"},
};

static const char *kind_of(struct slice arg)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (slice_eq(arg, slice_from(kinds[i].arg)))
			return kinds[i].kind;
	return NULL;
}

static bool is_word_char(char c)
{
	return ascii_isalpha(c) || c == '-' || c == '_';
}

static bool next_word(struct slice *rest, struct slice *word)
{
	size_t n = 0;

	while (rest->n && !is_word_char(*rest->p))
		*rest = slice_skip(*rest, 1);
	while (n < rest->n && is_word_char(rest->p[n]))
		n++;
	*word = slice_take(*rest, n);
	*rest = slice_skip(*rest, n);
	return n > 0;
}

static bool is_literal(struct slice word)
{
	return word.p[0] == ascii_lower(word.p[0]) || slice_eq(word, SLICE("ALL"));
}

/* What the words after the options may be: kinds and literal words of c->args, "ids" only where
 * they are those of queued messages. */
static void each_word(const struct command *c,
		      void (*fn)(void *ctx, struct slice literal, const char *kind), void *ctx)
{
	struct slice rest = slice_from(c->args), word;

	while (next_word(&rest, &word)) {
		if (is_literal(word))
			fn(ctx, word, NULL);
		else if (!slice_eq(word, SLICE("ID")))
			fn(ctx, SLICE_NONE, kind_of(word));
		else if ((c->flags & COMMAND_SELECTS) || !(c->flags & COMMAND_ACTS))
			fn(ctx, SLICE_NONE, "ids");
	}
}

/* ---- writing ---- */

static void put(const char *s)
{
	fputs(s, stdout);
}

static void put_slice(struct slice s)
{
	fwrite(s.p, 1, s.n, stdout);
}

/* Between single quotes. Bytes of `escaped` get a backslash before them; a quote is written as
 * `quote`. */
static void put_quoted(const char *s, const char *escaped, const char *quote)
{
	for (; *s; s++) {
		if (strchr(escaped, *s))
			putchar('\\');
		if (*s == '\'')
			put(quote);
		else
			putchar(*s);
	}
}

static bool repeats(const struct option_row *r)
{
	return r->type == OPTION_LIST || r->type == OPTION_COUNT;
}

/* "header[" for a field with an argument. */
static void put_fields(const char *separator)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);

		printf("%s%s%s", i ? separator : "", f->name, f->flags & FIELD_ARGUMENT ? "[" : "");
	}
}

static void put_enum(const struct field *f, const char *before)
{
	const char *name;

	put(before);
	for (int64_t i = 0; (name = f->enum_name(i)) != NULL; i++)
		printf("%s%s", i ? " " : "", name);
}

static void put_formats(void)
{
	const struct output_kind *k;
	size_t n = 0;

	for (size_t i = 0; (k = output_kind_at(i)) != NULL; i++)
		if (strcmp(k->name, "template") != 0)
			printf("%s%s", n++ ? " " : "", k->name);
}

/* Is it among the codes of the first `n` backends? */
static bool code_seen(const char *code, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct backend_checks *checks = backend_at(i)->checks;

		for (size_t k = 0; checks && k < checks->count; k++)
			if (strcmp(checks->codes[k].code, code) == 0)
				return true;
	}
	return false;
}

/* Each once, also when two MTAs share it. */
static void put_codes(void)
{
	const struct backend *b;
	size_t n = 0;

	for (size_t i = 0; (b = backend_at(i)) != NULL; i++)
		for (size_t k = 0; b->checks && k < b->checks->count; k++)
			if (!code_seen(b->checks->codes[k].code, i))
				printf("%s%s", n++ ? " " : "", b->checks->codes[k].code);
}

static void put_commands(void)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		printf("%s%s", i ? " " : "", c->name);
}

/* ---- bash ---- */

static void bash_names(const struct option_row *r)
{
	for (; r && (r->name || r->letter); r++) {
		if (r->letter)
			printf(" -%c", r->letter);
		if (r->name)
			printf(" --%s", r->name);
	}
}

/* " -q=queues --queue=queues": those that take an argument. */
static void bash_takes(const struct option_row *r)
{
	for (; r && (r->name || r->letter); r++) {
		const char *kind = r->arg ? kind_of(slice_from(r->arg)) : NULL;

		if (r->arg && r->letter)
			printf(" -%c=%s", r->letter, kind ? kind : "");
		if (r->arg && r->name)
			printf(" --%s=%s", r->name, kind ? kind : "");
	}
}

static void bash_word(void *ctx, struct slice literal, const char *kind)
{
	(void)ctx;
	putchar(' ');
	if (kind)
		printf("@%s", kind);
	else if (literal.p)
		put_slice(literal);
}

static void bash_command(const struct command *c)
{
	printf("\t%s)\n\t\t_mtaq_options='", c->name);
	bash_names(c->options);
	put("'\n\t\t_mtaq_takes='");
	bash_takes(c->options);
	put("'\n\t\t_mtaq_arguments='");
	each_word(c, bash_word, NULL);
	printf("'\n\t\t_mtaq_selects=%s\n\t\t;;\n", c->flags & COMMAND_SELECTS ? "yes" : "");
}

static void bash_enums(void)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);

		if (f->type != TYPE_ENUM)
			continue;
		printf("\t%s) ", f->name);
		put_enum(f, "echo '");
		put("' ;;\n");
	}
}

static void bash_tables(void)
{
	const struct command *c;

	put("_mtaq_commands='");
	put_commands();
	put("'\n_mtaq_formats='");
	put_formats();
	put("'\n_mtaq_fields='");
	put_fields(" ");
	put("'\n_mtaq_codes='");
	put_codes();
	put("'\n_mtaq_global_options='");
	bash_names(global_options);
	put("'\n_mtaq_global_takes='");
	bash_takes(global_options);
	put("'\n_mtaq_selector_options='");
	bash_names(selector_options);
	put("'\n_mtaq_selector_takes='");
	bash_takes(selector_options);
	put("'\n\n_mtaq_enum()\n{\n\tcase $1 in\n");
	bash_enums();
	put("\tesac\n}\n\n_mtaq_command()\n{\n"
	    "\t_mtaq_options='' _mtaq_takes='' _mtaq_arguments='' _mtaq_selects=''\n"
	    "\tcase $1 in\n");
	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		bash_command(c);
	put("\tesac\n}\n");
}

/* ---- zsh ---- */

static void zsh_one(const struct option_row *r, const char *dashes, const char *name)
{
	const char *kind = r->arg ? kind_of(slice_from(r->arg)) : NULL;

	put("\t'");
	if (repeats(r))
		put("*");
	else if (r->letter && r->name)
		printf("(-%c --%s)", r->letter, r->name);
	printf("%s%s%s[", dashes, name, !r->arg ? "" : dashes[1] ? "=" : "+");
	put_quoted(r->help, "[]", "'\\''");
	put("]");
	if (r->arg) {
		put(":");
		put_quoted(r->arg, ":", "'\\''");
		printf(":%s%s", kind ? "_mtaq_" : " ", kind ? kind : "");
	}
	put("'\n");
}

static void zsh_rows(const struct option_row *r)
{
	for (; r && (r->name || r->letter); r++) {
		const char letter[2] = {r->letter, '\0'};

		if (r->letter)
			zsh_one(r, "-", letter);
		if (r->name)
			zsh_one(r, "--", r->name);
	}
}

static void zsh_word(void *ctx, struct slice literal, const char *kind)
{
	(void)ctx;
	if (kind)
		printf(" _mtaq_%s", kind);
	else if (literal.p)
		printf(" %" SLICE_FMT, SLICE_ARG(literal));
}

static void zsh_command(const struct command *c)
{
	printf("_mtaq_options_%s=(\n", c->name);
	zsh_rows(c->options);
	printf(")\n_mtaq_arguments_%s=(", c->name);
	each_word(c, zsh_word, NULL);
	printf(" )\n_mtaq_selects_%s=%s\n", c->name, c->flags & COMMAND_SELECTS ? "yes" : "");
}

static void zsh_summaries(void)
{
	const struct command *c;

	put("_mtaq_summaries=(\n");
	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		printf("\t'%s:", c->name);
		put_quoted(c->summary, "", "'\\''");
		put("'\n");
	}
	put(")\n");
}

static void zsh_tables(void)
{
	const struct command *c;

	zsh_summaries();
	put("_mtaq_format_names=(");
	put_formats();
	put(")\n_mtaq_code_names=(");
	put_codes();
	put(")\n_mtaq_field_names=(");
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);

		printf("%s'%s%s'", i ? " " : "", f->name, f->flags & FIELD_ARGUMENT ? "[" : "");
	}
	put(")\n_mtaq_enums=(\n");
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);

		if (f->type != TYPE_ENUM)
			continue;
		printf("\t%s ", f->name);
		put_enum(f, "'");
		put("'\n");
	}
	put(")\n_mtaq_global_options=(\n");
	zsh_rows(global_options);
	put(")\n_mtaq_selector_options=(\n");
	zsh_rows(selector_options);
	put(")\n");
	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		zsh_command(c);
}

/* ---- fish ---- */

static void fish_row(const struct option_row *r, const char *condition)
{
	const char *kind = r->arg ? kind_of(slice_from(r->arg)) : NULL;

	printf("complete -c mtaq%s", condition);
	if (r->letter)
		printf(" -s %c", r->letter);
	if (r->name)
		printf(" -l %s", r->name);
	if (kind && strcmp(kind, "files") == 0)
		put(" -r -F");
	else if (kind)
		printf(" -x -a '(__mtaq_%s)'", kind);
	else if (r->arg)
		put(" -x");
	put(" -d '");
	put_quoted(r->help, "\\", "\\'");
	put("'\n");
}

static void fish_rows(const struct option_row *r, const char *condition)
{
	for (; r && (r->name || r->letter); r++)
		fish_row(r, condition);
}

static void fish_word(void *ctx, struct slice literal, const char *kind)
{
	const struct command *c = ctx;

	printf("complete -c mtaq -n '__mtaq_words_of %s'", c->name);
	if (kind && strcmp(kind, "files") == 0)
		put(" -F\n");
	else if (kind)
		printf(" -a '(__mtaq_%s)'\n", kind);
	else if (literal.p)
		printf(" -a %" SLICE_FMT "\n", SLICE_ARG(literal));
	else
		put("\n");
}

static void fish_commands(void)
{
	const struct command *c;
	char condition[64];

	for (size_t i = 0; (c = command_at(i)) != NULL; i++) {
		printf("complete -c mtaq -n __mtaq_needs_command -a %s -d '", c->name);
		put_quoted(c->summary, "\\", "\\'");
		put("'\n");
		snprintf(condition, sizeof condition, " -n '__mtaq_using %s'", c->name);
		fish_rows(c->options, condition);
		if (c->flags & COMMAND_SELECTS)
			fish_rows(selector_options, condition);
		each_word(c, fish_word, (void *)(uintptr_t)c);
	}
}

static void fish_list(const char *name, void (*fn)(void))
{
	printf("set -g __mtaq_%s ", name);
	fn();
	put("\n");
}

static void fish_fields(void)
{
	put("'");
	put_fields("' '");
	put("'");
}

static void fish_takes(void)
{
	for (const struct option_row *r = global_options; r->name || r->letter; r++) {
		if (r->arg && r->letter)
			printf("-%c ", r->letter);
		if (r->arg && r->name)
			printf("--%s ", r->name);
	}
}

static void fish_tables(void)
{
	fish_list("command_names", put_commands);
	fish_list("format_names", put_formats);
	fish_list("code_names", put_codes);
	fish_list("field_names", fish_fields);
	fish_list("global_takes", fish_takes);
	put("function __mtaq_enum\n\tswitch $argv[1]\n");
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);

		if (f->type != TYPE_ENUM)
			continue;
		printf("\t\tcase %s\n", f->name);
		put_enum(f, "\t\t\tprintf '%s\\n' ");
		put("\n");
	}
	put("\tend\nend\n\ncomplete -c mtaq -f\n");
	fish_rows(global_options, "");
	fish_commands();
}

/* ---- the program ---- */

static int fill(const char *path, void (*tables)(void))
{
	FILE *f = fopen(path, "r");
	char line[1024];

	if (!f) {
		perror(path);
		return 1;
	}
	while (fgets(line, sizeof line, f))
		if (strcmp(line, "@TABLES@\n") == 0)
			tables();
		else
			put(line);
	fclose(f);
	return fflush(stdout) != 0 || ferror(stdout);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*tables)(void);
	} shells[] = {{"bash", bash_tables}, {"zsh", zsh_tables}, {"fish", fish_tables}};

	for (size_t i = 0; argc == 3 && i < sizeof shells / sizeof shells[0]; i++)
		if (strcmp(argv[1], shells[i].shell) == 0)
			return fill(argv[2], shells[i].tables);
	fputs("usage: gen_completion bash|zsh|fish TEMPLATE\n", stderr);
	return 64;
}
