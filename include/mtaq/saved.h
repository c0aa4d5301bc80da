/*
 * A message outside its queue: what delete puts into the trash and save into a directory, and what
 * restore and undo take from there.
 *
 * The files of the message lie in one folder, in its MTA's own format, under names that the backend
 * chose, and beside them a note ID.json: one object with
 *	"mtaq"		1
 *	"mta"		"sendmail", "qmail"
 *	"queue"		name of the queue: "sendmail:/var/spool/mqueue"
 *	"dir"		path of the unit where it lay (struct unit), bytes
 *	"id"		script id, bytes; the note's own name without ".json"
 *	"state"		"queued", "held", ...
 *	"run", "time"	the run that put it here; seconds
 *	"sender"	bytes
 *	"files"		[{"role", "name": in the folder, "place": where it belongs, below "dir",
 *			  "size", "mode", "uid", "gid", "atime_ns", "mtime_ns"}]; "role" is what
 *			  backend->files() calls it: "control", "data", "mess", ...
 *	"restoring"	there while a restore is under way, and left by one that was cut off: the
 *same again finishes it, or only takes the files away when the message is back and whatever else
 *the backend needs to put it back, under its own name ("sendmail": {...}). Bytes are as in
 *mtaq/jsonbytes.h.
 *
 * Contract: a message is complete in the folder when its note is there and all files that the note
 * names are, with their sizes. So the note may be written before the last file comes (prepare), and
 * a note without its files is left over from a run that was cut off: never restored, and removed
 * when the trash is emptied. Names in a note are single components, checked when it is read; places
 * are relative, without "..". 0/-1 with err unless said.
 */
#ifndef MTAQ_SAVED_H
#define MTAQ_SAVED_H

#include <mtaq/action.h>

/* The note of a message that is held, without files yet. NULL when out of memory. */
json_t *saved_note(const struct action *a, const struct held *h);
/* Add a file to it. */
int saved_note_file(json_t *note, const char *role, struct slice name, struct slice place,
		    const struct stat *st, struct error *err);
/* Write ID.json into the folder (0600) by way of a temporary, on disk but for the folder itself
 * (the backend's sync() does that). One that is there is replaced. */
int saved_write_note(int folder, const json_t *note, struct error *err);

/* The same for many notes, whose syncs cost less together: prepare them all, then publish each. */
struct saved_pending {
	int folder, fd;
	char *temporary, *name;
};
/* Write the temporary; `serial` tells those of one process apart. */
int saved_prepare_note(int folder, const json_t *note, unsigned serial, struct saved_pending *out,
		       struct error *err);
/* Let the disk begin with it. */
void saved_begin_sync(const struct saved_pending *p);
/* On disk, and named. Closed in any case. */
int saved_publish_note(struct saved_pending *p, struct error *err);
void saved_discard_note(struct saved_pending *p);

/* Read and check the note of `id`. NULL with err: GONE when there is none. */
json_t *saved_read_note(int folder, struct slice id, struct error *err);

struct saved_file {
	const char *role;
	struct slice name, place; /* with a NUL after them */
	uint64_t size;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t atime_ns, mtime_ns;
};
/* File `i` of a note that saved_read_note() gave; false past the end. */
bool saved_file(const json_t *note, size_t i, struct arena *a, struct saved_file *out);
/* The file with this role; false when the message has none. */
bool saved_file_by_role(const json_t *note, const char *role, struct arena *a,
			struct saved_file *out);
/* Are all its files there, regular, with their sizes? GONE or CORRUPT when not. */
int saved_check_complete(int folder, const json_t *note, struct error *err);
/* Take away what is still there of its files, then the note. For finish of restore, and for
 * emptying. */
int saved_remove(int folder, const json_t *note, struct error *err);

#endif
