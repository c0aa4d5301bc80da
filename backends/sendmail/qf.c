/* Control file text to envelope, recipients and header: see qf.h. */
#include "qf.h"

#include <mtaq/addr.h>
#include <mtaq/limits.h>

enum { NEWEST_VERSION = 8, LISTER_BUFFER = 2047 };

struct reader {
	const char *at, *end;
	bool careful; /* there is a CR or NUL somewhere */
	bool folded;  /* the line just read spans several physical lines */
};

static struct reader reader_at(struct slice text, size_t offset, bool careful)
{
	return (struct reader){text.p + offset, text.p + text.n, careful, false};
}

/* Cut at the first NUL; one CR before the line's end goes. */
static const char *careful_end(const char *start, const char *stop, bool at_newline)
{
	const char *nul = memchr(start, '\0', (size_t)(stop - start));

	if (nul)
		return nul;
	return at_newline && stop > start && stop[-1] == '\r' ? stop - 1 : stop;
}

/* The next logical line without its end. */
static inline bool next_line(struct reader *r, struct slice *line)
{
	const char *start = r->at, *stop;

	if (start == r->end)
		return false;
	r->folded = false;
	for (const char *from = start;;) {
		stop = memchr(from, '\n', (size_t)(r->end - from));
		if (!stop) {
			r->at = stop = r->end;
			break;
		}
		r->at = stop + 1;
		if (r->at == r->end || (*r->at != ' ' && *r->at != '\t'))
			break;
		r->folded = true;
		from = r->at;
	}
	if (r->careful)
		*line = slice_of(start, (size_t)(careful_end(start, stop, stop != r->end) - start));
	else
		*line = slice_of(start, (size_t)(stop - start));
	return true;
}

/* A folded value on one line: each line end becomes a blank, as when sendmail writes it again. */
static int join(struct arena *a, struct slice *value, struct error *err)
{
	char *out = arena_alloc(a, value->n + 1);
	size_t n = 0;

	if (!out)
		return error_set(err, ERROR_LIMIT, "out of memory for a folded line");
	for (size_t i = 0; i < value->n; i++) {
		char c = value->p[i];

		if (c == '\r' && i + 1 < value->n && value->p[i + 1] == '\n')
			continue;
		out[n++] = (char)(c == '\n' ? ' ' : c);
	}
	out[n] = '\0';
	*value = slice_of(out, n);
	return 0;
}

int64_t qf_number(struct slice s)
{
	size_t i = 0;
	int64_t v = 0;
	bool minus;

	while (i < s.n && ascii_isspace(s.p[i]))
		i++;
	minus = i < s.n && s.p[i] == '-';
	if (minus || (i < s.n && s.p[i] == '+'))
		i++;
	for (; i < s.n && ascii_isdigit(s.p[i]); i++) {
		int digit = s.p[i] - '0';

		if (v < (INT64_MIN + digit) / 10)
			return minus ? INT64_MIN : INT64_MAX;
		v = v * 10 - digit;
	}
	if (minus)
		return v;
	return v == INT64_MIN ? INT64_MAX : -v;
}

static struct slice macro_name(struct slice line, struct slice *value)
{
	size_t close;

	if (line.n && line.p[0] == '{' && (close = slice_chr(line, '}')) != SIZE_MAX) {
		*value = slice_skip(line, close + 1);
		return slice_of(line.p + 1, close - 1);
	}
	*value = slice_skip(line, 1);
	return slice_take(line, 1);
}

static int add_macro(struct arena *a, struct qf *q, struct slice line, struct error *err)
{
	enum { FIRST = 8 };
	size_t n = q->macro_count;
	struct macro *list = q->macros;

	if (n >= LIMIT_MACROS)
		return error_set(err, ERROR_LIMIT, "more than %u macro lines", LIMIT_MACROS);
	if (n == 0)
		list = arena_array(a, FIRST, sizeof *list);
	else if (n >= FIRST && (n & (n - 1)) == 0)
		list = arena_grow(a, list, n * sizeof *list, 2 * n * sizeof *list);
	if (!list)
		return error_set(err, ERROR_LIMIT, "out of memory for macros");
	q->macros = list;
	list[n].name = macro_name(line, &list[n].value);
	q->macro_count++;
	return 0;
}

static struct number number_in(struct slice value)
{
	return number_of(qf_number(value));
}

static void body_type(struct qf *q, struct slice value)
{
	q->body_type = value;
	if (!slice_caseeq(value, SLICE("7BIT")) && !slice_caseeq(value, SLICE("8BITMIME")))
		q->odd |= QF_ODD_BODY;
}

