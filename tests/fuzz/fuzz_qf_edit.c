/* Any bytes as a control file that is edited: what is taken back is what was there before, also by
 * way of the journal; and what is taken back from any other file leaves a whole one. The first byte
 * chooses the edits. */
#include "../../backends/sendmail/edit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void take_out_recipient(struct qf_edits *e)
{
	struct qf_line l;
	size_t at = 0;

	while (qf_next_line(e->text, &at, &l) && l.code != '.')
		if (l.code == 'R') {
			check(qf_edits_add(e, l.at, l.bytes.n, SLICE(""), NULL) == 0);
			return;
		}
}

static void edit(struct qf_edits *e, unsigned choice)
{
	if (choice & 1)
		check(qf_set_number(e, 'T', 1234567890, NULL) == 0);
	if (choice & 2)
		check(qf_set_number(e, 'K', 0, NULL) == 0);
	if (choice & 4)
		check(qf_set(e, 'q', SLICE("wh\xff ?"), NULL) == 0);
	if (choice & 8)
		check(qf_set(e, '!', SLICE("\x02 1"), NULL) == 0);
	if (choice & 16)
		check(qf_unset(e, 'F', NULL) == 0);
	if (choice & 32)
		take_out_recipient(e);
}

static json_t *through_journal(const struct qf_edits *e)
{
	json_t *made = qf_edits_json(e), *read;
	char *text = json_dumps(made, JSON_COMPACT);

	check(text != NULL);
	read = json_loads(text, JSON_ALLOW_NUL, NULL);
	check(read != NULL);
	free(text);
	json_decref(made);
	return read;
}

static struct slice undone(struct arena *a, const json_t *change, struct slice text)
{
	struct slice out = SLICE_NONE;
	struct qf_edits e;
	size_t left;

	qf_edits_init(&e, a, text);
	check(qf_edits_undo(change, &e, &left, NULL) == 0);
	check(qf_edits_apply(&e, &out, NULL) == 0);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char other[] = "V8\nT5\nK6\nN1\nSa\nRPFD:b\nH??X: y\n.\n";
	struct slice text, now;
	struct qf_edits e;
	json_t *change;
	struct arena a;

	if (size < 1)
		return 0;
	text = slice_of((const char *)data + 1, size - 1);
	if (!qf_editable(text))
		return 0;
	arena_init(&a, 0);
	qf_edits_init(&e, &a, text);
	edit(&e, data[0]);
	check(qf_edits_apply(&e, &now, NULL) == 0);
	check(qf_editable(now));
	change = through_journal(&e);
	check(slice_eq(undone(&a, change, now), text));
	check(qf_editable(undone(&a, change, slice_of(other, sizeof other - 1))));
	json_decref(change);
	arena_free(&a);
	return 0;
}
