/* Any bytes as a message: its header is parsed, each value unfolded, and both ways of walking it
 * agree. */
#include <mtaq/header.h>
#include <mtaq/limits.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_field(struct arena *a, const struct header *h, struct slice text)
{
	struct slice value = header_unfold(a, h->raw);

	check(h->name.n > 0 && h->name.p >= text.p && h->raw.p + h->raw.n <= text.p + text.n);
	check(value.p && value.n <= h->raw.n && slice_chr(value, '\n') == SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size), rest = text, body;
	struct error err = ERROR_INIT;
	struct header_list l;
	struct header h;
	struct arena a;
	size_t count = 0;

	arena_init(&a, 0);
	if (header_parse(&a, text, &l, &body, &err) == 0) {
		for (size_t i = 0; i < l.count; i++)
			check_field(&a, &l.list[i], text);
		check(!body.p || body.p + body.n == text.p + text.n);
		if (l.count)
			rest = slice_skip(text, (size_t)(l.list[0].name.p - text.p));
		while (header_next(&rest, &h))
			count++;
		check(count == l.count);
	} else {
		check(err.code == ERROR_LIMIT && l.count == LIMIT_HEADERS);
	}
	arena_free(&a);
	return 0;
}
