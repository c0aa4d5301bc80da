/* Perl conditions as filters: what they mean, told by the filter's text, and what is refused where.
 */
#include "perl.h"
#include "unit/cmocka_all.h"

#include <mtaq/limits.h>

#include <stdio.h>
#include <stdlib.h>

#define NOW INT64_C(1768478400) /* 2026-01-15T12:00:00Z */

static struct arena arena;
static char warned[500];

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	arena_init(&arena, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void warn(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(warned, sizeof warned, "%s", text);
}

/* What the expression means; "OFFSET: text" when it is refused. */
static const char *meaning(struct slice text)
{
	static char out[4000];
	struct error err = ERROR_INIT;
	struct filter *f;
	struct buf b;

	warned[0] = '\0';
	f = perl_parse(&arena, text, NOW, warn, NULL, &err);
	buf_init(&b);
	if (f)
		filter_print(f, &b);
	else
		buf_printf(&b, "%zu: %s", err.offset, err.text);
	assert_true((f == NULL) == (err.code != ERROR_NONE));
	snprintf(out, sizeof out, "%.*s", SLICE_ARG(buf_slice(&b)));
	buf_free(&b);
	filter_free(f);
	return out;
}

struct row {
	const char *perl, *meaning;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *got = meaning(slice_from(rows[i].perl));

		if (strcmp(got, rows[i].meaning) != 0)
			fail_msg("%s\n means    %s\n expected %s", rows[i].perl, got,
				 rows[i].meaning);
	}
}

#define CHECK(rows) check_rows(rows, sizeof rows / sizeof rows[0])

static void test_fields(void **state)
{
	static const struct row rows[] = {
	    {"$msg{message} =~ /x/", "status =~ /x/"},
	    {"$msg{message}[0] =~ /x/", "message['M:0'] =~ /x/"},
	    {"$msg{message}->[0] =~ /x/", "message['M:0'] =~ /x/"},
	    {"$msg{message}[-1] =~ /x/", "message['M:-1'] =~ /x/"},
	    {"$msg->{message}[2] =~ /x/", "message['M:2'] =~ /x/"},
	    {"${msg}{message} =~ /x/", "status =~ /x/"},
	    {"$msg{'sender'} =~ /x/", "sender =~ /x/"},
	    {"${$msg{message}}[0] =~ /x/", "message['M:0'] =~ /x/"},
	    {"@{$msg{message}}[1] =~ /x/", "message['M:1'] =~ /x/"},
	    {"${$msg{headers}}{Subject} =~ /x/", "header.raw['Subject'] =~ /x/"},
	    {"$msg{sender}[0] =~ /x/", "sender =~ /x/"},
	    {"$msg{sender}[1] =~ /x/", "sender['S:1'] =~ /x/"},
	    {"$msg{recipient} =~ /x/", "recipient =~ /x/"},
	    {"$msg{recipient}[1] =~ /x/", "recipient['R:1'] =~ /x/"},
	    {"$msg{headers}->{Subject} =~ /x/", "header.raw['Subject'] =~ /x/"},
	    {"$msg{headers}{Subject} =~ /x/", "header.raw['Subject'] =~ /x/"},
	    {"$msg{headers}->{\"X-Spam-Flag\"} =~ /YES/", "header.raw['X-Spam-Flag'] =~ /YES/"},
	    {"$msg{headers}{X-Spam-Flag} =~ /YES/", "header.raw['X-Spam-Flag'] =~ /YES/"},
	    {"$msg{headers}{Received}[1] =~ /x/", "headers['Received:1'] =~ /x/"},
	    {"$msg{headers}{Received}->[-1] =~ /x/", "headers['Received:-1'] =~ /x/"},
	    {"$msg{auth} =~ /x/", "auth =~ /x/"},
	    {"$msg{body_type} =~ /x/", "body_type['B'] =~ /x/"},
	    {"$msg{controlling_user} =~ /x/", "controlling_user =~ /x/"},
	    {"$msg{data_file_directory} =~ /x/", "data_file_directory['d'] =~ /x/"},
	    {"$msg{data_file_name} =~ /x/", "data_file_name['D'] =~ /x/"},
	    {"$msg{deliver_by} =~ /x/", "deliver_by =~ /x/"},
	    {"$msg{envid} =~ /x/", "envid =~ /x/"},
	    {"$msg{error_recipient} =~ /x/", "error_recipient['E'] =~ /x/"},
	    {"$msg{final_recipient} =~ /x/", "final_recipient =~ /x/"},
	    {"$msg{flags} =~ /w/", "flags =~ /w/"},
	    {"$msg{id} =~ /x/", "id =~ /x/"},
	    {"$msg{inode_number} =~ /x/", "inode_number['I'] =~ /x/"},
	    {"$msg{macro} =~ /x/", "macro['$'] =~ /x/"},
	    {"$msg{original_recipient} =~ /x/", "original_recipient =~ /x/"},
	    {"$msg{quarantine_reason} =~ /x/", "reason =~ /x/"},
	};

	(void)state;
	CHECK(rows);
}

