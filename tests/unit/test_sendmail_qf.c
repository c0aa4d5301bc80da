/* sendmail's control files: every line code and version, folding, damage, the lister's view. */
#include "unit/cmocka_all.h"

#include "../../backends/sendmail/qf.h"

#include <mtaq/limits.h>

#include <stdio.h>

static struct arena arena;

static int reset(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static void assert_slice(struct slice got, struct slice want)
{
	assert_true((got.p == NULL) == (want.p == NULL));
	assert_int_equal(got.n, want.n);
	if (want.n)
		assert_memory_equal(got.p, want.p, want.n);
}

static struct qf parse(struct slice text)
{
	struct error err = ERROR_INIT;
	struct qf q;

	assert_int_equal(qf_parse(&arena, text, &q, &err), 0);
	return q;
}

/* FLAGS:ADDRESS(STATUS;ORCPT;FINAL;CONTROL) of each recipient, own statuses with a "!". */
static struct slice spell_recipients(const struct qf *q)
{
	struct error err = ERROR_INIT;
	struct qf_recipients r;
	struct slice out = SLICE("");

	assert_int_equal(qf_recipients(&arena, q, &r, &err), 0);
	for (size_t i = 0; i < r.count; i++) {
		const struct recipient *p = &r.list[i];

		out = arena_printf(&arena, "%.*s%s%.*s:%.*s(%s%.*s;%.*s;%.*s;%.*s)", SLICE_ARG(out),
				   i ? " " : "", SLICE_ARG(p->flags), SLICE_ARG(p->address),
				   p->own_status ? "!" : "", SLICE_ARG(p->status),
				   SLICE_ARG(p->orcpt), SLICE_ARG(p->final), SLICE_ARG(p->control));
	}
	return out;
}

static struct slice spell_statuses(const struct qf *q)
{
	struct error err = ERROR_INIT;
	struct qf_recipients r;
	struct slice out = SLICE("");

	assert_int_equal(qf_recipients(&arena, q, &r, &err), 0);
	for (size_t i = 0; i < r.status_count; i++)
		out = arena_printf(&arena, "%.*s%.*s|", SLICE_ARG(out), SLICE_ARG(r.statuses[i]));
	return out;
}

/* COND?NAME=RAW of each header field, "-" for no condition. */
static struct slice spell_headers(const struct qf *q)
{
	struct error err = ERROR_INIT;
	struct header_list l;
	struct slice out = SLICE("");

	assert_int_equal(qf_headers(&arena, q, &l, &err), 0);
	for (size_t i = 0; i < l.count; i++) {
		const struct header *h = &l.list[i];

		out = arena_printf(&arena, "%.*s%.*s?%.*s=%.*s|", SLICE_ARG(out),
				   SLICE_ARG(h->cond.p ? h->cond : SLICE("-")), SLICE_ARG(h->name),
				   SLICE_ARG(h->raw));
	}
	return out;
}

static const char whole[] =
    "V8\nT1768467600\nK1768471200\nN2\nP330334\ndslow\nI254/0/11076944\nB8BITMIME\n"
    "qno spam\nMDeferred: later\nFbs\n$_localhost [127.0.0.1]\n$rESMTP\n${daemon_flags}\n"
    "S<news@example.com>\nZenv\nAauth@example.com\n!\x01 3600\n"
    "MDeferred: 454 no\nCjoe:1:2:joe\nQrfc822;o@example.net\nrRFC822; r@example.net\n"
    "RPFD:<relay@example.net>\nRPFDA:plain@example.net\nC\nRN:\"a:b\"@example.net\n"
    "H?P?Return-Path: <\201g>\nH??Received: from a\n\tby b;\n\tdate\nH??Subject:\n.\n";

static void test_whole_envelope(void **state)
{
	struct qf q = parse(SLICE(whole));

	(void)state;
	assert_true(q.ended && q.whole);
	assert_int_equal(q.odd, 0);
	assert_int_equal(q.version.value, 8);
	assert_int_equal(q.created.value, 1768467600);
	assert_int_equal(q.tried.value, 1768471200);
	assert_int_equal(q.attempts.value, 2);
	assert_int_equal(q.priority.value, 330334);
	assert_slice(q.data_dir, SLICE("slow"));
	assert_slice(q.body_type, SLICE("8BITMIME"));
	assert_slice(q.reason, SLICE("no spam"));
	assert_slice(q.status, SLICE("Deferred: later"));
	assert_slice(q.flags, SLICE("bs"));
	assert_slice(q.sender, SLICE("<news@example.com>"));
	assert_slice(q.envid, SLICE("env"));
	assert_slice(q.auth, SLICE("auth@example.com"));
	assert_slice(q.deliver_by, SLICE("\x01 3600"));
	assert_int_equal(q.macro_count, 3);
	assert_slice(q.macros[0].name, SLICE("_"));
	assert_slice(q.macros[0].value, SLICE("localhost [127.0.0.1]"));
	assert_slice(q.macros[2].name, SLICE("daemon_flags"));
	assert_slice(q.macros[2].value, SLICE(""));
}

static void test_whole_lists(void **state)
{
	struct qf q = parse(SLICE(whole));

	(void)state;
	assert_slice(spell_recipients(&q),
		     SLICE("PFD:relay@example.net(!Deferred: 454 no;rfc822;o@example.net;RFC822; "
			   "r@example.net;joe:1:2:joe) "
			   "PFDA:plain@example.net(Deferred: later;;;joe:1:2:joe) "
			   "N:\"a:b\"@example.net(Deferred: later;;;)"));
	assert_slice(spell_statuses(&q), SLICE("Deferred: later|Deferred: 454 no|"));
	assert_slice(spell_headers(&q),
		     SLICE("P?Return-Path= <\201g>|?Received= from a\n\tby b;\n\tdate|?Subject=|"));
}

static void test_recipients(void **state)
{
	static const struct {
		struct slice text, recipients;
	} rows[] = {
	    {SLICE("V1\nSa\nRPFD:<b@c>\n.\n"), SLICE("PFD:b@c(;;;)")},
	    {SLICE("V8\nSa\nRPFD:b\nRno colon\nR:c\n.\n"), SLICE("PFD:b(;;;) :c(;;;)")},
	    {SLICE("V8\nSa\nRPFD:\n.\n"), SLICE("PFD:(;;;)")},
	    /* V0: all of it is the address, and so it is when V is missing or comes too late */
	    {SLICE("Sa\nReric@mammoth\nRb:c\n"), SLICE(":eric@mammoth(;;;) :b:c(;;;)")},
	    {SLICE("Sa\nRPFD:b@c\nV8\nRPFD:d@e\n.\n"), SLICE(":PFD:b@c(;;;) PFD:d@e(;;;)")},
	    /* M before S is everybody's, after it the next one's only; the last of several counts
	     */
	    {SLICE("V8\nMold\nMm\nSa\nM1\nM2\nR:b\nR:c\n.\n"), SLICE(":b(!2;;;) :c(m;;;)")},
	    {SLICE("V8\nR:b\nMx\nR:c\nSa\n.\n"), SLICE(":b(;;;) :c(!x;;;)")},
	    {SLICE("V8\nSa\nR:b\nMnobody\n.\n"), SLICE(":b(;;;)")},
	    /* C stays until another one */
	    {SLICE("V8\nSa\nC:ctl\nR:b\nR:c\nC\nR:d\n.\n"),
	     SLICE(":b(;;;:ctl) :c(;;;:ctl) :d(;;;)")},
	    {SLICE("V8\nSa\nQx;o\nrRFC822; f\nR:b\nR:c\n.\n"),
	     SLICE(":b(;x;o;RFC822; f;) :c(;;;)")},
	    {SLICE("V8\nSa\n.\nR:late\n"), SLICE("")},
	    {SLICE("V8\r\nSa\r\nRPFD:<b@c>\r\n.\r\n"), SLICE("PFD:b@c(;;;)")},
	    {SLICE("V8\nSa\nRPFD:b\n  folded\n.\n"), SLICE("PFD:b   folded(;;;)")},
	    {SLICE("V8\nSa\nRPFD:b\0c\nRPFD:d\n.\n"), SLICE("PFD:b(;;;) PFD:d(;;;)")},
	    {SLICE("V8\nSa\nRPFDA:\"|/bin/prog: x\"\n.\n"), SLICE("PFDA:\"|/bin/prog: x\"(;;;)")},
	    {SLICE("V8\nSa\nRPFD:<to-"), SLICE("PFD:<to-(;;;)")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct qf q = parse(rows[i].text);

		assert_slice(spell_recipients(&q), rows[i].recipients);
	}
}

static void test_headers(void **state)
{
	static const struct {
		struct slice text, headers;
	} rows[] = {
	    {SLICE("H??Subject: x\n.\n"), SLICE("?Subject= x|")},
	    {SLICE("H?DFM?X: y\nHBare: z\nH?$s?C:1\nH?${auth_type}?D: 2\n.\n"),
	     SLICE("DFM?X= y|-?Bare= z|$s?C=1|${auth_type}?D= 2|")},
	    {SLICE("H??X-Odd?Name: q?\n.\n"), SLICE("?X-Odd?Name= q?|")},
	    {SLICE("H?no end: x\n.\n"), SLICE("-??no end= x|")},
	    {SLICE("H??no colon here\nH??B: 1\n.\n"), SLICE("?B= 1|")},
	    {SLICE("H??Blank \t: x\n.\n"), SLICE("?Blank= x|")},
	    {SLICE("H??F: a\r\n b\r\n.\r\n"), SLICE("?F= a\r\n b|")},
	    {SLICE("H??N: a\0b\n c\nH??M: d\n.\n"), SLICE("?N= a|?M= d|")},
	    {SLICE("H??A: 1\n.\nH??B: 2\n"), SLICE("?A= 1|")},
	    {SLICE("H??bad\n.\nH??B: 2\n"), SLICE("")},
	    {SLICE("H??A: 1\nR:b\nH??B: cut"), SLICE("?A= 1|?B= cut|")},
	    {SLICE("."), SLICE("")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct qf q = parse(rows[i].text);

		assert_slice(spell_headers(&q), rows[i].headers);
	}
}

static void test_damage(void **state)
{
	static const struct {
		struct slice text;
		bool ended, whole;
		unsigned odd;
	} rows[] = {
	    {SLICE(""), false, false, 0},
	    {SLICE("."), true, true, 0},
	    {SLICE(".\n"), true, true, 0},
	    {SLICE("..."), true, true, 0},
	    {SLICE("V8\nT1\n"), false, false, 0},
	    {SLICE("V8\nSa\nR:b\n"), false, true, 0},
	    {SLICE("V8\nSa\nH"), false, true, 0},
	    {SLICE("V8\n.\n\n"), true, true, QF_ODD_AFTER_DOT},
	    {SLICE("V8\n.\nR:b\n"), true, true, QF_ODD_AFTER_DOT},
	    {SLICE("V9\n.\n"), true, true, QF_ODD_VERSION},
	    {SLICE("V8\n\n.\n"), true, true, QF_ODD_CODE},
	    {SLICE("V8\n\0x\n.\n"), true, true, QF_ODD_CODE},
	    {SLICE("V5\nG1\nY600\n.\n"), true, true, QF_ODD_CODE},
	    {SLICE("V8\nB7bit\n.\n"), true, true, 0},
	    {SLICE("V8\nB9BIT\n.\n"), true, true, QF_ODD_BODY},
	    {SLICE("From a\nV8\n.\n"), true, true, QF_ODD_FROM},
	    {SLICE("DdfAAA\nEerr\nL20\nI1/2/3\n.\n"), true, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct qf q = parse(rows[i].text);

		assert_int_equal(q.ended, rows[i].ended);
		assert_int_equal(q.whole, rows[i].whole);
		assert_int_equal(q.odd, rows[i].odd);
	}
}

static void test_last_wins(void **state)
{
	struct qf q = parse(SLICE("V8\nT1\nT2\nSa\nSb\n$r1\n$r2\nqx\nqy\nFw\nFr\n.\n"));

	(void)state;
	assert_int_equal(q.created.value, 2);
	assert_slice(q.sender, SLICE("b"));
	assert_slice(q.reason, SLICE("y"));
	assert_slice(q.flags, SLICE("r"));
	assert_slice(q.macros[q.macro_count - 1].value, SLICE("2"));
}

static void test_folded_values(void **state)
{
	struct qf q = parse(SLICE("V8\nMline\n\tone\r\n two\n$rE\n S\nSa\n b\n.\n"));

	(void)state;
	assert_slice(q.status, SLICE("line \tone  two"));
	assert_slice(q.macros[0].value, SLICE("E  S"));
	assert_slice(q.sender, SLICE("a  b"));
	/* a line that begins with a blank belongs to the one before, whatever that is; the first
	 * has none */
	assert_int_equal(parse(SLICE(" x\n.\n")).odd, QF_ODD_CODE);
	assert_true(parse(SLICE("V8\n.\n x")).ended);
}

static void test_numbers(void **state)
{
	static const struct {
		struct slice text;
		int64_t value;
	} rows[] = {
	    {SLICE("12"), 12},
	    {SLICE(" \t-12x"), -12},
	    {SLICE("+5"), 5},
	    {SLICE(""), 0},
	    {SLICE("x1"), 0},
	    {SLICE("- 1"), 0},
	    {SLICE("9223372036854775807"), INT64_MAX},
	    {SLICE("9223372036854775808"), INT64_MAX},
	    {SLICE("99999999999999999999999"), INT64_MAX},
	    {SLICE("-9223372036854775808"), INT64_MIN},
	    {SLICE("-9223372036854775809"), INT64_MIN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_true(qf_number(rows[i].text) == rows[i].value);
	assert_false(parse(SLICE("V8\n.\n")).created.known);
	assert_true(parse(SLICE("Tjunk\n.\n")).created.known);
}

static void test_macro_names(void **state)
{
	struct qf q = parse(SLICE("${if_addr}1\n$\n${open\n$s\n.\n"));

	(void)state;
	assert_int_equal(q.macro_count, 4);
	assert_slice(q.macros[0].name, SLICE("if_addr"));
	assert_slice(q.macros[1].name, SLICE(""));
	assert_slice(q.macros[2].name, SLICE("{"));
	assert_slice(q.macros[2].value, SLICE("open"));
	assert_slice(q.macros[3].name, SLICE("s"));
}

/* `n` copies of a line and the final dot. */
static struct slice many(const char *line, size_t n)
{
	size_t len = strlen(line);
	char *p = arena_alloc(&arena, n * len + 2);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		memcpy(p + i * len, line, len);
	memcpy(p + n * len, ".\n", 2);
	return slice_of(p, n * len + 2);
}

static void test_limits(void **state)
{
	struct error err = ERROR_INIT;
	struct qf_recipients r;
	struct header_list h;
	struct qf q;

	(void)state;
	assert_int_equal(qf_parse(&arena, many("$xy\n", LIMIT_MACROS), &q, &err), 0);
	assert_int_equal(q.macro_count, LIMIT_MACROS);
	assert_slice(q.macros[LIMIT_MACROS - 1].value, SLICE("y"));
	assert_int_equal(qf_parse(&arena, many("$xy\n", LIMIT_MACROS + 1), &q, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);

	q = parse(many("R:a\n", LIMIT_RECIPIENTS));
	assert_int_equal(qf_recipients(&arena, &q, &r, NULL), 0);
	assert_int_equal(r.count, LIMIT_RECIPIENTS);
	q = parse(many("R:a\n", LIMIT_RECIPIENTS + 1));
	error_clear(&err);
	assert_int_equal(qf_recipients(&arena, &q, &r, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);

	q = parse(many("Mx\n", LIMIT_STATUSES + 1));
	error_clear(&err);
	assert_int_equal(qf_recipients(&arena, &q, &r, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);

	q = parse(many("Ha:\n", LIMIT_HEADERS));
	assert_int_equal(qf_headers(&arena, &q, &h, NULL), 0);
	assert_int_equal(h.count, LIMIT_HEADERS);
	q = parse(many("Ha:\n", LIMIT_HEADERS + 1));
	error_clear(&err);
	assert_int_equal(qf_headers(&arena, &q, &h, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
}

/* An arena without room is an error, never a shorter answer. */
static void test_no_memory(void **state)
{
	struct error err = ERROR_INIT;
	struct qf_recipients r;
	struct header_list h;
	struct arena small;
	struct qf q = parse(SLICE(whole));

	(void)state;
	arena_init(&small, 1);
	assert_int_equal(qf_recipients(&small, &q, &r, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(qf_headers(&small, &q, &h, NULL), -1);
	assert_int_equal(qf_parse(&small, SLICE(whole), &q, NULL), -1);
	assert_int_equal(qf_parse(&small, SLICE("V8\nMa\n b\n.\n"), &q, NULL), -1);
}

static void test_lister_lines(void **state)
{
	static char text[3 * 2047 + 64];
	struct slice rest, line;
	size_t n = 0;

	(void)state;
	n = (size_t)snprintf(text, sizeof text, "V8\r\n\nRPFD:a");
	text[n++] = '\0';
	memcpy(text + n, "gone\nH", 6);
	n += 6;
	memset(text + n, 'x', 2046 + 2047);
	n += 2046 + 2047;
	memcpy(text + n, "\nend", 4);
	n += 4;
	rest = slice_of(text, n);
	assert_true(qf_lister_line(&rest, &line));
	assert_slice(line, SLICE("V8"));
	assert_true(qf_lister_line(&rest, &line));
	assert_int_equal(line.n, 0);
	assert_true(qf_lister_line(&rest, &line));
	assert_slice(line, SLICE("RPFD:a"));
	assert_true(qf_lister_line(&rest, &line));
	assert_int_equal(line.n, 2047);
	assert_int_equal(line.p[0], 'H');
	assert_true(qf_lister_line(&rest, &line));
	assert_int_equal(line.n, 2047);
	assert_int_equal(line.p[0], 'x');
	/* the line end that did not fit is a piece of its own */
	assert_true(qf_lister_line(&rest, &line));
	assert_int_equal(line.n, 0);
	assert_true(qf_lister_line(&rest, &line));
	assert_slice(line, SLICE("end"));
	assert_false(qf_lister_line(&rest, &line));
}

static int done(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_whole_envelope, reset),
	    cmocka_unit_test_teardown(test_whole_lists, reset),
	    cmocka_unit_test_teardown(test_recipients, reset),
	    cmocka_unit_test_teardown(test_headers, reset),
	    cmocka_unit_test_teardown(test_damage, reset),
	    cmocka_unit_test_teardown(test_last_wins, reset),
	    cmocka_unit_test_teardown(test_folded_values, reset),
	    cmocka_unit_test_teardown(test_numbers, reset),
	    cmocka_unit_test_teardown(test_macro_names, reset),
	    cmocka_unit_test_teardown(test_limits, reset),
	    cmocka_unit_test_teardown(test_no_memory, reset),
	    cmocka_unit_test_teardown(test_lister_lines, reset),
	};

	arena_init(&arena, 0);
	return cmocka_run_group_tests(tests, NULL, done);
}
