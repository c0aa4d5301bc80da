/*
 * Bytes of a queue in JSON, exactly: a string when they are valid UTF-8, else {"hex": "c3..."}.
 * And objects on lines of their own.
 */
#ifndef MTAQ_JSONBYTES_H
#define MTAQ_JSONBYTES_H

#include <mtaq/arena.h>
#include <mtaq/text.h>

#include <jansson.h>

/* A new reference; NULL when out of memory. */
json_t *json_bytes(struct slice s);
/* The bytes back; p == NULL when `j` is neither form. Points into `j` or the arena. */
struct slice json_bytes_get(const json_t *j, struct arena *a);

/* Append `o` and a line end; for a terminal in ASCII, so that none of its controls come through.
 * False, and nothing appended, when out of memory, past LIMIT_MESSAGE_BYTES, or `o` is NULL. */
bool json_line(struct buf *out, const json_t *o, bool terminal);

#endif
