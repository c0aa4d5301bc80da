/* Folding of delivery statuses; what reply codes mean: see mtaq/fold.h. */
#include <mtaq/fold.h>

enum { ID_SHORTEST = 8 }; /* a word of letters and digits this long is a queue id */

struct code_row {
	struct slice code;
	const char *meaning;
};

/* RFC 5321 4.2.2 and 4.2.3, and how servers use them. */
static const struct code_row replies[] = {
    {SLICE("211"), "system status"},
    {SLICE("214"), "help"},
    {SLICE("220"), "service ready"},
    {SLICE("221"), "closing the connection"},
    {SLICE("250"), "accepted"},
    {SLICE("251"), "accepted, will be forwarded"},
    {SLICE("252"), "accepted, user not verified"},
    {SLICE("354"), "ready for the message"},
    {SLICE("421"),
     "service not available: shutting down, too many connections, or sender throttled"},
    {SLICE("450"), "mailbox not available now: busy, greylisted, or refused for the moment"},
    {SLICE("451"), "local error at the receiver: greylisting, DNS trouble, policy"},
    {SLICE("452"), "out of space at the receiver: mailbox full, too many recipients"},
    {SLICE("454"), "temporary failure of authentication, TLS or relaying"},
    {SLICE("455"), "parameters cannot be taken now"},
    {SLICE("500"), "command not understood"},
    {SLICE("501"), "bad parameters or arguments"},
    {SLICE("502"), "command not implemented"},
    {SLICE("503"), "commands out of order, often: no valid recipients before DATA"},
    {SLICE("504"), "parameter not implemented"},
    {SLICE("521"), "the host takes no mail"},
    {SLICE("530"), "authentication or TLS required"},
    {SLICE("535"), "authentication failed"},
    {SLICE("550"), "mailbox not available: no such user, or refused by policy"},
    {SLICE("551"), "user not local"},
    {SLICE("552"), "over quota, or the message is too large"},
    {SLICE("553"), "mailbox name not allowed"},
    {SLICE("554"), "transaction failed: refused by policy, spam, no valid recipients"},
    {SLICE("555"), "parameters not recognised"},
    {SLICE("556"), "the domain takes no mail"},
};

/* RFC 3463: by subject and detail, after the class digit. */
static const struct code_row enhanced[] = {
    {SLICE(".1.1"), "no such mailbox"},
    {SLICE(".1.2"), "no such system"},
    {SLICE(".1.3"), "bad mailbox syntax"},
    {SLICE(".1.6"), "mailbox has moved"},
    {SLICE(".1.7"), "bad sender syntax"},
    {SLICE(".1.8"), "sender's system does not exist"},
    {SLICE(".1"), "addressing"},
    {SLICE(".2.1"), "mailbox disabled"},
    {SLICE(".2.2"), "mailbox full"},
    {SLICE(".2.3"), "message too long for the mailbox"},
    {SLICE(".2"), "mailbox"},
    {SLICE(".3.1"), "mail system full"},
    {SLICE(".3.2"), "system takes no messages"},
    {SLICE(".3.4"), "message too big for the system"},
    {SLICE(".3"), "mail system"},
    {SLICE(".4.1"), "no answer from the host"},
    {SLICE(".4.2"), "bad connection"},
    {SLICE(".4.3"), "directory server failure"},
    {SLICE(".4.4"), "unable to route"},
    {SLICE(".4.6"), "routing loop"},
    {SLICE(".4.7"), "delivery time expired"},
    {SLICE(".4"), "network and routing"},
    {SLICE(".5.2"), "syntax error"},
    {SLICE(".5.3"), "too many recipients"},
    {SLICE(".5"), "mail protocol"},
    {SLICE(".6"), "message content"},
    {SLICE(".7.0"), "security"},
    {SLICE(".7.1"), "not authorised, refused by policy"},
    {SLICE(".7"), "security or policy"},
    {SLICE(".0"), "other"},
};

/* ---- meanings ---- */

static bool is_reply(struct slice c)
{
	return c.n == 3 && c.p[0] >= '2' && c.p[0] <= '5' && ascii_isdigit(c.p[1]) &&
	       ascii_isdigit(c.p[2]);
}

