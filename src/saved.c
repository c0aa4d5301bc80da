/* Notes beside saved messages: see mtaq/saved.h. */
#include <mtaq/saved.h>

#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- making ---- */

json_t *saved_note(const struct action *a, const struct held *h)
{
	const struct message *m = &h->message;
	struct slice id = h->item && h->item->id.p ? h->item->id : m->id;
	const char *dir = m->entry.unit ? m->entry.unit->path : a->queue->dir;

	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:s, s:s, s:I, s:o, s:[]}", "mtaq", 1, "mta",
			 a->queue->backend->name, "queue", json_bytes(slice_from(a->queue->name)),
			 "dir", json_bytes(slice_from(dir)), "id", json_bytes(id), "state",
			 message_state_name(m->state), "run", a->run_id, "time",
			 (json_int_t)time(NULL), "sender",
			 m->sender.p ? json_bytes(m->sender) : json_null(), "files");
}

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int saved_note_file(json_t *note, const char *role, struct slice name, struct slice place,
		    const struct stat *st, struct error *err)
{
	json_t *file =
	    json_pack("{s:s, s:o, s:o, s:I, s:i, s:I, s:I, s:I, s:I}", "role", role, "name",
		      json_bytes(name), "place", json_bytes(place), "size", (json_int_t)st->st_size,
		      "mode", (int)(st->st_mode & 07777), "uid", (json_int_t)st->st_uid, "gid",
		      (json_int_t)st->st_gid, "atime_ns", (json_int_t)ns_of(st->st_atim),
		      "mtime_ns", (json_int_t)ns_of(st->st_mtim));

	/* append takes the reference over, also when it fails */
	if (!file || json_array_append_new(json_object_get(note, "files"), file) < 0)
		return error_set(err, ERROR_NOMEM, "out of memory");
	return 0;
}

/* ---- checking what a note says: it may come from anywhere ---- */

static bool is_component(struct slice s)
{
	return s.p && s.n > 0 && s.n <= LIMIT_NAME_BYTES && slice_chr(s, '/') == SIZE_MAX &&
	       slice_chr(s, '\0') == SIZE_MAX && !slice_eq(s, SLICE(".")) &&
	       !slice_eq(s, SLICE(".."));
}

static bool is_place(struct slice s)
{
	struct slice part;

	if (!s.p)
		return false;
	while (slice_cut(&s, '/', &part))
		if (!is_component(part))
			return false;
	return true;
}

static bool number_within(const json_t *j, const char *key, json_int_t low, json_int_t high)
{
	const json_t *n = json_object_get(j, key);

	return json_is_integer(n) && json_integer_value(n) >= low && json_integer_value(n) <= high;
}

static bool file_good(const json_t *f, struct arena *a)
{
	return json_is_string(json_object_get(f, "role")) &&
	       is_component(json_bytes_get(json_object_get(f, "name"), a)) &&
	       is_place(json_bytes_get(json_object_get(f, "place"), a)) &&
	       number_within(f, "size", 0, INT64_MAX) && number_within(f, "mode", 0, 07777) &&
	       number_within(f, "uid", 0, UINT32_MAX - 1) &&
	       number_within(f, "gid", 0, UINT32_MAX - 1) &&
	       number_within(f, "atime_ns", INT64_MIN, INT64_MAX) &&
	       number_within(f, "mtime_ns", INT64_MIN, INT64_MAX);
}

static bool note_good(const json_t *note, struct slice id, struct arena *a)
{
	const json_t *files = json_object_get(note, "files"), *f;
	size_t i;

	if (!number_within(note, "mtaq", 1, 1) || !json_is_string(json_object_get(note, "mta")) ||
	    !json_is_string(json_object_get(note, "run")) ||
	    !json_is_string(json_object_get(note, "state")) ||
	    !number_within(note, "time", INT64_MIN, INT64_MAX) ||
	    !json_bytes_get(json_object_get(note, "queue"), a).p ||
	    !json_bytes_get(json_object_get(note, "dir"), a).p ||
	    !slice_eq(json_bytes_get(json_object_get(note, "id"), a), id) ||
	    json_array_size(files) == 0)
		return false;
	json_array_foreach(files, i, f) if (!file_good(f, a)) return false;
	return true;
}

/* ---- notes on disk ---- */

/* "ID.json"; NULL with err when no file can be called that. */
static const char *note_name(struct arena *a, struct slice id, struct error *err)
{
	struct slice name = arena_printf(a, "%" SLICE_FMT ".json", SLICE_ARG(id));

	if (is_component(id) && is_component(name) && name.n == id.n + 5)
		return name.p;
	error_set(err, ERROR_CORRUPT, "no note can have the name '%" SLICE_FMT "'", SLICE_ARG(id));
	return NULL;
}

/* The descriptor of a new file with this text, or -1. */
static int write_temporary(int folder, const char *name, struct slice text, struct error *err)
{
	int fd;

	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return error_sys(err, errno, "%s", name);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && sys_write_all(fd, text.p, text.n) == 0)
		return fd;
	error_sys(err, errno, "%s", name);
	sys_close(fd);
	unlinkat(folder, name, 0);
	return -1;
}

static int prepare_text(struct saved_pending *p, struct slice text, struct error *err)
{
	if (!text.p || !p->temporary || !p->name)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (text.n > LIMIT_NOTE_BYTES)
		return error_set(err, ERROR_LIMIT, "its note would be larger than %u bytes",
				 LIMIT_NOTE_BYTES);
	p->fd = write_temporary(p->folder, p->temporary, text, err);
	return p->fd < 0 ? -1 : 0;
}