static void test_numbers(void **state)
{
	static const struct row rows[] = {
	    {"$msg{num_delivery_attempts} > 50", "attempts > 50"},
	    {"50 < $msg{num_delivery_attempts}", "attempts > 50"},
	    {"50 <= $msg{num_delivery_attempts}", "attempts >= 50"},
	    {"3 == $msg{num_delivery_attempts}", "attempts == 3"},
	    {"$msg{num_delivery_attempts} != 3", "not has(attempts) or attempts != 3"},
	    {"$msg{num_delivery_attempts} eq 3", "attempts == 3"},
	    {"$msg{num_delivery_attempts} eq '3'", "attempts == 3"},
	    {"$msg{num_delivery_attempts} eq \"3\\n\"", "attempts == 3"},
	    {"$msg{num_delivery_attempts} == '3'", "attempts == 3"},
	    {"$msg{num_delivery_attempts} > 2.5", "attempts > 2"},
	    {"$msg{num_delivery_attempts} >= 2.5", "attempts >= 3"},
	    {"$msg{num_delivery_attempts} > -1", "not has(attempts) or attempts > -1"},
	    {"$msg{num_delivery_attempts} < 1", "not has(attempts) or attempts < 1"},
	    {"$msg{num_delivery_attempts} <= 0", "not has(attempts) or attempts <= 0"},
	    {"$msg{num_delivery_attempts} == 2.5", "not has(mta)"},
	    {"$msg{num_delivery_attempts} != 2.5", "has(mta)"},
	    {"$msg{num_delivery_attempts} * 2 > 100", "attempts > 50"},
	    {"2 * $msg{num_delivery_attempts} > 101", "attempts > 50"},
	    {"$msg{num_delivery_attempts} + 1 > 51", "attempts > 50"},
	    {"51 - $msg{num_delivery_attempts} < 1", "attempts > 50"},
	    {"-$msg{num_delivery_attempts} < -50", "attempts > 50"},
	    {"$msg{num_delivery_attempts} > 5 * (2 + 8)", "attempts > 50"},
	    {"$msg{num_delivery_attempts} > 100 / 2", "attempts > 50"},
	    {"$msg{body_size} / 1024 > 500", "size > 500k"},
	    {"$msg{body_size} / 1000 > 500", "size > 500000"},
	    {"$msg{body_size} / 3 > 5", "size > 15"},
	    {"$msg{body_size} > 1e30", "not has(mta)"},
	    {"$msg{body_size} < 1e30", "has(mta)"},
	    {"$msg{body_size} > -1e30", "has(mta)"},
	    {"$msg{body_size} == 1e30", "not has(mta)"},
	    {"$msg{control_size} > 1024", "control_size > 1k"},
	    {"$msg{creation_time} < time - 86400",
	     "not has(arrival) or arrival < 2026-01-14T12:00:00Z"},
	    {"time() - $msg{creation_time} > 86400",
	     "not has(arrival) or arrival < 2026-01-14T12:00:00Z"},
	    {"$msg{creation_time} > 1768478400", "arrival > 2026-01-15T12:00:00Z"},
	    {"$msg{body_last_mod_time} > time-60", "accepted > 2026-01-15T11:59:00Z"},
	    {"$msg{control_last_mod_time} > 1", "control_time > 1970-01-01T00:00:01Z"},
	    {"$msg{next_delivery_time} == 0",
	     "not has(last_attempt) or last_attempt == 1970-01-01T00:00:00Z"},
	    {"$msg{priority} > 100", "priority > 100"},
	    {"$msg{version} == 8", "version == 8"},
	    {"scalar(@{$msg{recipient}}) > 10", "recipients > 10"},
	    {"@{$msg{recipient}} > 10", "recipients > 10"},
	    {"$msg{headers}{\"X-Score\"} > 7.5", "headers['X-Score'] > 7500000"},
	    {"$msg{inode_number} == 5", "inode_number['I'] == 5000000"},
	    {"$msg{num_delivery_attempts} =~ /^5/", "num_delivery_attempts['N'] =~ /^5/"},
	    {"5 > 4", "has(mta)"},
	    {"5 > 4 && 1 == 2", "has(mta) and not has(mta)"},
	    {"'a' lt 'b'", "has(mta)"},
	    {"'a' . 'b' eq 'ab'", "has(mta)"},
	    {"5 eq 5", "has(mta)"},
	    {"1", "has(mta)"},
	    {"0", "not has(mta)"},
	    {"''", "not has(mta)"},
	    {"'0'", "not has(mta)"},
	    {"'yes'", "has(mta)"},
	    {"!0;", "has(mta)"},
	};

	(void)state;
	CHECK(rows);
}

