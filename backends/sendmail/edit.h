/*
 * Byte-preserving edits of a control file's text: whole logical lines replaced, put in or taken
 * out. Pure functions, no system calls.
 *
 * Contract: a logical line is a physical one, the ones after it that begin with blank or tab, and
 * their line ends; each edit is about one such line. Edits are kept in the order of their places
 * and do not overlap; what no edit names stays byte for byte. The text must be whole (qf_editable).
 * Functions that allocate return -1 with ERROR_LIMIT when the arena is full.
 */
#ifndef SENDMAIL_EDIT_H
#define SENDMAIL_EDIT_H

#include <mtaq/arena.h>
#include <mtaq/error.h>

#include <jansson.h>

struct qf_line {
	size_t at;
	struct slice bytes; /* with its line end */
	char code;
};

struct qf_edit {
	size_t at;
	struct slice old, put;
	struct slice control; /* a recipient's line: the C line in force there, none when none is */
};

struct qf_edits {
	struct arena *arena;
	struct slice text;
	struct qf_edit *list;
	size_t count, room;
};

/* Whole, and nothing after its end: "\n.\n" are its last bytes and no other line begins with a dot.
 */
bool qf_editable(struct slice text);

/* The logical line that begins at *at; *at moves behind it. False at the end of the text. */
bool qf_next_line(struct slice text, size_t *at, struct qf_line *out);
/* The line of this code that counts, the last one. False when there is none. */
bool qf_find_line(struct slice text, char code, struct qf_line *out);
/* What follows the code, without the line end and what is folded. */
struct slice qf_line_value(const struct qf_line *l);
/* Where a line of this code belongs when there is none: in the order in which sendmail writes them.
 */
size_t qf_place(struct slice text, char code);
/* Where the recipients' part ends: the first header line, or the final dot. */
size_t qf_recipients_end(struct slice text);

void qf_edits_init(struct qf_edits *e, struct arena *a, struct slice text);
/* `n` bytes out at `at`, `put` in (kept, not copied). */
int qf_edits_add(struct qf_edits *e, size_t at, size_t n, struct slice put, struct error *err);
/* The line of this code becomes CODE VALUE; put in when there is none. No edit when it is so
 * already. */
int qf_set(struct qf_edits *e, char code, struct slice value, struct error *err);
int qf_set_number(struct qf_edits *e, char code, int64_t value, struct error *err);
/* All lines of this code go. */
int qf_unset(struct qf_edits *e, char code, struct error *err);
/* The new text. */
int qf_edits_apply(const struct qf_edits *e, struct slice *out, struct error *err);

/* {"what": "control", "size", "edits": [{"at", "old", "new", "control"}]}: `size` of the new text,
 * `at` in the old one; NULL when out of memory. */
json_t *qf_edits_json(const struct qf_edits *e);
/* Edits of `text` that take back those of `change`, which qf_edits_json made: all of them, byte for
 * byte, when what they made still stands where they made it; else each line that still is what was
 * made of it. *left counts the lines that are not, but for those that an attempt changes (N K P M).
 */
int qf_edits_undo(const json_t *change, struct qf_edits *out, size_t *left, struct error *err);

#endif
