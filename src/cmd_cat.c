/* mtaq cat: one message as the MTA holds it. */
#include "cmd.h"
#include "selection.h"

#include <errno.h>
#include <stdlib.h>

struct cat_options {
	bool headers, body, raw;
};

static const struct option_row options[] = {
    {0, "headers", NULL, OPTION_FLAG, offsetof(struct cat_options, headers), "the header only"},
    {0, "body", NULL, OPTION_FLAG, offsetof(struct cat_options, body), "the body only"},
    {0, "raw", NULL, OPTION_FLAG, offsetof(struct cat_options, raw),
     "the bytes as they are, to a terminal too"},
    {0},
};

struct cat {
	struct run *run;
	const struct cat_options *options;
};

static void put(struct cat *c, struct slice s)
{
	struct buf b;

	if (c->options->raw || !c->run->out_tty) {
		run_out(c->run, s);
		return;
	}
	/* line by line, so that line ends stay line ends */
	buf_init(&b);
	for (struct slice line; slice_cut(&s, '\n', &line);) {
		text_escape(&b, line);
		if (s.p)
			buf_addc(&b, '\n');
	}
	run_out(c->run, buf_slice(&b));
	buf_free(&b);
}

static void put_headers(struct cat *c, const struct field_context *fc)
{
	const struct message *m = fc->message;

	for (size_t i = 0; i < m->headers.count; i++) {
		const struct header *h = &m->headers.list[i];
		struct slice value =
		    m->header_bytes ? m->header_bytes(fc->arena, m, h->raw) : h->raw;

		put(c, h->name);
		put(c, SLICE(":"));
		put(c, value);
		if (!slice_ends(value, SLICE("\n")))
			put(c, SLICE("\n"));
	}
}

/* Without the beginning of a character at its end, which the next piece brings whole. */
static struct slice whole_characters(struct slice s)
{
	for (size_t n = 1; n <= 3 && n < s.n; n++) {
		unsigned char lead = (unsigned char)s.p[s.n - n];

		if (lead < 0xc0)
			continue;
		if ((lead >= 0xf0 && n < 4) || (lead >= 0xe0 && n < 3) || n < 2)
			s.n -= n;
		break;
	}
	return s;
}

static void put_file(struct cat *c, const struct message *m, int fd, off_t from)
{
	char piece[64 * 1024];
	struct slice s;
	ssize_t n;

	while (!c->run->out_lost && (n = sys_pread(fd, piece, sizeof piece, from)) != 0) {
		if (n < 0) {
			run_fail(c->run, STATUS_SOME, "%" SLICE_FMT ": cannot be read on",
				 SLICE_ARG(m->id));
			return;
		}
		s = slice_of(piece, (size_t)n);
		if (s.n == sizeof piece)
			s = whole_characters(s);
		put(c, s);
		from += (off_t)s.n;
	}
}

static void cat_message(struct cat *c, const struct field_context *fc)
{
	const struct message *m = fc->message;
	const struct cat_options *o = c->options;
	struct error err = ERROR_INIT;
	bool whole = false;
	int fd = o->headers ? -1 : m->queue->backend->open_data(m, &whole, &err);

	if (o->headers || (!whole && !o->body)) {
		put_headers(c, fc);
		if (!o->headers)
			put(c, SLICE("\n"));
	}
	if (fd >= 0 && whole && o->body && (!m->body_at.known || (m->failed & PART_HEADER)))
		run_fail(c->run, STATUS_SOME,
			 "%s: %" SLICE_FMT ": where its body begins cannot be told", m->queue->name,
			 SLICE_ARG(m->id));
	else if (fd >= 0)
		put_file(c, m, fd, whole && o->body ? (off_t)m->body_at.value : 0);
	else if (!o->headers)
		run_fail(c->run, STATUS_SOME, "%s", err.text);
	sys_close(fd);
}

static void each(void *ctx, struct select_chunk *chunk, const struct field_context *fc)
{
	struct cat *c = ctx;

	run_err(buf_slice(&chunk->err));
	buf_clear(&chunk->err);
	cat_message(c, fc);
}

static bool chunk_done(void *ctx, struct select_chunk *chunk)
{
	struct cat *c = ctx;

	run_err(buf_slice(&chunk->err));
	return !c->run->out_lost;
}

static void cat_queues(struct cat *c, struct selection *s)
{
	bool more = true;

	for (size_t i = 0; more && i < s->queues.count; i++) {
		struct select_request request = {.ctx = c, .each = each, .chunk = chunk_done};
		struct select_totals totals;

		request.parts = PART_HEADER;
		more = selection_run(s, i, &request, &totals);
	}
}

static void cat_run(struct run *run, const void *values)
{
	struct cat c = {run, values};
	struct selection s;

	if (run->word_count == 0) {
		run_fail(run, STATUS_USAGE, "cat: which message? (`mtaq list -i` prints ids)");
		return;
	}
	run->jobs = 1; /* it prints while it reads */
	if (selection_prepare(run, &s))
		cat_queues(&c, &s);
	selection_free(&s);
}

const struct command command_cat = {
    .name = "cat",
    .summary = "print a message as the MTA holds it",
    .args = "ID...",
    .flags = COMMAND_WORDS,
    .options = options,
    .options_size = sizeof(struct cat_options),
    .details = "On a terminal control characters are escaped unless --raw is given.\n",
    .run = cat_run,
};
