/* The list of commands and the help made from their rows. */
#include "cmd.h"

/* In the order of the help, one on a line. */
/* clang-format off */
#define COMMANDS(row) \
	row(list) \
	row(show) \
	row(cat) \
	row(count) \
	row(summary) \
	row(fields) \
	row(queues) \
	row(hosts) \
	row(expire) \
	row(bounce) \
	row(requeue) \
	row(retry) \
	row(hold) \
	row(release) \
	row(delete) \
	row(drop) \
	row(move) \
	row(save) \
	row(apply) \
	row(undo) \
	row(restore) \
	row(trash) \
	row(journal) \
	row(check) \
	row(qtool) \
	row(help_row)
/* clang-format on */

#define DECLARE(name) extern const struct command command_##name;
COMMANDS(DECLARE)

#define ADDRESS(name) &command_##name,
static const struct command *const commands[] = {COMMANDS(ADDRESS)};

const struct command *command_at(size_t i)
{
	return i < sizeof commands / sizeof commands[0] ? commands[i] : NULL;
}

const struct command *command_find(const char *name)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

void command_usage(const struct command *c, struct buf *out)
{
	buf_printf(out, "mtaq [GLOBAL]... %s", c->name);
	if (c->flags & COMMAND_SELECTS)
		buf_adds(out, " [SELECTOR]...");
	if (c->options)
		buf_adds(out, " [OPTION]...");
	if (*c->args)
		buf_printf(out, " %s", c->args);
	buf_addc(out, '\n');
}

static void add_option(struct buf *out, const struct option_row *r)
{
	size_t start = out->n;

	buf_adds(out, "  ");
	if (r->letter)
		buf_printf(out, "-%c%s", r->letter, r->name ? ", " : "");
	else
		buf_adds(out, "    ");
	if (r->name)
		buf_printf(out, "--%s", r->name);
	if (r->arg)
		buf_printf(out, " %s", r->arg);
	if (out->n - start < 26)
		buf_pad(out, ' ', 26 - (out->n - start));
	else
		buf_adds(out, "\n                          ");
	buf_printf(out, "%s\n", r->help);
}

static void add_options(struct buf *out, const char *title, const struct option_row *rows)
{
	if (!rows)
		return;
	buf_printf(out, "\n%s:\n", title);
	for (; rows->name || rows->letter; rows++)
		add_option(out, rows);
}

void command_help(const struct command *c, struct buf *out)
{
	buf_adds(out, "usage: ");
	command_usage(c, out);
	buf_printf(out, "%s\n", c->summary);
	add_options(out, "Options", c->options);
	if (c->flags & COMMAND_SELECTS)
		add_options(out, "Selectors", selector_options);
	add_options(out, "Global options", global_options);
	if (c->details)
		buf_printf(out, "\n%s", c->details);
}

void command_overview(struct buf *out)
{
	const struct command *c;

	buf_adds(
	    out,
	    "usage: mtaq [GLOBAL]... COMMAND [SELECTOR]... [OPTION]... [ID]...\n\nCommands:\n");
	for (size_t i = 0; (c = command_at(i)) != NULL; i++)
		buf_printf(out, "  %-10s %s\n", c->name, c->summary);
	add_options(out, "Selectors", selector_options);
	add_options(out, "Global options", global_options);
	buf_adds(out, "\n`mtaq help COMMAND` tells more; the manual is mtaq(1), the expressions "
		      "are in mtaq-filter(7).\n");
}
