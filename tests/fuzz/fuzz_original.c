/* A Content-Type (first line) and a body: where the quoted message begins lies in the body, and its
 * header ends. */
#include "field_original.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = slice_of((const char *)data, size), type, found;
	struct header h;

	if (!slice_cut(&body, '\n', &type))
		return 0;
	found = original_header(type, body);
	if (!found.p)
		return 0;
	check(found.p >= body.p && found.p + found.n == body.p + body.n);
	while (header_next(&found, &h))
		check(h.name.n > 0 && h.raw.p + h.raw.n <= body.p + body.n);
	return 0;
}