static void test_texts(void **state)
{
	static const struct row rows[] = {
	    {"$msg{sender} eq 'a@b'", "sender == 'a@b'"},
	    {"$msg{sender} eq \"a@b\"", "sender == 'a@b'"},
	    {"'a@b' eq $msg{sender}", "sender == 'a@b'"},
	    {"$msg{sender} eq \"<a\\@b>\\n\"", "sender == 'a@b'"},
	    {"$msg{sender} eq 'MAILER-DAEMON'", "sender == 'MAILER-DAEMON'"},
	    {"$msg{sender} ne 'a@b'", "not has(sender) or sender != 'a@b'"},
	    {"$msg{sender} eq ''", "not has(sender) or sender == ''"},
	    {"$msg{sender} eq '<>'", "not has(sender) or sender == ''"},
	    {"$msg{sender} ne ''", "sender != ''"},
	    {"$msg{recipient} eq \"PFD:<a\\@b>\\n\"", "recipient == 'a@b'"},
	    {"$msg{recipient} ne 'a@b'", "recipient != 'a@b'"},
	    {"$msg{headers}{Subject} eq \" hello\\n\"", "header.raw['Subject'] == 'hello'"},
	    {"$msg{headers}{Subject} eq ''",
	     "not has(header.raw['Subject']) or header.raw['Subject'] == ''"},
	    {"$msg{headers}{Subject} ne ''",
	     "has(header.raw['Subject']) and header.raw['Subject'] != ''"},
	    {"$msg{sender} lt 'm'", "not has(sender) or sender < 'm'"},
	    {"$msg{sender} le 'm'", "not has(sender) or sender <= 'm'"},
	    {"$msg{sender} gt 'm'", "sender > 'm'"},
	    {"$msg{sender} ge 'm'", "sender >= 'm'"},
	    {"'m' lt $msg{sender}", "sender > 'm'"},
	    {"$msg{flags} eq \"a\\.\\@\\\\\\$\"", "flags == 'a.@\\\\$'"},
	    {"$msg{flags} eq \"\\x41\\x{42}\"", "flags == 'AB'"},
	    {"$msg{flags} eq \"\\b\\f\\0\"", "flags == '\\x08\\x0c\\x00'"},
	    {"$msg{flags} eq '\\0\\d$1'", "flags == '\\\\0\\\\d$1'"},
	    {"$msg{flags} eq q(a\\(b\\))", "flags == 'a(b)'"},
	    {"$msg{flags} eq q<a\\(b>", "flags == 'a\\\\(b'"},
	    {"$msg{sender} ge ''", "not has(sender) or sender >= ''"},
	    {"$msg{headers}{Subject} eq 5", "header.raw['Subject'] == '5'"},
	    {"lc($msg{sender}) eq 'a@b'", "sender['lc S'] == 'a@b'"},
	    {"lc $msg{sender} eq 'a@b'", "sender['lc S'] == 'a@b'"},
	    {"lc($msg{message}[1]) lt 'b'",
	     "not has(message['lc M:1']) or message['lc M:1'] < 'b'"},
	    {"uc($msg{headers}{Subject}) =~ /X/", "headers['uc Subject'] =~ /X/"},
	    {"lc(uc($msg{id})) eq 'x'", "id['lc id'] == 'x'"},
	    {"$msg{body_type} eq '7BIT'", "body_type['B'] == '7BIT'"},
	    {"($msg{auth} || '') eq 'x'", "auth == 'x'"},
	    {"($msg{auth} // \"\") eq 'x'", "auth == 'x'"},
	};

	(void)state;
	CHECK(rows);
}

