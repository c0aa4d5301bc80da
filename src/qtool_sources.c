/*
 * Directories, control files and ids as qtool.pl takes them, and the queues they belong to.
 *
 * A directory may be one of several of a queue: its configuration says so, and knows how long
 * messages live and where data files are. So the queue is opened that has the directory, as the
 * configuration lays it out; without one the directory is a queue by itself. What is tried and
 * does not fit is not told.
 */
#include "qtool.h"

#include "queues.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct finder {
	struct run *run;
	struct qtool_sources *out;
	const char *prefix;	    /* qf or hf */
	const char *config;	    /* NULL: the host's */
	struct text_list known;	    /* directories whose queue is found */
	struct text_list file_dirs; /* of each of out->files */
	bool given;		    /* -q names the queues */
};

static char *keep(struct run *run, struct slice s)
{
	char *p = arena_str(&run->arena, s);

	if (!p)
		abort();
	return p;
}

static void add_once(struct text_list *l, const char *s)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->list[i], s) == 0)
			return;
	text_list_add(l, s);
}

/* ---- paths ---- */

/* What stands before and after the last slash; the first is "." without one. */
static struct slice dir_of(const char *path, struct slice *base)
{
	struct slice s = slice_from(path);
	size_t slash;

	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	for (slash = s.n; slash && s.p[slash - 1] != '/';)
		slash--;
	*base = slice_skip(s, slash);
	if (slash == 0)
		return SLICE(".");
	return slice_take(s, slash > 1 ? slash - 1 : 1);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool same_directory(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Without links, and without a final qf or df: those belong to the directory above. */
static const char *real_directory(struct run *run, const char *dir)
{
	char *path = realpath(dir, NULL), *copy;
	struct slice base, above;

	if (!path)
		return NULL;
	above = dir_of(path, &base);
	if (slice_eq(base, SLICE("qf")) || slice_eq(base, SLICE("df")))
		copy = keep(run, above);
	else
		copy = keep(run, slice_from(path));
	free(path);
	return copy;
}

/* ---- which queue ---- */

/* As -q wants it: a comma has a backslash before it. */
static void add_escaped(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == ',')
			buf_addc(b, '\\');
		buf_addc(b, *s);
	}
}

static const char *spec_text(struct run *run, const char *dir, const char *cf)
{
	const char *text;
	struct buf b;

	buf_init(&b);
	buf_adds(&b, "sendmail:");
	add_escaped(&b, dir);
	if (cf) {
		buf_adds(&b, ",cf=");
		add_escaped(&b, cf);
	}
	text = keep(run, buf_slice(&b));
	buf_free(&b);
	return text;
}

static void no_trouble(void *ctx, const struct error *err)
{
	(void)ctx;
	(void)err;
}

static struct queue *try_open(struct run *run, const char *text)
{
	struct queue_spec spec;
	const struct backend *b = backend_find("sendmail");

	if (queue_spec_parse(&run->arena, text, "qtool", &spec, NULL) < 0 || !b)
		return NULL;
	if (spec.kind && strcmp(spec.kind, b->name) != 0)
		return NULL;
	return b->open(&spec, NULL, run->now, no_trouble, NULL, NULL);
}

/* The directory itself, or the df/ in it. */
static bool is_unit(struct run *run, const struct unit *u, const char *dir)
{
	const char *path = real_directory(run, u->path);

	return path && same_directory(path, dir);
}

/* Which directories of the queue `dir` means: one, or all when it is their base; how many. `add`
 * takes them down. */
static size_t units_in(struct finder *f, const struct queue *q, const char *dir, bool add)
{
	struct unit_list units = q->backend->units(q);
	bool all = same_directory(q->dir, dir);
	size_t count = 0;

	for (size_t i = 0; i < units.count; i++) {
		const char *path = units.list[i]->path;

		if (!all && !is_unit(f->run, units.list[i], dir))
			continue;
		count++;
		if (add)
			add_once(&f->out->paths, keep(f->run, slice_from(path)));
	}
	return count;
}

