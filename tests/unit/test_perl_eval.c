/* Perl conditions asked of messages as sendmail writes them: what the writer meant, and where
 * qtool.pl says something else. */
#include "perl.h"
#include "unit/sendmail_fixture.h"

static struct arena arena;

/* What one line of one M is, several, none; folds; a control file that ends early. */
static const char one[] =
    "V8\nT1768470000\nK1768477000\nN12\nP1234\nI8/1/5\nMDeferred: Connection timed out with a.\n"
    "Fs8b\n$_localhost [127.0.0.1]\n${daemon_flags}c u\nSMAILER-DAEMON\nrRFC822; x@y\n"
    "RPFD:<Joe@Example.COM>\nH?P?Return-Path: <g>\nH??Subject: Returned mail: see transcript\n"
    "H??X-Spam-Flag: YES\nH??X-Score: 7.5\n.\n";
static const char several[] =
    "V8\nT1768470000\nK0\nN0\nMDeferred: 451 4.7.1 first\nS<joe@example.com>\n"
    "MDeferred: 452 4.2.2 second\nRPFD:<a@b>\nMDeferred: 453 third\nRPFD:<c@d>\n"
    "H??Received: from x\n\tby y;\n now\nH??Received: from z\nH??subject: =?utf-8?Q?hi?=\n"
    "H??Subject: caf\xe9 \xff\x81\n.\n";
static const char bare[] = "V8\nT1768470000\nS<>\nRPFD:<a@b>\n.\n";

static const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {"no", "yes", "error", "pending"};

	return names[v];
}

/* The answer with all parts loaded; both ways of evaluating agree. */
static enum verdict ask(const struct message *m, const char *expression)
{
	struct charset_cache *charsets = charset_cache_new();
	struct field_context c = {.message = m, .arena = &arena, .charsets = charsets, .now = NOW};
	const struct message dummy = {.queue = m->queue, .arena = &arena};
	const struct filter_target target = {.needs = backend_sendmail.needs,
					     .lacks = backend_sendmail.lacks,
					     .cost = backend_sendmail.cost,
					     .dummy = &dummy,
					     .queue_name = m->queue->name};
	struct error err = ERROR_INIT;
	struct filter *f = perl_parse(&arena, slice_from(expression), NOW, NULL, NULL, &err);
	const struct filter *bound = f ? filter_bind(&arena, f, &target, &err) : NULL;
	struct filter_state *s = bound ? filter_state_new(bound) : NULL;
	enum verdict v;
	parts_t want;

	if (!s)
		fail_msg("%s: %s", expression, err.text);
	v = filter_eval(bound, s, &c, &want, &err);
	assert_int_equal(filter_eval_naive(bound, s, &c), v);
	filter_state_free(s);
	filter_free(f);
	charset_cache_free(charsets);
	return v;
}

