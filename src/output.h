/*
 * How `mtaq list` prints messages: one const row of functions per format, in src/out_NAME.c.
 *
 * To add a format: a file out_NAME.c with its `const struct output_kind`, its row in src/output.c,
 *its words in man/mtaq.1. tests/unit/test_output runs over every row.
 *
 * Calling order, all into buffers that the caller writes to stdout in order:
 *
 *	output_new
 *	output_begin
 *	    without OUTPUT_UNITS:  output_message ...
 *	    with OUTPUT_UNITS:     for each unit: output_unit_begin, output_message ...,
 *output_unit_end output_end output_free
 *
 * Contract: a struct output is const between output_new and output_free; output_message may be
 *called from many threads at once, each with its own context, arena and buffer. Nothing here prints
 *or opens anything. Queue text that goes to a terminal is escaped (options.terminal); off a
 *terminal mailq and qread are byte-exact.
 */
#ifndef MTAQ_OUTPUT_H
#define MTAQ_OUTPUT_H

#include <mtaq/backend.h>
#include <mtaq/field.h>
#include <mtaq/text.h>

struct output_options {
	bool terminal;	/* stdout is a terminal: escape everything */
	bool color;	/* table: SGR colours */
	bool verbose;	/* mailq: as sendmail -bp -v */
	size_t columns; /* table: width of the terminal; 0: never cut */
	bool no_status; /* table: no queue of this run has any; may be set until output_begin */
	struct slice format; /* template: the text of --format */
	char id_end;	     /* ids: '\n' or '\0' */
};

enum output_flag {
	OUTPUT_UNITS = 1 << 0, /* messages come unit by unit, their number known first */
	OUTPUT_BY_PRIORITY =
	    1 << 1,	       /* within a unit by output_priority(), equal ones in scan order */
	OUTPUT_NATIVE = 1 << 2 /* lists what the MTA's own lister shows (backend->native_states)
				* unless the expression names state */
};

struct output;

struct output_kind {
	const char *name; /* as in --format NAME */
	const char *summary;
	unsigned flags;
	/* All below may be NULL but message. */
	/* Check the options, make what all messages share (into o->data); 0/-1. `data` is freed by
	 * close. */
	int (*open)(struct output *o, struct error *err);
	void (*close)(struct output *o);
	/* What fields it prints: calls add(ctx, field) for each. */
	void (*fields)(const struct output *o, void (*add)(void *ctx, enum field_id field),
		       void *ctx);
	void (*begin)(const struct output *o, struct buf *out);
	void (*unit_begin)(const struct output *o, const struct unit *u, size_t count,
			   struct buf *out);
	/* 0, or -1 when out of memory; what it appended is then dropped by output_message. */
	int (*message)(const struct output *o, const struct field_context *c, struct buf *out);
	void (*unit_end)(const struct output *o, const struct unit *u, struct buf *out);
	void (*end)(const struct output *o, size_t total, struct buf *out);
};

struct output {
	const struct output_kind *kind;
	struct output_options options;
	void *data;
};

/* Row `i`, NULL past the end. */
const struct output_kind *output_kind_at(size_t i);
/* By name ("table", "mailq", "qread", "json", "ids", "template"); NULL when there is none. */
const struct output_kind *output_kind_find(struct slice name);

/* NULL with ERROR_USAGE (offset in options.format) when the options are wrong. The options' texts
 * must outlive it. */
struct output *output_new(const struct output_kind *kind, const struct output_options *options,
			  struct error *err);
void output_free(struct output *o); /* NULL is fine */

/* The parts of a message of this MTA that output_message needs (at least PART_NAME). Load them for
 * messages that are to be printed; one that failed does not keep a message from being printed. */
parts_t output_parts(const struct output *o, const struct backend *b);

void output_begin(const struct output *o, struct buf *out);
/* `count`: how many messages of this unit will come. With 0 call it all the same: mailq says "is
 * empty". */
void output_unit_begin(const struct output *o, const struct unit *u, size_t count, struct buf *out);
/* Append one message. c->message, arena, charsets, now are set by the caller. 0, or -1 with
 * ERROR_LIMIT (message) and nothing appended. */
int output_message(const struct output *o, const struct field_context *c, struct buf *out,
		   struct error *err);
void output_unit_end(const struct output *o, const struct unit *u, struct buf *out);
/* `total`: messages printed. */
void output_end(const struct output *o, size_t total, struct buf *out);

/* The key of OUTPUT_BY_PRIORITY, smaller first; PART_CONTROL is loaded. */
int64_t output_priority(const struct message *m);

/* For the formats. */

enum output_has {
	HAS_VALUE, /* the getter may be asked */
	HAS_NOT,   /* this MTA cannot have the field */
	HAS_FAILED /* a part it needs could not be read, or was not loaded */
};
enum output_has output_has(const struct field_context *c, enum field_id field);
/* The first value of a field: 1, 0 when there is none or it could not be had, -1 out of memory. */
int output_value(const struct field_context *c, enum field_id field, struct value *out);
/* The id for scripts: reuse-proof where the MTA reuses ids. p == NULL when out of memory. */
struct slice output_script_id(const struct field_context *c);
/* Queue text: escaped on a terminal, else as it is. */
void output_raw(const struct output *o, struct buf *out, struct slice s);
/* Queue text that must stay on its line: escaped on a terminal, else line ends and NUL only. */
void output_line(const struct output *o, struct buf *out, struct slice s);

extern const struct output_kind output_table, output_mailq, output_qread, output_json, output_ids,
    output_template;

#endif
