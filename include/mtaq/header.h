/*
 * Message header fields: finding them, unfolding them, decoding them.
 *
 * Contract: a struct header points into the bytes it was found in. Names compare without case.
 * Repeated names are kept, in order.
 */
#ifndef MTAQ_HEADER_H
#define MTAQ_HEADER_H

#include <mtaq/arena.h>
#include <mtaq/error.h>
#include <mtaq/slice.h>

#include <stdbool.h>

struct header {
	struct slice name; /* without the colon and blanks before it */
	struct slice raw;  /* all after the colon, as it stands: folds, CR, leading blank; no final
			      line end */
	struct slice cond; /* sendmail: what stands between the question marks; none elsewhere */
};

struct header_list {
	struct header *list;
	size_t count, room;
};

/* Take the first field off `*rest` (lines end in LF or CRLF; a line beginning with blank or tab
 * continues): 1 and *out; 0 at the end of the header (empty line, end of bytes, or a line that is
 * no field: `*rest` then begins there, after the one empty line if there was one). */
int header_next(struct slice *rest, struct header *out);
/* Parse a whole header block at the start of `text`; *body is what follows the empty line (none
 * when the header never ends). A first line that is no field is body at once. mbox "From " lines at
 * the very start are skipped. Lists longer than LIMIT_HEADERS: ERROR_LIMIT. */
int header_parse(struct arena *a, struct slice text, struct header_list *out, struct slice *body,
		 struct error *err);
int header_add(struct arena *a, struct header_list *l, struct header h, struct error *err);
/* The first (from *at on) field called `name`, NULL at the end; *at becomes the index after it. */
const struct header *header_find(const struct header_list *l, struct slice name, size_t *at);

/* The value for people: unfolded (line ends dropped, the blank that follows kept), blanks trimmed
 * at both ends. The slice points into raw when nothing had to change. p == NULL when out of memory.
 */
struct slice header_unfold(struct arena *a, struct slice raw);

/* iconv descriptors of one thread, opened when first needed. */
struct charset_cache;
/* NULL when out of memory. */
struct charset_cache *charset_cache_new(void);
void charset_cache_free(struct charset_cache *c);
/* Unfold and decode RFC 2047 words (RFC 2231 language tags dropped) to UTF-8. What cannot be
 * decoded (unknown charset, broken base64) stays as it is written. Bytes outside encoded words are
 * passed through unchanged (they may be invalid UTF-8); bytes inside that make no sense in the
 * word's charset become U+FFFD. Multi-byte characters split over adjacent words are joined. Never
 * a part of it: p == NULL when more than LIMIT_DECODED_BYTES would come out, or when out of memory,
 * or of descriptors where a charset has to be opened. */
struct slice header_decode(struct arena *a, struct charset_cache *c, struct slice raw);

#endif
