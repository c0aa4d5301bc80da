/* Rules files: what is read from them, and each mistake with its place. */
#include "rules.h"
#include "unit/cmocka_all.h"

#include <mtaq/limits.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW INT64_C(1763625600)

struct world {
	struct arena arena;
	struct rules rules;
	struct buf problems; /* "LINE:COLUMN text\n" */
};

static void tell(void *ctx, const struct rules_problem *p)
{
	struct world *w = ctx;

	buf_printf(&w->problems, "%zu:%zu %s\n", p->line, p->column, p->error->text);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	arena_init(&w->arena, 0);
	buf_init(&w->problems);
	rules_init(&w->rules, &w->arena, NOW, tell, w);
	*state = w;
	return 0;
}

static void again(struct world *w)
{
	rules_free(&w->rules);
	arena_reset(&w->arena);
	buf_clear(&w->problems);
	rules_init(&w->rules, &w->arena, NOW, tell, w);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	rules_free(&w->rules);
	buf_free(&w->problems);
	arena_free(&w->arena);
	free(w);
	return 0;
}

static const char *parse(struct world *w, const char *text)
{
	rules_parse(&w->rules, "rules", slice_from(text));
	buf_addc(&w->problems, '\0');
	return w->problems.p;
}

static const struct rule *only(struct world *w, const char *text)
{
	again(w);
	assert_string_equal(parse(w, text), "");
	assert_int_equal(w->rules.count, 1);
	return &w->rules.list[0];
}

/* ---- what is read ---- */

static void test_whole(void **state)
{
	const struct rule *r = only(*state, "# one\n\nrule keep-vip_2.x on sendmail # so\n"
					    "\tlimit 7\n\tmax 20%\n  until 2026-12-01T08:00Z\n"
					    "  do move to /var/spool/removed\n"
					    "  when bounce\n   and age > 2d # old\n");

	assert_string_equal(r->name, "keep-vip_2.x");
	assert_string_equal(r->file, "rules");
	assert_int_equal(r->line, 3);
	assert_string_equal(r->on, "sendmail");
	assert_true(r->limit.given && r->limit.value == 7);
	assert_string_equal(r->max, "20%");
	assert_true(r->until.given && r->until.value == 1796112000);
	assert_int_equal(r->op, OP_MOVE);
	assert_string_equal(r->args.target, "/var/spool/removed");
	assert_false(r->keep);
}

static void check_when(struct world *w, const char *text, const char *expression)
{
	struct buf b;

	buf_init(&b);
	filter_print(only(w, text)->filter, &b);
	buf_addc(&b, '\0');
	assert_string_equal(b.p, expression);
	buf_free(&b);
}