static void end_pending(struct saved_pending *p)
{
	sys_close(p->fd);
	free(p->temporary);
	free(p->name);
	*p = (struct saved_pending){.folder = -1, .fd = -1};
}

int saved_prepare_note(int folder, const json_t *note, unsigned serial, struct saved_pending *out,
		       struct error *err)
{
	char temporary[64], *text;
	struct arena a;
	const char *name;
	int r = -1;

	/* the process last, by which a target that is used again is swept */
	snprintf(temporary, sizeof temporary, ".mtaq.note.%u.%ld", serial, (long)getpid());
	*out = (struct saved_pending){.folder = folder, .fd = -1};
	arena_init(&a, 0);
	name = note_name(&a, json_bytes_get(json_object_get(note, "id"), &a), err);
	text = name ? json_dumps(note, JSON_INDENT(1)) : NULL;
	if (name) {
		out->temporary = strdup(temporary);
		out->name = strdup(name);
		r = prepare_text(out, slice_from(text), err);
	}
	if (r < 0)
		end_pending(out);
	free(text);
	arena_free(&a);
	return r;
}

void saved_begin_sync(const struct saved_pending *p)
{
	sys_begin_sync(p->fd);
}

int saved_publish_note(struct saved_pending *p, struct error *err)
{
	int r = 0;

	if (fsync(p->fd) < 0 || renameat(p->folder, p->temporary, p->folder, p->name) < 0) {
		r = error_sys(err, errno, "%s", p->name);
		unlinkat(p->folder, p->temporary, 0);
	}
	end_pending(p);
	return r;
}

void saved_discard_note(struct saved_pending *p)
{
	unlinkat(p->folder, p->temporary, 0);
	end_pending(p);
}

int saved_write_note(int folder, const json_t *note, struct error *err)
{
	struct saved_pending p;

	if (saved_prepare_note(folder, note, 0, &p, err) < 0)
		return -1;
	return saved_publish_note(&p, err);
}

static json_t *parse_note(struct slice text, struct slice id, struct arena *a, struct error *err)
{
	json_error_t why;
	json_t *note = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);

	if (note && note_good(note, id, a))
		return note;
	json_decref(note);
	error_set(err, ERROR_CORRUPT, "its note makes no sense");
	return NULL;
}

json_t *saved_read_note(int folder, struct slice id, struct error *err)
{
	struct arena a;
	struct slice text;
	const char *name;
	json_t *note = NULL;
	int fd = -1;

	arena_init(&a, 0);
	name = note_name(&a, id, err);
	if (name)
		fd = sys_open_file(folder, name, SYS_READ, name, NULL, err);
	if (fd >= 0 && sys_read_all(fd, 0, LIMIT_NOTE_BYTES, &a, name, &text, err) == 0)
		note = parse_note(text, id, &a, err);
	sys_close(fd);
	arena_free(&a);
	return note;
}

/* ---- its files ---- */

static int64_t number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

bool saved_file(const json_t *note, size_t i, struct arena *a, struct saved_file *out)
{
	const json_t *f = json_array_get(json_object_get(note, "files"), i);

	if (!f)
		return false;
	*out = (struct saved_file){
	    .role = json_string_value(json_object_get(f, "role")),
	    .name = arena_copy(a, json_bytes_get(json_object_get(f, "name"), a)),
	    .place = arena_copy(a, json_bytes_get(json_object_get(f, "place"), a)),
	    .size = (uint64_t)number(f, "size"),
	    .mode = (mode_t)number(f, "mode"),
	    .uid = (uid_t)number(f, "uid"),
	    .gid = (gid_t)number(f, "gid"),
	    .atime_ns = number(f, "atime_ns"),
	    .mtime_ns = number(f, "mtime_ns"),
	};
	return out->name.p && out->place.p;
}

bool saved_file_by_role(const json_t *note, const char *role, struct arena *a,
			struct saved_file *out)
{
	for (size_t i = 0; saved_file(note, i, a, out); i++)
		if (strcmp(out->role, role) == 0)
			return true;
	return false;
}

int saved_check_complete(int folder, const json_t *note, struct error *err)
{
	struct saved_file f;
	struct stat st;
	struct arena a;
	int r = 0;

	arena_init(&a, 0);
	for (size_t i = 0; r == 0 && saved_file(note, i, &a, &f); i++) {
		r = sys_stat(folder, f.name.p, f.name.p, &st, err);
		if (r == 0 && !S_ISREG(st.st_mode))
			r = error_set(err, ERROR_CORRUPT, "%s is %s", f.name.p,
				      sys_file_type(st.st_mode));
		else if (r == 0 && (uint64_t)st.st_size != f.size)
			r = error_set(err, ERROR_CORRUPT, "%s has another size than its note says",
				      f.name.p);
	}
	arena_free(&a);
	return r;
}

static int remove_file(int folder, const char *name, struct error *err)
{
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return 0;
	return error_sys(err, errno, "%s", name);
}

int saved_remove(int folder, const json_t *note, struct error *err)
{
	struct saved_file f;
	struct arena a;
	const char *name;
	int r = 0;

	arena_init(&a, 0);
	for (size_t i = 0; r == 0 && saved_file(note, i, &a, &f); i++)
		r = remove_file(folder, f.name.p, err);
	name = note_name(&a, json_bytes_get(json_object_get(note, "id"), &a), err);
	if (r == 0)
		r = name ? remove_file(folder, name, err) : -1;
	arena_free(&a);
	return r;
}