static void flags(struct qf *q, struct slice value)
{
	q->flags = value;
	if (slice_starts(value, SLICE("rom ")))
		q->odd |= QF_ODD_FROM;
}

static void version(struct qf *q, struct slice value)
{
	q->version = number_in(value);
	if (q->version.value > NEWEST_VERSION)
		q->odd |= QF_ODD_VERSION;
}

/* A line that belongs to the recipients' part of the file; `at` is its offset. */
static void recipient_line(struct qf *q, size_t at)
{
	if (q->recipients_at < q->text.n)
		return;
	q->recipients_at = at;
	q->recipients_version = q->version.known ? q->version.value : 0;
}

/* M stands for the message before S, and for the next recipient after it. */
static void status(struct qf *q, struct slice value, size_t at)
{
	q->status_count++;
	if (q->sender.p || q->recipients_at < q->text.n)
		recipient_line(q, at);
	else
		q->status = value;
}

static int take_line(struct arena *a, struct qf *q, char code, struct slice value, size_t at,
		     struct error *err)
{
	switch (code) {
	case 'V':
		version(q, value);
		break;
	case 'T':
		q->created = number_in(value);
		break;
	case 'K':
		q->tried = number_in(value);
		break;
	case 'N':
		q->attempts = number_in(value);
		break;
	case 'P':
		q->priority = number_in(value);
		break;
	case 'd':
		q->data_dir = value;
		break;
	case 'B':
		body_type(q, value);
		break;
	case 'q':
		q->reason = value;
		break;
	case 'M':
		status(q, value, at);
		break;
	case 'F':
		flags(q, value);
		break;
	case '$':
		return add_macro(a, q, value, err);
	case 'S':
		q->sender = value;
		break;
	case 'Z':
		q->envid = value;
		break;
	case 'A':
		q->auth = value;
		break;
	case '!':
		q->deliver_by = value;
		break;
	case 'R':
		q->recipient_count++;
		/* fall through */
	case 'C':
	case 'Q':
	case 'r':
		recipient_line(q, at);
		break;
	case 'D': /* data file name (V0), its inode, error recipient, content length: nobody reads
		     them any more */
	case 'I':
	case 'E':
	case 'L':
		break;
	default:
		q->odd |= QF_ODD_CODE;
		break;
	}
	return 0;
}

static void header_line(struct qf *q, size_t at)
{
	q->header_count++;
	if (q->headers_at == q->text.n)
		q->headers_at = at;
}

int qf_parse(struct arena *a, struct slice text, struct qf *out, struct error *err)
{
	bool careful = memchr(text.p, '\0', text.n) || memchr(text.p, '\r', text.n);
	struct reader r = reader_at(text, 0, careful);
	struct slice line;

	*out = (struct qf){
	    .text = text, .folds = careful, .recipients_at = text.n, .headers_at = text.n};
	for (const char *start = r.at; next_line(&r, &line); start = r.at) {
		char code = (char)(line.n ? line.p[0] : '\0');
		struct slice value = slice_skip(line, 1);

		if (code == 'H') {
			header_line(out, (size_t)(start - text.p));
			continue;
		}
		if (code == '.') {
			out->ended = true;
			break;
		}
		if (r.folded && join(a, &value, err) < 0)
			return -1;
		if (take_line(a, out, code, value, (size_t)(start - text.p), err) < 0)
			return -1;
	}
	if (out->ended && r.at < r.end)
		out->odd |= QF_ODD_AFTER_DOT;
	out->whole = out->ended || out->recipient_count || out->header_count;
	return 0;
}

/* What the lines before an R line say about it. */
struct pending {
	int64_t version;
	bool after_sender;
	struct slice status, orcpt, final, control;
};

static bool split_recipient(struct slice value, int64_t qf_version, struct recipient *out)
{
	size_t colon;

	out->raw = value;
	if (qf_version >= 1) {
		colon = slice_chr(value, ':');
		if (colon == SIZE_MAX)
			return false;
		out->flags = slice_take(value, colon);
		out->raw = slice_skip(value, colon + 1);
	}
	out->address = addr_strip(out->raw);
	return true;
}

static void add_recipient(const struct qf *q, struct qf_recipients *out, struct pending *p,
			  struct slice value)
{
	struct recipient *r = &out->list[out->count];

	*r = (struct recipient){.status = p->status.p ? p->status : q->status,
				.own_status = p->status.p != NULL,
				.orcpt = p->orcpt,
				.final = p->final,
				.control = p->control};
	out->count += split_recipient(value, p->version, r);
	p->status = p->orcpt = p->final = SLICE_NONE;
}

