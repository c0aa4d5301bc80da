/* The condition that qtool's options and sources make: see qtool.h. */
#include "qtool.h"

#include "perl.h"

#include <stdlib.h>

/* ---- what only qtool asks: the control file's prefix and directory ---- */

static enum field_got give(struct value *out, struct slice s)
{
	*out = (struct value){.type = TYPE_TEXT, .s = s};
	return GOT_VALUE;
}

static enum field_got get_prefix(const struct field_context *c, struct field_cursor *at,
				 struct value *out)
{
	(void)at;
	return give(out, slice_take(c->message->entry.name, 2));
}

static enum field_got get_directory(const struct field_context *c, struct field_cursor *at,
				    struct value *out)
{
	const struct unit *u = c->message->entry.unit;

	(void)at;
	return u ? give(out, slice_from(u->path)) : GOT_END;
}

/* They need what the id needs: the name alone. */
static const struct field prefix = {
    .id = FIELD_ID,
    .name = "prefix",
    .type = TYPE_TEXT,
    .get = get_prefix,
    .help = "first two letters of the control file's name",
};
static const struct field directory = {
    .id = FIELD_ID,
    .name = "directory",
    .type = TYPE_TEXT,
    .get = get_directory,
    .help = "directory of the queue that it is in",
};

/* ---- parts ---- */

struct parts {
	struct run *run;
	struct filter *list[5];
	size_t count;
};

/* Dies when memory is out: this is the command line's. */
static void add_leaf(struct parts *p, struct leaf leaf)
{
	struct filter *f = arena_zalloc(&p->run->arena, sizeof *f);
	struct node *n = arena_zalloc(&p->run->arena, sizeof *n);

	if (!f || !n)
		abort();
	*n = (struct node){.kind = NODE_LEAF, .leaf = leaf};
	f->tree = n;
	p->list[p->count++] = f;
}

static void add_paths(struct parts *p, const struct text_list *paths)
{
	struct slice *texts = arena_array(&p->run->arena, paths->count, sizeof *texts);
	const struct filter_set *set;

	if (!texts)
		abort();
	for (size_t i = 0; i < paths->count; i++)
		texts[i] = slice_from(paths->list[i]);
	set = set_of_texts(&p->run->arena, &directory, texts, paths->count);
	if (!set)
		abort();
	add_leaf(p, (struct leaf){.op = LEAF_IN, .field = &directory, .set = set});
}

/* As qtool.pl does it: by when the data file was written. */
static void add_seconds(struct parts *p, int64_t seconds)
{
	add_leaf(p, (struct leaf){.op = LEAF_LT,
				  .field = field_row(FIELD_ACCEPTED),
				  .number = number_minus(p->run->now, seconds)});
}

static void warn(void *ctx, const char *text)
{
	run_note(ctx, "-e: %s", text);
}

static bool add_expression(struct parts *p, const char *text)
{
	struct error err = ERROR_INIT;
	struct filter *f =
	    perl_parse(&p->run->arena, slice_from(text), p->run->now, warn, p->run, &err);

	if (f)
		p->list[p->count++] = f;
	else
		run_expression_error(p->run, slice_from(text), &err);
	return f != NULL;
}

static void tell_translation(struct run *run, const struct filter *f)
{
	struct buf b;

	buf_init(&b);
	filter_print(f, &b);
	run_note(run, "-e is taken as: %" SLICE_FMT, SLICE_ARG(buf_slice(&b)));
	buf_free(&b);
}

struct filter *qtool_filter(struct run *run, const struct qtool_options *o,
			    const struct text_list *paths)
{
	struct parts p = {.run = run};
	struct filter *all;

	add_leaf(&p, (struct leaf){.op = LEAF_EQ,
				   .field = &prefix,
				   .text = o->quarantined ? SLICE("hf") : SLICE("qf")});
	/* naming the state: what is done to held messages is done on purpose */
	if (o->quarantined)
		add_leaf(&p, (struct leaf){.op = LEAF_EQ,
					   .field = field_row(FIELD_STATE),
					   .number = STATE_HELD});
	if (paths)
		add_paths(&p, paths);
	if (o->seconds.given)
		add_seconds(&p, o->seconds.value);
	if (o->expression && !add_expression(&p, o->expression))
		return NULL;
	if (o->expression && run->globals.verbose)
		tell_translation(run, p.list[p.count - 1]);
	all = filter_all(&run->arena, p.list, p.count);
	if (!all)
		abort();
	return all;
}
