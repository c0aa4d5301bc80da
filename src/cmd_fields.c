/* mtaq fields: the table that the filter language, --sort and --format know, from the rows that the
 * engine uses. */
#include "cmd.h"

#include <stdio.h>

struct fields_options {
	bool names;
};

static const struct option_row options[] = {
    {'1', "names", NULL, OPTION_FLAG, offsetof(struct fields_options, names),
     "names only, one per line"},
    {0},
};

static const char *const part_names[PART_COUNT] = {
    [PART_NAME_I] = "name",
    [PART_STAT_I] = "stat",
    [PART_CONTROL_I] = "control",
    [PART_DATA_I] = "data-stat",
    [PART_RECIPIENTS_I] = "recipients",
    [PART_HEADER_I] = "header",
    [PART_LOCK_I] = "lock",
    [PART_BODY_I] = "body",
    [PART_LOG_I] = "log",
};

static void add_parts(struct buf *out, parts_t parts)
{
	size_t start = out->n;

	if (!parts)
		buf_addc(out, '-');
	/* the name comes with all others: say it only when it is all */
	for (int i = 0; i < PART_COUNT; i++)
		if ((parts & PART(i)) && (i != PART_NAME_I || parts == PART_NAME))
			buf_printf(out, "%s%s", out->n > start ? "+" : "", part_names[i]);
	if (out->n - start < 18)
		buf_pad(out, ' ', 18 - (out->n - start));
	buf_addc(out, ' ');
}

static void add_row(struct buf *out, const struct field *f, bool names)
{
	char name[64], type[32];
	const struct backend *b;

	snprintf(name, sizeof name, "%s%s", f->name, f->flags & FIELD_ARGUMENT ? "[\"NAME\"]" : "");
	if (names) {
		buf_printf(out, "%s\n", name);
		return;
	}
	snprintf(type, sizeof type, "%s%s", field_type_name(f->type),
		 f->flags & FIELD_LIST ? " list" : "");
	buf_printf(out, "%-22s %-14s ", name, type);
	for (size_t i = 0; (b = backend_at(i)) != NULL; i++)
		add_parts(out, b->needs[f->id]);
	buf_printf(out, "%s\n", f->help);
}

static void add_heading(struct buf *out)
{
	const struct backend *b;

	buf_printf(out, "%-22s %-14s ", "field", "type");
	for (size_t i = 0; (b = backend_at(i)) != NULL; i++)
		buf_printf(out, "%-18s ", b->name);
	buf_adds(out, "meaning\n");
}

static void fields_run(struct run *run, const void *values)
{
	const struct fields_options *o = values;
	struct buf b;

	buf_init(&b);
	if (!o->names)
		add_heading(&b);
	for (int i = 0; i < FIELD_COUNT; i++)
		add_row(&b, field_row((enum field_id)i), o->names);
	run_out(run, buf_slice(&b));
	buf_free(&b);
}

const struct command command_fields = {
    .name = "fields",
    .summary = "list the fields of expressions, --sort and --format",
    .args = "",
    .options = options,
    .options_size = sizeof(struct fields_options),
    .details =
	"The columns of each MTA name what has to be read for a field; - means that it has none.\n",
    .run = fields_run,
};