static void recipient_part(const struct qf *q, struct qf_recipients *out, struct pending *p,
			   char code, struct slice value)
{
	switch (code) {
	case 'V':
		p->version = qf_number(value);
		break;
	case 'M':
		p->status = out->statuses[out->status_count++] = value;
		break;
	case 'C':
		p->control = value.n ? value : SLICE_NONE;
		break;
	case 'Q':
		p->orcpt = value;
		break;
	case 'r':
		p->final = value;
		break;
	case 'R':
		add_recipient(q, out, p, value);
		break;
	default:
		break;
	}
}

static int recipient_room(struct arena *a, const struct qf *q, struct qf_recipients *out,
			  struct error *err)
{
	*out = (struct qf_recipients){0};
	if (q->recipient_count > LIMIT_RECIPIENTS)
		return error_set(err, ERROR_LIMIT, "more than %u recipients", LIMIT_RECIPIENTS);
	if (q->status_count > LIMIT_STATUSES)
		return error_set(err, ERROR_LIMIT, "more than %u status lines", LIMIT_STATUSES);
	out->list = arena_array(a, q->recipient_count, sizeof *out->list);
	out->statuses = arena_array(a, q->status_count + 1, sizeof *out->statuses);
	if (!out->list || !out->statuses)
		return error_set(err, ERROR_LIMIT, "out of memory for recipients");
	if (q->status.p)
		out->statuses[out->status_count++] = q->status;
	return 0;
}

int qf_recipients(struct arena *a, const struct qf *q, struct qf_recipients *out, struct error *err)
{
	struct reader r = reader_at(q->text, q->recipients_at, q->folds);
	struct pending p = {.version = q->recipients_version};
	struct slice line;

	if (recipient_room(a, q, out, err) < 0)
		return -1;
	while (next_line(&r, &line)) {
		char code = (char)(line.n ? line.p[0] : '\0');
		struct slice value = slice_skip(line, 1);

		if (code == 'H')
			continue;
		if (code == '.')
			break;
		if (r.folded && join(a, &value, err) < 0)
			return -1;
		recipient_part(q, out, &p, code, value);
	}
	return 0;
}

/* ?cond?Name: value, or Name: value as old files have it. */
static bool split_header(struct slice value, struct header *out)
{
	size_t close, colon;

	out->cond = SLICE_NONE;
	if (value.n && value.p[0] == '?' &&
	    (close = slice_chr(slice_skip(value, 1), '?')) != SIZE_MAX) {
		out->cond = slice_of(value.p + 1, close);
		value = slice_skip(value, close + 2);
	}
	colon = slice_chr(value, ':');
	if (colon == SIZE_MAX)
		return false;
	out->name = slice_take(value, colon);
	while (out->name.n &&
	       (out->name.p[out->name.n - 1] == ' ' || out->name.p[out->name.n - 1] == '\t'))
		out->name.n--;
	out->raw = slice_skip(value, colon + 1);
	return true;
}

int qf_headers(struct arena *a, const struct qf *q, struct header_list *out, struct error *err)
{
	struct reader r = reader_at(q->text, q->headers_at, q->folds);
	struct slice line;

	*out = (struct header_list){0};
	if (q->header_count > LIMIT_HEADERS)
		return error_set(err, ERROR_LIMIT, "more than %u header fields", LIMIT_HEADERS);
	out->list = arena_array(a, q->header_count, sizeof *out->list);
	if (!out->list)
		return error_set(err, ERROR_LIMIT, "out of memory for the header");
	out->room = q->header_count;
	while (out->count < q->header_count && next_line(&r, &line)) {
		if (line.n && line.p[0] == '.')
			break;
		if (line.n && line.p[0] == 'H')
			out->count += split_header(slice_skip(line, 1), &out->list[out->count]);
	}
	return 0;
}

bool qf_lister_line(struct slice *rest, struct slice *line)
{
	struct slice piece = slice_take(*rest, LISTER_BUFFER);
	const char *p;

	if (!rest->n)
		return false;
	p = memchr(piece.p, '\n', piece.n);
	if (p)
		piece.n = (size_t)(p - piece.p) + 1;
	*rest = slice_skip(*rest, piece.n);
	p = memchr(piece.p, '\0', piece.n);
	if (p) {
		piece.n = (size_t)(p - piece.p);
	} else if (piece.p[piece.n - 1] == '\n') {
		piece.n--;
		if (piece.n && piece.p[piece.n - 1] == '\r')
			piece.n--;
	}
	*line = piece;
	return true;
}
