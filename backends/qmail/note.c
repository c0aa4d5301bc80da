/* The note in bounce/N: see note.h. */
#include "note.h"
#include "export.h"
#include "rewrite.h"
#include "steps.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/text.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char default_reason[] =
    "The postmaster returned this message without another attempt.";

/* ---- text ---- */

/* As qmail-send shows an address: on one line. */
static void add_address(struct buf *b, struct slice address)
{
	buf_addc(b, '<');
	for (size_t i = 0; i < address.n; i++)
		buf_addc(b, address.p[i] == '\n' ? '_' : address.p[i]);
	buf_adds(b, ">:\n");
}

/* An empty line would end the paragraph; other control characters have no business in mail. */
static void add_reason(struct buf *b, const char *reason)
{
	for (const char *p = reason; *p; p++)
		buf_addc(b, (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p);
	buf_adds(b, "\n\n");
}

/* All of bounce/N: 1, 0 when there is none, -1. *fd (may be NULL) stays open for writing. */
static int read_note(struct action *a, struct held *h, int *fd, struct slice *out,
		     struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	struct error e = ERROR_INIT;
	struct file_path path;
	int r, file;

	if (qmail_path(q, FILE_BOUNCE, held_pin(h)->n, &path, err) < 0)
		return -1;
	file = sys_open_file(q->fd, path.name, fd ? SYS_READ_WRITE : SYS_READ, path.full, NULL, &e);
	if (file < 0 && e.code == ERROR_GONE)
		return 0;
	if (file < 0) {
		if (err && err->code == ERROR_NONE)
			*err = e;
		return -1;
	}
	r = sys_read_all(file, 0, LIMIT_CONTROL_BYTES, &h->arena, path.full, out, err) < 0 ? -1 : 1;
	if (fd && r > 0)
		*fd = file;
	else
		sys_close(file);
	return r;
}

int note_plan(struct action *a, struct held *h, const struct slice *recipients, size_t count,
	      struct note *out, struct error *err)
{
	const char *reason = a->args->reason ? a->args->reason : default_reason;
	const struct rewrite *w = run_rewrite(a, NULL);
	struct slice old = SLICE("");
	struct buf all, one;
	int there = read_note(a, h, NULL, &old, err);

	*out = (struct note){.make = there == 0};
	if (there < 0)
		return -1;
	buf_init(&all);
	buf_init(&one);
	for (size_t i = 0; i < count; i++) {
		buf_clear(&one);
		add_address(&one, w ? rewrite_strip(w, recipients[i]) : recipients[i]);
		add_reason(&one, reason);
		if (slice_find(old, buf_slice(&one)) == SIZE_MAX)
			buf_add(&all, buf_slice(&one));
	}
	out->text = arena_copy(&h->arena, buf_slice(&all));
	buf_free(&all);
	buf_free(&one);
	return out->text.p ? 0 : error_set(err, ERROR_LIMIT, "out of memory");
}

int note_change(struct held *h, const struct note *n, struct error *err)
{
	if (n->text.n == 0)
		return 0;
	return change_add(h,
			  json_pack("{s:s, s:s, s:s, s:o, s:b}", "what", "note", "before", "less",
				    "after", "more", "text", json_bytes(n->text), "made", n->make),
			  err);
}

/* ---- adding ---- */

int note_write(struct action *a, struct held *h, struct note *n, struct error *err)
{
	struct new_file as = new_file_as(a, FILE_BOUNCE);

	if (!n->make || n->text.n == 0)
		return 0;
	n->written = new_file_write(a, FILE_BOUNCE, held_pin(h)->n, n->text, &as, err) == 0;
	return n->written ? 0 : -1;
}

/* Half a paragraph would be sent as it is. */
static void take_half_back(int fd, size_t old, size_t text, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size <= (off_t)old)
		return;
	/* longer than we could have made it: qmail-send has added something too */
	if (st.st_size > (off_t)(old + text) || ftruncate(fd, (off_t)old) < 0)
		error_prefix(err, "half of its note was written");
}