static void test_when(void **state)
{
	static const struct {
		const char *text, *expression;
	} rows[] = {
	    {"bounce", "bounce"},
	    {"\n  bounce\n\n  and\n\n  age > 2d\n", "bounce and age > 2d"},
	    {"# nothing here\n  bounce # but\n#when\n  or locked\n", "bounce or locked"},
	    {"sender == 'a#b' # c", "sender == 'a#b'"},
	    {"sender == \"it's # \\\" x\" # c", "sender == 'it\\'s # \" x'"},
	    {"subject =~ /a#b\\/c'd/i # c'", "subject =~ /a#b\\/c'd/i"},
	    {"sender.domain in ('a', # one\n 'b') # two", "sender.domain in ('a', 'b')"},
	    /* words that begin like keywords, or stand within a line */
	    {"sender == 'x'\n or subject == 'limit'", "sender == 'x' or subject == 'limit'"},
	    {"ALL", "has(mta)"},
	    {"\n  ALL # of them", "has(mta)"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[300];

		snprintf(text, sizeof text, "rule a\n when %s\n do keep\n", rows[i].text);
		check_when(*state, text, rows[i].expression);
		snprintf(text, sizeof text, "rule a\r\n do keep\r\n when %s", rows[i].text);
		check_when(*state, text, rows[i].expression);
	}
}

static void test_actions(void **state)
{
	static const struct {
		const char *text;
		enum op op;
		struct action_args args;
	} rows[] = {
	    {"expire", OP_EXPIRE, {0}},
	    {"expire try even-silent", OP_EXPIRE, {.try_now = true, .even_silent = true}},
	    {"expire --even-silent --try", OP_EXPIRE, {.try_now = true, .even_silent = true}},
	    {"bounce reason gone", OP_BOUNCE, {.reason = "gone"}},
	    {"bounce --reason 'no such host' try",
	     OP_BOUNCE,
	     {.reason = "no such host", .try_now = true}},
	    {"requeue try", OP_REQUEUE, {.try_now = true}},
	    {"retry forget-hosts whole-queue",
	     OP_RETRY,
	     {.forget_hosts = true, .whole_queue = true}},
	    {"hold", OP_HOLD, {0}},
	    {"hold reason \"it's # \\\"spam\\\"\" # x", OP_HOLD, {.reason = "it's # \"spam\""}},
	    {"release renew", OP_RELEASE, {.renew = true}},
	    {"delete", OP_DELETE, {0}},
	    {"delete purge", OP_DELETE, {.purge = true}},
	    {"drop a@b", OP_DROP, {.recipient = "a@b"}},
	    {"drop recipient @b", OP_DROP, {.recipient = "@b"}},
	    {"drop 'recipient'", OP_DROP, {.recipient = "recipient"}},
	    {"move to /a", OP_MOVE, {.target = "/a"}},
	    {"save --to '/a b'", OP_SAVE, {.target = "/a b"}},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct action_args *want = &rows[i].args, *got;
		const struct rule *r;
		char text[200];

		snprintf(text, sizeof text, "rule a\n when ALL\n do %s\n", rows[i].text);
		r = only(*state, text);
		got = &r->args;
		assert_int_equal(r->op, rows[i].op);
		assert_false(r->keep);
#define SAME_TEXT(m) assert_string_equal(got->m ? got->m : "", want->m ? want->m : "")
		SAME_TEXT(reason);
		SAME_TEXT(target);
		SAME_TEXT(recipient);
		assert_true(got->purge == want->purge && got->try_now == want->try_now &&
			    got->renew == want->renew && got->even_silent == want->even_silent &&
			    got->forget_hosts == want->forget_hosts &&
			    got->whole_queue == want->whole_queue);
	}
	assert_true(only(*state, "rule a\n when ALL\n do keep")->keep);
}

static void test_where(void **state)
{
	static const struct {
		const char *text, *on;
	} rows[] = {{"rule a", NULL},
		    {"rule a on qmail", "qmail"},
		    {"rule a on /var/qmail/queue # x", "/var/qmail/queue"},
		    {"rule a on 'sendmail:/a b'", "sendmail:/a b"}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct rule *r;
		char text[100];

		snprintf(text, sizeof text, "%s\n when ALL\n do keep\n", rows[i].text);
		r = only(*state, text);
		assert_string_equal(r->on ? r->on : "", rows[i].on ? rows[i].on : "");
	}
}

static void test_until(void **state)
{
	const struct rule *r = only(*state, "rule a\n when ALL\n do keep\n until @1000");

	assert_true(rule_exists(r, 999));
	assert_false(rule_exists(r, 1000));
	assert_true(rule_exists(only(*state, "rule a\n when ALL\n do keep"), INT64_MAX));
}

/* ---- mistakes ---- */

#define A	 "rule a\n"
#define ALL_KEEP " when ALL\n do keep\n"

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *wanted; /* the beginning of what is told */
	} rows[] = {
	    {"rule\n", "1:5 the rule needs a name\n"},
	    {"rule # x\n", "1:6 the rule needs a name\n"},
	    {"rule a/b\n" ALL_KEEP, "1:6 a rule's name is made of"},
	    {"rule ''\n" ALL_KEEP, "1:6 a rule's name is made of"},
	    {"rule a b\n" ALL_KEEP, "1:8 a rule begins with"},
	    {"rule a when ALL\n" ALL_KEEP, "1:8 a rule begins with"},
	    {"rule a on\n" ALL_KEEP, "1:10 on what?"},
	    {"rule a on ''\n" ALL_KEEP, "1:11 on what?"},
	    {"rule a on qmail x\n" ALL_KEEP, "1:17 the line should end before this\n"},
	    {A ALL_KEEP A ALL_KEEP, "4:6 the rule a is there already: rules:1\n"},
	    {A " do keep\n", "1:6 the rule a has no `when`"},
	    {A " when ALL\n", "1:6 the rule a has no `do`"},
	    {A ALL_KEEP " limit 3\n", "1:6 the rule a keeps messages"},
	    {A ALL_KEEP " max 3%\n", "1:6 the rule a keeps messages"},
	    {A ALL_KEEP " when bounce\n", "4:2 the rule a has a `when` already\n"},
	    {A ALL_KEEP " do delete\n", "4:2 the rule a has a `do` already\n"},
	    {" when ALL\n", "1:2 this belongs to no rule"},
	    {A ALL_KEEP " frobnicate\n", "4:2 a line begins with"},
	    {A ALL_KEEP " 'do' keep\n", "4:2 a line begins with"},
	    {A ALL_KEEP " limit\n", "4:7 limit wants a whole number\n"},
	    {A ALL_KEEP " limit -3\n", "4:8 limit wants a whole number\n"},
	    {A ALL_KEEP " limit 99999999999999999999\n", "4:8 limit wants a whole number\n"},
	    {A ALL_KEEP " max\n", "4:5 max wants"},
	    {A ALL_KEEP " max 20 %\n", "4:9 the line should end before this\n"},
	    {A ALL_KEEP " max 101%\n", "4:6 max wants"},
	    {A ALL_KEEP " max %\n", "4:6 max wants"},
	    {A ALL_KEEP " until\n", "4:7 until wants a time"},
	    {A ALL_KEEP " until 2026-02-30\n", "4:8 until wants a time"},
	    {A " when\n do keep\n", "2:6 the expression is empty"},
	    {A " when # x\n do keep\n", "2:7 the expression is empty"},
	    {A " when bounec\n do keep\n", "2:7 unknown field"},
	    {A " when age > 2d and\n\n\tbounec\n do keep\n", "4:2 unknown field"},
	    {A " when sender == '\xc3\xa4' and x\n do keep\n", "2:25 unknown field"},
	    {A " when (bounce\n do keep\n", "2:14 "},
	    {A " when sender == 'x\n do keep\n", "2:17 this text has no closing '"},
	    {A " when sender == \"x\n or subject == \"y\"\n do keep\n", "2:17 this text has no"},
	    {A " when sender =~ /x\n do keep\n", "2:17 this regular expression has no closing /"},
	    {A " when sender =~ /x(/\n do keep\n", "2:20 in the regular expression"},
	    {A " when ALL\n do\n", "3:4 do what?\n"},
	    {A " when ALL\n do restore\n", "3:5 no such action"},
	    {A " when ALL\n do undo\n", "3:5 no such action"},
	    {A " when ALL\n do keep now\n", "3:10 the line should end before this\n"},
	    {A " when ALL\n do expire purge\n", "3:12 expire has no option of this name\n"},
	    {A " when ALL\n do expire try try\n", "3:16 expire: one try is enough\n"},
	    {A " when ALL\n do hold reason\n", "3:16 hold reason what?\n"},
	    {A " when ALL\n do hold reason 'x\n", "3:17 this text has no closing '"},
	    {A " when ALL\n do move\n", "3:5 move where?"},
	    {A " when ALL\n do move to\n", "3:12 move to what?\n"},
	    {A " when ALL\n do move to spool\n", "3:13 the directory's whole path is needed"},
	    {A " when ALL\n do move /var/spool/x\n", "3:10 move has no option of this name\n"},
	    {A " when ALL\n do drop\n", "3:5 drop whom?"},
	    {A " when ALL\n do drop a b\n", "3:12 drop: one recipient is enough\n"},
	    {A " when ALL\n do drop ''\n", "3:10 drop recipient what?\n"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *w = *state;
		const char *got;

		again(w);
		got = parse(w, rows[i].text);
		if (strncmp(got, rows[i].wanted, strlen(rows[i].wanted)) != 0)
			fail_msg("%s\n gives    %s\n expected %s", rows[i].text, got,
				 rows[i].wanted);
		assert_true(w->rules.problems >= 1);
	}
}

