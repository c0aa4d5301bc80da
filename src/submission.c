/* Who handed a message in: see mtaq/submission.h. */
#include <mtaq/submission.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool is_ip(struct slice s)
{
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];

	if (!s.n || s.n >= sizeof text || slice_chr(s, '\0') != SIZE_MAX)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* Offset of the last `c`, or SIZE_MAX. */
static size_t last_of(struct slice s, char c)
{
	for (size_t i = s.n; i > 0; i--) {
		if (s.p[i - 1] == c)
			return i - 1;
	}
	return SIZE_MAX;
}

static bool take_prefix(struct slice *s, struct slice prefix)
{
	if (!slice_starts(*s, prefix))
		return false;
	*s = slice_skip(*s, prefix.n);
	return true;
}

/* The first field of all, if qmail-queue wrote it: what follows "(qmail 123 invoked ", without the
 * parenthesis. */
static bool qmail_invoked(const struct header_list *headers, struct slice *how)
{
	const struct header *h = headers->count ? &headers->list[0] : NULL;
	struct slice s, pid;
	uint64_t number;

	if (!h || h->cond.p || !slice_caseeq(h->name, SLICE("Received")))
		return false;
	s = slice_trim(h->raw);
	if (!take_prefix(&s, SLICE("(qmail ")) || !slice_cut(&s, ' ', &pid) ||
	    !slice_u64(pid, &number) || !take_prefix(&s, SLICE("invoked ")))
		return false;
	return slice_cut(&s, ')', how) && s.p;
}

bool submission_uid(const struct header_list *headers, int64_t *uid)
{
	struct slice how;
	uint64_t number;

	if (!qmail_invoked(headers, &how) || !take_prefix(&how, SLICE("by uid ")) ||
	    !slice_u64(how, &number) || number > INT64_MAX)
		return false;
	*uid = (int64_t)number;
	return true;
}

/* "from unknown (HELO x) (1.2.3.4)" or "... (info@1.2.3.4)", then a line "  by ...": the
 * parenthesis at the end of the first line. qmail-smtpd lets no parenthesis of the client into that
 * line. */
static struct slice qmail_client(struct slice raw)
{
	struct slice s, line;
	size_t open, at;

	s = slice_trim(raw);
	if (!take_prefix(&s, SLICE("from ")) || !slice_cut(&s, '\n', &line))
		return SLICE_NONE;
	line = slice_trim(line);
	open = last_of(line, '(');
	if (open == SIZE_MAX || line.p[line.n - 1] != ')')
		return SLICE_NONE;
	line = slice_of(line.p + open + 1, line.n - open - 2);
	at = last_of(line, '@');
	if (at != SIZE_MAX)
		line = slice_skip(line, at + 1);
	return is_ip(line) ? line : SLICE_NONE;
}

static struct slice qmail_relay_ip(const struct header_list *headers)
{
	const struct header *h;
	struct slice how;
	size_t at = 1;

	if (!qmail_invoked(headers, &how) || !slice_eq(how, SLICE("from network")))
		return SLICE_NONE;
	h = header_find(headers, SLICE("Received"), &at);
	return h ? qmail_client(h->raw) : SLICE_NONE;
}

/* The last brackets, with nothing after them but a remark: an ident answer before them may hold
 * anything. */
static struct slice bracketed_ip(struct slice s)
{
	size_t open = last_of(s, '['), close;

	if (open == SIZE_MAX)
		return SLICE_NONE;
	s = slice_skip(s, open + 1);
	close = slice_chr(s, ']');
	if (close == SIZE_MAX ||
	    (close + 1 < s.n && !slice_starts(slice_skip(s, close + 1), SLICE(" ("))))
		return SLICE_NONE;
	s = slice_take(s, close);
	if (slice_caseeq(slice_take(s, 5), SLICE("IPv6:")))
		s = slice_skip(s, 5);
	return is_ip(s) ? s : SLICE_NONE;
}

struct slice submission_relay_ip(const struct header_list *headers, struct slice underscore)
{
	return underscore.p ? bracketed_ip(slice_trim(underscore)) : qmail_relay_ip(headers);
}

/* "user@host", "IDENT:user@host [1.2.3.4]"; a host alone tells no user. */
static struct slice ident_user(struct slice s)
{
	size_t bracket;

	take_prefix(&s, SLICE("IDENT:"));
	bracket = last_of(s, '[');
	if (bracket != SIZE_MAX && bracket > 0 && s.p[bracket - 1] == ' ')
		s = slice_take(s, bracket - 1);
	return last_of(s, '@') == SIZE_MAX || s.p[0] == '@' ? SLICE_NONE : s;
}

struct slice submission_submitter(const struct header_list *headers, struct slice underscore)
{
	struct slice how;
	int64_t uid;

	if (underscore.p)
		return ident_user(slice_trim(underscore));
	if (!qmail_invoked(headers, &how))
		return SLICE_NONE;
	if (submission_uid(headers, &uid) || slice_eq(how, SLICE("by alias")))
		return slice_skip(how, strlen("by "));
	if (slice_eq(how, SLICE("from network")))
		return slice_skip(how, strlen("from "));
	return slice_eq(how, SLICE("for bounce")) ? slice_skip(how, strlen("for ")) : SLICE_NONE;
}
