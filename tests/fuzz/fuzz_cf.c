/* Any bytes as a sendmail.cf: values stand on lines that there are, times and group paths make
 * sense. */
#include "../../backends/sendmail/layout.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static unsigned lines_of(struct slice text)
{
	unsigned n = 1;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

static void check_times(const struct cf *cf, unsigned lines)
{
	for (int c = 0; c < CF_CLASS_COUNT; c++) {
		check(cf->queue_return[c].line <= lines && cf->queue_warn[c].line <= lines);
		check(cf->queue_return[c].seconds <= INT64_MAX / 2 &&
		      cf->queue_return[c].seconds >= INT64_MIN / 2);
	}
}

static void check_groups(struct arena *a, const struct cf *cf, unsigned lines)
{
	struct slice base, pattern, out;

	for (size_t i = 0; i < cf->group_count; i++) {
		const struct cf_group *g = &cf->groups[i];

		check(g->name.n > 0 && g->line >= 1 && g->line <= lines);
		for (size_t j = 0; j < i; j++)
			check(!slice_caseeq(g->name, cf->groups[j].name));
		if (!g->path.p)
			continue;
		layout_split(g->path, &base, &pattern);
		check(base.n <= g->path.n || slice_eq(base, SLICE(".")));
		if (layout_rebase(a, base, base, SLICE("/x"), &out))
			check(slice_starts(out, SLICE("/x")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(size ? (const char *)data : "", size);
	struct error err = ERROR_INIT;
	struct arena a;
	struct cf cf;

	arena_init(&a, 0);
	if (cf_parse(&a, text, &cf, &err) == 0) {
		unsigned lines = lines_of(text);

		for (int i = 0; i < CF_OPTION_COUNT; i++)
			check((cf.option[i].text.p != NULL) == (cf.option[i].line > 0) &&
			      cf.option[i].line <= lines);
		check_times(&cf, lines);
		check_groups(&a, &cf, lines);
		check(cf_min_queue_age(&cf) <= INT64_MAX / 2);
		cf_precedence_of(&cf, SLICE("bulk"));
	} else {
		check(err.code == ERROR_LIMIT);
	}
	arena_free(&a);
	return 0;
}