/* One mistake is told once, and those after it are, too. */
static void test_all_mistakes(void **state)
{
	assert_string_equal(parse(*state, "rule a\n when sender = 3\n do move\nrule b\n limit x\n"
					  " when sender == 'x\n do keep\nrule a/\n when y\n do z\n"
					  "rule c\n do drop\n"),
			    "2:14 '=' is written == here\n"
			    "3:5 move where? Write to DIRECTORY\n"
			    "5:8 limit wants a whole number\n"
			    "6:17 this text has no closing ' on its line\n"
			    "8:6 a rule's name is made of at most 64 letters, digits and . _ -\n"
			    "9:7 unknown field y: `mtaq fields` lists them\n"
			    "10:5 no such action; there are keep, expire, bounce, requeue, retry, "
			    "hold, release, delete, drop, move and save\n"
			    "12:5 drop whom? Name the recipient: an address or @domain\n"
			    "11:6 the rule c has no `when`: for every message write `when ALL`\n");
}

static void test_nul(void **state)
{
	struct world *w = *state;

	rules_parse(&w->rules, "rules", SLICE("rule a\n when x\0y\n do keep\n"));
	buf_addc(&w->problems, '\0');
	assert_string_equal(w->problems.p, "2:8 there is a NUL byte here: this is no rules file\n");
	assert_int_equal(w->rules.count, 0);
}