/* At the end, whatever qmail-send adds at the same time. */
static int append(struct action *a, struct held *h, struct slice text, struct error *err)
{
	struct slice old;
	int fd = -1, r = read_note(a, h, &fd, &old, err);

	if (r <= 0)
		return r < 0 ? -1 : error_set(err, ERROR_BUSY, "qmail-send is at work on it");
	r = fcntl(fd, F_SETFL, O_APPEND);
	if (r == 0)
		r = sys_write_all(fd, text.p, text.n);
	if (r == 0)
		r = fsync(fd);
	if (r < 0) {
		error_sys(err, errno, "its note");
		take_half_back(fd, old.n, text.n, err);
	}
	sys_close(fd);
	return r;
}

/* Before qmail-send removes info it sends bounce/N and removes it: one that is there when info is
 * gone was made after that look. The number is held (pin_by_path), so it is no other message's. */
static void withdraw(struct action *a, struct held *h, const struct note *n)
{
	if (n->made)
		step_unlink(a, FILE_BOUNCE, held_pin(h)->n, NULL);
}

static int check_alive(struct action *a, struct held *h, const struct note *n, struct error *err)
{
	if (pin_check(a, h, err) == 0)
		return 0;
	withdraw(a, h, n);
	return -1;
}

int note_check_end(struct action *a, struct held *h, const struct note *n, struct error *err)
{
	if (pin_check(a, h, err) == 0)
		return 0;
	if (err->code == ERROR_GONE)
		withdraw(a, h, n);
	return -1;
}

int note_publish(struct action *a, struct held *h, struct note *n, struct error *err)
{
	int made;

	if (n->text.n == 0)
		return 0;
	if (!n->make)
		return append(a, h, n->text, err);
	made = new_file_publish(a, FILE_BOUNCE, held_pin(h)->n, err);
	if (made < 0)
		return -1;
	if (made == 0)
		return append(a, h, n->text, err);
	n->written = false;
	n->made = true;
	if (check_alive(a, h, n, err) < 0)
		return -1;
	return step_sync(a, FILE_BOUNCE, held_pin(h)->n, err);
}

void note_discard(struct action *a, struct held *h, struct note *n)
{
	if (n->written)
		new_file_discard(a, FILE_BOUNCE, held_pin(h)->n);
	n->written = false;
}

/* ---- taking it back ---- */

static struct slice change_text(struct held *h, const json_t *change)
{
	return json_bytes_get(json_object_get(change, "text"), &h->arena);
}

static bool adds(const json_t *change)
{
	const char *after = json_string_value(json_object_get(change, "after"));

	return after && strcmp(after, "less") == 0;
}

bool note_takes(const json_t *change)
{
	return !adds(change);
}

/* The text at the very end of the note, where it was put; nothing came after it. */
static bool ends_with(struct slice note, struct slice text)
{
	return text.n > 0 && slice_ends(note, text);
}

int note_back_plan(struct action *a, struct held *h, const json_t *change, struct error *err)
{
	struct slice text = change_text(h, change), old = SLICE("");
	bool made = json_is_true(json_object_get(change, "made"));
	int there = text.p ? read_note(a, h, NULL, &old, err) : 0;
	json_t *back;

	if (there < 0)
		return -1;
	if (adds(change) ? (slice_find(old, text) != SIZE_MAX || (there == 0) != made)
			 : (there == 0 || !ends_with(old, text) || (old.n == text.n) != made))
		return 0;
	back = json_deep_copy(change);
	json_object_set(back, "before", json_object_get(change, "after"));
	json_object_set(back, "after", json_object_get(change, "before"));
	return change_add(h, back, err) < 0 ? -1 : 1;
}

/* Beside a running qmail-send, which may add to the note in this moment, nothing is cut off: blank
 * lines take the place of the text. */