/* Does the queue `text` have `dir`? Then it is taken. */
static bool take_queue(struct finder *f, const char *text, const char *dir, bool add)
{
	struct queue *q = try_open(f->run, text);
	bool has = q && units_in(f, q, dir, add) > 0;

	if (q)
		q->backend->close(q);
	if (has && !f->given)
		add_once(&f->out->queues, text);
	return has;
}

static bool find_given(struct finder *f, const char *dir, bool add)
{
	const struct text_list *l = &f->run->globals.queues;

	for (size_t i = 0; i < l->count; i++)
		if (take_queue(f, l->list[i], dir, add))
			return true;
	run_fail(f->run, STATUS_NOQUEUE, "%s is no directory of the queues that -q names", dir);
	return false;
}

/* With a configuration of its own: the queue that it names, or one laid out alike around `dir`. */
static bool find_configured(struct finder *f, const char *dir, bool add)
{
	struct slice base;
	const char *above = keep(f->run, dir_of(dir, &base));
	const char *const dirs[] = {"", above, keep(f->run, dir_of(above, &base)), dir};

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		if (take_queue(f, spec_text(f->run, dirs[i], f->config), dir, add))
			return true;
	return false;
}

/* A directory that no configuration has is a queue by itself. */
static bool find_around(struct finder *f, const char *dir, bool add)
{
	const char *alone = spec_text(f->run, dir, NULL);

	if (f->config && find_configured(f, dir, add))
		return true;
	if (!f->config &&
	    (take_queue(f, "sendmail:", dir, add) || take_queue(f, "sendmail:,msp", dir, add)))
		return true;
	/* when it cannot be read, that is told where it is opened in earnest */
	if (!take_queue(f, alone, dir, add))
		add_once(&f->out->queues, alone);
	return true;
}

static bool find_queue(struct finder *f, const char *dir, bool add)
{
	return f->given ? find_given(f, dir, add) : find_around(f, dir, add);
}

/* ---- sources ---- */

static void add_directory(struct finder *f, const char *word)
{
	const char *dir = real_directory(f->run, word);
	size_t before = f->out->paths.count;

	if (!dir)
		run_fail(f->run, STATUS_SOME, "%s: no such directory", word);
	else if (find_queue(f, dir, true) && f->out->paths.count == before)
		add_once(&f->out->paths, dir);
}

static const char *join(struct run *run, struct slice dir, const char *between, const char *prefix,
			struct slice id)
{
	struct slice s = arena_printf(&run->arena, "%" SLICE_FMT "/%s%s%" SLICE_FMT, SLICE_ARG(dir),
				      between, prefix, SLICE_ARG(id));

	if (!s.p)
		abort();
	return s.p;
}

static bool has_prefix(struct slice base, const char *prefix)
{
	return base.n > 2 && slice_starts(base, slice_from(prefix));
}

/* The control file that a word means: itself, that of a data file, that of an id; NULL: none. */
static const char *control_file(struct finder *f, const char *word)
{
	struct slice base, dir = dir_of(word, &base), dir_base, id = base;
	const char *path;

	if (has_prefix(base, f->prefix) || has_prefix(base, "df"))
		id = slice_skip(base, 2);
	path = join(f->run, dir, "", f->prefix, id);
	if (exists(path))
		return path;
	path = join(f->run, dir, "qf/", f->prefix, id);
	if (exists(path))
		return path;
	/* of a data file in df/ */
	dir = dir_of(keep(f->run, dir), &dir_base);
	path = join(f->run, dir, "qf/", f->prefix, id);
	if (slice_eq(dir_base, SLICE("df")) && exists(path))
		return path;
	path = join(f->run, dir, "", f->prefix, id);
	return slice_eq(dir_base, SLICE("df")) && exists(path) ? path : NULL;
}

