/* From words to open queues: see queues.h. */
#include "queues.h"

#include "logindex.h"

#include <mtaq/limits.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- specs ---- */

/* Cut at the next comma without a backslash, which is taken out. The text is the arena's, so it can
 * be changed. */
static char *next_piece(char **rest)
{
	char *start = *rest, *to = start, *from = start;

	if (!start)
		return NULL;
	while (*from && *from != ',') {
		if (*from == '\\' && from[1] == ',')
			from++;
		*to++ = *from++;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return start;
}

static const struct backend *take_kind(char **text)
{
	char *colon = strchr(*text, ':');
	const struct backend *b;

	if (!colon || (*text)[0] == '/' || (*text)[0] == '.')
		return NULL;
	*colon = '\0';
	b = backend_find(*text);
	if (b)
		*text = colon + 1;
	else
		*colon = ':';
	return b;
}

static bool option_known(const struct backend *only, const char *key)
{
	const struct backend *b;

	for (size_t i = 0; (b = backend_at(i)) != NULL; i++)
		for (size_t k = 0; (!only || b == only) && b->options[k]; k++)
			if (strcmp(b->options[k], key) == 0)
				return true;
	return false;
}

int queue_spec_parse(struct arena *arena, const char *text, const char *why, struct queue_spec *out,
		     struct error *err)
{
	char *rest = arena_str(arena, slice_from(text)), *piece;
	const struct backend *b = take_kind(&rest);
	struct queue_option options[16];
	size_t n = 0;

	*out = (struct queue_spec){.kind = b ? b->name : NULL, .why = why};
	out->dir = next_piece(&rest);
	if (!out->dir || (!*out->dir && !b))
		return error_set(err, ERROR_USAGE,
				 "-q wants [sendmail:|qmail:]DIRECTORY[,key=value...], not '%s'",
				 text);
	if (!*out->dir)
		out->dir = NULL;
	else if (!b && *out->dir != '/' && strchr(out->dir, ':'))
		return error_set(err, ERROR_USAGE,
				 "unknown kind of queue in '%s': sendmail: or qmail:", text);
	while ((piece = next_piece(&rest)) != NULL) {
		char *eq = strchr(piece, '=');

		if (n == sizeof options / sizeof options[0])
			return error_set(err, ERROR_USAGE, "too many options in '%s'", text);
		if (eq)
			*eq = '\0';
		if (!option_known(b, piece))
			return error_set(err, ERROR_USAGE, "unknown queue option '%s' in '%s'",
					 piece, text);
		options[n++] = (struct queue_option){piece, eq ? eq + 1 : NULL};
	}
	out->options =
	    (const void *)arena_copy(arena, slice_of((const char *)options, n * sizeof options[0]))
		.p;
	out->option_count = n;
	return 0;
}

/* ---- opening ---- */

struct opener {
	struct run *run;
	struct queue_list *out;
	size_t tried;
	struct error told; /* the last one */
};

/* What a backend told of one directory is often also why it cannot open the queue: say it once. */
static void tell(struct opener *o, enum status st, const struct error *err)
{
	if (o->told.code != ERROR_NONE && strcmp(o->told.text, err->text) == 0)
		o->run->status = status_worse(o->run->status, st);
	else
		run_fail(o->run, st, "%s", err->text);
	o->told = *err;
}

/* The queue cannot be had. */
static void tell_failure(struct opener *o, const struct error *err)
{
	enum status st = status_of_error(err);

	tell(o, st == STATUS_SOME || st == STATUS_TEMPORARY ? STATUS_NOQUEUE : st, err);
}

/* The queue can be read, but for what this is about: some of its messages are in error. */
static void tell_trouble(void *ctx, const struct error *err)
{
	enum status st = status_of_error(err);

	tell(ctx, st == STATUS_DENIED || st == STATUS_SYSTEM ? st : STATUS_SOME, err);
}

/* Which backend takes `dir` for its own; NULL with err. */
static const struct backend *detect_backend(const char *dir, struct error *err)
{
	const struct backend *b, *best = NULL;
	int most = 0;

	for (size_t i = 0; (b = backend_at(i)) != NULL; i++) {
		struct error local = ERROR_INIT;
		int sure = b->detect(dir, &local);

		if (sure < 0 && err->code == ERROR_NONE)
			*err = local;
		if (sure > most) {
			most = sure;
			best = b;
		}
	}
	if (best)
		error_clear(err);
	else if (err->code == ERROR_NONE)
		error_set(
		    err, ERROR_NOQUEUE,
		    "%s is not a queue directory of sendmail or qmail (say sendmail:%s if it is)",
		    dir, dir);
	else if (err->code == ERROR_GONE)
		err->code = ERROR_NOQUEUE;
	return best;
}

static void add_queue(struct queue_list *l, struct queue *q)
{
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 8;
		l->list = realloc(l->list, l->room * sizeof *l->list);
		if (!l->list)
			abort();
	}
	l->list[l->count++] = q;
}

struct queue *queues_named(const struct queue_list *l, struct slice name)
{
	for (size_t i = 0; i < l->count; i++)
		if (slice_eq(slice_from(l->list[i]->name), name))
			return l->list[i];
	return NULL;
}