static int erase(struct action *a, struct held *h, struct slice text, struct error *err)
{
	struct slice old;
	int fd = -1, r = read_note(a, h, &fd, &old, err);
	char *blank;

	if (r <= 0)
		return r;
	blank = arena_alloc(&h->arena, text.n);
	if (!ends_with(old, text) || !blank)
		r = error_set(err, ERROR_STALE, "its note has changed");
	else if (a->offline)
		r = ftruncate(fd, (off_t)(old.n - text.n));
	else
		r = pwrite(fd, memset(blank, '\n', text.n), text.n, (off_t)(old.n - text.n)) ==
			    (ssize_t)text.n
			? 0
			: -1;
	if (r < 0)
		error_sys(err, errno, "its note");
	run_dirty(a, FILE_BOUNCE, held_pin(h)->n);
	if (fsync(fd) < 0 && r == 0)
		r = error_sys(err, errno, "its note");
	sys_close(fd);
	return r;
}

int note_back(struct action *a, struct held *h, const json_t *change, struct note *out,
	      struct error *err)
{
	*out = (struct note){.text = change_text(h, change),
			     .make = json_is_true(json_object_get(change, "made"))};
	if (!adds(change) && out->make)
		return step_unlink(a, FILE_BOUNCE, held_pin(h)->n, err) < 0 ? -1 : 0;
	if (!adds(change))
		return erase(a, h, out->text, err);
	if (note_write(a, h, out, err) < 0 || note_publish(a, h, out, err) < 0) {
		note_discard(a, h, out);
		return -1;
	}
	return 0;
}

/* ---- a note that was moved away with the message ---- */

static bool was_moved(const json_t *change)
{
	const char *after = json_string_value(json_object_get(change, "after"));

	return after && strcmp(after, "there") != 0;
}

/* The copy in the folder: fd or -1. */
static int open_moved(struct held *h, const json_t *change, struct stat *st, struct error *err)
{
	struct slice folder = json_bytes_get(json_object_get(change, "folder"), &h->arena);
	struct slice name = export_name(&h->arena, h->item->id, "bounce");
	const char *path = folder.p ? arena_str(&h->arena, folder) : NULL;
	int dir, fd;

	if (!path || !name.p)
		return error_set(err, ERROR_GONE, "its note is not in the trash");
	dir = sys_open_dir(path, err);
	if (dir < 0)
		return -1;
	fd = sys_open_file(dir, name.p, SYS_READ, name.p, st, err);
	sys_close(dir);
	return fd;
}

static int read_moved(struct held *h, const json_t *change, struct slice *out, struct stat *st,
		      struct error *err)
{
	int r, fd = open_moved(h, change, st, err);

	if (fd < 0)
		return -1;
	r = sys_read_all(fd, 0, LIMIT_CONTROL_BYTES, &h->arena, "its note", out, err);
	sys_close(fd);
	return r;
}

/* What was written since, of a delivery that was under way, stays: the old one comes after it. */
int note_moved_plan(struct action *a, struct held *h, const json_t *change, struct error *err)
{
	struct slice old = SLICE(""), text;
	int there = read_note(a, h, NULL, &old, err);
	struct stat st;
	json_t *back;

	if (there < 0)
		return -1;
	if (was_moved(change) ? read_moved(h, change, &text, &st, NULL) < 0 ||
				    (there && slice_find(old, text) != SIZE_MAX)
			      : !there)
		return 0;
	back = json_deep_copy(change);
	json_object_set(back, "before", json_object_get(change, "after"));
	json_object_set(back, "after", json_object_get(change, "before"));
	return change_add(h, back, err) < 0 ? -1 : 1;
}

int note_moved_back(struct action *a, struct held *h, const json_t *change, struct note *out,
		    struct error *err)
{
	struct new_file as = new_file_as(a, FILE_BOUNCE);
	struct stat st;
	int r;

	*out = (struct note){.make = true};
	if (!was_moved(change))
		return step_unlink(a, FILE_BOUNCE, held_pin(h)->n, err) < 0 ? -1 : 0;
	if (read_moved(h, change, &out->text, &st, err) < 0)
		return -1;
	as.mtime = &st.st_mtim;
	if (new_file_write(a, FILE_BOUNCE, held_pin(h)->n, out->text, &as, err) < 0)
		return -1;
	out->written = true;
	r = note_publish(a, h, out, err);
	note_discard(a, h, out);
	return r;
}
