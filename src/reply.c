/*
 * The codes in what a server, or the MTA in its name, said of a delivery.
 *
 * Only where an answer begins is looked at: addresses, host names and sizes in the text are full of
 * numbers too.
 */
#include <mtaq/addr.h>

struct answer {
	struct slice code, dsn; /* none when it has none */
};

/* sendmail's status, qmail-remote's report, a transcript, the Diagnostic-Code of a notification. */
static const char *const leads[] = {"Deferred: ", "Remote host said: ", "<<< ", "smtp; "};

enum { LEADS = sizeof leads / sizeof leads[0] };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t count_digits(struct slice s)
{
	size_t n = 0;

	while (n < s.n && ascii_isdigit(s.p[n]))
		n++;
	return n;
}

/* A '/' is how qmail's log shows a line end. */
static bool ends_code(struct slice rest)
{
	return !rest.n || is_blank(rest.p[0]) || memchr("-/\r\n", rest.p[0], 4);
}

static struct slice take_code(struct slice s)
{
	if (count_digits(s) != 3 || s.p[0] < '2' || s.p[0] > '5' || !ends_code(slice_skip(s, 3)))
		return SLICE_NONE;
	return slice_take(s, 3);
}

/* Of one to three digits; 0 when there is no such number at `at`. */
static size_t number_length(struct slice s, size_t at)
{
	size_t n = count_digits(slice_skip(s, at));

	return n <= 3 ? n : 0;
}

/* Not the beginning of an IP address or of a longer word; a full stop may follow. */
static bool ends_dsn(struct slice rest)
{
	if (!rest.n)
		return true;
	if (rest.p[0] == '.')
		return rest.n < 2 || !ascii_isdigit(rest.p[1]);
	return !ascii_isdigit(rest.p[0]) && !ascii_isalpha(rest.p[0]) && rest.p[0] != '_';
}

static struct slice take_dsn(struct slice s)
{
	size_t subject, detail;

	if (s.n < 5 || !memchr("245", s.p[0], 3) || s.p[1] != '.')
		return SLICE_NONE;
	subject = number_length(s, 2);
	if (!subject || 2 + subject >= s.n || s.p[2 + subject] != '.')
		return SLICE_NONE;
	detail = number_length(s, 3 + subject);
	if (!detail || !ends_dsn(slice_skip(s, 3 + subject + detail)))
		return SLICE_NONE;
	return slice_take(s, 3 + subject + detail);
}

static struct slice skip_blanks(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_skip(s, 1);
	return s;
}

static struct answer take_answer(struct slice s)
{
	struct answer a = {.code = take_code(s)};

	if (a.code.p) {
		s = slice_skip(s, a.code.n);
		s = s.n && s.p[0] == '-' ? slice_skip(s, 1) : skip_blanks(s);
	}
	a.dsn = take_dsn(s);
	return a;
}

/* The answer at the beginning of the status (i = 0) or after lead i - 1; false past the last. */
static bool answer_at(struct slice status, size_t i, struct answer *out)
{
	*out = (struct answer){SLICE_NONE, SLICE_NONE};
	if (i > LEADS)
		return false;
	if (i > 0) {
		struct slice lead = slice_from(leads[i - 1]);
		size_t at = slice_find(status, lead);

		if (at == SIZE_MAX)
			return true;
		status = slice_skip(status, at + lead.n);
	}
	*out = take_answer(skip_blanks(status));
	return true;
}

struct slice reply_code(struct slice status)
{
	struct answer a;

	for (size_t i = 0; answer_at(status, i, &a); i++) {
		if (a.code.p)
			return a.code;
	}
	return SLICE_NONE;
}

/* qmail and servers that are qmail put theirs at the end: "(#5.1.1)". */
static struct slice find_hash_dsn(struct slice s)
{
	size_t at;

	while ((at = slice_chr(s, '#')) != SIZE_MAX) {
		struct slice dsn;

		s = slice_skip(s, at + 1);
		dsn = take_dsn(s);
		if (dsn.p)
			return dsn;
	}
	return SLICE_NONE;
}

struct slice reply_dsn(struct slice status)
{
	struct answer a;

	for (size_t i = 0; answer_at(status, i, &a); i++) {
		if (a.dsn.p)
			return a.dsn;
	}
	return find_hash_dsn(status);
}
