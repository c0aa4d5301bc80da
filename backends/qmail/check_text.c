/*
 * Texts of info, local, remote and todo as they should be, from damaged ones.
 *
 * Pure: bytes in, bytes out. What can be read is kept; a recipient is rather tried twice than lost,
 * so a record of unknown type that looks like an address is taken for one that is pending.
 */
#include "check.h"

#include <mtaq/timefmt.h>

static bool is_address(struct slice s)
{
	return slice_chr(s, '@') != SIZE_MAX;
}

struct text {
	char *p; /* room for all of the old text and a little more */
	size_t n;
	size_t recipients;
	bool sender;
	const char *what;
};

static void add(struct text *t, char type, struct slice text)
{
	t->p[t->n++] = type;
	if (text.n)
		memcpy(t->p + t->n, text.p, text.n);
	t->n += text.n;
	t->p[t->n++] = '\0';
}

static void blame(struct text *t, const char *what)
{
	if (!t->what)
		t->what = what;
}

/* One recipient, pending or done; whole: it had its NUL. */
static void add_recipient(struct text *t, char type, struct slice text)
{
	add(t, type, text);
	t->recipients++;
}

static void mend_record(struct text *t, struct record r, bool whole)
{
	if (!whole)
		blame(t, "ends in a record without NUL");
	if (r.type == 'T' || r.type == 'D') {
		if (whole || r.text.n)
			add_recipient(t, r.type, r.text);
		return;
	}
	blame(t, "has a record of unknown type");
	if (is_address(r.text))
		add_recipient(t, 'T', r.text);
}

static void mend_channel(struct text *t, struct slice old)
{
	struct record r;
	int got;

	while ((got = record_next(&old, &r)) != 0)
		mend_record(t, r, got > 0);
}

/* A sender whose type is lost, or was replaced. */
static struct slice sender_of(struct record r, struct slice old)
{
	bool replaced = !(r.type >= 'a' && r.type <= 'z') && !ascii_isdigit(r.type);
	struct slice first = slice_take(old, r.text.n + 1);

	return r.type == '\0' ? SLICE("") : replaced ? r.text : first;
}

static void mend_info(struct text *t, struct slice old)
{
	struct slice rest = old;
	struct record r;
	int got = record_next(&rest, &r);

	if (got == 0)
		blame(t, "is empty");
	else if (r.type != 'F')
		blame(t, "does not begin with F");
	else if (got < 0)
		blame(t, "has no NUL at its end");
	else if (rest.n)
		blame(t, "has more than the sender");
	t->sender = got != 0;
	add(t, 'F', got == 0 ? SLICE("") : r.type == 'F' ? r.text : sender_of(r, old));
}

static void mend_todo_record(struct text *t, struct record r, bool whole)
{
	switch (r.type) {
	case 'u':
	case 'p':
		if (whole)
			add(t, r.type, r.text);
		else
			blame(t, "ends in a record without NUL");
		return;
	case 'F':
		if (t->sender)
			blame(t, "has two senders");
		else
			add(t, 'F', r.text);
		if (!whole)
			blame(t, "ends in a record without NUL");
		t->sender = true;
		return;
	case 'D':
		/* none is done before it is preprocessed */
		r.type = '?';
		break;
	default:
		break;
	}
	if (!t->sender) {
		blame(t, "has no sender before its recipients");
		add(t, 'F', SLICE(""));
		t->sender = true;
	}
	mend_record(t, r, whole);
}

static void mend_todo(struct text *t, struct slice old)
{
	struct record r;
	int got;

	while ((got = record_next(&old, &r)) != 0)
		mend_todo_record(t, r, got > 0);
	if (t->sender)
		return;
	blame(t, "has no sender");
	add(t, 'F', SLICE(""));
}

struct slice text_mend(struct arena *a, enum text_kind kind, struct slice old, const char **what,
		       bool *lost)
{
	static void (*const menders[])(struct text *, struct slice) = {
	    [TEXT_INFO] = mend_info, [TEXT_CHANNEL] = mend_channel, [TEXT_TODO] = mend_todo};
	struct text t = {.p = arena_alloc(a, old.n + 8)};

	*what = NULL;
	*lost = false;
	if (!t.p)
		return SLICE_NONE;
	menders[kind](&t, old);
	*what = t.what;
	*lost = t.what && (kind == TEXT_INFO ? !t.sender : t.recipients == 0);
	return t.what ? slice_of(t.p, t.n) : old;
}

/* ---- the first line of mess ---- */

static int month_of(struct slice name)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; name.n == 3 && i < 12; i++)
		if (memcmp(names + 3 * i, name.p, 3) == 0)
			return i + 1;
	return 0;
}

int64_t received_time(struct slice mess)
{
	struct slice line, day, month, year, clock;
	struct arena a;
	int64_t t = 0;
	uint64_t d, y;
	size_t at;

	slice_cut(&mess, '\n', &line);
	at = slice_find(line, SLICE("); "));
	if (!slice_starts(line, SLICE("Received: (qmail ")) || at == SIZE_MAX)
		return 0;
	line = slice_skip(line, at + 3);
	if (!slice_cut(&line, ' ', &day) || !slice_cut(&line, ' ', &month) ||
	    !slice_cut(&line, ' ', &year) || !slice_cut(&line, ' ', &clock) ||
	    !slice_u64(day, &d) || !slice_u64(year, &y) || d > 31 || y > 9999)
		return 0;
	arena_init(&a, 0);
	if (!time_parse(arena_printf(&a, "%04u-%02d-%02uT%" SLICE_FMT "Z", (unsigned)y,
				     month_of(month), (unsigned)d, SLICE_ARG(clock)),
			&t))
		t = 0;
	arena_free(&a);
	return t;
}
