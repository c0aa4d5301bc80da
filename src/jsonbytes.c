/* Bytes to JSON and back: see mtaq/jsonbytes.h. */
#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>

static const char digits[] = "0123456789abcdef";

json_t *json_bytes(struct slice s)
{
	struct buf b;
	json_t *j;

	if (utf8_valid(s))
		return json_stringn(s.p ? s.p : "", s.n);
	buf_init(&b);
	for (size_t i = 0; i < s.n; i++) {
		buf_addc(&b, digits[(unsigned char)s.p[i] >> 4]);
		buf_addc(&b, digits[(unsigned char)s.p[i] & 15]);
	}
	j = json_pack("{s:s%}", "hex", b.p, b.n);
	buf_free(&b);
	return j;
}

static int nibble(char c)
{
	const char *at = c ? strchr(digits, ascii_lower(c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

static struct slice from_hex(struct slice hex, struct arena *a)
{
	char *p = hex.n % 2 == 0 ? arena_alloc(a, hex.n / 2) : NULL;

	for (size_t i = 0; p && i < hex.n / 2; i++) {
		int high = nibble(hex.p[2 * i]), low = nibble(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return SLICE_NONE;
		p[i] = (char)(high << 4 | low);
	}
	return slice_of(p, p ? hex.n / 2 : 0);
}

struct slice json_bytes_get(const json_t *j, struct arena *a)
{
	const json_t *hex;

	if (json_is_string(j))
		return slice_of(json_string_value(j), json_string_length(j));
	hex = json_object_get(j, "hex");
	if (!json_is_string(hex))
		return SLICE_NONE;
	return from_hex(slice_of(json_string_value(hex), json_string_length(hex)), a);
}

struct line {
	struct buf *out;
	size_t end; /* where `out` is too long */
};

/* DEL is the one control character that JSON need not escape. */
static int append(const char *bytes, size_t n, void *ctx)
{
	struct slice rest = slice_of(bytes, n), part;
	const struct line *l = ctx;

	while (slice_cut(&rest, 0x7f, &part)) {
		buf_add(l->out, part);
		if (rest.p)
			buf_adds(l->out, "\\u007f");
	}
	return l->out->n < l->end ? 0 : -1;
}

bool json_line(struct buf *out, const json_t *o, bool terminal)
{
	size_t before = out->n;
	struct line l = {out, before + LIMIT_MESSAGE_BYTES};

	if (!o || json_dump_callback(o, append, &l,
				     JSON_COMPACT | (terminal ? JSON_ENSURE_ASCII : 0)) < 0) {
		out->n = before;
		return false;
	}
	buf_addc(out, '\n');
	return true;
}
