/*
 * Which of the four return timeouts applies to a message, as sendmail's queue run decides it from
 * the header: Priority, else a delivery report or the flag r, else Precedence. Conditional fields
 * count whatever their condition.
 */
#include "queue.h"

/* The first field of that name from its first visible byte on; none when there is none. A blank at
 * the end counts. */
static struct slice field(const struct message *m, struct slice name)
{
	for (size_t i = 0; i < m->headers.count; i++) {
		struct slice raw = m->headers.list[i].raw;

		if (!slice_caseeq(m->headers.list[i].name, name))
			continue;
		while (raw.n && ascii_isspace(raw.p[0]))
			raw = slice_skip(raw, 1);
		return raw;
	}
	return SLICE_NONE;
}

/* A character that is a word by itself. */
static bool is_special(char c)
{
	return c != '\0' && strchr("<>@,;:\\/[]?=)", c);
}

static bool ends_word(char c)
{
	return ascii_isspace(c) || is_special(c) || c == '"' || c == '(';
}

/* Past a comment, which may hold others. */
static size_t comment_end(struct slice s)
{
	size_t i = 0, depth = 0;

	do {
		depth += s.p[i] == '(';
		depth -= s.p[i] == ')';
		i++;
	} while (i < s.n && depth);
	return i;
}

static size_t quoted_end(struct slice s)
{
	size_t i = 1;

	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i + 1 : s.n;
}

/* The next word, special character or quoted string (with its quotes) of a MIME field; none at the
 * end. */
static struct slice next_token(struct slice *rest)
{
	struct slice token;
	size_t n = 0;

	while (rest->n && (ascii_isspace(rest->p[0]) || rest->p[0] == '('))
		*rest = slice_skip(*rest, rest->p[0] == '(' ? comment_end(*rest) : 1);
	if (!rest->n)
		return SLICE_NONE;
	if (rest->p[0] == '"')
		n = quoted_end(*rest);
	else
		for (n = 1; n < rest->n && !is_special(rest->p[0]) && !ends_word(rest->p[n]);)
			n++;
	token = slice_take(*rest, n);
	*rest = slice_skip(*rest, n);
	return token;
}

static bool take(struct slice *rest, struct slice want)
{
	return slice_caseeq(next_token(rest), want);
}

/* Content-Type: multipart/report; report-type=delivery-status */
static bool is_report(const struct message *m)
{
	struct slice rest = field(m, SLICE("Content-Type")), token;

	if (!take(&rest, SLICE("multipart")) || !take(&rest, SLICE("/")) ||
	    !take(&rest, SLICE("report")))
		return false;
	while ((token = next_token(&rest)).p) {
		struct slice ahead = rest;

		if (slice_caseeq(token, SLICE("report-type")) && take(&ahead, SLICE("=")) &&
		    take(&ahead, SLICE("delivery-status")))
			return true;
	}
	return false;
}

static enum cf_class class_of_precedence(const struct sendmail_queue *q, const struct message *m)
{
	struct slice word = field(m, SLICE("Precedence"));
	int64_t value = word.p ? cf_precedence_of(&q->cf, word) : 0;

	return value < 0 ? CF_NON_URGENT : value > 0 ? CF_URGENT : CF_NORMAL;
}

enum cf_class sendmail_class(const struct sendmail_queue *q, const struct message *m)
{
	struct slice priority = field(m, SLICE("Priority"));

	if (slice_caseeq(priority, SLICE("urgent")))
		return CF_URGENT;
	if (slice_caseeq(priority, SLICE("normal")))
		return CF_NORMAL;
	if (slice_caseeq(priority, SLICE("non-urgent")))
		return CF_NON_URGENT;
	if (is_report(m) || (m->flags.p && slice_chr(m->flags, 'r') != SIZE_MAX))
		return CF_DSN;
	return class_of_precedence(q, m);
}