/* Names are there once in all files. */
static void test_several_files(void **state)
{
	struct world *w = *state;

	rules_parse(&w->rules, "one", SLICE("rule a\n when ALL\n do keep\n"));
	rules_parse(&w->rules, "two", SLICE("rule b\n when ALL\n do keep\nrule a\n do keep\n"));
	buf_addc(&w->problems, '\0');
	assert_string_equal(w->problems.p, "4:6 the rule a is there already: one:1\n");
	assert_int_equal(w->rules.count, 2);
	assert_string_equal(w->rules.list[1].file, "two");
}

/* ---- limits ---- */

static void test_most_rules(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b);
	for (unsigned i = 0; i <= LIMIT_RULES; i++)
		buf_printf(&b, "rule r%u\n when ALL\n do keep\n", i);
	rules_parse(&w->rules, "rules", buf_slice(&b));
	buf_addc(&w->problems, '\0');
	assert_string_equal(w->problems.p, "3001:6 more than 1000 rules\n");
	assert_int_equal(w->rules.count, LIMIT_RULES);
	buf_free(&b);
}

static void test_largest_file(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/mtaq-rules.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "rule a\n when ALL\n do keep\n#", 27), 27);
	/* a long comment of NUL bytes would be told: only the size is in question */
	assert_int_equal(ftruncate(fd, (off_t)LIMIT_RULES_BYTES + 1), 0);
	rules_read(&w->rules, path);
	buf_addc(&w->problems, '\0');
	assert_int_equal(w->rules.problems, 1);
	assert_non_null(strstr(w->problems.p, path));
	assert_int_equal(strncmp(w->problems.p, "0:0 ", 4), 0);
	again(w);
	assert_int_equal(ftruncate(fd, 26), 0);
	rules_read(&w->rules, path);
	assert_int_equal(w->rules.problems, 0);
	assert_int_equal(w->rules.count, 1);
	close(fd);
	unlink(path);
}

static void test_no_file(void **state)
{
	struct world *w = *state;

	rules_read(&w->rules, "/nonexistent/rules");
	rules_read(&w->rules, "/dev/null/x");
	rules_read(&w->rules, "/");
	assert_int_equal(w->rules.problems, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(whole),	 TEST(when),	   TEST(actions),      TEST(where),
	    TEST(until),	 TEST(mistakes),   TEST(all_mistakes), TEST(nul),
	    TEST(several_files), TEST(most_rules), TEST(largest_file), TEST(no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