/* Each expression with its answer for the three messages: "yn-", - being not asked. */
static const struct {
	const char *perl, *answers;
} rows[] = {
    /* one line, several, none */
    {"$msg{message}[0] =~ /Deferred/", "yyn"},
    {"$msg{message} =~ /Deferred/", "yyn"},
    {"$msg{message}[0] =~ /third/", "nnn"},
    {"$msg{message}[2] =~ /third/", "nyn"},
    {"$msg{message}[-1] =~ /third/", "nyn"},
    {"$msg{message}[-3] =~ /first/", "nyn"},
    {"$msg{message}[-4] =~ /./", "nnn"},
    {"$msg{message} =~ /third/", "nyn"},
    {"$msg{message} !~ /third/", "yny"},
    {"$msg{message}[0] !~ /Deferred/", "nny"},
    {"!($msg{message}[0] =~ /Deferred/)", "nny"},
    {"$msg{message}[1] !~ /second/", "yny"},
    {"defined $msg{message}", "yyn"},
    {"defined $msg{message}[1]", "nyn"},
    {"!$msg{message}", "nny"},
    {"$msg{message}[0] =~ /^$/", "nny"},
    {"$msg{message}[0] eq ''", "nny"},
    {"$msg{message} =~ /^$/", "nny"},
    {"$msg{message} !~ /^$/", "yyn"},
    /* line ends */
    {"$msg{message}[0] =~ /a\\.$/", "ynn"},
    {"$msg{message}[0] =~ /a\\.\\n$/", "ynn"},
    {"$msg{message}[0] =~ /a\\.\\z/", "ynn"},
    {"$msg{message}[0] eq 'Deferred: Connection timed out with a.'", "ynn"},
    {"$msg{message}[0] eq \"Deferred: Connection timed out with a.\\n\"", "ynn"},
    {"$msg{message}[0] =~ /\\s$/", "yyn"},
    {"$msg{message}[0] =~ /\\S\\n\\n/", "nnn"},
    /* numbers */
    {"$msg{num_delivery_attempts} > 10", "ynn"},
    {"$msg{num_delivery_attempts} == 0", "nyy"},
    {"$msg{num_delivery_attempts}", "ynn"},
    {"!($msg{num_delivery_attempts} > 5)", "nyy"},
    {"!($msg{num_delivery_attempts} < 5)", "ynn"},
    {"$msg{num_delivery_attempts} =~ /^1\\d$/", "ynn"},
    {"$msg{next_delivery_time} == 0", "nyy"},
    {"time - $msg{creation_time} > 8399", "yyy"},
    {"time - $msg{creation_time} > 8400", "nnn"},
    {"time - $msg{creation_time} >= 8400", "yyy"},
    {"$msg{priority} < 2000", "yyy"},
    {"$msg{priority} > 1000", "ynn"},
    {"$msg{body_size} == 5", "yyy"},
    {"$msg{body_size} / 2 == 2.5", "yyy"},
    {"$msg{version} == 8", "yyy"},
    {"scalar(@{$msg{recipient}}) == 2", "nyn"},
    {"@{$msg{recipient}} < 2", "yny"},
    {"$msg{headers}{\"X-Score\"} > 7", "ynn"},
    {"$msg{headers}{\"X-Score\"} > 7.5", "nnn"},
    {"$msg{headers}{\"X-Score\"} >= 7.5", "ynn"},
    {"$msg{headers}{\"X-Score\"} < 7.5", "nyy"},
    {"$msg{inode_number} == 8", "ynn"},
    /* addresses */
    {"$msg{sender} eq \"MAILER-DAEMON\"", "ynn"},
    {"$msg{sender} ne \"MAILER-DAEMON\"", "nyy"},
    {"$msg{sender} eq \"joe@example.com\"", "nyn"},
    {"$msg{sender} eq \"<joe\\@example.com>\\n\"", "nyn"},
    {"$msg{sender} =~ /^joe/", "nyn"},
    {"$msg{sender} =~ /^<joe/", "nyn"},
    {"$msg{sender} =~ /^<joe.*>\\n$/", "nyn"},
    {"$msg{sender} =~ /com$/", "nyn"},
    {"$msg{sender} =~ /^<>/", "nny"},
    {"$msg{sender} eq '<>'", "nny"},
    {"$msg{sender} eq ''", "nny"},
    {"$msg{sender} !~ /joe/", "yny"},
    {"$msg{sender} gt 'a'", "nyn"},
    {"$msg{sender} lt 'a'", "yny"},
    {"$msg{sender} ge 'MAILER-DAEMON'", "yyn"},
    {"$msg{sender} le 'MAILER-DAEMON'", "yny"},
    {"$msg{sender} gt 'MAILER-DAEMON'", "nyn"},
    {"!($msg{sender} gt 'MAILER-DAEMON')", "yny"},
    {"$msg{recipient} eq 'Joe@example.com'", "ynn"},
    {"$msg{recipient} =~ /^PFD:<Joe/", "ynn"},
    {"$msg{recipient} =~ /P/", "nnn"},
    {"lc($msg{recipient}) eq 'joe@example.com'", "ynn"},
    {"lc $msg{recipient} eq 'joe\\@example.com' || 0", "nnn"},
    {"lc($msg{recipient}) eq 'Joe@example.com'", "nnn"},
    {"lc($msg{recipient}) ne 'Joe@example.com'", "yyy"},
    {"uc($msg{recipient}) eq \"PFD:<JOE\\@EXAMPLE.COM>\\n\"", "ynn"},
    {"uc($msg{recipient}) =~ /^PFD:<JOE/", "ynn"},
    {"lc($msg{recipient}) =~ /^pfd:<joe/", "ynn"},
    {"lc($msg{message}) =~ /^[A-Z]/", "nnn"},
    {"lc($msg{message}) =~ /^[A-Z]/i", "yyn"},
    {"lc($msg{message}) =~ /\\x44/", "nnn"},
    {"lc($msg{message}) =~ /[[:upper:]]/", "nnn"},
    {"lc($msg{message}) =~ /^deferred/", "yyn"},
    {"uc($msg{message}) =~ /^deferred/", "nnn"},
    {"lc($msg{message}) lt 'c'", "nny"},
    {"lc($msg{message}) lt 'e'", "yyy"},
    {"lc($msg{message}[-1]) ge 'deferred: 453 third'", "yyn"},
    {"lc($msg{message}[-1]) gt 'deferred: 453 third'", "ynn"},
    {"!(lc($msg{message}[0]) ge 'a')", "nny"},
    {"lc($msg{auth}) eq ''", "yyy"},
    {"uc($msg{flags}) eq 'S8B'", "ynn"},
    {"lc($msg{headers}{Subject}) eq 'returned mail: see transcript'", "ynn"},
    {"uc($msg{headers}{Subject}) =~ /CAF\\xe9/", "nyn"},
    {"$msg{recipient}[0] eq 'a@b'", "nyy"},
    {"$msg{recipient}[1] eq \"PFD:<c\\@d>\\n\"", "nyn"},
    {"grep { /^c/ } @{$msg{recipient}}", "nyn"},
    /* headers */
    {"$msg{headers}->{Subject} =~ /^Returned/", "ynn"},
    {"$msg{headers}->{Subject} =~ /^ Returned/", "ynn"},
    {"$msg{headers}->{ubject} =~ /^Returned/", "ynn"},
    {"$msg{headers}->{\"X-Spam-Flag\"} eq 'YES'", "ynn"},
    {"$msg{headers}->{\"X-Spam-Flag\"} eq \" YES\\n\"", "ynn"},
    {"$msg{headers}->{\"X-Spam-Flag\"} ne 'YES'", "nyy"},
    {"$msg{headers}->{X-Spam-Flag} =~ /^YES$/", "ynn"},
    {"exists $msg{headers}{Received}", "nyn"},
    {"$msg{headers}{Received}[1] =~ /z/", "nyn"},
    {"$msg{headers}{Received}[0] =~ /by y; now/", "nyn"},
    {"$msg{headers}{Received}[0] =~ /x\\n\\tby/", "nyn"},
    {"$msg{headers}{Received} =~ /from z/", "nyn"},
    {"$msg{headers}{Subject} =~ /=\\?utf-8\\?/i", "nyn"},
    {"$msg{headers}{Subject} =~ /hi\\b/", "nyn"},
    {"$msg{headers}{Subject} =~ /^hi/", "nnn"},
    {"$msg{headers}{Subject}[1] =~ /^caf\\xe9 \\x81$/", "nyn"},
    {"$msg{headers}{Subject} =~ /[\\x80-\\xff]/", "nyn"},
    {"$msg{headers}{Subject} =~ /\\xff/", "nnn"},
    /* all the rest */
    {"$msg{flags} =~ /8/", "ynn"},
    {"$msg{flags} !~ /8/", "nyy"},
    {"$msg{macro} =~ /^_localhost/", "ynn"},
    {"$msg{macro}[1] eq '{daemon_flags}c u'", "ynn"},
    {"$msg{final_recipient} =~ /x\\@y/", "ynn"},
    {"$msg{quarantine_reason}", "nnn"},
    {"$msg{id} eq 'AAA00001'", "yyy"},
    {"$msg{id} =~ /^AAA/ && $msg{sender}", "yyy"},
    {"1", "yyy"},
    {"0 || ''", "nnn"},
    {"defined $msg{data_file_name}", "nnn"},
};