static void test_patterns(void **state)
{
	static const struct row rows[] = {
	    {"$msg{sender} =~ /x/i", "sender =~ /x/i"},
	    {"$msg{sender} !~ /x/", "not has(sender) or sender !~ /x/"},
	    {"$msg{message} !~ /x/", "status !~ /x/"},
	    {"$msg{message}[0] !~ /x/", "not has(message['M:0']) or message['M:0'] !~ /x/"},
	    {"$msg{sender} =~ m{a/b}", "sender =~ /a\\/b/"},
	    {"$msg{sender} =~ 'a/b'", "sender =~ /a\\/b/"},
	    {"$msg{sender} =~ /(a$|b$ )$/x", "sender =~ /(a$|b$ )$/x"},
	    {"$msg{sender} =~ /\\012\\$1/", "sender =~ /\\012\\$1/ or sender['S'] =~ /\\012\\$1/"},
	    {"$msg{sender} =~ /^$/", "not has(sender) or sender =~ /^$/"},
	    {"$msg{sender} !~ /^$/", "sender !~ /^$/"},
	    {"$msg{message} =~ /^$/", "not has(status) or status =~ /^$/"},
	    {"$msg{message} !~ /^$/", "has(status) and status !~ /^$/"},
	    /* what only qtool.pl has in its values */
	    {"$msg{message} =~ /x y/", "status =~ /x y/"},
	    {"$msg{message} =~ /x\\n/", "status =~ /x\\n/ or message['M'] =~ /x\\n/"},
	    {"$msg{message} !~ /x\\s/", "status !~ /x\\s/ and message['M'] !~ /x\\s/"},
	    {"$msg{message}[0] =~ /x\\n/", "message['M:0'] =~ /x\\n/ or message['M:0'] =~ /x\\n/"},
	    {"$msg{sender} =~ /<a/", "sender =~ /<a/ or sender['S'] =~ /<a/"},
	    {"$msg{sender} =~ /a:b/", "sender =~ /a:b/"},
	    {"$msg{recipient} =~ /a:b/", "recipient =~ /a:b/ or recipient['R'] =~ /a:b/"},
	    {"$msg{headers}{Subject} =~ /^ x/",
	     "header.raw['Subject'] =~ /^ x/ or headers['Subject'] =~ /^ x/"},
	    {"$msg{headers}{Subject} =~ /x[[:space:]]/",
	     "header.raw['Subject'] =~ /x[[:space:]]/ or headers['Subject'] =~ /x[[:space:]]/"},
	    {"$msg{headers}{Subject} =~ /x\\d/", "header.raw['Subject'] =~ /x\\d/"},
	    {"$msg{id} =~ /x\\n/", "id =~ /x\\n/"},
	    {"grep { /x/ } @{$msg{recipient}}", "recipient =~ /x/"},
	    {"grep { $_ =~ /x/i } @{$msg{recipient}}", "recipient =~ /x/i"},
	    {"grep(/x/, @{$msg{message}})", "status =~ /x/"},
	    {"!grep { /x/ } @{$msg{recipient}}", "recipient !~ /x/"},
	};

	(void)state;
	CHECK(rows);
}

