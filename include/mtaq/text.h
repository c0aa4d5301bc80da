/*
 * Text of unknown origin made safe to print.
 *
 * Contract: input is any bytes. "Safe" means: no control character (C0, DEL, C1 as UTF-8), no
 * invalid UTF-8, no bidirectional override reaches the output. Nothing here depends on the locale
 * but text_width.
 */
#ifndef MTAQ_TEXT_H
#define MTAQ_TEXT_H

#include <mtaq/arena.h>
#include <mtaq/slice.h>

#include <stdbool.h>
#include <stdint.h>

/* A growing output buffer (malloc; dies when memory is out: it holds this program's output). */
struct buf {
	char *p;
	size_t n, room;
};

void buf_init(struct buf *b);
void buf_free(struct buf *b);
void buf_clear(struct buf *b);
/* Make room for `n` more bytes and return where they go; the caller then adds to b->n. */
char *buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, struct slice s);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *fmt, ...);
/* `n` copies of c */
void buf_pad(struct buf *b, char c, size_t n);
struct slice buf_slice(const struct buf *b);

/* Decode one character at s.p: its code point, *used its length in bytes (1 for an invalid byte,
 * whose answer is UINT32_MAX). s must not be empty. */
uint32_t utf8_decode(struct slice s, size_t *used);
bool utf8_valid(struct slice s);
/* Append code point `c` as UTF-8; bytes written (1-4). */
size_t utf8_encode(uint32_t c, char out[4]);
/* Valid UTF-8, each invalid byte as U+FFFD; the slice itself when it is valid already. p == NULL
 * when out of memory. */
struct slice utf8_sanitise(struct arena *a, struct slice s);

/* True when some byte of `s` would have to be escaped for a terminal. */
bool text_needs_escape(struct slice s);
/* Append `s` for a terminal: control characters, DEL, C1 and bidi controls as \n \t \r \\e.. or
 * \x1b / \u202e, a backslash as two, invalid bytes as U+FFFD; all else as it is. */
void text_escape(struct buf *b, struct slice s);
/* As text_escape, but a backslash stays one: for what the user wrote, and what is said of it. */
void text_escape_written(struct buf *b, struct slice s);
/* Append `s` without any escaping needed on one line of plain text off a terminal: only LF, CR, NUL
 * and TAB are escaped (so that a line stays a line). */
void text_escape_line(struct buf *b, struct slice s);
/* Columns that `s` (already escaped) takes on the terminal, wide characters as 2. */
size_t text_width(struct slice s);
/* The longest beginning of `s` that is not wider than `columns`; *width its width. Never cuts a
 * character. */
struct slice text_take_width(struct slice s, size_t columns, size_t *width);

#endif