static void test_answers(void **state)
{
	const char *const texts[] = {one, several, bare};

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE(""));
	for (size_t k = 0; k < 3; k++) {
		static struct loaded l;
		const struct message *m = load_text(&l, slice_from(texts[k]), NOW);

		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			const char *got;

			arena_init(&arena, 0);
			got = verdict_name(ask(m, rows[i].perl));
			if (got[0] != rows[i].answers[k])
				fail_msg("%s: message %zu: %s", rows[i].perl, k, got);
			arena_free(&arena);
		}
		close_loaded(&l);
	}
}

/* What could not be read is no answer, in either polarity, as soon as it is needed. */
static void test_errors(void **state)
{
	static const struct {
		const char *perl, *answer;
	} asked[] = {
	    {"$msg{message}[0] =~ /Deferred/", "error"},
	    {"$msg{message}[0] !~ /Deferred/", "error"},
	    {"!defined $msg{message}[5]", "error"},
	    {"$msg{recipient} eq 'x'", "error"},
	    {"$msg{num_delivery_attempts} > 10", "yes"},
	    {"$msg{num_delivery_attempts} > 10 || $msg{message} =~ /x/", "yes"},
	    {"$msg{num_delivery_attempts} > 20 && $msg{message} =~ /x/", "no"},
	    {"$msg{macro} =~ /local/", "yes"},
	};
	static const struct error why = {.code = ERROR_SYSTEM, .offset = SIZE_MAX, .text = "torn"};
	static struct loaded l;
	struct message m;

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE(""));
	m = *load_text(&l, slice_from(one), NOW);
	m.failed = PART_RECIPIENTS;
	m.why[PART_RECIPIENTS_I] = &why;
	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
		arena_init(&arena, 0);
		assert_string_equal(verdict_name(ask(&m, asked[i].perl)), asked[i].answer);
		arena_free(&arena);
	}
	close_loaded(&l);
}