/* An id alone that is not here may be one of the host's queues, or of those of -q. */
static bool add_bare_id(struct finder *f, const char *word)
{
	struct slice id = slice_from(word);
	const char *const hosts[] = {spec_text(f->run, "", f->config), "sendmail:,msp"};

	if (strchr(word, '/') || !id.n)
		return false;
	for (size_t i = 0; i < (f->config ? 1 : 2) && !f->given; i++) {
		struct queue *q = try_open(f->run, hosts[i]);

		if (!q)
			continue;
		q->backend->close(q);
		add_once(&f->out->queues, hosts[i]);
	}
	if (!f->given && !f->out->queues.count)
		return false;
	if (has_prefix(id, f->prefix) || has_prefix(id, "df"))
		id = slice_skip(id, 2);
	id = arena_printf(&f->run->arena, "%s%" SLICE_FMT, f->prefix, SLICE_ARG(id));
	if (!id.p)
		abort();
	text_list_add(&f->out->files, id.p);
	text_list_add(&f->file_dirs, "");
	return true;
}

static void tell_missing(struct finder *f, const char *word)
{
	struct slice base;

	dir_of(word, &base);
	if (f->prefix[0] == 'q' && has_prefix(base, "hf") && exists(word))
		run_fail(f->run, STATUS_SOME, "%s: quarantined messages are taken with -Q", word);
	else
		run_fail(f->run, STATUS_SOME, "%s: no such message", word);
}

static void add_file(struct finder *f, const char *word)
{
	const char *path = control_file(f, word), *dir;
	struct slice base;
	bool new = true;

	if (!path) {
		if (!add_bare_id(f, word))
			tell_missing(f, word);
		return;
	}
	dir = real_directory(f->run, keep(f->run, dir_of(path, &base)));
	if (!dir) {
		run_fail(f->run, STATUS_SOME, "%s: no such directory", word);
		return;
	}
	for (size_t i = 0; new &&i < f->known.count; i++)
		new = strcmp(f->known.list[i], dir) != 0;
	if (new && !find_queue(f, dir, false))
		return;
	if (new)
		text_list_add(&f->known, dir);
	text_list_add(&f->out->files, path);
	text_list_add(&f->file_dirs, dir);
}

static bool is_scanned(struct finder *f, const char *dir)
{
	for (size_t i = 0; i < f->out->paths.count; i++) {
		const char *path = real_directory(f->run, f->out->paths.list[i]);

		if (path && strcmp(path, dir) == 0)
			return true;
	}
	return false;
}

/* A file in a directory that is a source itself is there already. */
static void leave_out_scanned(struct finder *f)
{
	struct text_list *files = &f->out->files;
	const char *last = NULL;
	bool scanned = false;
	size_t kept = 0;

	for (size_t i = 0; f->out->paths.count && i < files->count; i++) {
		const char *dir = f->file_dirs.list[i];

		if (!last || strcmp(dir, last) != 0)
			scanned = is_scanned(f, dir);
		last = dir;
		if (!scanned)
			files->list[kept++] = files->list[i];
	}
	if (f->out->paths.count)
		files->count = kept;
}

bool qtool_sources_find(struct run *run, char **words, size_t count, bool quarantined,
			struct qtool_sources *out)
{
	struct finder f = {.run = run,
			   .out = out,
			   .prefix = quarantined ? "hf" : "qf",
			   .given = run->globals.queues.count > 0};
	char *config = NULL;

	*out = (struct qtool_sources){{0}, {0}, {0}};
	if (run->globals.config && !(config = realpath(run->globals.config, NULL))) {
		struct error err = ERROR_INIT;

		error_sys(&err, errno, "%s", run->globals.config);
		run_fail(run, STATUS_USAGE, "%s", err.text);
		return false;
	}
	f.config = config;
	for (size_t i = 0; i < count; i++) {
		if (is_directory(words[i]))
			add_directory(&f, words[i]);
		else
			add_file(&f, words[i]);
	}
	leave_out_scanned(&f);
	text_list_free(&f.known);
	text_list_free(&f.file_dirs);
	free(config);
	return run->status != STATUS_USAGE;
}

void qtool_sources_free(struct qtool_sources *s)
{
	text_list_free(&s->queues);
	text_list_free(&s->paths);
	text_list_free(&s->files);
}
