/*
 * The field table: every name that the filter language, --sort, --format and the outputs know.
 *
 * To add a field:
 *   1. a value in enum field_id below and a row of the same place in src/field.c, with its getter
 * and help;
 *   2. in needs[] of each backend that can have it, the parts it needs (backends/NAME/NAME.c);
 *   3. its row in man/mtaq-filter.7.
 * tests/unit/test_field fails when a row lacks something, tests/lint/fields when the manual does.
 */
#ifndef MTAQ_FIELD_H
#define MTAQ_FIELD_H

#include <mtaq/message.h>

enum field_id {
	FIELD_ID,
	FIELD_QUEUE,
	FIELD_MTA,
	FIELD_HOST,
	FIELD_STATE,
	FIELD_LOCKED,
	FIELD_ARRIVAL,
	FIELD_AGE,
	FIELD_ACCEPTED,
	FIELD_EXPIRES,
	FIELD_SIZE,
	FIELD_SENDER,
	FIELD_SENDER_DOMAIN,
	FIELD_BOUNCE,
	FIELD_DOUBLE_BOUNCE,
	FIELD_RECIPIENT,
	FIELD_RECIPIENT_DOMAIN,
	FIELD_RECIPIENT_ALL,
	FIELD_RECIPIENT_DONE,
	FIELD_RECIPIENTS,
	FIELD_PENDING,
	FIELD_CHANNEL,
	FIELD_ROUTE,
	FIELD_STATUS,
	FIELD_REPLY,
	FIELD_DSN,
	FIELD_ATTEMPTS,
	FIELD_LAST_ATTEMPT,
	FIELD_NEXT_ATTEMPT,
	FIELD_PRIORITY,
	FIELD_FLAGS,
	FIELD_BODY_TYPE,
	FIELD_AUTH,
	FIELD_ENVID,
	FIELD_REASON,
	FIELD_VERSION,
	FIELD_MACRO,
	FIELD_DELIVER_BY,
	FIELD_ORIGINAL_RECIPIENT,
	FIELD_FINAL_RECIPIENT,
	FIELD_CONTROLLING_USER,
	FIELD_CONTROL_SIZE,
	FIELD_CONTROL_TIME,
	FIELD_HEADER,
	FIELD_SUBJECT,
	FIELD_FROM,
	FIELD_TO,
	FIELD_CC,
	FIELD_MESSAGE_ID,
	FIELD_HEADER_RAW,
	FIELD_ORIGINAL,
	FIELD_BODY,
	FIELD_REPLY_IN_BODY,
	FIELD_RELAY_IP,
	FIELD_UID,
	FIELD_SUBMITTER,
	FIELD_COUNT
};

enum field_type {
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_SIZE,
	TYPE_TIME,
	TYPE_DURATION,
	TYPE_BOOL,
	TYPE_ENUM
};

enum field_flag {
	FIELD_LIST = 1 << 0,	      /* may have several values, or none */
	FIELD_PER_RECIPIENT = 1 << 1, /* inside any()/all(): the one recipient's */
	FIELD_ARGUMENT = 1 << 2,      /* needs ["name"] */
	FIELD_ADDRESS = 1 << 3,	      /* text: domain part compares without case */
	FIELD_CASELESS = 1 << 4,      /* text: compares without case */
	FIELD_CONSTANT = 1 << 5,      /* the same for every message of a queue */
	FIELD_NOT_JSON = 1 << 6,      /* not part of --format json (bodies) */
	FIELD_MADE = 1 << 7 /* list: each value is searched for and decoded when it is asked for */
};

/* One value; the union member follows the type: s for TEXT, i for all else (BOOL 0/1, ENUM its
 * index, times and durations in seconds, sizes in bytes). */
struct value {
	enum field_type type;
	struct slice s;
	int64_t i;
};

/* What a getter may use. Filled by whoever evaluates or prints. */
struct field_context {
	const struct message *message;
	const struct recipient *recipient; /* bound by any()/all(); else NULL */
	struct slice argument;		   /* of header["argument"] */
	struct arena *arena;		   /* for values that must be made */
	struct charset_cache *charsets;
	int64_t now;
};

/* Where a getter of a list stands; starts as all zero. */
struct field_cursor {
	size_t i, offset;
};

enum field_got {
	GOT_VALUE,
	GOT_END,  /* scalar: the message lacks it. List: no more */
	GOT_NOMEM /* out of memory or past LIMIT_MESSAGE_BYTES */
};

struct field {
	enum field_id id;
	const char *name;
	enum field_type type;
	unsigned flags;
	/* A scalar is asked once with a zeroed cursor; a list until GOT_END. The parts that the
	 * backend's needs[] names for this field are loaded and did not fail; with a bound
	 * recipient only that recipient's values come. */
	enum field_got (*get)(const struct field_context *c, struct field_cursor *at,
			      struct value *out);
	/* TYPE_ENUM: name of value i, NULL past the end. */
	const char *(*enum_name)(int64_t i);
	const char *help; /* one line, no final dot */
};

/* The row of `id`. */
const struct field *field_row(enum field_id id);
/* By name or alias (qtool.pl's names, "headers", ...), without case; NULL when there is none. */
const struct field *field_find(struct slice name);
/* Alias number `i`: its name, and *canonical what it stands for; NULL past the end. */
const char *field_alias(size_t i, const char **canonical);
/* The known name that is most like `name`, for a hint; NULL when none is near. */
const char *field_suggest(struct slice name);
const char *field_type_name(enum field_type t);
/* A value as text for people and templates: text as it is (unescaped), numbers in decimal, times as
 * 2026-11-20T08:00:30Z, durations as 1h30m, bools yes/no, enums by name. p == NULL when out of
 * memory. */
struct slice field_print(struct arena *a, const struct field *f, const struct value *v);

/* A field with its argument, as written in --format, --sort and expressions: NAME or NAME["ARG"].
 */
struct field_ref {
	const struct field *field;
	struct slice argument;
};
/* Parse all of `text`; the argument points into it. ERROR_USAGE with offset, and a hint when a name
 * is near. */
int field_ref_parse(struct slice text, struct field_ref *out, struct error *err);

#endif