static void test_truth(void **state)
{
	static const struct row rows[] = {
	    {"$msg{quarantine_reason}", "has(reason)"},
	    {"!$msg{quarantine_reason}", "not has(reason)"},
	    {"not $msg{quarantine_reason}", "not has(reason)"},
	    {"!!$msg{auth}", "has(auth)"},
	    {"defined $msg{auth}", "has(auth)"},
	    {"defined($msg{auth}) && 1", "has(auth) and has(mta)"},
	    {"exists $msg{headers}{Subject}", "has(header.raw['Subject'])"},
	    {"!exists($msg{headers}->{Subject})", "not has(header.raw['Subject'])"},
	    {"defined $msg{message}[2]", "has(message['M:2'])"},
	    {"$msg{num_delivery_attempts}", "attempts != 0"},
	    {"!$msg{num_delivery_attempts}", "not has(attempts) or attempts == 0"},
	    {"@{$msg{recipient}}", "recipients != 0"},
	};

	(void)state;
	CHECK(rows);
}

static void test_logic(void **state)
{
	static const struct row rows[] = {
	    {"$msg{auth} && $msg{envid} || $msg{flags}", "has(auth) and has(envid) or has(flags)"},
	    {"$msg{auth} && ($msg{envid} || $msg{flags})",
	     "has(auth) and (has(envid) or has(flags))"},
	    {"$msg{auth} || $msg{envid} && $msg{flags}", "has(auth) or has(envid) and has(flags)"},
	    {"$msg{auth} or $msg{envid} and $msg{flags}", "has(auth) or has(envid) and has(flags)"},
	    /* and binds looser than ||, not looser than && */
	    {"$msg{auth} || $msg{envid} and $msg{flags}",
	     "(has(auth) or has(envid)) and has(flags)"},
	    {"not $msg{auth} && $msg{envid}", "not has(auth) or not has(envid)"},
	    {"!$msg{auth} && $msg{envid}", "not has(auth) and has(envid)"},
	    {"not $msg{auth} and $msg{envid}", "not has(auth) and has(envid)"},
	    {"not not $msg{auth}", "has(auth)"},
	    /* a function of what stands in its parentheses */
	    {"not($msg{auth}) && $msg{envid}", "not has(auth) and has(envid)"},
	    {"not ($msg{auth}) || $msg{envid}", "not has(auth) or has(envid)"},
	    {"not\n($msg{auth}) && $msg{envid}", "not has(auth) and has(envid)"},
	    {"not ($msg{auth}) and $msg{envid}", "not has(auth) and has(envid)"},
	    {"not (($msg{auth}) && ($msg{envid}))", "not has(auth) or not has(envid)"},
	    {"(not ($msg{auth})) && $msg{envid}", "not has(auth) and has(envid)"},
	    {"(not $msg{auth}) && $msg{envid}", "not has(auth) and has(envid)"},
	    {"not not ($msg{auth}) && $msg{envid}", "has(auth) or not has(envid)"},
	    {"$msg{envid} && not ($msg{auth})", "has(envid) and not has(auth)"},
	    {"!not ($msg{auth})", "has(auth)"},
	    {"grep { /x/ } @{$msg{recipient}} and $msg{auth}", "recipient =~ /x/ and has(auth)"},
	    {"grep(/x/, @{$msg{recipient}}) && $msg{auth}", "recipient =~ /x/ and has(auth)"},
	    {"$msg{auth} && grep { /x/ } @{$msg{recipient}}", "has(auth) and recipient =~ /x/"},
	    {"!($msg{auth} || !($msg{envid} && $msg{flags}))",
	     "not has(auth) and has(envid) and has(flags)"},
	    {"not $msg{sender} =~ /x/", "not has(sender) or sender !~ /x/"},
	    {"!($msg{sender} =~ /x/)", "not has(sender) or sender !~ /x/"},
	    {"!($msg{num_delivery_attempts} > 5)", "not has(attempts) or attempts > 5"},
	    {"!($msg{auth} // '')", "not has(auth)"},
	    {"($msg{num_delivery_attempts} || 0) > 5", "attempts > 5"},
	    {"($msg{headers}{'X-Score'} // 0) > 5", "headers['X-Score'] > 5000000"},
	    {"((($msg{auth})))", "has(auth)"},
	    {"$msg{auth} && $msg{envid} && $msg{flags} && 1",
	     "has(auth) and has(envid) and has(flags) and has(mta)"},
	};

	(void)state;
	/* a leaf under not has no word of its own for < and >: checked by evaluation in
	 * test_perl_eval */
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (!strstr(rows[i].perl, "!($msg{num"))
			check_rows(&rows[i], 1);
	assert_string_equal(meaning(SLICE("!($msg{num_delivery_attempts} > 5)")),
			    "not has(attempts) or not attempts > 5");
}

