/* Preprocessing in qmail-send's place: see preprocess.h. */
#include "preprocess.h"
#include "rewrite.h"

/* ---- contents ---- */

static int make_info(struct held *h, struct preprocess *out, struct error *err)
{
	out->info =
	    arena_printf(&h->arena, "F%" SLICE_FMT "%c", SLICE_ARG(h->message.sender_raw), 0);
	return out->info.p ? 0 : error_set(err, ERROR_LIMIT, "out of memory");
}

struct channel_text {
	char *p;
	size_t n, room;
};

static int add_record(struct held *h, struct channel_text *t, char type, struct slice address,
		      struct error *err)
{
	size_t need = t->n + address.n + 2;

	if (need > t->room) {
		size_t room = need * 2;
		char *p = arena_alloc(&h->arena, room);

		if (!p)
			return error_set(err, ERROR_LIMIT, "out of memory");
		if (t->n)
			memcpy(p, t->p, t->n);
		t->p = p;
		t->room = room;
	}
	t->p[t->n++] = type;
	if (address.n)
		memcpy(t->p + t->n, address.p, address.n);
	t->n += address.n;
	t->p[t->n++] = '\0';
	return 0;
}

static void set_channels(struct preprocess *out, const struct channel_text t[2])
{
	for (int c = 0; c < 2; c++)
		out->channel[c] = t[c].n ? slice_of(t[c].p, t[c].n) : SLICE_NONE;
}

int preprocess_done(struct held *h, struct preprocess *out, struct error *err)
{
	struct channel_text t[2] = {{0}};

	for (size_t i = 0; i < h->message.recipient_count; i++)
		if (add_record(h, &t[1], 'D', h->message.recipients[i].raw, err) < 0)
			return -1;
	set_channels(out, t);
	return make_info(h, out, err);
}

int preprocess_pending(struct action *a, struct held *h, struct preprocess *out, struct error *err)
{
	const struct rewrite *w = run_rewrite(a, err);
	struct channel_text t[2] = {{0}};

	if (!w)
		return -1;
	for (size_t i = 0; i < h->message.recipient_count; i++) {
		struct slice stored;
		enum channel c =
		    rewrite_forward(w, &h->arena, h->message.recipients[i].raw, &stored);

		if (!stored.p)
			return error_set(err, ERROR_LIMIT, "out of memory");
		if (add_record(h, &t[c == CHANNEL_REMOTE], 'T', stored, err) < 0)
			return -1;
	}
	set_channels(out, t);
	return make_info(h, out, err);
}

/* ---- files ---- */

/* Left over from a preprocessing that was interrupted: qmail-send would remove it too. */
static int clear_leftovers(struct action *a, struct held *h, struct error *err)
{
	uint64_t n = held_pin(h)->n;

	return step_unlink(a, FILE_INFO, n, err) < 0 || step_unlink(a, FILE_LOCAL, n, err) < 0 ||
		       step_unlink(a, FILE_REMOTE, n, err) < 0
		   ? -1
		   : 0;
}

static int put_file(struct action *a, struct held *h, enum qmail_file f, struct slice text,
		    const struct timespec *mtime, struct error *err)
{
	struct new_file as = new_file_as(a, f);

	as.mtime = mtime;
	if (new_file_write(a, f, held_pin(h)->n, text, &as, err) < 0)
		return -1;
	if (new_file_replace(a, f, held_pin(h)->n, err) == 0)
		return 0;
	new_file_discard(a, f, held_pin(h)->n);
	return -1;
}

int preprocess_write(struct action *a, struct held *h, struct preprocess *p,
		     const struct timespec *birth, struct error *err)
{
	static const enum qmail_file file[2] = {FILE_LOCAL, FILE_REMOTE};
	/* when the next attempt is due: it has waited since then */
	const struct timespec *due = &held_pin(h)->todo_st.st_mtim;

	if (clear_leftovers(a, h, err) < 0)
		return -1;
	p->written = true;
	for (int c = 0; c < 2; c++)
		if (p->channel[c].p && put_file(a, h, file[c], p->channel[c], due, err) < 0)
			return -1;
	return put_file(a, h, FILE_INFO, p->info, birth, err);
}

int preprocess_commit(struct action *a, struct held *h, struct error *err)
{
	const struct pin *p = held_pin(h);
	enum qmail_file intd = p->todo_file == FILE_TODO ? FILE_INTD : FILE_INTD_OTHER;

	/* as qmail does it: an intd that stayed would be in the way of the number's next message */
	if (step_unlink(a, intd, p->n, err) < 0 || step_sync(a, intd, p->n, err) < 0)
		return -1;
	return step_unlink(a, p->todo_file, p->n, err) < 0 ? -1 : 0;
}

void preprocess_discard(struct action *a, struct held *h, const struct preprocess *p)
{
	static const enum qmail_file files[] = {FILE_INFO, FILE_LOCAL, FILE_REMOTE};

	if (!p->written || h->committed)
		return;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		step_unlink(a, files[i], held_pin(h)->n, NULL);
}
