/* Any bytes as a --format template: an error has its place in the text; one that compiles prints,
 * safely for a terminal. */
#include "unit/fake_message.h"

#include "output.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The registry is not needed: no field here is asked for its MTA. */
const struct backend *backend_at(size_t i)
{
	(void)i;
	return NULL;
}

static void check(bool good)
{
	if (!good)
		abort();
}

/* The user's own text is printed as it is; what must not come through is this. */
static const char hostile[] = "evil\033[31m\n\x9b";

static void print(const struct output *o)
{
	struct fake f;

	fake_init(&f, "qmail");
	f.c.charsets = charset_cache_new();
	f.m.id = f.m.sender = slice_from(hostile);
	fake_recipient(&f, hostile, false);
	fake_header(&f, "Subject", hostile);
	if (output_message(o, &f.c, &f.out, NULL) == 0) {
		check(f.out.n > 0);
		check(slice_find(buf_slice(&f.out), slice_from(hostile)) == SIZE_MAX ||
		      slice_find(o->options.format, slice_from(hostile)) != SIZE_MAX);
	}
	charset_cache_free(f.c.charsets);
	fake_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct output_options options = {.format = slice_of((const char *)data, size),
					 .terminal = true};
	struct error err = ERROR_INIT;
	struct output *o = output_new(&output_template, &options, &err);

	if (o) {
		print(o);
		output_free(o);
	} else {
		check(err.code == ERROR_LIMIT || (err.code == ERROR_USAGE && err.offset <= size));
	}
	return 0;
}