static const struct {
	const char *perl;
	size_t offset;
	const char *part;
} refused[] = {
    {"", 0, "empty"},
    {"   ", 0, "empty"},
    {"(", 1, "ends"},
    {"()", 1, "a condition"},
    {")", 0, "a value"},
    {"1)", 1, "closes nothing"},
    {"(1", 2, "ends"},
    {"1 1", 2, "operator or the end"},
    {"1; 2", 3, "operator or the end"},
    {"$msg", 4, "{ after $msg"},
    {"$x{sender}", 0, "no other variable"},
    {"$msg{sendr} eq 'x'", 0, "did you mean sender?"},
    {"$msg{subject} eq 'x'", 0, "no \"subject\""},
    {"$msg{status} =~ /x/", 0, "did you mean message?"},
    {"$msg{recipients} =~ /x/", 0, "did you mean recipient?"},
    {"$msg{attempts} > 5", 0, "did you mean num_delivery_attempts?"},
    {"$msg{file_name} eq 'x'", 0, "no \"file_name\""},
    {"$msg{headers} =~ /x/", 0, "which header"},
    {"$msg{headers}[0] =~ /x/", 0, "which header"},
    {"$msg{headers}{''} =~ /x/", 14, "empty"},
    {"$msg{sender}{x}", 12, "only headers"},
    {"$msg{headers}{x}{y}", 16, "operator"},
    {"$msg{message}[0][1]", 16, "one number"},
    {"$msg{message}[y]", 14, "number of a value"},
    {"$msg{message}[0.5]", 14, "number of a value"},
    {"$msg{message}->", 15, "after ->"},
    {"$msg{sender} == 'x'", 0, "sender is text"},
    {"$msg{sender} == 5", 0, "sender is text"},
    {"$msg{sender} == $msg{auth}", 0, "sender is text"},
    {"$msg{sender} eq $msg{auth}", 16, "two with each other"},
    {"$msg{body_size} > $msg{control_size}", 18, "two with each other"},
    {"$msg{body_size} + $msg{control_size} > 5", 18, "two with each other"},
    {"$msg{body_size} * $msg{control_size} > 5", 18, "two with each other"},
    {"5 / $msg{body_size} > 5", 4, "by a constant"},
    {"$msg{body_size} / 0 > 5", 18, "by zero"},
    {"$msg{body_size} * 0 > 5", 0, "times zero"},
    {"$msg{num_delivery_attempts} > 'many'", 30, "no number"},
    {"$msg{sender} =~ 5", 16, "regular expression"},
    {"$msg{sender} =~ $msg{auth}", 16, "regular expression"},
    {"$msg{sender} =~ /(/", 18, "parenthesis"},
    {"$msg{sender} =~ m{(}", 16, "parenthesis"},
    {"$msg{body_size} =~ /5/", 0, "is a number"},
    {"'x' =~ /x/", 0, "%msg"},
    {"/x/", 0, "after =~"},
    {"!$msg{sender} =~ /x/", 0, "! binds tighter"},
    {"!$msg{num_delivery_attempts} == 5", 0, "! binds tighter"},
    {"!$msg{sender} eq 'x'", 0, "! binds tighter"},
    {"not($msg{num_delivery_attempts}) > 5", 0, "cannot be compared"},
    {"not ($msg{sender}) eq 'x'", 0, "cannot be compared"},
    {"not ($msg{sender}) =~ /x/", 0, "cannot be compared"},
    {"$msg{auth} && not $msg{envid}", 14, "a value"},
    {"not ()", 5, "a condition"},
    {"grep { /x/ } @{$msg{recipient}} || 1", 32, "write grep("},
    {"grep { /x/ } @{$msg{recipient}} && $msg{auth}", 32, "write grep("},
    {"!grep /x/, @{$msg{recipient}} // 1", 30, "write grep("},
    {"grep { /x/ } @{$msg{recipient}} > 1", 32, "write grep("},
    {"grep(/x/, @{$msg{recipient}}) > 1", 0, "cannot be compared"},
    {"$msg{priority} lt '5'", 0, "write < <="},
    {"'5' ge $msg{priority}", 0, "write < <="},
    {"$msg{priority} + 1 gt 5", 0, "write < <="},
    {"1 < $msg{num_delivery_attempts} < 5", 32, "do not chain"},
    {"$msg{sender} = 'x'", 13, "assigns"},
    {"system('rm')", 0, "\"system\" is not understood"},
    {"unlink $msg{id}", 0, "\"unlink\" is not understood"},
    {"MAILER", 6, "ends"},
    {"$msg{sender} eq MAILER", 22, "ends"},
    {"($msg{auth} && 1) eq 'x'", 12, "cannot be compared"},
    {"(!$msg{auth}) == 1", 1, "cannot be compared"},
    {"!($msg{auth} // $msg{envid})", 13, "cannot be compared"},
    {"($msg{num_delivery_attempts} > 100) // ($msg{sender} =~ /bob/)", 29, "cannot be compared"},
    {"defined($msg{message}) // 1", 0, "a condition by itself"},
    {"$msg{auth} // 1", 11, "cannot be compared"},
    {"($msg{auth} || 0) eq ''", 1, "0 stands in"},
    {"'0' eq ($msg{auth} // 0)", 8, "0 stands in"},
    {"($msg{auth} // 0) =~ /0/", 1, "0 stands in"},
    {"(lc($msg{auth}) // 0) =~ /0/", 4, "0 stands in"},
    {"defined(5)", 0, "what is in %msg"},
    {"$msg{flags} ne \"bs\\012\"", 18, "unknown escape \\0"},
    {"$msg{flags} ne \"bs\\12\"", 18, "unknown escape \\1"},
    {"$msg{flags} eq \"\\Qx\"", 16, "unknown escape \\Q"},
    {"$msg{flags} eq \"\\cJ\"", 16, "unknown escape \\c"},
    {"$msg{flags} eq \"\\x{263a}\"", 16, "unknown escape \\x"},
    {"$msg{flags} eq \"\\x4\"", 16, "unknown escape \\x"},
    {"$msg{flags} eq qq(\\d)", 18, "unknown escape \\d"},
    {"$msg{sender} !~ /^$1/", 18, "variables inside"},
    {"$msg{sender} !~ /^$&/", 18, "variables inside"},
    {"$msg{sender} !~ /a$\\n/", 18, "variables inside"},
    {"$msg{sender} !~ /[$]/", 18, "variables inside"},
    {"$msg{flags} eq \"$1\"", 16, "variables inside"},
    {"$msg{flags} eq \"5 $\"", 18, "variables inside"},
    {"$msg{flags} eq \"$ 5\"", 16, "variables inside"},
    {"defined lc($msg{auth})", 0, "what is in %msg"},
    {"$msg{headers}{'Subject:0'} =~ /x/", 14, "such a name"},
    {"$msg{headers}{'lc Subject'} =~ /x/", 14, "such a name"},
    {"$msg{headers}{\"S\\x7f\"} =~ /x/", 14, "such a name"},
    {"$msg{num_delivery_attempts}[1] > 5", 0, "one value"},
    {"$msg{id}[-1] eq 'x'", 0, "one value"},
    {"lc($msg{sender}) > 5", 3, "is text"},
    {"lc('x') eq 'x'", 0, "texts of %msg"},
    {"lc($msg{body_size}) eq 'x'", 0, "texts of %msg"},
    {"$msg{sender} . 'x' eq 'y'", 13, "constant texts"},
    {"@{$msg{message}} > 5", 0, "only recipients"},
    {"@msg", 1, "@{$msg{recipient}}"},
    {"grep { $msg{sender} } @{$msg{recipient}}", 7, "grep { /PATTERN/ }"},
    {"grep { /x/ } 5", 13, "@{$msg{recipient}}"},
    {"grep { /x/ } @{$msg{recipient}}[0]", 15, "not for one"},
    {"${$msg{message}} =~ /x/", 17, "[0] after"},
    {"${$msg{message}}{x} =~ /x/", 16, "only headers"},
    {"grep { $_ eq 'x' } @{$msg{recipient}}", 10, "=~ after $_"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		const char *got = meaning(slice_from(refused[i].perl));
		size_t offset = SIZE_MAX;

		if (sscanf(got, "%zu: ", &offset) != 1 || offset != refused[i].offset ||
		    !strstr(got, refused[i].part))
			fail_msg("%s\n gives    %s\n expected %zu: %s", refused[i].perl, got,
				 refused[i].offset, refused[i].part);
	}
}

