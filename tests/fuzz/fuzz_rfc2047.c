/* Any bytes as a header value: decoding ends, keeps its limit, and passes over what holds no word.
 */
#include <mtaq/header.h>
#include <mtaq/limits.h>
#include <mtaq/text.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice raw = slice_of((const char *)data, size), value, plain;
	struct charset_cache *c = charset_cache_new();
	struct arena a;
	struct buf b;

	arena_init(&a, 0);
	buf_init(&b);
	plain = header_unfold(&a, raw);
	value = header_decode(&a, c, raw);
	/* a byte becomes three at most */
	check(value.p || size > LIMIT_DECODED_BYTES / 3);
	check(value.n <= LIMIT_DECODED_BYTES);
	if (size <= LIMIT_DECODED_BYTES && slice_find(plain, SLICE("=?")) == SIZE_MAX)
		check(slice_eq(value, plain));
	if (utf8_valid(plain))
		check(utf8_valid(value));
	text_escape(&b, value);
	check(utf8_valid(buf_slice(&b)));
	buf_free(&b);
	arena_free(&a);
	charset_cache_free(c);
	return 0;
}
