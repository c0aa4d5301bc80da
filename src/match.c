/* PCRE2 behind one type: see match.h. */
#include "match.h"

#include <mtaq/limits.h>

#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>

struct pattern {
	struct pattern *next;
	pcre2_code *code;
	struct slice text;
	atomic_uint *hits; /* apart, so that a const pattern can count */
};

struct matcher {
	pcre2_match_context *context;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
};

_Static_assert(MATCH_CASELESS == 1 && MATCH_MULTILINE == 2 && MATCH_DOTALL == 4 &&
		   MATCH_EXTENDED == 8,
	       "the letters imsx stand in the order of their bits");

static uint32_t compile_options(unsigned flags)
{
	return (flags & MATCH_BYTES ? PCRE2_NEVER_UTF : PCRE2_UTF | PCRE2_MATCH_INVALID_UTF) |
	       PCRE2_NEVER_BACKSLASH_C | (flags & MATCH_CASELESS ? PCRE2_CASELESS : 0) |
	       (flags & MATCH_MULTILINE ? PCRE2_MULTILINE : 0) |
	       (flags & MATCH_DOTALL ? PCRE2_DOTALL : 0) |
	       (flags & MATCH_EXTENDED ? PCRE2_EXTENDED : 0);
}

static bool is_slash(struct slice s, size_t i)
{
	return s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '/';
}

/* `source` with "\/" as "/"; other pairs that begin with a backslash stay together. */
static struct slice unescape_slashes(struct arena *a, struct slice source)
{
	char *p = arena_alloc(a, source.n);
	size_t n = 0;

	if (!p)
		return SLICE_NONE;
	for (size_t i = 0; i < source.n; i++) {
		if (is_slash(source, i)) {
			p[n++] = '/';
			i++;
			continue;
		}
		p[n++] = source.p[i];
		if (source.p[i] == '\\' && i + 1 < source.n)
			p[n++] = source.p[++i];
	}
	return slice_of(p, n);
}

/* Where byte `at` of the unescaped pattern stands in the source. */
static size_t source_offset(struct slice source, size_t at)
{
	size_t i = 0;

	for (size_t n = 0; n < at && i < source.n; n++, i++) {
		if (is_slash(source, i)) {
			i++;
		} else if (source.p[i] == '\\' && n + 1 < at) {
			n++;
			i++;
		}
	}
	return i < source.n ? i : source.n;
}

/* "/source/ims" with a NUL after it. */
static struct slice written(struct arena *a, struct slice source, unsigned flags)
{
	static const char letters[] = "imsx";
	char *p = arena_alloc(a, source.n + sizeof letters + 2);
	size_t n = 0;

	if (!p)
		return SLICE_NONE;
	p[n++] = '/';
	if (source.n)
		memcpy(p + n, source.p, source.n);
	n += source.n;
	p[n++] = '/';
	for (unsigned i = 0; letters[i]; i++)
		if (flags & 1u << i)
			p[n++] = letters[i];
	p[n] = '\0';
	return slice_of(p, n);
}

static void compile_failed(int code, struct slice source, size_t at, struct error *err)
{
	PCRE2_UCHAR text[160];

	if (code == PCRE2_ERROR_NOMEMORY) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return;
	}
	if (pcre2_get_error_message(code, text, sizeof text) < 0)
		text[0] = '\0';
	error_at(err, ERROR_USAGE, source_offset(source, at), "in the regular expression: %s",
		 (const char *)text);
}

static pcre2_code *compile(struct slice source, struct slice pattern, unsigned flags,
			   struct error *err)
{
	int code;
	PCRE2_SIZE at;
	pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, compile_options(flags),
				      &code, &at, NULL);

	if (!c)
		compile_failed(code, source, at, err);
	else
		/* without JIT (refused by the kernel, (*NO_JIT), not built in) it is slower, not
		 * different */
		(void)pcre2_jit_compile(c, PCRE2_JIT_COMPLETE);
	return c;
}

const struct pattern *pattern_compile(struct arena *arena, struct slice source, unsigned flags,
				      struct pattern **list, struct error *err)
{
	struct pattern *p = arena_zalloc(arena, sizeof *p);
	struct slice pattern = unescape_slashes(arena, source);

	if (!p || !pattern.p || !(p->text = written(arena, source, flags)).p ||
	    !(p->hits = arena_alloc(arena, sizeof *p->hits))) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	atomic_init(p->hits, 0);
	p->code = compile(source, pattern, flags, err);
	if (!p->code)
		return NULL;
	p->next = *list;
	*list = p;
	return p;
}

void patterns_free(struct pattern *list)
{
	for (; list; list = list->next) {
		pcre2_code_free(list->code);
		list->code = NULL;
	}
}

struct slice pattern_text(const struct pattern *p)
{
	return p->text;
}

bool pattern_runaway(const struct pattern *p)
{
	return atomic_load_explicit(p->hits, memory_order_relaxed) >= LIMIT_REGEX_ERRORS;
}

const struct pattern *patterns_runaway(const struct pattern *list)
{
	while (list && !pattern_runaway(list))
		list = list->next;
	return list;
}

struct matcher *matcher_new(void)
{
	struct matcher *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->context = pcre2_match_context_create(NULL);
	m->data = pcre2_match_data_create(1, NULL);
	if (!m->context || !m->data) {
		matcher_free(m);
		return NULL;
	}
	pcre2_set_match_limit(m->context, LIMIT_REGEX_MATCH);
	pcre2_set_depth_limit(m->context, LIMIT_REGEX_DEPTH);
	pcre2_set_heap_limit(m->context, LIMIT_REGEX_HEAP_KIB);
	/* without it matching takes the machine stack's 32 KiB and reaches its limit sooner */
	m->stack = pcre2_jit_stack_create(32 * 1024, LIMIT_REGEX_JIT_STACK, NULL);
	if (m->stack)
		pcre2_jit_stack_assign(m->context, NULL, m->stack);
	return m;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	pcre2_jit_stack_free(m->stack);
	free(m);
}

enum match_result matcher_match(struct matcher *m, const struct pattern *p, struct slice subject)
{
	const char *bytes = subject.p ? subject.p : "";
	int rc = pcre2_match(p->code, (PCRE2_SPTR)bytes, subject.n, 0, 0, m->data, m->context);

	if (rc >= 0)
		return MATCH_YES;
	if (rc == PCRE2_ERROR_NOMATCH)
		return MATCH_NO;
	/* match, depth, heap or stack limit, or one that cannot be told from them by its effect: no
	 * answer */
	atomic_fetch_add_explicit(p->hits, 1, memory_order_relaxed);
	return MATCH_LIMIT;
}