static void test_cut_names(void **state)
{
	static const struct {
		const char *name, *whole;
	} rows[] = {
	    {"ubject", "Subject"},
	    {"Subject", "Subject"},
	    {"rom", "From"},
	    {"o", "To"},
	    {"c", "Cc"},
	    {"-Spam-Flag", "X-Spam-Flag"},
	    {"-", "-"},
	    {"eceived", "Received"},
	    {"essage-id", "Message-Id"},
	    {"x", "x"},
	    {"ate", "Date"},
	    {"ubjec", "ubjec"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_true(slice_eq(perl_header_name(&arena, slice_from(rows[i].name)),
				     slice_from(rows[i].whole)));
	assert_string_equal(meaning(SLICE("$msg{headers}->{ubject} =~ /x/")),
			    "header.raw['Subject'] =~ /x/");
	assert_string_equal(warned,
			    "header names are whole here: \"ubject\" is taken for \"Subject\"");
	meaning(SLICE("$msg{headers}->{Subject} =~ /x/"));
	assert_string_equal(warned, "");
}

static void test_bytes_in_names(void **state)
{
	const char *near = NULL;

	(void)state;
	assert_null(perl_key_find(SLICE("sender\0"), &near));
	assert_null(perl_key_find(SLICE(""), &near));
	assert_non_null(perl_key_find(SLICE("sender"), &near));
	assert_null(perl_key_find(SLICE("Sender"), &near));
	assert_string_equal(near, "sender");
}

/* LIMIT_EXPR_BYTES, LIMIT_EXPR_DEPTH and LIMIT_EXPR_NODES are refused one past, and fine before. */
static void test_limits(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	buf_pad(&b, ' ', LIMIT_EXPR_BYTES - 1);
	buf_addc(&b, '1');
	assert_string_equal(meaning(buf_slice(&b)), "has(mta)");
	buf_addc(&b, ' ');
	assert_non_null(strstr(meaning(buf_slice(&b)), "longer than"));
	buf_clear(&b);
	buf_pad(&b, '(', LIMIT_EXPR_DEPTH);
	buf_addc(&b, '1');
	buf_pad(&b, ')', LIMIT_EXPR_DEPTH);
	assert_string_equal(meaning(buf_slice(&b)), "has(mta)");
	buf_clear(&b);
	buf_pad(&b, '!', LIMIT_EXPR_DEPTH + 1);
	buf_addc(&b, '1');
	assert_non_null(strstr(meaning(buf_slice(&b)), "nested more than"));
	buf_clear(&b);
	for (unsigned i = 0; i < LIMIT_EXPR_NODES / 2; i++)
		buf_adds(&b, "1||");
	assert_true(b.n < LIMIT_EXPR_BYTES);
	buf_addc(&b, '1');
	assert_non_null(strstr(meaning(buf_slice(&b)), "more than 10000 parts"));
	buf_free(&b);
}

/* A long chain is no deep recursion. */
static void test_long_chain(void **state)
{
	struct error err = ERROR_INIT;
	struct filter *f;
	struct buf b;
	size_t kids = 0;

	(void)state;
	buf_init(&b);
	for (unsigned i = 0; i < 4900; i++)
		buf_adds(&b, i % 2 ? "0||" : "0 or ");
	buf_addc(&b, '1');
	f = perl_parse(&arena, buf_slice(&b), NOW, NULL, NULL, &err);
	assert_non_null(f);
	for (const struct node *n = f->tree->kids; n; n = n->next)
		kids++;
	assert_int_equal(kids, 4901);
	filter_free(f);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_patterns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_truth, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_logic, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cut_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bytes_in_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_long_chain, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