#define TEXT(s)                                                                                    \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

/* Control files that are not as they should be: no crash, and what is after the end does not count.
 */
static void test_odd_files(void **state)
{
	static const struct {
		struct slice text;
		const char *perl;
		bool yes;
	} odd[] = {
	    {TEXT("V8\nT1\nS<a>\nMx\nRPFD:<a@b>\n.\nMy\n"), "$msg{macro} || $msg{message}[1]",
	     false},
	    {TEXT("V8\nT1\nS<a>\nM\nMy\nRPFD:<a@b>\n.\n"),
	     "$msg{message}[0] eq '' && $msg{message}[1] eq 'y'", true},
	    {TEXT("V8\nT1\nS<a>\nMx\n\ty\nRPFD:<a@b>\n.\n"), "$msg{message}[0] =~ /y$/", true},
	    {TEXT("V8\nT1\nS<a>\nE\n\n$\n$x\nRPFD:<a@b>\n."),
	     "$msg{macro}[1] eq 'x' && $msg{error_recipient} eq ''", true},
	    {TEXT("V8\nT1\nS<a>\nEa\0b\nRPFD:<a@b>\n.\n"), "$msg{error_recipient} =~ /a\\x00b/",
	     true},
	};
	static struct loaded l;

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE(""));
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		const struct message *m = load_text(&l, odd[i].text, NOW);

		arena_init(&arena, 0);
		if (ask(m, odd[i].perl) != (odd[i].yes ? VERDICT_YES : VERDICT_NO))
			fail_msg("file %zu: %s", i, odd[i].perl);
		arena_free(&arena);
		close_loaded(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_SCRATCH(test_answers),
	    IN_SCRATCH(test_errors),
	    IN_SCRATCH(test_odd_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
