/* A caret under a column of an expression as it was written. */
#include "filter.h"

enum { BEFORE = 60, COLUMNS = 100 };

/* Where to begin so that what stands before `offset` takes at most BEFORE columns; it is left in
 * `b`. */
static size_t window_start(struct buf *b, struct slice text, size_t offset)
{
	size_t at = offset > BEFORE * 4 ? offset - BEFORE * 4 : 0;

	for (;; at++) {
		while (at < offset && ((unsigned char)text.p[at] & 0xc0) == 0x80)
			at++;
		buf_clear(b);
		text_escape_written(b, slice_of(text.p + at, offset - at));
		if (at == offset || text_width(buf_slice(b)) <= BEFORE)
			return at;
	}
}

void filter_caret(struct buf *out, struct slice text, size_t offset)
{
	struct buf before, after;
	size_t start, width, room;
	struct slice shown;
	bool cut;

	if (offset > text.n)
		offset = text.n;
	buf_init(&before);
	buf_init(&after);
	start = window_start(&before, text, offset);
	width = text_width(buf_slice(&before)) + (start ? 3 : 0);
	text_escape_written(&after, slice_take(slice_skip(text, offset), COLUMNS * 4));
	room = COLUMNS - width;
	shown = text_take_width(buf_slice(&after), room, &room);
	cut = shown.n < after.n || text.n - offset > COLUMNS * 4;

	buf_adds(out, start ? "..." : "");
	buf_add(out, buf_slice(&before));
	buf_add(out, shown);
	buf_adds(out, cut ? "..." : "");
	buf_addc(out, '\n');
	buf_pad(out, ' ', width);
	buf_adds(out, "^\n");
	buf_free(&before);
	buf_free(&after);
}
