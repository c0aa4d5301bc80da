/*
 * Bytes of a queue in JSON, exactly: a string when they are valid UTF-8, else {"hex": "c3..."}.
 */
#ifndef MTAQ_JSONBYTES_H
#define MTAQ_JSONBYTES_H

#include <mtaq/arena.h>

#include <jansson.h>

/* A new reference; NULL when out of memory. */
json_t *json_bytes(struct slice s);
/* The bytes back; p == NULL when `j` is neither form. Points into `j` or the arena. */
struct slice json_bytes_get(const json_t *j, struct arena *a);

#endif