/* What kind of queue it is, and whether the options given are for that kind. */
static const struct backend *choose_backend(const struct queue_spec *spec, struct error *err)
{
	const struct backend *b =
	    spec->kind ? backend_find(spec->kind) : detect_backend(spec->dir, err);

	for (size_t i = 0; b && i < spec->option_count; i++) {
		const char *key = spec->options[i].key;

		if (option_known(b, key))
			continue;
		error_set(err, ERROR_USAGE, "%s is a %s queue, which has no option '%s'", spec->dir,
			  b->name, key);
		return NULL;
	}
	return b;
}

/* `spec` with the logs of --log as options, unless it names its own or its MTA has none. */
static struct queue_spec with_logs(struct opener *o, const struct backend *b,
				   const struct queue_spec *spec)
{
	const struct text_list *logs = &o->run->globals.logs;
	struct queue_spec all = *spec;
	size_t n = spec->option_count;
	struct queue_option *list;

	if (!logs->count || !b->log_parse || queue_spec_option(spec, "log"))
		return all;
	list = arena_array(&o->run->arena, n + logs->count, sizeof *list);
	if (!list)
		abort();
	for (size_t i = 0; i < n; i++)
		list[i] = spec->options[i];
	for (size_t i = 0; i < logs->count; i++)
		list[n + i] = (struct queue_option){"log", logs->list[i]};
	all.options = list;
	all.option_count = n + logs->count;
	return all;
}

static struct queue *open_with(struct opener *o, const struct backend *b,
			       const struct queue_spec *given, struct error *err)
{
	struct queue_spec spec = with_logs(o, b, given);
	struct queue *q = b->open(&spec, o->run->globals.config, o->run->now, tell_trouble, o, err);

	if (q && q->log_count && !(q->log = logindex_new(q)))
		abort();
	return q;
}

static void close_one(struct queue *q)
{
	logindex_free(q->log);
	q->backend->close(q);
}

static struct queue *open_one(struct opener *o, const struct queue_spec *spec)
{
	struct error err = ERROR_INIT;
	const struct backend *b = choose_backend(spec, &err);
	struct queue *q, *known;

	o->tried++;
	q = b ? open_with(o, b, spec, &err) : NULL;
	if (!q) {
		tell_failure(o, &err);
		return NULL;
	}
	known = queues_named(o->out, slice_from(q->name));
	if (known) {
		close_one(q);
		return known;
	}
	add_queue(o->out, q);
	return q;
}

/* All are read before the first is opened: a mistake in one opens none. */
static void open_texts(struct opener *o, const struct text_list *texts, const char *why)
{
	struct run *run = o->run;
	struct queue_spec *specs;
	bool ok = true;

	if (texts->count > LIMIT_QUEUES) {
		run_fail(run, STATUS_USAGE, "more than %u queues", LIMIT_QUEUES);
		return;
	}
	specs = arena_array(&run->arena, texts->count, sizeof *specs);
	for (size_t i = 0; i < texts->count; i++) {
		struct error err = ERROR_INIT;

		if (queue_spec_parse(&run->arena, texts->list[i], why, &specs[i], &err) == 0)
			continue;
		run_error(run, &err);
		ok = false;
	}
	for (size_t i = 0; ok && i < texts->count; i++)
		open_one(o, &specs[i]);
}

static struct text_list split_words(struct arena *arena, const char *value)
{
	char *copy = arena_str(arena, slice_from(value)), *save = NULL;
	struct text_list words = {0};

	for (char *word = strtok_r(copy, " \t\n", &save); word;
	     word = strtok_r(NULL, " \t\n", &save))
		text_list_add(&words, word);
	return words;
}

static void found(void *ctx, const struct queue_spec *spec)
{
	open_one(ctx, spec);
}

static void open_discovered(struct opener *o)
{
	const struct backend *b;

	for (size_t i = 0; (b = backend_at(i)) != NULL; i++) {
		struct error err = ERROR_INIT;

		if (b->discover(o->run->globals.config, found, o, &err) < 0)
			tell_failure(o, &err);
	}
	if (o->tried == 0 && o->run->status == STATUS_OK)
		run_fail(o->run, STATUS_NOQUEUE,
			 "no queue of sendmail or qmail was found on this host: name one with -q "
			 "DIRECTORY");
}

/* A log that no queue of the run has would go unread without a word. */
static void check_logs(struct run *run, const struct queue_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->list[i]->log_count)
			return;
	if (run->globals.logs.count && l->count)
		run_fail(run, STATUS_USAGE, "--log: no queue here is one whose log is read");
}

size_t queues_open(struct run *run, struct queue_list *out)
{
	struct opener o = {.run = run, .out = out, .told = ERROR_INIT};
	const char *env = run->environment_queues;
	struct text_list words = split_words(&run->arena, env ? env : "");

	*out = (struct queue_list){0};
	if (run->globals.queues.count)
		open_texts(&o, &run->globals.queues, "-q");
	else if (words.count)
		open_texts(&o, &words, "MTAQ_QUEUES");
	else
		open_discovered(&o);
	check_logs(run, out);
	text_list_free(&words);
	if (run->status == STATUS_USAGE)
		queues_close(out);
	return out->count;
}

struct queue *queues_add(struct run *run, struct queue_list *l, const char *text, const char *why)
{
	struct opener o = {.run = run, .out = l};
	struct queue_spec spec;
	struct error err = ERROR_INIT;

	if (queue_spec_parse(&run->arena, text, why, &spec, &err) == 0)
		return open_one(&o, &spec);
	run_error(run, &err);
	return NULL;
}

void queues_close(struct queue_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		close_one(l->list[i]);
	free(l->list);
	*l = (struct queue_list){0};
}