static bool is_enhanced(struct slice c)
{
	size_t dots = 0;

	if (c.n < 5 || (c.p[0] != '2' && c.p[0] != '4' && c.p[0] != '5') || c.p[1] != '.')
		return false;
	for (size_t i = 1; i < c.n; i++) {
		if (c.p[i] != '.' && !ascii_isdigit(c.p[i]))
			return false;
		if (c.p[i] == '.' && (i + 1 == c.n || c.p[i + 1] == '.'))
			return false;
		dots += c.p[i] == '.';
	}
	return dots == 2;
}

static const char *enhanced_meaning(struct slice code)
{
	struct slice rest = slice_skip(code, 1);
	struct slice subject = slice_take(rest, 1 + slice_chr(slice_skip(rest, 1), '.'));

	for (size_t i = 0; i < sizeof enhanced / sizeof enhanced[0]; i++)
		if (slice_eq(enhanced[i].code, rest) || slice_eq(enhanced[i].code, subject))
			return enhanced[i].meaning;
	return "other";
}

const char *reply_meaning(struct slice code)
{
	if (is_enhanced(code))
		return enhanced_meaning(code);
	if (!is_reply(code))
		return NULL;
	for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
		if (slice_eq(replies[i].code, code))
			return replies[i].meaning;
	return code.p[0] == '4'	  ? "refused for the moment"
	       : code.p[0] == '5' ? "refused for good"
				  : "accepted";
}

int reply_temporary(struct slice code)
{
	if ((!is_reply(code) && !is_enhanced(code)) || (code.p[0] != '4' && code.p[0] != '5'))
		return -1;
	return code.p[0] == '4';
}

/* ---- folding ---- */

struct folder {
	char *p;
	size_t n;
};

static void put(struct folder *f, struct slice s)
{
	memcpy(f->p + f->n, s.p, s.n);
	f->n += s.n;
}

static bool is_word(char c)
{
	return ascii_isalpha(c) || ascii_isdigit(c) || c == '.' || c == '@' || c == '_' ||
	       c == '-' || c == '+' || c == '=' || c == '%' || (unsigned char)c >= 0x80;
}

static struct slice word_of(struct slice s)
{
	size_t n = 0;

	while (n < s.n && is_word(s.p[n]))
		n++;
	return slice_take(s, n);
}

static bool looks_like_id(struct slice w)
{
	size_t digits = 0, letters = 0;

	for (size_t i = 0; i < w.n; i++) {
		digits += ascii_isdigit(w.p[i]);
		letters += ascii_isalpha(w.p[i]);
	}
	return w.n >= ID_SHORTEST && digits && letters && digits + letters == w.n;
}

/* Numbers in a word become N, but not those of host names with letters. */
static void put_word(struct folder *f, struct slice w)
{
	struct slice code = slice_take(w, 3);
	bool letters = false;

	for (size_t i = 0; i < w.n; i++)
		letters |= ascii_isalpha(w.p[i]);
	if (slice_chr(w, '@') != SIZE_MAX)
		put(f, SLICE("<*>"));
	else if (looks_like_id(w))
		put(f, SLICE("*"));
	else if (letters || is_enhanced(w) || is_reply(w) ||
		 (is_reply(code) && w.n > 3 && w.p[3] == '-'))
		put(f, w);
	else if (w.n && ascii_isdigit(w.p[0]))
		put(f, SLICE("N"));
	else
		put(f, w);
}

/* "<...>" and "[...]" as a whole; none when it does not end. */
static size_t bracketed(struct slice s)
{
	size_t end = slice_chr(s, s.p[0] == '<' ? '>' : ']');

	return end == SIZE_MAX ? 0 : end + 1;
}

struct slice status_fold(struct arena *a, struct slice status)
{
	/* nothing grows by more than "5" -> "<*>": a word of one byte that is folded becomes N or
	 * stays */
	struct folder f = {arena_alloc(a, 3 * status.n + 1), 0};

	if (!f.p)
		return SLICE_NONE;
	while (status.n) {
		struct slice w = word_of(status);
		size_t n = w.n;

		if (!n && (status.p[0] == '<' || status.p[0] == '['))
			n = bracketed(status);
		if (w.n)
			put_word(&f, w);
		else if (n)
			put(&f, status.p[0] == '<' ? SLICE("<*>") : SLICE("[*]"));
		else
			put(&f, slice_take(status, n = 1));
		status = slice_skip(status, n);
	}
	return slice_of(f.p, f.n);
}
