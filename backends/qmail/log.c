/*
 * qmail-send's lines, and how it writes addresses there.
 *
 * Blanks and control characters never stand in what a line quotes, so the words around it can be
 * found for certain; but different addresses can look the same.
 */
#include "internal.h"

/* Take `prefix` off; false when it is not there. */
static bool take(struct slice *s, struct slice prefix)
{
	if (!slice_starts(*s, prefix))
		return false;
	*s = slice_skip(*s, prefix.n);
	return true;
}

static bool take_number(struct slice *s, uint64_t *out)
{
	struct slice digits = *s;

	for (digits.n = 0; digits.n < s->n && ascii_isdigit(s->p[digits.n]);)
		digits.n++;
	*s = slice_skip(*s, digits.n);
	return slice_u64(digits, out);
}

/* What stands before ": ", which is taken off too. Several queues in one log put words behind the
 * number of a delivery. */
static bool take_name(struct slice *s, struct slice *out)
{
	size_t n = slice_chr(*s, ':');

	if (n == SIZE_MAX || n == 0)
		return false;
	*out = slice_take(*s, n);
	*s = slice_skip(*s, n);
	return take(s, SLICE(": "));
}

static bool parse_start(struct slice s, struct log_event *out)
{
	if (!take_name(&s, &out->delivery) || !take(&s, SLICE("msg ")) ||
	    !take_number(&s, &out->number))
		return false;
	if (take(&s, SLICE(" to remote ")))
		out->channel = CHANNEL_REMOTE;
	else if (take(&s, SLICE(" to local ")))
		out->channel = CHANNEL_LOCAL;
	else
		return false;
	out->address = s;
	return true;
}

static bool parse_result(struct slice s, struct log_event *out)
{
	static const struct {
		struct slice word;
		enum log_outcome outcome;
	} words[] = {{{"success: ", 9}, OUTCOME_SUCCESS},
		     {{"deferral: ", 10}, OUTCOME_DEFERRAL},
		     {{"failure: ", 9}, OUTCOME_FAILURE}};

	if (!take_name(&s, &out->delivery))
		return false;
	out->text = s;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!take(&out->text, words[i].word))
			continue;
		out->outcome = words[i].outcome;
		return true;
	}
	out->outcome = OUTCOME_DEFERRAL;
	return slice_eq(s, SLICE("report mangled, will defer"));
}

static bool parse_info(struct slice s, struct log_event *out)
{
	size_t n;

	if (!take_number(&s, &out->number) || !take(&s, SLICE(": bytes ")) ||
	    !take_number(&s, &out->size) || !take(&s, SLICE(" from <")))
		return false;
	n = slice_find(s, SLICE("> qp "));
	if (n == SIZE_MAX)
		return false;
	out->sender = slice_take(s, n);
	s = slice_skip(s, n + 5);
	return take_number(&s, &out->qp) && take(&s, SLICE(" uid "));
}

/* A line that is nothing but a number from here on. */
static bool parse_number(struct slice s, struct log_event *out)
{
	return slice_u64(s, &out->number);
}

void qmail_log_parse(struct slice line, struct log_event *out)
{
	static const struct {
		struct slice words;
		enum log_event_kind kind;
		bool (*parse)(struct slice rest, struct log_event *out);
	} rows[] = {
	    {{"delivery ", 9}, LOG_RESULT, parse_result},
	    {{"starting delivery ", 18}, LOG_START, parse_start},
	    {{"new msg ", 8}, LOG_NEW, parse_number},
	    {{"info msg ", 9}, LOG_INFO, parse_info},
	    {{"end msg ", 8}, LOG_END, parse_number},
	};

	out->kind = LOG_OTHER;
	/* every other line is one of these */
	if (slice_starts(line, SLICE("status: ")))
		return;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (!slice_starts(line, rows[i].words))
			continue;
		*out = (struct log_event){.kind = rows[i].kind};
		if (!rows[i].parse(slice_skip(line, rows[i].words.n), out))
			out->kind = LOG_OTHER;
		return;
	}
}

struct slice qmail_log_address(struct arena *a, struct slice address)
{
	char *p = arena_alloc(a, address.n);

	if (!p)
		return SLICE_NONE;
	for (size_t i = 0; i < address.n; i++) {
		unsigned char c = (unsigned char)address.p[i];

		p[i] = address.p[i];
		if (c == '\n')
			p[i] = '/';
		else if (c <= ' ' || c >= 127 || c == '%')
			p[i] = '_';
	}
	return slice_of(p, address.n);
}

struct slice qmail_log_text(struct arena *a, struct slice text)
{
	char *p = arena_alloc(a, text.n);

	if (!p)
		return SLICE_NONE;
	for (size_t i = 0; i < text.n; i++)
		p[i] = text.p[i] == '_' ? ' ' : text.p[i];
	return slice_of(p, text.n);
}
